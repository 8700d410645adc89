"""Stored events, processed: each in a transaction of its own, again later where that fails.

With the hooks of other apps first; if those fail, without them, so that a message is not lost by another app's fault.
"""

from __future__ import annotations

import json

import frappe

from xappiens_whatsapp import live
from xappiens_whatsapp.inbox_hub import payloads, records
from xappiens_whatsapp.inbox_hub.errors import PayloadError
from xappiens_whatsapp.store import events, sessions, transaction
from xappiens_whatsapp.webhook_handlers import HANDLERS, Delivery

PICTURE_LENGTH = 1000  # a longer text in an event of a session is a QR code


def process_event(name: str, event: records.Event | None = None) -> str:
	"""Process a stored event in a transaction of its own, and commit.

	Args:
		name: of a WhatsApp Webhook Event.
		event: what the caller has just read of the body; without, the stored body is read.

	Returns:
		Its status afterwards. No error leaves this function: it stays with the event, which is tried again.
	"""
	user = frappe.session.user
	settings = frappe.get_cached_doc("WhatsApp Settings")
	try:
		frappe.set_user(settings.webhook_user or "Administrator")
		if not settings.enabled:
			events.mark_switched_off(name)
			frappe.db.commit()
			return "Waiting"
		return _process(name, event)
	finally:
		frappe.set_user(user)


def process_waiting(session: str, message_id: str) -> None:
	"""Process the events that waited for this message. Commits; call it once the message is committed.

	Args:
		session: the session's name.
		message_id: WhatsApp's id, which is known now.
	"""
	for name in events.waiting_for(session, message_id):
		process_event(name)


def _process(name: str, event: records.Event | None) -> str:
	hook_failure: Exception | None = None
	for _attempt in range(2):
		try:
			status = transaction.repeated(lambda: _process_once(name, event, hook_failure))
			frappe.db.commit()
			_process_what_waited(name)
			return status
		except PayloadError as error:
			return _give_up(name, error, final=True)
		except Exception as error:
			if hook_failure:
				return _give_up(name, error)
			hook_failure = error
	raise AssertionError("unreachable")


def _process_once(name: str, event: records.Event | None, hook_failure: Exception | None) -> str:
	row = events.claim(name)
	if not row:
		return frappe.db.get_value(events.DOCTYPE, name, "status") or "Processed"
	if row.hooks_pending:
		return _process_hooks(row, hook_failure)

	event = event or _read(row)
	handler = HANDLERS.get(event.name)
	if not handler and event.name:
		events.mark_processed(name, status="Ignored")
		return "Ignored"
	if event.problem:
		raise event.problem
	session = sessions.find(event.session_id, event.session_hub_id)
	if not session:
		return _wait(row, f"There is no WhatsApp Session {event.session_id or event.session_hub_id}.", None)

	outcome = handler(Delivery(event, session, run_hooks=not hook_failure))
	if outcome.waits_for:
		return _wait(row, outcome.waits_for, session)
	if hook_failure and outcome.new_message:
		failure = live.describe(outcome.new_message, hook_failure)
		return events.mark_failed(name, failure.text, hooks_pending=failure.message, session=session)
	events.mark_processed(name, session=session, body=_without_picture(event, row.body))
	return "Processed"


def _read(row: frappe._dict) -> records.Event:
	headers = dict(line.split(": ", 1) for line in (row.headers or "").splitlines())
	return payloads.understand_event(json.loads(row.body), headers)


def _process_hooks(row: frappe._dict, failure: Exception | None) -> str:
	"""The message is stored; only the hooks of other apps are still to run."""
	if failure:
		return events.mark_failed(
			row.name, live.describe(row.hooks_pending, failure).text, hooks_pending=row.hooks_pending
		)
	live.run_hooks_again(row.hooks_pending)
	events.mark_processed(row.name)
	return "Processed"


def _process_what_waited(name: str) -> None:
	"""What waited for this event's message can go on."""
	row = frappe.db.get_value(events.DOCTYPE, name, ["status", "message_id", "session"], as_dict=True)
	if row.message_id and row.session and row.status in ("Processed", "Failed"):
		for waiting in events.waiting_for(row.session, row.message_id):
			if waiting != name:
				_process(waiting, None)


def _wait(row: frappe._dict, reason: str, session: str | None) -> str:
	if events.waited_too_long(row):
		events.mark_processed(row.name, status="Ignored", session=session)
		return "Ignored"
	events.mark_waiting(row.name, reason, session)
	return "Waiting"


def _give_up(name: str, error: Exception, *, final: bool = False) -> str:
	"""Keep the error with the event, for now or for good. The Error Log gets its first one and its last."""
	frappe.db.rollback()
	trace = live.without_message(error)
	status = events.mark_failed(name, f"{error}\n\n{trace}", final=final)
	if status == "Dead" or frappe.db.get_value(events.DOCTYPE, name, "attempts") == 1:
		frappe.log_error(
			title=f"WhatsApp: a webhook event is {status}",
			message=trace,
			reference_doctype=events.DOCTYPE,
			reference_name=name,
		)
	frappe.db.commit()
	return status


def _without_picture(event: records.Event, body: str) -> str | None:
	"""The body without the QR image, if it had one: it is of no use any more and large."""
	if event.name != "session.qr":
		return None

	def shortened(value: object) -> object:
		if isinstance(value, dict):
			return {key: shortened(item) for key, item in value.items()}
		if isinstance(value, str) and len(value) > PICTURE_LENGTH:
			return f"[{len(value)} characters removed]"
		return value

	return json.dumps(shortened(json.loads(body)), ensure_ascii=False)
