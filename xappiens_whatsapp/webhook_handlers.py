"""What each event of the Hub does: its record goes to the store.

A handler runs within the transaction of `webhook_processing.py`, which commits, and tries again what failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import frappe
from frappe import _

from xappiens_whatsapp.api.sync import request_sync
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import (
	contacts,
	conversations,
	documents,
	messages,
	reactions,
	receipts,
	sessions,
)
from xappiens_whatsapp.sync import breaker


@dataclass(frozen=True, slots=True)
class Delivery:
	"""An event on its way into the store."""

	event: records.Event
	session: str
	hooks: documents.Hooks = field(default_factory=documents.Hooks)


@dataclass(frozen=True, slots=True)
class Outcome:
	"""What became of an event: done, or the reason why it must wait."""

	waits_for: str = ""


def handle_message_received(delivery: Delivery) -> Outcome:
	"""message.received: a message, somebody's reaction, an edit or a deletion."""
	payload = delivery.event.payload
	if isinstance(payload, records.Reaction):
		is_known = reactions.apply(delivery.session, payload)
		return Outcome() if is_known else _waits_for(payload.message_id)
	if isinstance(payload, records.Change):
		chat = messages.chat_of(delivery.session, payload.message_id)
		if not chat:
			return _waits_for(payload.message_id)
		payload = records.Message(
			payload.message_id,
			chat,
			from_me=False,
			text=payload.text,
			timestamp_ms=payload.timestamp_ms,
			is_edited=not payload.is_deleted,
			is_deleted=payload.is_deleted,
			edited_at_ms=payload.timestamp_ms,
		)
	messages.receive(delivery.session, payload, hooks=delivery.hooks)
	return Outcome()


def handle_message_sent(delivery: Delivery) -> Outcome:
	"""message.sent: the echo of our own message, or one typed on the phone."""
	if isinstance(delivery.event.payload, records.Receipt):
		return handle_message_status(delivery)
	return handle_message_received(delivery)


def handle_message_status(delivery: Delivery) -> Outcome:
	"""message.delivered, message.read, message.failed, message.ack: how far a message got."""
	receipt = delivery.event.payload
	if not receipts.apply(delivery.session, receipt):
		return _waits_for(receipt.message_id or receipt.hub_id)
	return Outcome()


def handle_session_status(delivery: Delivery) -> Outcome:
	"""session.connected, session.disconnected: a session that has just connected is synced, one that was lost while it was
	synced is spared (`breaker.py`)."""
	change = sessions.apply_status(delivery.session, delivery.event.payload)
	if change.was_lost:
		breaker.note_interruption(delivery.session)
	if change.became_connected and frappe.get_cached_doc("WhatsApp Settings").auto_sync_enabled:
		request_sync(delivery.session, "Connected", settle=True)
	return Outcome()


def handle_session_qr(delivery: Delivery) -> Outcome:
	"""session.qr: a new QR code to scan."""
	record = delivery.event.payload
	if isinstance(record, records.Session) and record.qr:
		sessions.store_qr(delivery.session, record.qr, record.timestamp_ms)
	return Outcome()


def handle_contact_update(delivery: Delivery) -> Outcome:
	"""contact.updated: a contact's name, photo or flags; created if it is new."""
	contacts.apply(delivery.session, delivery.event.payload, hooks=delivery.hooks)
	return Outcome()


def handle_chat_update(delivery: Delivery) -> Outcome:
	"""chat.archived, chat.unarchived."""
	conversations.apply_flag(delivery.session, delivery.event.payload, hooks=delivery.hooks)
	return Outcome()


def _waits_for(message_id: str | int | None) -> Outcome:
	return Outcome(waits_for=_("Message {0} is not known yet.").format(message_id))


HANDLERS: dict[str, Callable[[Delivery], Outcome]] = {
	"message.received": handle_message_received,
	"message.sent": handle_message_sent,
	"message.delivered": handle_message_status,
	"message.read": handle_message_status,
	"message.failed": handle_message_status,
	"message.ack": handle_message_status,
	"message.edited": handle_message_received,
	"message.deleted": handle_message_received,
	"session.connected": handle_session_status,
	"session.disconnected": handle_session_status,
	"session.status": handle_session_status,
	"session.qr": handle_session_qr,
	"contact.updated": handle_contact_update,
	"chat.archived": handle_chat_update,
	"chat.unarchived": handle_chat_update,
}
