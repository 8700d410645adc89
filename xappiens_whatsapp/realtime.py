"""What open pages hear, and who hears it.

Always after the commit, always in a document's room (which Frappe lets in only who may read the document), and never
with text of a message: a page that hears a name reads the rest through the API that checks permissions.
"""

from __future__ import annotations

import frappe

MESSAGE = "whatsapp_message"
MESSAGE_STATUS = "whatsapp_message_status"
CONVERSATION = "whatsapp_conversation"
SESSION_STATUS = "whatsapp_session_status"
QR_CODE = "whatsapp_qr_code"
SYNC_PROGRESS = "whatsapp_sync_progress"


def message(session: str, conversation: str, name: str, direction: str) -> None:
	"""A message came, was written, or changed otherwise than by its status."""
	_to_conversation(
		MESSAGE,
		session,
		conversation,
		{"message": name, "conversation": conversation, "direction": direction},
	)


def message_status(session: str, conversation: str, name: str, status: str) -> None:
	"""A message got further: its ticks change."""
	_to_conversation(
		MESSAGE_STATUS,
		session,
		conversation,
		{"message": name, "conversation": conversation, "status": status},
	)


def conversation(session: str, name: str) -> None:
	"""A conversation is new or changed: its name, flags, unread count."""
	_to_conversation(CONVERSATION, session, name, {"conversation": name})


def session_status(session: str, status: str) -> None:
	"""A session connected, disconnected, wants a QR scan."""
	_to_session(SESSION_STATUS, session, {"status": status, "connected": status == "Connected"})


def qr_code(session: str) -> None:
	"""A new QR code can be read from the session."""
	_to_session(QR_CODE, session, {})


def sync_progress(session: str, run: str, state: str, phase: str, done: int, total: int) -> None:
	"""How far a sync is. `total` is 0 while unknown."""
	_to_session(
		SYNC_PROGRESS,
		session,
		{"sync_run": run, "state": state, "phase": phase, "done": done, "total": total},
	)


def _to_session(event: str, session: str, body: dict) -> None:
	frappe.publish_realtime(
		event, {"session": session, **body}, doctype="WhatsApp Session", docname=session, after_commit=True
	)


def _to_conversation(event: str, session: str, conversation: str, body: dict) -> None:
	_to_session(event, session, body)
	frappe.publish_realtime(
		event,
		{"session": session, **body},
		doctype="WhatsApp Conversation",
		docname=conversation,
		after_commit=True,
	)
