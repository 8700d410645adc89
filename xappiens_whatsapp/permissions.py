"""Who may see which session, and what follows from it.

A session that lists no users is open to every WhatsApp User; one that lists some, to those only. Managers see all.
Contacts, conversations, messages, events and sync runs follow their session. A single document can be shared as
usual in Frappe.

Frappe asks in two ways, with SQL conditions for lists and with a document for everything else. Both answers come from
`readable_sessions`, so that they cannot disagree.
"""

from __future__ import annotations

import frappe
from frappe import _, client
from frappe.desk import reportview

from xappiens_whatsapp.install import DOCTYPES

SESSION = "WhatsApp Session"
MANAGER_ROLES = frozenset({"System Manager", "WhatsApp Manager"})
USER_ROLE = "WhatsApp User"

# Child DocTypes have no permissions of their own; without a condition `frappe.client.get_list` shows all of their rows.
PARENT_OF = {"WhatsApp Session User": SESSION, "WhatsApp Message Reaction": "WhatsApp Message"}


def is_manager(user: str | None = None) -> bool:
	"""Whether this user (default: the current one) sees and manages every session."""
	user = user or frappe.session.user
	return user == "Administrator" or not MANAGER_ROLES.isdisjoint(frappe.get_roles(user))


def readable_sessions(user: str | None = None) -> list[str]:
	"""Names of the sessions that this user (default: the current one) may see."""
	user = user or frappe.session.user
	if is_manager(user):
		return frappe.get_all(SESSION, pluck="name")
	if USER_ROLE not in frappe.get_roles(user):
		return _shared_with(SESSION, user)

	open_or_listed = frappe.db.sql_list(
		"""
		SELECT session.name FROM `tabWhatsApp Session` session
		WHERE NOT EXISTS (
			SELECT 1 FROM `tabWhatsApp Session User` child
			WHERE child.parent = session.name AND child.parenttype = 'WhatsApp Session'
		) OR EXISTS (
			SELECT 1 FROM `tabWhatsApp Session User` child
			WHERE child.parent = session.name AND child.parenttype = 'WhatsApp Session' AND child.user = %s
		)
		""",
		(user,),
	)
	return sorted({*open_or_listed, *_shared_with(SESSION, user)})


def may_send(session: str, user: str | None = None) -> bool:
	"""Whether this user (default: the current one) may write in the name of the session.

	Managers may; so may WhatsApp Users of an open session, and listed users whose row says so.
	"""
	user = user or frappe.session.user
	if is_manager(user):
		return True
	if USER_ROLE not in frappe.get_roles(user):
		return False
	listed = frappe.get_all(
		"WhatsApp Session User",
		filters={"parent": session, "parenttype": SESSION},
		fields=["user", "can_send"],
	)
	return not listed or any(row.user == user and row.can_send for row in listed)


def check_read(doctype: str, name: str) -> None:
	"""Raise `frappe.PermissionError` unless the current user may read this document, `frappe.DoesNotExistError` if there is
	none. (Frappe's `has_permission(…, throw=True)` fails on a name instead of saying no, in some versions.)"""
	frappe.get_doc(doctype, name).check_permission("read")


def check_may_send(session: str) -> None:
	"""Raise `frappe.PermissionError` unless the current user may write in the name of the session."""
	check_read(SESSION, session)
	if not may_send(session):
		frappe.throw(
			_("You may read but not send in WhatsApp session {0}. A WhatsApp Manager can allow it.").format(
				frappe.bold(session)
			),
			frappe.PermissionError,
		)


def check_manager() -> None:
	"""Raise `frappe.PermissionError` unless the current user manages WhatsApp."""
	if not is_manager():
		frappe.throw(_("Only a WhatsApp Manager may do this."), frappe.PermissionError)


def query_conditions(user: str | None = None, doctype: str | None = None) -> str:
	"""`permission_query_conditions` of every DocType of this app: SQL that selects what the user may see."""
	user = user or frappe.session.user
	if is_manager(user):
		return ""

	parent = PARENT_OF.get(doctype)
	if parent:
		condition = query_conditions(user, parent)
		return (
			f"`tab{doctype}`.`parent` in (select `tab{parent}`.`name` from `tab{parent}` where {condition})"
		)

	column = "name" if doctype == SESSION else "session"
	conditions = [f"`tab{doctype}`.`{column}` in {_sql_list(readable_sessions(user))}"]
	if doctype != SESSION and (shared := _shared_with(doctype, user)):
		conditions.append(f"`tab{doctype}`.`name` in {_sql_list(shared)}")
	return f"({' or '.join(conditions)})"


def has_permission(doc: frappe.model.document.Document, ptype: str = "read", user: str | None = None) -> bool:
	"""`has_permission` of every DocType of this app. True leaves the decision to the user's roles."""
	user = user or frappe.session.user
	if is_manager(user):
		return True
	if doc.doctype == SESSION and doc.is_new():
		return True  # who may create one is a matter of roles alone

	session = doc.name if doc.doctype == SESSION else doc.get("session")
	if session in readable_sessions(user):
		return True
	right = ptype if ptype in ("write", "share", "submit") else "read"
	return bool(doc.name and doc.name in _shared_with(doc.doctype, user, right))


@frappe.whitelist()
def get_count(
	doctype: str,
	filters: str | list | dict | None = None,
	debug: bool | int | str = False,
	cache: bool | int | str = False,
) -> int:
	"""Stands in for `frappe.client.get_count`, which in Frappe 15 asks for no permission: by counting with a filter on
	the content anybody who is logged in could find out what a message says.

	Args:
		doctype: what to count; only for DocTypes of this app anything changes.
		filters, debug, cache: as Frappe's.

	Returns:
		How many of them there are that the user may see.

	Raises:
		frappe.PermissionError: the user sees none of this DocType.
	"""
	if doctype not in DOCTYPES:
		return client.get_count(doctype, filters, debug, cache)
	frappe.local.form_dict = frappe._dict(
		doctype=doctype, filters=frappe.utils.get_safe_filters(filters) or []
	)
	return reportview.get_count()


def _shared_with(doctype: str, user: str, right: str = "read") -> list[str]:
	return frappe.share.get_shared(doctype, user, rights=[right])


def _sql_list(values: list[str]) -> str:
	"""`('a', 'b')`; `('')` when empty, which no name is."""
	return f"({', '.join(frappe.db.escape(value, percent=False) for value in values or [''])})"
