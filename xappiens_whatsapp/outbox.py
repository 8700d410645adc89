"""The outbox: messages that people wrote, sent one after the other and at most once.

A message is claimed by a conditional UPDATE that is committed before Inbox Hub is called. From then on it is never sent
again by itself: what the Hub answered decides, and where nobody knows, it is Unconfirmed.
"""

from __future__ import annotations

import time

import frappe

from xappiens_whatsapp import jobs, realtime
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import payloads
from xappiens_whatsapp.inbox_hub.errors import (
	Disabled,
	HubUnavailable,
	InboxHubError,
	OutcomeUnknown,
	RateLimited,
	SessionNotConnected,
)
from xappiens_whatsapp.store import messages, times, transaction

# Nothing has left: the message waits and is sent later. (HubUnavailable on a send means that no connection was made.)
SEND_LATER = (RateLimited, HubUnavailable, SessionNotConnected, Disabled)


def send_pending(session: str) -> None:
	"""Send what waits in a session's outbox, oldest first, for at most a minute. Commits around each message.

	Args:
		session: the session's name.
	"""
	client = WhatsAppAPIClient(session, lane="people")
	deadline = time.monotonic() + jobs.WORK_SECONDS
	while time.monotonic() < deadline and (name := _oldest(session)):
		if claim(name) and not _send(client, session, name):
			return
	if _oldest(session):
		jobs.enqueue_outbox(session)
		frappe.db.commit()


def claim(name: str) -> bool:
	"""Take a Pending message for sending. Commits, so that nobody sends it a second time whatever happens next.

	Args:
		name: of the message.

	Returns:
		Whether it is ours to send.
	"""
	message = frappe.qb.DocType(messages.DOCTYPE)
	frappe.qb.update(message).set(message.status, "Sending").set(message.claimed_at, times.now()).where(
		(message.name == name) & (message.status == "Pending")
	).run()
	is_ours = frappe.db.sql("SELECT ROW_COUNT()")[0][0] == 1
	frappe.db.commit()
	return is_ours


def _send(client: WhatsAppAPIClient, session: str, name: str) -> bool:
	"""Send one claimed message and store what came of it. Returns whether the next one may be tried now."""
	row = frappe.db.get_value(messages.DOCTYPE, name, ["conversation", "content"], as_dict=True)
	recipient = frappe.db.get_value("WhatsApp Conversation", row.conversation, "chat_id")
	try:
		sent = payloads.parse_sent(client.send_message(to=recipient, message=row.content))
	except SEND_LATER as error:
		_set_status(session, name, row.conversation, "Pending", str(error))
		return False
	except OutcomeUnknown as error:
		_set_status(session, name, row.conversation, "Unconfirmed", str(error))
		return True
	except InboxHubError as error:
		_set_status(session, name, row.conversation, "Failed", str(error))
		return True

	if sent.message_id:
		transaction.repeated(lambda: messages.take_id(name, session, sent.message_id, sent))
		frappe.db.commit()
	else:
		_set_status(session, name, row.conversation, "Sent", "")
	return True


def _oldest(session: str) -> str | None:
	return frappe.db.get_value(
		messages.DOCTYPE,
		{"session": session, "direction": messages.OUTGOING, "status": "Pending"},
		"name",
		order_by="creation asc",
	)


def _set_status(session: str, name: str, conversation: str, status: str, error: str) -> None:
	"""Store the outcome, unless the echo was faster and has said more."""
	frappe.db.set_value(
		messages.DOCTYPE,
		{"name": name, "status": "Sending"},
		{
			"status": status,
			"error_message": error,
			"claimed_at": None if status == "Pending" else times.now(),
		},
	)
	realtime.message_status(session, conversation, name, status)
	frappe.db.commit()
