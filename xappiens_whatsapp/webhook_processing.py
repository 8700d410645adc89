"""Stored events, processed: each in a transaction of its own, again later where that fails.

With the hooks of other apps first; if those fail, without them, so that a message is not lost by another app's fault.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import frappe
from frappe import _

from xappiens_whatsapp import live, managers
from xappiens_whatsapp.inbox_hub import clock, payloads, records
from xappiens_whatsapp.inbox_hub.errors import PayloadError
from xappiens_whatsapp.store import documents, events, sessions, times, transaction
from xappiens_whatsapp.webhook_handlers import HANDLERS, Delivery

SECONDS_FOR_OTHERS = 2.0  # Inbox Hub waits for its answer meanwhile
PICTURE_LENGTH = 1000  # a longer text in an event of a session is a QR code


@dataclass(frozen=True, slots=True)
class _Done:
	"""What became of an event, which message is stored now that others may wait for, and why it was given up if it was."""

	status: str
	session: str = ""
	message_id: str = ""
	why_dead: str = ""


def process_event(name: str, event: records.Event | None = None, *, others: int = 0) -> str:
	"""Process a stored event in a transaction of its own, and commit; then those that waited for its message.

	Args:
		name: of a WhatsApp Webhook Event.
		event: what the caller, who has just stored it, has read of its body; without, the stored body is read.
		others: how many other events that are due to process as well: on a dormant site the scheduler sleeps.

	Returns:
		Its status afterwards. No error leaves this function: it stays with the event, which is tried again.
	"""
	settings = frappe.get_cached_doc("WhatsApp Settings")
	with _as_user(settings.webhook_user):
		if not settings.enabled:
			events.mark_switched_off(name)
			frappe.db.commit()
			return "Waiting"
		try:
			return _process_with_others(name, event, others)
		except Exception as error:
			# Not even that it failed could be stored. The event is stored, and due in a minute.
			frappe.logger().error(f"WhatsApp: the event {name} could not be marked: {type(error).__name__}")
			frappe.db.rollback()
			return "Received"


def process_waiting(session: str, message_id: str) -> None:
	"""Process the events that waited for this message. Commits; call it once the message is committed.

	Args:
		session: the session's name.
		message_id: WhatsApp's id, which is known now.
	"""
	settings = frappe.get_cached_doc("WhatsApp Settings")
	if settings.enabled and (names := events.waiting_for(session, message_id)):
		with _as_user(settings.webhook_user):
			for name in names:
				_process(name, None)


@contextmanager
def _as_user(user: str | None) -> Iterator[None]:
	session, arguments = frappe.local.session, frappe.local.form_dict
	before, kept = session.user, {"sid": session.sid, "data": session.data}
	frappe.set_user(user or "Administrator")
	try:
		yield
	finally:
		frappe.set_user(before)
		# `set_user` also ends the session and forgets the arguments, of a person who presses Retry for example.
		session.update(kept)
		frappe.local.form_dict = arguments


def _process_with_others(name: str, event: records.Event | None, others: int = 0) -> str:
	done = _process(name, event)
	waiting, due = events.ready(done.session, done.message_id, others)
	for other in waiting:
		_process_with_others(other, None)
	deadline = time.monotonic() + SECONDS_FOR_OTHERS
	for other in due:
		if other != name and time.monotonic() < deadline:
			_process_with_others(other, None)
	return done.status


def _process(name: str, event: records.Event | None) -> _Done:
	done = _process_come_what_may(name, event)
	if done.why_dead:
		_tell_managers(name, done.why_dead)
	return done


def _process_come_what_may(name: str, event: records.Event | None) -> _Done:
	hooks = documents.Hooks()
	while True:
		try:
			done = transaction.repeated(lambda: _process_once(name, event, hooks))
			frappe.db.commit()
			return done
		except PayloadError as error:
			return _give_up(name, error, final=True)
		except Exception as error:
			if not hooks.is_worth_another_attempt(error):
				return _give_up(name, error)


def _process_once(name: str, event: records.Event | None, hooks: documents.Hooks) -> _Done:
	hooks.begin()
	row = events.new_row(name) if event else events.claim(name)
	if not row:
		return _Done(frappe.db.get_value(events.DOCTYPE, name, "status") or "Processed")
	if row.hooks_pending:
		return _process_hooks(row, hooks)

	event = event or _read(row)
	handler = HANDLERS.get(event.name)
	if not handler and event.name:
		events.mark_processed(row, status="Ignored")
		return _Done("Ignored")
	if event.problem:
		raise event.problem
	session = sessions.find(event.session_id, event.session_hub_id)
	if not session:
		reason = _("There is no WhatsApp Session {0}.").format(event.session_id or event.session_hub_id)
		return _Done(_wait(row, reason, None))

	event = _with_its_time(event, row)
	outcome = handler(Delivery(event, session, hooks))
	if outcome.waits_for:
		return _Done(_wait(row, outcome.waits_for, session))
	stored_message = event.message_id if isinstance(event.payload, records.Message) else ""
	if pending := hooks.pending:
		return _mark_hooks_failed(row, pending, hooks.why_pending, session, stored_message)
	events.mark_processed(row, session=session, body=_without_picture(event, row))
	return _Done("Processed", session, stored_message)


def _read(row: frappe._dict) -> records.Event:
	headers = dict(line.split(": ", 1) for line in (row.headers or "").splitlines())
	return payloads.understand_event(json.loads(row.body), headers)


def _with_its_time(event: records.Event, row: frappe._dict) -> records.Event:
	"""What an event without a time of its own says was true when it came, not when it is processed: one that had to wait
	must not undo what came after it."""
	came_at_ms = clock.now_ms() if row.is_new else times.milliseconds(row.creation)
	said_at_ms = event.timestamp_ms or came_at_ms
	payload, said = event.payload, {}
	if payload and not payload.timestamp_ms:
		said["timestamp_ms"] = said_at_ms
	if event.name == "message.edited" and isinstance(payload, records.Message):
		said["edited_at_ms"] = said_at_ms
	return replace(event, payload=replace(payload, **said)) if said else event


def _process_hooks(row: frappe._dict, hooks: documents.Hooks) -> _Done:
	"""What the event brought is stored; only hooks of other apps are still to run. Where those of one document fail, that
	keeps no other document from its own."""
	pending = documents.from_text(row.hooks_pending)
	if hooks.error and not hooks.failed:
		return _mark_hooks_failed(row, pending, hooks.error)  # they ran, and then the commit failed
	for document in pending:
		if document not in hooks.failed:
			live.run_hooks_again(document, hooks)
	if hooks.failed:
		return _mark_hooks_failed(row, list(hooks.failed), next(iter(hooks.failed.values())))
	events.mark_processed(row)
	return _Done("Processed")


def _mark_hooks_failed(
	row: frappe._dict,
	pending: list[documents.Reference],
	error: Exception,
	session: str = "",
	message_id: str = "",
) -> _Done:
	"""Keep the failure with the event. The Error Log gets the first one and the last, as with `_give_up`."""
	failure = live.describe(pending, error)
	text = documents.as_text(pending)
	status = events.mark_failed(row.name, failure.text, hooks_pending=text, session=session)
	if status == "Dead" or not row.attempts:
		live.log(failure)
	why = _("a hook of {0} keeps failing").format(failure.app)
	return _Done(status, session, message_id, why_dead=why if status == "Dead" else "")


def _wait(row: frappe._dict, reason: str, session: str | None) -> str:
	if events.waited_too_long(row):
		events.mark_processed(row, status="Ignored", session=session)
		return "Ignored"
	events.mark_waiting(row, reason, session)
	return "Waiting"


def _give_up(name: str, error: Exception, *, final: bool = False) -> _Done:
	"""Keep the error with the event, for now or for good. The Error Log gets its first one and its last."""
	frappe.db.rollback()
	status = events.mark_failed(name, f"{error}\n\n{live.without_message(error)}", final=final)
	if status == "Dead" or frappe.db.get_value(events.DOCTYPE, name, "attempts") == 1:
		live.log_fault(f"WhatsApp: a webhook event is {status}", error, events.DOCTYPE, name)
	frappe.db.commit()
	# The words of errors of other kinds may quote a conversation.
	why = str(error) if isinstance(error, PayloadError) else type(error).__name__
	return _Done(status, why_dead=why if status == "Dead" else "")


def _tell_managers(name: str, why: str) -> None:
	"""In a transaction of its own: that the event is Dead is stored, whatever becomes of the notices."""
	try:
		managers.tell_once(_("WhatsApp: a webhook event was given up: {0}").format(why), events.DOCTYPE, name)
		frappe.db.commit()
	except Exception as error:
		frappe.db.rollback()
		live.log_fault("WhatsApp: managers could not be told of a Dead event", error, events.DOCTYPE, name)
		frappe.db.commit()


def _without_picture(event: records.Event, row: frappe._dict) -> str | None:
	"""The body without the QR image, if it had one: it is of no use any more and large."""
	if event.name != "session.qr":
		return None
	body = row.body or frappe.db.get_value(events.DOCTYPE, row.name, "body")

	def shortened(value: object) -> object:
		if isinstance(value, dict):
			return {key: shortened(item) for key, item in value.items()}
		if isinstance(value, str) and len(value) > PICTURE_LENGTH:
			return f"[{len(value)} characters removed]"
		return value

	return json.dumps(shortened(json.loads(body)))
