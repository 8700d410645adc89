"""Telling the people who manage WhatsApp that something needs them."""

from __future__ import annotations

import frappe
from frappe.utils import add_to_date

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
	said = frappe.utils.escape_html(subject)
	if frappe.db.exists(NOTICE, {"document_type": doctype, "document_name": name}) or frappe.db.exists(
		NOTICE, {"document_type": doctype, "subject": said, "creation": (">", recently)}
	):
		return False
	tell(subject, doctype, name)
	return True


def tell(subject: str, doctype: str, name: str, *, what_to_do: str = "") -> None:
	"""Put a notice into the bell of every manager. The caller commits.

	Args:
		subject: translated, plain text, without anything that strangers wrote.
		doctype, name: what the notice leads to.
		what_to_do: translated, plain text.
	"""
	# As documents: Frappe's versions name them differently, and some send e-mails with them.
	for user in everybody():
		frappe.get_doc(
			{
				"doctype": NOTICE,
				"type": "Alert",
				"subject": frappe.utils.escape_html(subject),
				"email_content": frappe.utils.escape_html(what_to_do),
				"document_type": doctype,
				"document_name": name,
				"for_user": user,
				"from_user": frappe.session.user,
			}
		).insert(ignore_permissions=True)


def everybody() -> list[str]:
	"""The enabled users who manage WhatsApp; where nobody has that role, those who manage the system."""
	return _enabled_with(ROLE) or _enabled_with(FALLBACK_ROLE)


def _enabled_with(role: str) -> list[str]:
	users = frappe.get_all(
		"Has Role", filters={"role": role, "parenttype": "User"}, pluck="parent", distinct=True
	)
	return (
		frappe.get_all("User", filters={"name": ("in", users), "enabled": 1}, pluck="name") if users else []
	)
