"""An event that was stored and had to wait tells of the past: it undoes nothing that came after it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import frappe
import pytest

from support import factories, webhooks
from support.factories import SESSION
from support.webhooks import GROUP, PERSON, event, jid_of, reaction, received
from xappiens_whatsapp import webhook_processing
from xappiens_whatsapp.inbox_hub import clock
from xappiens_whatsapp.store import contacts, conversations, events, messages, times

JID = jid_of(PERSON)
CONTACT, CONVERSATION, MESSAGE = "WhatsApp Contact", "WhatsApp Conversation", "WhatsApp Message"
HEART, THUMB = "❤️", "👍"


@pytest.fixture(autouse=True)
def session() -> None:
	factories.set_up()
	factories.make_session()
	frappe.db.commit()


def value(doctype: str, *fields: str) -> tuple[Any, ...]:
	frappe.db.rollback()
	(row,) = frappe.get_all(doctype, fields=list(fields), as_list=True)
	return tuple(row)


def process(content: Mapping[str, Any]) -> None:
	assert webhook_processing.process_event(webhooks.store(content)) == "Processed"


def change(text: str | None) -> dict:
	said = {"messageId": "3EB0A", "from": JID, "isEdited": True}
	return event("message_edit", **said, **({"body": text} if text is not None else {}))


def untimed(emoji: str) -> dict:
	content = reaction("3EB0A", emoji)
	del content["data"]["reactionMessage"]["senderTimestampMs"]
	return content


# What is said first and processed last, what comes in between, and the fields that tell which of them counts.
CASES: dict[str, tuple[dict, dict, str, tuple[str, ...], tuple]] = {
	"disconnected, connected": (
		event("session.disconnected", reason="conflict"),
		event("session.connected"),
		"WhatsApp Session",
		("status", "is_connected"),
		("Connected", 1),
	),
	"archived, unarchived": (
		event("chat.archived", chatId=JID),
		event("chat.unarchived", chatId=JID),
		CONVERSATION,
		("is_archived", "status"),
		(0, "Active"),
	),
	"name, another name": (
		event("contact.updated", contact={"id": JID, "name": "Ana"}),
		event("contact.updated", contact={"id": JID, "name": "Ana María"}),
		CONTACT,
		("contact_name",),
		("Ana María",),
	),
	"edit, another edit": (change("uno"), change("dos"), MESSAGE, ("content", "is_edited"), ("dos", 1)),
	"heart, thumb": (
		untimed(HEART),
		untimed(THUMB),
		"WhatsApp Message Reaction",
		("emoji",),
		(THUMB,),
	),
}


@pytest.mark.parametrize("case", CASES)
def test_event_without_a_time_that_is_processed_late_undoes_nothing(case: str) -> None:
	older, newer, doctype, fields, expected = CASES[case]
	if doctype in (MESSAGE, "WhatsApp Message Reaction"):
		process(received("Hola", "3EB0A"))
	waiting = webhooks.store(older)
	frappe.db.set_value(events.DOCTYPE, waiting, "creation", frappe.utils.add_to_date(None, seconds=-30))
	frappe.db.commit()
	process(newer)
	assert value(doctype, *fields) == expected
	assert webhook_processing.process_event(waiting) == "Processed"
	assert value(doctype, *fields) == expected


def test_message_without_a_time_is_of_the_moment_when_it_came() -> None:
	name = webhooks.store(received("Hola", timestamp=None))
	came_at = frappe.utils.add_to_date(None, hours=-5, as_datetime=True).replace(microsecond=0)
	frappe.db.set_value(events.DOCTYPE, name, "creation", came_at)
	frappe.db.commit()
	webhook_processing.process_event(name)
	assert value(MESSAGE, "timestamp") == (came_at,)


def test_edit_that_does_not_say_the_new_text_leaves_the_old_one() -> None:
	process(received("Hola", "3EB0A"))
	process(change(None))
	assert value(MESSAGE, "content", "is_edited") == ("Hola", 1)


@pytest.mark.parametrize("name", ["chat.archived", "chat.unarchived"])
@pytest.mark.parametrize("jid", ["status@broadcast", "123456@broadcast", "120363000000000009@newsletter"])
def test_flag_of_a_story_broadcast_or_newsletter_makes_no_conversation(name: str, jid: str) -> None:
	process(event(name, chatId=jid))
	assert frappe.db.count(CONVERSATION) == 0


def test_list_that_was_asked_for_before_an_event_does_not_undo_it() -> None:
	asked_at_ms = clock.now_ms() - 1000
	process(event("contact.updated", contact={"id": JID, "name": "Ana María"}))
	process(event("chat.archived", chatId=JID))
	contacts.upsert(SESSION, [factories.contact_record(PERSON, name="Ana")], fetched_at_ms=asked_at_ms)
	conversations.upsert(
		SESSION,
		[factories.chat_record(PERSON, is_archived=False)],
		is_first_sync=False,
		fetched_at_ms=asked_at_ms,
	)
	frappe.db.commit()
	assert value(CONTACT, "contact_name") == ("Ana María",)
	assert value(CONVERSATION, "is_archived") == (1,)

	later_ms = clock.now_ms() + 1000
	contacts.upsert(SESSION, [factories.contact_record(PERSON, name="Ana")], fetched_at_ms=later_ms)
	frappe.db.commit()
	assert value(CONTACT, "contact_name") == ("Ana",)


def test_name_that_is_older_than_a_message_is_taken_since_the_message_told_none() -> None:
	process(received("Hola", "3EB0A", timestamp=webhooks.NOON + 60))
	process(event("contact.updated", contact={"id": JID, "name": "Ana"}, timestamp=webhooks.NOON))
	assert value(CONTACT, "contact_name") == ("Ana",)


def in_group(author: str, message_id: str | None = None, **said: Any) -> dict:
	return received(THUMB, message_id, number=GROUP, id=None, author=jid_of(author), **said)


def test_the_same_words_of_two_people_in_one_second_without_ids_are_two_messages() -> None:
	for author in ("34600000005", "34600000006"):
		content = in_group(author)
		del content["data"]["messageId"]
		process(content)
	assert len(set(frappe.get_all(MESSAGE, pluck="participant"))) == 2


def test_the_same_words_on_two_days_with_neither_id_nor_time_are_two_messages() -> None:
	for day in range(2):
		content = received("ok", timestamp=None)
		del content["data"]["messageId"]
		name = webhooks.store({**content, "nth": day})
		came_at = frappe.utils.add_to_date(None, days=day - 1)
		frappe.db.set_value(events.DOCTYPE, name, "creation", came_at)
		frappe.db.commit()
		webhook_processing.process_event(name)
	assert frappe.db.count(MESSAGE, {"content": "ok"}) == 2


def test_another_number_that_is_linked_begins_anew_and_its_past_is_no_news() -> None:
	conversation = factories.make_conversation(
		messages_synced_ms=5, history_offset=50, history_complete=1, unread_count=3
	)
	synced = {"phone_number": "34600000001", "history_until_ms": 5, "last_sync": "2026-01-01 10:00:00"}
	frappe.db.set_value("WhatsApp Session", SESSION, synced)
	frappe.db.commit()
	run = factories.make_sync_run(
		state="Running", claim="a worker", scope="Incremental", cursor='{"page": 9}'
	)
	frappe.db.commit()
	process(event("session.connected", phoneNumber="34600000001"))
	assert value("WhatsApp Session", "history_until_ms")[0] == 5

	waiting = webhooks.store(event("session.connected", phoneNumber="34600000001", nth=2))
	process(event("session.connected", phoneNumber="34600000009"))
	assert value("WhatsApp Session", "history_until_ms", "last_sync") == (0, None)
	marks = ("messages_synced_ms", "history_offset", "history_complete", "unread_count")
	assert value(CONVERSATION, "name", *marks) == (conversation, 0, 0, 0, 0)
	state = ("name", "state", "claim", "scope", "cursor")
	assert value("WhatsApp Sync Run", *state) == (run, "Queued", None, "Full", "{}")

	frappe.db.set_value(events.DOCTYPE, waiting, "creation", frappe.utils.add_to_date(None, seconds=-30))
	frappe.db.commit()
	webhook_processing.process_event(waiting)
	assert value("WhatsApp Session", "phone_number") == ("34600000009",)


def test_text_that_a_list_shows_of_an_edited_message_is_its_latest() -> None:
	process(received("Hola", "3EB0A"))
	process(change("uno"))
	listed = factories.message_record("dos", PERSON, message_id="3EB0A", is_edited=True)
	page = messages.compare(SESSION, [listed], factories.NOON_MS)
	messages.store_page(SESSION, page, factories.NOON_MS)
	frappe.db.commit()
	assert value(MESSAGE, "content") == ("dos",)


def test_time_within_the_hour_that_happens_twice_is_the_latest_that_is_past(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	half_past_two = datetime(2025, 10, 26, 2, 30)  # the site's clock goes back from 3 to 2
	first_ms = 1761438600000
	for now_ms, expected in ((first_ms + 60_000, first_ms), (first_ms + 7_200_000, first_ms + 3_600_000)):
		monkeypatch.setattr(clock, "now_ms", lambda now_ms=now_ms: now_ms)
		assert times.milliseconds(half_past_two) == expected
