"""Chats of the Hub become conversations once; their preview and unread count move with the messages."""

from __future__ import annotations

import frappe
import pytest

from support import factories
from support.database import in_parallel, statements
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import conversations, messages
from xappiens_whatsapp.store.bulk import Counts

CONVERSATION = conversations.DOCTYPE
NO_CONVERSATIONS = ("status@broadcast", "123456@broadcast", "120363000000000009@newsletter")


@pytest.fixture(autouse=True)
def session() -> str:
	return factories.make_session()


def stored(number: str = factories.NUMBER) -> frappe._dict:
	(row,) = frappe.get_all(CONVERSATION, {"chat_id": factories.jid_of(number)}, ["*"])
	return row


def page(count: int = 100) -> list[records.Chat]:
	last = records.LastMessage("Hasta mañana", factories.NOON_MS, from_me=True)
	return [
		factories.chat_record(number, name=f"Chat {number}", last_message=last)
		for number in factories.numbers(count)
	]


def test_page_of_a_hundred_chats_takes_two_statements_when_new_and_one_when_known(session: str) -> None:
	with statements() as made:
		assert conversations.upsert(session, page(), is_first_sync=True) == Counts(processed=100, created=100)
	assert [statement.split()[0] for statement in made] == ["SELECT", "INSERT"]

	before = frappe.get_all(CONVERSATION, fields=["*"], order_by="name")
	with statements() as made:
		assert conversations.upsert(session, page(), is_first_sync=False) == Counts(processed=100)
	assert [statement.split()[0] for statement in made] == ["SELECT"]
	assert frappe.get_all(CONVERSATION, fields=["*"], order_by="name") == before


def test_stories_broadcasts_and_newsletters_make_no_conversation(session: str) -> None:
	chats = [factories.chat_record(jid) for jid in (*NO_CONVERSATIONS, factories.NUMBER, "34600000001@lid")]
	counts = conversations.upsert(session, chats, is_first_sync=True)
	assert counts == Counts(processed=5, created=2)
	assert set(frappe.get_all(CONVERSATION, pluck="chat_id")) == {
		"34600000001@s.whatsapp.net",
		"34600000001@lid",
	}


def test_hub_counts_unread_in_the_first_sync_only(session: str) -> None:
	conversations.upsert(session, [factories.chat_record(unread_count=7)], is_first_sync=True)
	assert stored().unread_count == 7
	conversations.upsert(session, [factories.chat_record(unread_count=2)], is_first_sync=False)
	assert stored().unread_count == 7
	conversations.upsert(session, [factories.chat_record("34600000002", unread_count=3)], is_first_sync=False)
	assert stored("34600000002").unread_count == 0


@pytest.mark.parametrize("order", ["message, list", "list, message"])
def test_message_that_comes_during_the_first_sync_is_counted_once(session: str, order: str) -> None:
	"""The Hub's count of 6 holds it."""
	message = factories.message_record("Hola", timestamp_ms=factories.NOON_MS + 250)
	last = records.LastMessage("Hola", factories.NOON_MS)
	chat = factories.chat_record(unread_count=6, last_message=last)
	for what in order.split(", "):
		if what == "message":
			messages.receive(session, message)
		else:
			conversations.upsert(session, [chat], is_first_sync=True)
	assert stored().unread_count == 6
	messages.receive(session, factories.message_record("¿Hola?", timestamp_ms=factories.NOON_MS + 5000))
	assert stored().unread_count == 7
	conversations.upsert(session, [chat], is_first_sync=True)  # the first sync begins anew
	assert stored().unread_count == 7


def test_message_is_unread_where_the_hub_tells_no_count(session: str) -> None:
	last = records.LastMessage("Hola", factories.NOON_MS)
	conversations.upsert(session, [factories.chat_record(last_message=last)], is_first_sync=True)
	messages.receive(session, factories.message_record("Hola", timestamp_ms=factories.NOON_MS))
	assert stored().unread_count == 1


def test_what_is_not_said_leaves_name_and_flags(session: str) -> None:
	full = factories.chat_record(name="Ventas", is_pinned=True, is_archived=True, is_muted=True)
	conversations.upsert(session, [full], is_first_sync=True)
	conversations.upsert(session, [factories.chat_record()], is_first_sync=False)
	row = stored()
	assert (row.contact_name, row.is_pinned, row.is_archived, row.is_muted) == ("Ventas", 1, 1, 1)
	assert row.status == "Archived"


def test_preview_moves_forward_only(session: str) -> None:
	for text, moment in (("second", 1000), ("first", 0), ("third", 2000)):
		last = records.LastMessage(text, factories.NOON_MS + moment)
		conversations.upsert(session, [factories.chat_record(last_message=last)], is_first_sync=False)
		if text == "first":
			assert stored().last_message == "second"
	assert stored().last_message == "third"


def test_older_message_counts_but_leaves_the_preview(session: str) -> None:
	for text, moment in (("new", 1000), ("old", 0)):
		messages.receive(session, factories.message_record(text, timestamp_ms=factories.NOON_MS + moment))
	row = stored()
	assert (row.last_message, row.unread_count, row.total_messages) == ("new", 2, 2)


def test_unread_counts_are_right_after_eight_connections_wrote_at_once(session: str) -> None:
	frappe.db.commit()
	each = 6

	def receive(worker: int) -> None:
		from xappiens_whatsapp.store import transaction

		for turn in range(each):
			record = factories.message_record(f"{worker}.{turn}", timestamp_ms=factories.NOON_MS + turn)
			transaction.repeated(lambda record=record: messages.receive(session, record))
			frappe.db.commit()

	in_parallel([lambda worker=worker: receive(worker) for worker in range(8)])

	row = stored()
	assert (row.unread_count, row.total_messages) == (8 * each, 8 * each)
	assert frappe.db.count("WhatsApp Message") == 8 * each
	assert frappe.db.count("WhatsApp Contact") == 1


def test_own_message_is_not_unread_and_reading_ends_the_count(session: str) -> None:
	messages.receive(session, factories.message_record())
	messages.receive(session, factories.message_record("from the phone", from_me=True))
	assert stored().unread_count == 1
	conversations.mark_read(session, stored().name)
	assert stored().unread_count == 0


def test_flag_that_is_older_than_what_is_known_changes_nothing(session: str) -> None:
	jid = factories.jid_of(factories.NUMBER)
	conversations.apply_flag(session, records.ChatFlag(jid, True, factories.NOON_MS + 1000))
	conversations.apply_flag(session, records.ChatFlag(jid, False, factories.NOON_MS))
	assert stored().is_archived == 1
	conversations.apply_flag(session, records.ChatFlag(jid, False, factories.NOON_MS + 2000))
	assert (stored().is_archived, stored().status) == (0, "Active")


def test_two_sessions_have_the_same_chat_each_for_itself(session: str) -> None:
	other = factories.make_session("other_session")
	for name in (session, other):
		messages.receive(name, factories.message_record(f"to {name}", message_id="3EB0SAME"))
	rows = frappe.get_all(CONVERSATION, fields=["session", "last_message"], as_list=True)
	assert sorted(rows) == [(session, f"to {session}"), (other, f"to {other}")]
	assert frappe.db.count("WhatsApp Message", {"message_id": "3EB0SAME"}) == 2
