"""Telling the people who manage WhatsApp that something needs them."""

from __future__ import annotations

from collections.abc import Callable

import frappe
from frappe.utils import add_to_date, escape_html

from xappiens_whatsapp.store import times

ROLE = "WhatsApp Manager"
FALLBACK_ROLE = "System Manager"
NOTICE = "Notification Log"
QUIET_MINUTES = 60  # the same is not said again so soon


def tell_once(subject: str, doctype: str, name: str) -> bool:
	"""Put a notice into the bell of every manager, unless they were told already. The caller commits.

	A document gets one notice, ever; the same words come once an hour at most, however many documents they are about.

	Args:
		subject: translated, plain text, without anything that strangers wrote.
		doctype, name: what the notice leads to.

	Returns:
		Whether it was said.
	"""
	recently = add_to_date(times.now(), minutes=-QUIET_MINUTES)
	said = escape_html(subject)
	if frappe.db.exists(NOTICE, {"document_type": doctype, "document_name": name}) or frappe.db.exists(
		NOTICE, {"document_type": doctype, "subject": said, "creation": (">", recently)}
	):
		return False
	tell(lambda _language: subject, doctype, name)
	return True


def tell(
	subject: Callable[[str | None], str],
	doctype: str,
	name: str,
	*,
	what_to_do: Callable[[str | None], str] = lambda _language: "",
) -> None:
	"""Put a notice into the bell of every manager. The caller commits.

	Args:
		subject: gives it in a language: plain text, without anything that strangers wrote.
		doctype, name: what the notice leads to.
		what_to_do: gives it in a language: plain text.
	"""
	# As documents: Frappe's versions name them differently, and some send e-mails with them.
	for user, language in everybody():
		frappe.get_doc(
			{
				"doctype": NOTICE,
				"type": "Alert",
				"subject": escape_html(subject(language)),
				"email_content": escape_html(what_to_do(language)),
				"document_type": doctype,
				"document_name": name,
				"for_user": user,
				"from_user": frappe.session.user,
			}
		).insert(ignore_permissions=True)


def everybody() -> list[tuple[str, str | None]]:
	"""The enabled users who manage WhatsApp, with their languages; where nobody has that role, those who manage the system."""
	return _enabled_with(ROLE) or _enabled_with(FALLBACK_ROLE)


def _enabled_with(role: str) -> list[tuple[str, str | None]]:
	users = frappe.get_all(
		"Has Role", filters={"role": role, "parenttype": "User"}, pluck="parent", distinct=True
	)
	return [
		(user.name, user.language)
		for user in frappe.get_all(
			"User", filters={"name": ("in", users or [""]), "enabled": 1}, fields=["name", "language"]
		)
	]
