"""The outbox: messages that people wrote, sent one after the other and at most once.

A message is claimed by a conditional UPDATE that is committed before Inbox Hub is called. From then on it is never sent
again by itself: what the Hub answered decides, and where nobody knows, it is Unconfirmed.
"""

from __future__ import annotations

import time
from datetime import timedelta

import frappe
from frappe import _

from xappiens_whatsapp import jobs, live, realtime, webhook_processing
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import payloads
from xappiens_whatsapp.inbox_hub.errors import (
	Disabled,
	HubUnavailable,
	InboxHubError,
	OutcomeUnknown,
	PayloadError,
	RateLimited,
	SessionNotConnected,
)
from xappiens_whatsapp.store import messages, times, transaction

# Nothing has left: the message waits and is sent later. (HubUnavailable on a send means that no connection was made.)
SEND_LATER = (RateLimited, HubUnavailable, SessionNotConnected, Disabled)

# An outcome may still be stored in one of these: a slow worker's answer after its message was given up as well.
UNSETTLED = ("Sending", "Unconfirmed")
# No job of the queue lives so long: whoever claimed the message is dead.
ABANDONED_AFTER = timedelta(minutes=10)


def send_pending(session: str) -> None:
	"""Send what waits in a session's outbox, oldest first, for at most a minute. Commits around each message.

	Args:
		session: the session's name.
	"""
	client = WhatsAppAPIClient(session, lane="people")
	deadline = time.monotonic() + jobs.WORK_SECONDS
	while time.monotonic() < deadline and (name := _oldest(session)):
		if not claim(name):
			continue
		try:
			may_go_on = _send(client, session, name)
		except Exception as error:
			_keep_fault(name, error)
			return
		if not may_go_on:
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


def settle_abandoned() -> None:
	"""Messages whose worker died while it sent them become Unconfirmed: they may have left. Commits."""
	message = frappe.qb.DocType(messages.DOCTYPE)
	abandoned = (
		frappe.qb.from_(message)
		.select(message.name, message.session, message.conversation)
		.where(
			message.session.isin(frappe.get_all("WhatsApp Session", pluck="name") or [""])
			& (message.direction == messages.OUTGOING)
			& (message.status == "Sending")
			& (message.claimed_at < times.now() - ABANDONED_AFTER)
		)
		.run(as_dict=True)
	)
	for row in abandoned:
		_set_status(row.session, row.name, row.conversation, "Unconfirmed", _abandoned_text())


def _send(client: WhatsAppAPIClient, session: str, name: str) -> bool:
	"""Send one claimed message and store what came of it. Returns whether the next one may be tried now."""
	row = frappe.db.get_value(messages.DOCTYPE, name, ["conversation", "content"], as_dict=True)
	recipient = frappe.db.get_value("WhatsApp Conversation", row.conversation, "chat_id")
	try:
		answer = client.send_message(to=recipient, message=row.content)
	except SEND_LATER as error:
		_set_status(session, name, row.conversation, "Pending", str(error))
		return False
	except OutcomeUnknown as error:
		_set_status(session, name, row.conversation, "Unconfirmed", str(error))
		return True
	except InboxHubError as error:
		_set_status(session, name, row.conversation, "Failed", str(error))
		return True

	# From here on the message has left, whatever the answer looks like.
	try:
		sent = payloads.parse_sent(answer)
	except PayloadError as error:
		_set_status(session, name, row.conversation, "Unconfirmed", str(error))
		return True
	if sent.message_id:
		transaction.repeated(lambda: messages.take_id(name, session, sent.message_id, sent))
		frappe.db.commit()
		# The ticks may have been faster than the Hub's answer.
		webhook_processing.process_waiting(session, sent.message_id)
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
	"""Store the outcome, unless the echo was faster and has said more; tell open pages what is stored. Commits."""
	frappe.db.set_value(
		messages.DOCTYPE,
		{"name": name, "status": ("in", UNSETTLED)},
		{"status": status, "error_message": error, **({"claimed_at": None} if status == "Pending" else {})},
	)
	realtime.message_status(
		session, conversation, name, frappe.db.get_value(messages.DOCTYPE, name, "status")
	)
	frappe.db.commit()


def _keep_fault(name: str, error: Exception) -> None:
	"""A fault of ours in the middle of a send. The message stays claimed and becomes Unconfirmed with the abandoned ones."""
	frappe.db.rollback()
	live.log_fault("WhatsApp: a message could not be seen through", error, messages.DOCTYPE, name)
	frappe.db.commit()


def _abandoned_text() -> str:
	return _(
		"The sending was interrupted, so the message may or may not have left. Check in WhatsApp before sending it again."
	)
