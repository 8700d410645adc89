"""A neighbour whose hooks raise: what they cost is shown with its name, tried again, and is never a message."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date, now_datetime

from support import bench, factories, webhooks
from xappiens_whatsapp import jobs, live, realtime
from xappiens_whatsapp.api import webhook
from xappiens_whatsapp.inbox_hub import payloads, records
from xappiens_whatsapp.store import events, receipts

if TYPE_CHECKING:
	from support.realtime import Socket

SECRET_WORDS = "the surgeon said Tuesday"
MESSAGE, EVENT = "WhatsApp Message", events.DOCTYPE
CONTACT, CHAT = "WhatsApp Contact", "WhatsApp Conversation"


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


def everything() -> list[str]:
	"""The documents that a new person's first message makes, as an event names those whose hooks are still to run."""
	return [
		f"{doctype} {name}"
		for doctype in (CONTACT, CHAT, MESSAGE)
		for name in frappe.get_all(doctype, pluck="name")
	]


def counted() -> tuple[int, int]:
	"""How many messages the only conversation counts, and how many of them as unread."""
	(row,) = frappe.get_all(CHAT, fields=["total_messages", "unread_count"])
	return row.total_messages, row.unread_count


def add_hook(doctype: str) -> None:
	"""The neighbour hooks into this DocType as well, in this process."""
	frappe.get_doc_hooks()
	frappe.local.doc_events_hooks[doctype] = {"after_insert": ["neighbour.whatsapp.on_contact_or_chat"]}


def event_row(name: str) -> frappe._dict:
	return frappe.db.get_value(EVENT, name, "*", as_dict=True)


def make_due(event: str) -> None:
	frappe.db.set_value(EVENT, event, "next_attempt", add_to_date(now_datetime(), seconds=-1))
	frappe.db.commit()


def assert_hooks_run_once_mended(neighbour: ModuleType, event: str) -> None:
	"""The hooks that failed run when the event is due again, and the message is still there once."""
	neighbour.forget()
	make_due(event)
	jobs.process_due_events()
	assert event_row(event).status == "Processed"
	assert {note["event"] for note in neighbour.seen()} >= {"after_insert", "on_update"}
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)


@pytest.mark.parametrize("hook", ["before_insert", "validate", "after_insert", "on_update"])
def test_hook_that_raises_is_named_and_run_once_more_when_it_is_due(neighbour: ModuleType, hook: str) -> None:
	neighbour.raise_at(hook)
	event = deliver()
	row = event_row(event)
	assert (row.status, row.attempts) == ("Failed", 1)
	assert row.hooks_pending.splitlines() == everything()
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


@pytest.mark.parametrize("doctype", [CONTACT, CHAT])
def test_hook_on_a_contact_or_conversation_costs_no_message_and_runs_again_itself(
	neighbour: ModuleType, doctype: str
) -> None:
	add_hook(doctype)
	neighbour.raise_at(doctype)
	event = deliver()
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	assert event_row(event).status == "Failed"
	assert event_row(event).error.startswith("neighbour\n")
	assert event_row(event).hooks_pending.splitlines() == everything()

	neighbour.forget()
	make_due(event)
	jobs.process_due_events()
	assert event_row(event).status == "Processed"
	seen = [note["name"] for note in neighbour.seen() if note["event"] == "after_insert"]
	assert seen == [frappe.get_all(doctype, pluck="name")[0], only_message().name]


@pytest.mark.parametrize(
	("doctype", "content"),
	[
		(CONTACT, webhooks.event("contact.updated", id=webhooks.jid_of(webhooks.PERSON), name="María")),
		(CHAT, webhooks.event("chat.archived", chatId=webhooks.jid_of(webhooks.PERSON))),
	],
)
def test_contact_or_chat_that_an_event_makes_is_stored_although_its_hook_raises(
	neighbour: ModuleType, doctype: str, content: dict
) -> None:
	add_hook(doctype)
	neighbour.raise_at(doctype)
	event = webhooks.store(content)
	webhook.process_event(event)
	(stored,) = frappe.get_all(doctype, fields=["name", "contact_name"])
	if doctype == CONTACT:
		assert stored.contact_name == "María"
	else:
		assert frappe.db.get_value(CHAT, stored.name, "is_archived") == 1
	row = event_row(event)
	assert (row.status, row.hooks_pending) == ("Failed", f"{doctype} {stored.name}")
	assert row.error.startswith("neighbour\n")

	neighbour.forget()
	make_due(event)
	jobs.process_due_events()
	assert event_row(event).status == "Processed"
	assert [note["name"] for note in neighbour.seen()] == [stored.name]


def test_message_that_a_sync_brought_late_is_stored_and_its_hooks_wait_as_an_event(
	neighbour: ModuleType, session: str
) -> None:
	neighbour.raise_at("validate")
	live.store_live_message(session, factories.message_record(SECRET_WORDS))
	(event,) = frappe.get_all(EVENT, fields=["name", "status", "hooks_pending", "error"])
	assert (event.status, event.hooks_pending.splitlines()) == ("Failed", everything())
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


@pytest.mark.parametrize("hides_it", [False, True])
@pytest.mark.parametrize("hook", ["before_insert", "validate", "after_insert", "on_update"])
def test_hook_that_rolls_back_costs_no_message_and_is_named_and_run_again(
	neighbour: ModuleType, hook: str, hides_it: bool
) -> None:
	neighbour.roll_back_at(hook, hides_it=hides_it)
	event = deliver()
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	row = event_row(event)
	assert (row.status, row.hooks_pending.splitlines()) == ("Failed", everything())
	assert row.error.startswith("neighbour\n")
	assert "it must not" in row.error
	assert len(frappe.get_all("Error Log")) == 1

	make_due(event)
	jobs.process_due_events()
	assert (event_row(event).status, event_row(event).attempts) == ("Failed", 2), "it rolled back again"
	assert_hooks_run_once_mended(neighbour, event)


def test_hook_that_rolls_back_after_another_has_committed_is_noticed_too(neighbour: ModuleType) -> None:
	neighbour.commit_at("before_insert", "validate")
	neighbour.roll_back_at("after_insert", hides_it=True)
	event = deliver()
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	assert event_row(event).status == "Failed"
	assert event_row(event).error.startswith("neighbour\n")


def test_hook_that_rolls_back_costs_no_message_that_a_sync_brought_late(
	neighbour: ModuleType, session: str
) -> None:
	neighbour.roll_back_at("on_update", hides_it=True)
	live.store_live_message(session, factories.message_record(SECRET_WORDS))
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	(event,) = frappe.get_all(EVENT, fields=["status", "hooks_pending", "error"])
	assert (event.status, event.hooks_pending.splitlines()) == ("Failed", everything())
	assert event.error.startswith("neighbour\n")


@pytest.mark.parametrize("hook", ["before_insert", "validate", "after_insert", "on_update"])
def test_hook_that_commits_and_then_raises_is_named_and_run_again(
	neighbour: ModuleType, socket: Callable[..., Socket], session: str, hook: str
) -> None:
	page = socket()
	page.subscribe("WhatsApp Session", session)
	neighbour.commit_at(hook)
	neighbour.raise_at(hook)
	event = deliver()
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	row = event_row(event)
	assert (row.status, row.hooks_pending) == ("Failed", f"{MESSAGE} {only_message().name}")
	assert row.error.startswith("neighbour\n")
	assert page.wait_for(realtime.MESSAGE)["message"] == only_message().name

	assert_hooks_run_once_mended(neighbour, event)


def test_hooks_that_merely_commit_do_no_harm(neighbour: ModuleType) -> None:
	neighbour.commit_at("before_insert", "validate", "after_insert", "on_update")
	event = deliver()
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	row = event_row(event)
	assert (row.status, row.hooks_pending, row.error) == ("Processed", None, None)
	assert len(neighbour.seen()) == 4


def test_hook_that_commits_and_loses_a_race_is_not_taken_for_done(
	neighbour: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
	def commit_and_lose(doc: object, method: str | None = None) -> None:
		frappe.db.commit()
		raise frappe.QueryDeadlockError("lost")

	with monkeypatch.context() as patched:
		patched.setattr(neighbour, "after_insert", commit_and_lose)
		event = deliver()
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	assert event_row(event).hooks_pending == f"{MESSAGE} {only_message().name}"


@pytest.mark.parametrize("times", [1, 100])
def test_hook_that_keeps_a_deadlock_to_itself_costs_no_message(
	neighbour: ModuleType, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
	calls = []

	def lose_quietly(doc: object, method: str | None = None) -> None:
		calls.append(method)
		if len(calls) <= times:
			frappe.db.sql("ROLLBACK")  # as the database does in a deadlock: nobody in Python is told

	monkeypatch.setattr(neighbour, "after_insert", lose_quietly)
	event = deliver()
	assert (only_message().content, *counted()) == (SECRET_WORDS, 1, 1)
	if times == 1:
		assert (event_row(event).status, len(calls)) == ("Processed", 2)
	else:
		assert event_row(event).status == "Failed"
		assert event_row(event).hooks_pending.splitlines() == everything()


def test_receipt_that_comes_while_hooks_run_again_is_not_undone(
	neighbour: ModuleType, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
	neighbour.raise_at("validate")
	event = deliver()
	neighbour.forget()

	def read_on_the_phone() -> None:
		with bench.connected():
			receipts.apply(session, records.Receipt("3EB0LIVE", "Read", timestamp_ms=factories.NOON_MS + 1))
			frappe.db.commit()

	def waits_or_is_done() -> bool:
		return not phone.is_alive() or bool(
			frappe.db.sql(
				"""
				SELECT id FROM information_schema.processlist
				WHERE db = DATABASE() AND id != CONNECTION_ID() AND info LIKE '%tabWhatsApp Message%FOR UPDATE'
				"""
			)
		)

	def validate(doc: object, method: str | None = None) -> None:
		phone.start()
		bench.wait_until(waits_or_is_done, "the receipt waits for the hooks, or is stored")

	phone = threading.Thread(target=read_on_the_phone, daemon=True)
	monkeypatch.setattr(neighbour, "validate", validate)
	make_due(event)
	jobs.process_due_events()
	phone.join(60)
	assert not phone.is_alive()
	frappe.db.rollback()
	assert (event_row(event).status, only_message().status) == ("Processed", "Read")


def test_hook_that_fails_for_one_document_keeps_no_other_from_its_hooks(neighbour: ModuleType) -> None:
	add_hook(CONTACT)
	neighbour.raise_at(CONTACT)
	event = deliver()
	assert [note["event"] for note in neighbour.seen()] == ["after_insert"], "of the contact alone"
	make_due(event)
	jobs.process_due_events()
	row = event_row(event)
	assert (row.status, row.hooks_pending) == ("Failed", everything()[0])
	assert {note["event"] for note in neighbour.seen()} >= {"validate", "on_update"}
