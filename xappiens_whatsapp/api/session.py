"""Linking a WhatsApp number, and telling whether all is well: what the buttons of the Desk call."""

import dataclasses
from typing import Any

import frappe
from frappe.model.document import Document
from frappe.utils import get_datetime

from xappiens_whatsapp import permissions
from xappiens_whatsapp.api.base import WhatsAppAPIClient, diagnose
from xappiens_whatsapp.api.errors import show_hub_errors
from xappiens_whatsapp.api.sync import request_sync
from xappiens_whatsapp.inbox_hub import clock, payloads, records
from xappiens_whatsapp.inbox_hub.errors import Conflict, HubUnavailable, NotFound
from xappiens_whatsapp.store import sessions, times
from xappiens_whatsapp.sync.pager import Pager

SESSIONS_A_PAGE = 100  # what Inbox Hub gives at most


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def connect_session(session: str) -> dict[str, Any]:
	"""Create the session at Inbox Hub if it is not there, and let it connect. The QR code comes by webhook.

	Args:
		session: the name of a WhatsApp Session.

	Returns:
		As `get_session_status`.

	Raises:
		frappe.PermissionError: the user may not change the session.
	"""
	doc = _session(session, "write")
	client = WhatsAppAPIClient(doc.session_id)
	asked_at_ms = clock.now_ms()
	record = _at_hub(client, doc.session_id) or _created_at_hub(client, doc)
	if record.hub_id and record.hub_id != doc.session_db_id:
		# Before the next call, which uses the number.
		frappe.db.set_value(sessions.DOCTYPE, doc.name, "session_db_id", record.hub_id)
	client.connect_session()
	status = get_session_status(session)
	if record.qr and not status["qr_code"] and status["status"] == "QR Code Required":
		sessions.store_qr(doc.name, record.qr, asked_at_ms)
		return _status(doc.name)
	return status


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def disconnect_session(session: str) -> dict[str, Any]:
	"""Disconnect at Inbox Hub. The session and its credentials stay there.

	Args:
		session: the name of a WhatsApp Session.

	Returns:
		As `get_session_status`.

	Raises:
		frappe.PermissionError: the user may not change the session.
	"""
	doc = _session(session, "write")
	asked_at_ms = clock.now_ms()
	WhatsAppAPIClient(doc.session_id).disconnect_session()
	_apply(doc.name, records.Session(doc.session_id, status="Disconnected"), asked_at_ms)
	return _status(doc.name)


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def get_session_status(session: str) -> dict[str, Any]:
	"""Ask Inbox Hub for the session's status and store it.

	Args:
		session: the name of a WhatsApp Session.

	Returns:
		`status`, `is_connected`, `phone_number`, `qr_code` (a data URL, or None; for those who may change the session, since
		who scans it owns it) and `qr_expires_at`.

	Raises:
		frappe.PermissionError: the user may not see the session.
	"""
	doc = _session(session, "read")
	asked_at_ms = clock.now_ms()
	record = payloads.parse_session(WhatsAppAPIClient(doc.session_id).get_session_status())
	_apply(doc.name, record, asked_at_ms)
	return _status(doc.name)


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def get_qr_code(session: str) -> dict[str, Any]:
	"""The QR code to scan: the stored one while it is valid, else Inbox Hub is asked.

	Args:
		session: the name of a WhatsApp Session.

	Returns:
		As `get_session_status`; `qr_code` is None while there is none yet.

	Raises:
		frappe.PermissionError: the user may not change the session; who scans owns it.
	"""
	doc = _session(session, "write")
	if doc.is_connected or (doc.qr_code and get_datetime(doc.qr_expires_at) > times.now()):
		return _status(doc.name)
	asked_at_ms = clock.now_ms()
	try:
		qr = payloads.parse_qr(WhatsAppAPIClient(doc.session_id).get_qr())
	except (NotFound, HubUnavailable):
		return _status(doc.name)  # not ready yet (docs/hub.md, F4)
	sessions.store_qr(doc.name, qr, asked_at_ms)
	return _status(doc.name)


@frappe.whitelist(methods=["POST"])
def test_connection(session: str | None = None) -> dict[str, Any]:
	"""Tell apart what can be wrong between this site and Inbox Hub. For managers.

	Args:
		session: also look whether Inbox Hub knows this session.

	Returns:
		`ok`, `reason` and `message`, which says what to do.
	"""
	permissions.check_manager()
	return diagnose(WhatsAppAPIClient(_session(session, "read").session_id if session else None))


def _session(name: str, permission: str) -> Document:
	doc = sessions.get(name)
	doc.check_permission(permission)
	return doc


def _at_hub(client: WhatsAppAPIClient, session_id: str) -> records.Session | None:
	"""What Inbox Hub has under this id, if anything."""
	pager = Pager()
	while not pager.is_done:
		page = payloads.parse_sessions(client.get_sessions(page=pager.page, limit=SESSIONS_A_PAGE))
		for record in page.records:
			if record.session_id == session_id:
				return record
		pager.advance(page, SESSIONS_A_PAGE)
	return None


def _created_at_hub(client: WhatsAppAPIClient, doc: Document) -> records.Session:
	"""The session as Inbox Hub has created it, now or, where two people connect at once, a moment ago."""
	try:
		return payloads.parse_session(client.create_session(doc.session_id, doc.session_name))
	except Conflict:
		return payloads.parse_session(client.get_session())


def _apply(session: str, record: records.Session, asked_at_ms: int) -> None:
	"""Store an answer. It was true when it was asked for; a webhook that came meanwhile knows more."""
	change = sessions.apply_status(session, dataclasses.replace(record, timestamp_ms=asked_at_ms))
	if change.became_connected and frappe.get_cached_doc("WhatsApp Settings").auto_sync_enabled:
		request_sync(session, "Connected", settle=True)


def _status(session: str) -> dict[str, Any]:
	row = frappe.db.get_value(
		sessions.DOCTYPE,
		session,
		["status", "is_connected", "phone_number", "qr_code", "qr_expires_at"],
		as_dict=True,
	)
	is_over = row.qr_expires_at and row.qr_expires_at <= times.now()
	if is_over or not frappe.has_permission(sessions.DOCTYPE, "write", session):
		row.qr_code = None
	return row
