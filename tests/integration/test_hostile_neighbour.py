"""A neighbour whose hooks raise: what they cost is shown with its name, tried again, and is never a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date, now_datetime

from support import factories
from xappiens_whatsapp import jobs, live, realtime
from xappiens_whatsapp.api import webhook
from xappiens_whatsapp.inbox_hub import payloads
from xappiens_whatsapp.store import events

if TYPE_CHECKING:
	from support.realtime import Socket

SECRET_WORDS = "the surgeon said Tuesday"
MESSAGE, EVENT = "WhatsApp Message", events.DOCTYPE


@pytest.fixture(autouse=True)
def session(neighbour: ModuleType) -> str:
	factories.set_up()
	name = factories.make_session()
	frappe.db.commit()
	return name


def deliver(text: str = SECRET_WORDS, message_id: str = "3EB0LIVE") -> str:
	"""A message.received event is stored and processed, as the webhook does it; returns the event's name."""
	body = {
		"event": "message.received",
		"sessionId": factories.SESSION,
		"data": {
			"messageId": message_id,
			"from": f"{factories.NUMBER}@c.us",
			"body": text,
			"type": "text",
			"timestamp": factories.NOON_MS // 1000,
		},
	}
	event = payloads.understand_event(body, {})
	stored = webhook.store_event(event, json.dumps(body), {})
	webhook.process_event(stored.name, event)
	return stored.name


def only_message() -> frappe._dict:
	(row,) = frappe.get_all(MESSAGE, fields=["*"])
	return row


def event_row(name: str) -> frappe._dict:
	return frappe.db.get_value(EVENT, name, "*", as_dict=True)


def make_due(event: str) -> None:
	frappe.db.set_value(EVENT, event, "next_attempt", add_to_date(now_datetime(), seconds=-1))
	frappe.db.commit()


@pytest.mark.parametrize("hook", ["before_insert", "validate", "after_insert", "on_update"])
def test_hook_that_raises_is_named_and_run_once_more_when_it_is_due(neighbour: ModuleType, hook: str) -> None:
	neighbour.raise_at(hook)
	event = deliver()
	row = event_row(event)
	assert (row.status, row.hooks_pending, row.attempts) == ("Failed", only_message().name, 1)
	assert row.error.startswith("neighbour\n")
	assert only_message().content == SECRET_WORDS

	neighbour.forget()  # it is repaired
	make_due(event)
	jobs.process_due_events()

	row = event_row(event)
	assert (row.status, row.hooks_pending, row.error) == ("Processed", None, None)
	assert sorted(note["event"] for note in neighbour.seen()) == [
		"after_insert",
		"before_insert",
		"on_update",
		"validate",
	]
	assert only_message().content == SECRET_WORDS
	jobs.process_due_events()
	assert len(neighbour.seen()) == 4, "the hooks ran again although all was done"


def test_hook_that_keeps_raising_is_tried_ever_later_and_then_given_up(neighbour: ModuleType) -> None:
	neighbour.raise_at("validate")
	event = deliver()
	attempts = []
	while event_row(event).status == "Failed":
		attempts.append(event_row(event).attempts)
		make_due(event)
		jobs.process_due_events()
		assert len(attempts) < 20, "it is tried for ever"
	assert attempts == list(range(1, len(events.RETRY_AFTER) + 1))
	assert event_row(event).status == "Dead"
	assert only_message().content == SECRET_WORDS


def test_what_a_hook_changed_is_kept_when_it_is_run_again(neighbour: ModuleType) -> None:
	frappe.db.set_value("User", "Guest", "mobile_no", factories.NUMBER)
	neighbour.raise_at("after_insert")
	event = deliver()
	neighbour.forget()
	make_due(event)
	jobs.process_due_events()
	assert (only_message().reference_doctype, only_message().reference_name) == ("User", "Guest")


def test_message_is_shown_at_once_although_a_hook_raised(
	neighbour: ModuleType, socket: Callable[..., Socket], session: str
) -> None:
	page = socket()
	page.subscribe("WhatsApp Session", session)
	neighbour.raise_at("on_update")
	deliver()
	heard = page.wait_for(realtime.MESSAGE)
	assert heard["message"] == only_message().name
	assert SECRET_WORDS not in json.dumps(heard)


def test_what_is_said_of_the_failure_quotes_no_message(neighbour: ModuleType) -> None:
	neighbour.raise_at("validate")
	event = deliver()
	logs = frappe.get_all("Error Log", fields=["*"])
	assert len(logs) == 1
	assert "neighbour" in logs[0].method
	assert SECRET_WORDS not in frappe.as_json(logs)
	assert SECRET_WORDS not in event_row(event).error


@pytest.mark.parametrize("doctype", ["WhatsApp Contact", "WhatsApp Conversation"])
def test_hook_on_a_contact_or_conversation_costs_no_message_either(doctype: str) -> None:
	frappe.get_doc_hooks()
	# of a message it would read the type; of these it cannot
	frappe.local.doc_events_hooks[doctype] = {"after_insert": ["neighbour.whatsapp.after_insert"]}
	event = deliver()
	assert only_message().content == SECRET_WORDS
	assert event_row(event).status == "Failed"
	assert event_row(event).error.startswith("neighbour\n")
	assert frappe.db.count("WhatsApp Contact") == frappe.db.count("WhatsApp Conversation") == 1
	assert frappe.db.get_value("WhatsApp Conversation", {}, "unread_count") == 1


def test_message_that_a_sync_brought_late_is_stored_and_its_hooks_wait_as_an_event(
	neighbour: ModuleType, session: str
) -> None:
	neighbour.raise_at("validate")
	live.store_live_message(session, factories.message_record(SECRET_WORDS))
	(event,) = frappe.get_all(EVENT, fields=["name", "status", "hooks_pending", "error"])
	assert (event.status, event.hooks_pending) == ("Failed", only_message().name)
	assert event.error.startswith("neighbour\n")

	neighbour.forget()
	make_due(event.name)
	jobs.process_due_events()
	assert event_row(event.name).status == "Processed"
	assert len(neighbour.seen()) == 4


def test_hooks_of_a_message_that_was_deleted_meanwhile_are_done_with(neighbour: ModuleType) -> None:
	neighbour.raise_at("validate")
	event = deliver()
	neighbour.forget()
	frappe.delete_doc(MESSAGE, only_message().name, ignore_permissions=True, force=True)
	make_due(event)
	jobs.process_due_events()
	assert event_row(event).status == "Processed"
