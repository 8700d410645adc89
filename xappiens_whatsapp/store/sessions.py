"""What the Hub says of sessions, into WhatsApp Session."""

from __future__ import annotations

from dataclasses import dataclass

import frappe
from frappe import _

from xappiens_whatsapp import realtime
from xappiens_whatsapp.inbox_hub import clock, records
from xappiens_whatsapp.store import conversations, events, times

DOCTYPE = "WhatsApp Session"
LONGEST_NUMBER = 19  # digits that fit the column
QR_LIFETIME_MS = 60_000  # when the Hub does not say (docs/hub.md, C6)


@dataclass(frozen=True, slots=True)
class StatusChange:
	before: str
	after: str

	@property
	def became_connected(self) -> bool:
		return self.after == "Connected" and self.before != "Connected"

	@property
	def was_lost(self) -> bool:
		return self.before == "Connected" and self.after != "Connected"


def find(session_id: str, hub_id: int | None = None) -> str | None:
	"""The name of the session with this id, else with this number at the Hub; None if there is none."""
	if session_id:
		names = frappe.db.sql(f"SELECT name FROM `tab{DOCTYPE}` WHERE name = %s", session_id, pluck=True)
		if names == [session_id]:  # the database compares without case, the Hub does not
			return session_id
	if session_id.isdigit() and len(session_id) < LONGEST_NUMBER:
		hub_id, session_id = hub_id or int(session_id), ""  # some write the number where the id belongs
	if hub_id and not session_id:
		return frappe.db.get_value(DOCTYPE, {"session_db_id": hub_id}, "name")
	return None


def get(session_name: str) -> frappe.model.document.Document:
	"""The session's document.

	Raises:
		frappe.DoesNotExistError: says which sessions exist, and that a label is not a name.
	"""
	if find(session_name) == session_name:
		return frappe.get_doc(DOCTYPE, session_name)
	existing = frappe.get_list(DOCTYPE, pluck="name", limit=20, order_by="name asc")
	frappe.throw(
		_("There is no WhatsApp Session {0}. Use the Session ID, not the label. You can use: {1}").format(
			frappe.bold(session_name), ", ".join(existing) or _("none yet")
		),
		frappe.DoesNotExistError,
	)


def apply_status(session: str, record: records.Session) -> StatusChange:
	"""Store what is said of a session, unless something later is known already.

	Args:
		session: the session's name.
		record: status, phone number, reason of a disconnect, the Hub's id; empty parts change nothing.

	Returns:
		The status before and after.
	"""
	stored = frappe.db.get_value(
		DOCTYPE,
		session,
		[
			"status", "is_connected", "phone_number", "session_db_id", "last_seen", "error_message", "status_timestamp_ms",
			"qr_code", "qr_expires_at",
		],
		as_dict=True,
		for_update=True,
	)  # fmt: skip
	said_at = record.timestamp_ms or clock.now_ms()
	changes: dict[str, object] = {}
	if record.hub_id and record.hub_id != stored.session_db_id:
		changes["session_db_id"] = record.hub_id
		events.release_waiting(session, record.hub_id)
	is_latest = said_at >= stored.status_timestamp_ms
	if record.phone_number and record.phone_number != stored.phone_number and is_latest:
		changes["phone_number"] = record.phone_number
		if stored.phone_number:
			changes.update(_forget_how_far_it_is_synced(session))
	last_seen = times.site_datetime(record.last_activity_ms)
	if last_seen and (not stored.last_seen or last_seen > stored.last_seen):
		changes["last_seen"] = last_seen

	status = stored.status
	if record.status and is_latest:
		status = record.status
		reason = record.reason if status in ("Disconnected", "Error") else ""
		new = {"status": status, "is_connected": int(status == "Connected"), "error_message": reason}
		if status != "QR Code Required":
			new.update(qr_code=None, qr_expires_at=None)
		changes.update(
			{
				key: value
				for key, value in new.items()
				if value != (stored[key] or ("" if value == "" else stored[key]))
			}
		)
		changes["status_timestamp_ms"] = said_at

	if changes:
		frappe.db.set_value(
			DOCTYPE, session, changes, update_modified=changes.keys() != {"status_timestamp_ms"}
		)
	if status != stored.status:
		realtime.session_status(session, status)
	return StatusChange(stored.status, status)


def _forget_how_far_it_is_synced(session: str) -> dict[str, object]:
	"""Another number was linked: what it brings is history, as with any number's first sync, not news that nobody read.

	Returns:
		The session's columns to change.
	"""
	frappe.db.sql(
		"""
		UPDATE `tabWhatsApp Conversation`
		SET hub_last_message_ms = 0, messages_synced_ms = 0, history_offset = 0, history_complete = 0,
			unread_count = 0, unread_counted_until_ms = 0
		WHERE session = %s
		""",
		session,
	)
	# A run that is under way begins anew; whoever works on it has lost it.
	frappe.db.sql(
		"""
		UPDATE `tabWhatsApp Sync Run`
		SET state = 'Queued', scope = 'Full', `cursor` = '{}', claim = NULL, resume_at = NULL, started_at = NULL
		WHERE session = %s AND state IN ('Queued', 'Running')
		""",
		session,
	)
	return {"history_until_ms": 0, "synced_until_ms": 0, "last_sync": None, "contacts_synced_at": None}


def store_qr(session: str, qr: records.QRCode, said_at_ms: int | None) -> bool:
	"""Keep a QR code until it expires, unless the session is connected or a newer one is there.

	Args:
		session: the session's name.
		qr: the picture and when it expires.
		said_at_ms: when the Hub made it.

	Returns:
		Whether it was stored.
	"""
	stored = frappe.db.get_value(
		DOCTYPE,
		session,
		["status", "qr_code", "status_timestamp_ms", "qr_timestamp_ms"],
		as_dict=True,
		for_update=True,
	)
	said_at = said_at_ms or clock.now_ms()
	is_over = stored.status != "QR Code Required" and said_at < stored.status_timestamp_ms
	if is_over or said_at < stored.qr_timestamp_ms or stored.qr_code == qr.data_url:
		return False
	frappe.db.set_value(
		DOCTYPE,
		session,
		{
			"qr_code": qr.data_url,
			"qr_expires_at": times.site_datetime(qr.expires_at_ms or said_at + QR_LIFETIME_MS),
			"qr_timestamp_ms": said_at,
			"status": "QR Code Required",
			"is_connected": 0,
			"status_timestamp_ms": max(said_at, stored.status_timestamp_ms),
		},
	)
	realtime.qr_code(session)
	if stored.status != "QR Code Required":
		realtime.session_status(session, "QR Code Required")
	return True


def lock(session: str) -> None:
	"""Lock the session's row until the commit: first, before anything that follows the session."""
	frappe.db.get_value(DOCTYPE, session, "name", for_update=True)


def refresh_totals(session: str) -> None:
	"""Count contacts, conversations and messages anew, and each conversation's messages: aggregates, no counters."""
	lock(session)
	messages = dict(
		frappe.db.sql(
			"SELECT direction, COUNT(*) FROM `tabWhatsApp Message` WHERE session = %s GROUP BY direction",
			session,
		)
	)
	sent_statuses = ("Sent", "Delivered", "Read")
	sent = frappe.db.count(
		"WhatsApp Message", {"session": session, "direction": "Outgoing", "status": ("in", sent_statuses)}
	)
	frappe.db.set_value(
		DOCTYPE,
		session,
		{
			"total_contacts": frappe.db.count("WhatsApp Contact", {"session": session}),
			"total_conversations": frappe.db.count("WhatsApp Conversation", {"session": session}),
			"total_messages_sent": sent,
			"total_messages_received": messages.get("Incoming", 0),
		},
		update_modified=False,
	)
	conversations.recount(session)
