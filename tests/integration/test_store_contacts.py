"""Contacts of the Hub become rows once, and what is not said never overwrites what is known."""

from __future__ import annotations

import dataclasses

import frappe
import pytest

from support import factories
from support.database import in_parallel, statements
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import contacts, conversations
from xappiens_whatsapp.store.bulk import Counts

CONTACT = contacts.DOCTYPE


@pytest.fixture(autouse=True)
def session() -> str:
	return factories.make_session()


def stored(number: str = factories.NUMBER) -> frappe._dict:
	(row,) = frappe.get_all(CONTACT, {"contact_id": factories.jid_of(number)}, ["*"])
	return row


def page(count: int = 100, **values: object) -> list[records.Contact]:
	return [
		factories.contact_record(number, name=f"Contacto {number}", **values)
		for number in factories.numbers(count)
	]


def test_page_of_a_hundred_new_contacts_takes_two_statements(session: str) -> None:
	with statements() as made:
		counts = contacts.upsert(session, page())
	assert counts == Counts(processed=100, created=100)
	assert [statement.split()[0] for statement in made] == ["SELECT", "INSERT"]
	assert frappe.db.count(CONTACT) == 100


def test_page_that_says_nothing_new_is_read_and_not_written(session: str) -> None:
	contacts.upsert(session, page())
	before = frappe.get_all(CONTACT, fields=["*"], order_by="name")
	with statements() as made:
		counts = contacts.upsert(session, page())
	assert counts == Counts(processed=100)
	assert [statement.split()[0] for statement in made] == ["SELECT"]
	assert frappe.get_all(CONTACT, fields=["*"], order_by="name") == before


def test_page_of_changes_takes_three_statements_and_touches_the_changed_rows_only(session: str) -> None:
	contacts.upsert(session, page())
	before = dict(frappe.get_all(CONTACT, fields=["contact_id", "modified"], as_list=True))
	changed = [dataclasses.replace(contact, about="Hola 👋") for contact in page(3)]
	with statements() as made:
		counts = contacts.upsert(session, [*changed, *page()[3:]])
	assert counts == Counts(processed=100, updated=3)
	assert len(made) == 3
	after = dict(frappe.get_all(CONTACT, fields=["contact_id", "modified"], as_list=True))
	assert {jid for jid in after if after[jid] != before[jid]} == {contact.jid for contact in changed}


def test_contact_named_twice_in_a_page_is_one_row_and_the_last_word_counts(session: str) -> None:
	contacts.upsert(
		session, [factories.contact_record(name="Antes"), factories.contact_record(name="Después")]
	)
	assert stored().contact_name == "Después"


@pytest.mark.parametrize(
	"said", [{}, {"push_name": "nick"}, {"short_name": "Mar", "verified_name": "María S.L."}]
)
def test_name_of_the_address_book_stays_when_it_is_not_said(session: str, said: dict[str, str]) -> None:
	contacts.upsert(session, [factories.contact_record(name="María Muñoz")])
	contacts.upsert(session, [factories.contact_record(**said)])
	assert stored().contact_name == "María Muñoz"


def test_placeholder_gives_way_to_a_push_name_and_that_to_a_name(session: str) -> None:
	names = []
	for said in ({}, {"push_name": "nick"}, {"name": "María"}, {"push_name": "other nick"}):
		contacts.upsert(session, [factories.contact_record(**said)])
		names.append(stored().contact_name)
	assert names == ["+34600000001", "nick", "María", "María"]


def test_what_is_not_said_leaves_flags_and_texts(session: str) -> None:
	contacts.upsert(
		session,
		[
			factories.contact_record(
				is_blocked=True,
				is_my_contact=True,
				about="Hola",
				labels=("vip",),
				photo_url="https://p.example/1",
			)
		],
	)
	contacts.upsert(session, [factories.contact_record()])
	row = stored()
	assert (row.is_blocked, row.is_my_contact, row.about, row.labels) == (1, 1, "Hola", "vip")
	assert row.profile_pic_url == "https://p.example/1"


def test_what_is_said_to_be_false_is_false(session: str) -> None:
	contacts.upsert(session, [factories.contact_record(is_blocked=True, labels=("vip",))])
	contacts.upsert(session, [factories.contact_record(is_blocked=False, labels=())])
	assert (stored().is_blocked, stored().labels) == (0, "")


def test_last_seen_moves_forward_only(session: str) -> None:
	for moment in (0, 60_000, -60_000):
		contacts.upsert(session, [factories.contact_record(last_seen_ms=factories.NOON_MS + moment)])
	assert str(stored().last_seen) == "2025-12-19 13:01:00"  # Madrid


def test_two_sessions_know_the_same_number_each_for_itself(session: str) -> None:
	other = factories.make_session("other_session")
	contacts.upsert(session, [factories.contact_record(name="Here")])
	contacts.upsert(other, [factories.contact_record(name="There")])
	rows = frappe.get_all(CONTACT, fields=["session", "contact_name"], as_list=True)
	assert sorted(rows) == [(session, "Here"), (other, "There")]


def test_live_event_of_a_known_contact_changes_it_and_of_an_unknown_one_makes_it(session: str) -> None:
	name = contacts.apply(session, factories.contact_record(push_name="nick"))
	assert contacts.apply(session, factories.contact_record(name="María")) == name
	assert stored().contact_name == "María"


def test_conversation_follows_the_name_of_its_contact_but_not_one_of_its_own(session: str) -> None:
	contacts.apply(session, factories.contact_record(push_name="nick"))
	conversations.find_or_create(session, factories.jid_of(factories.NUMBER), stored().name, "nick")
	contacts.apply(session, factories.contact_record(name="María"))
	assert frappe.db.get_value("WhatsApp Conversation", {}, "contact_name") == "María"

	frappe.db.set_value("WhatsApp Conversation", {"session": session}, "contact_name", "Client of Tuesday")
	contacts.apply(session, factories.contact_record(name="María Muñoz"))
	assert frappe.db.get_value("WhatsApp Conversation", {}, "contact_name") == "Client of Tuesday"


def test_conversations_and_messages_from_before_the_contact_are_linked_to_it(session: str) -> None:
	conversation = factories.make_conversation(session, contact_name="+34600000001")
	group = factories.make_conversation(session, "120363000000000001@g.us")
	messages = [factories.make_message(conversation), factories.make_message(group)]
	contacts.upsert(session, [factories.contact_record(name="María")])

	contacts.link_conversations(session)

	row = frappe.db.get_value(
		"WhatsApp Conversation", conversation, ["contact", "contact_name"], as_dict=True
	)
	assert (row.contact, row.contact_name) == (stored().name, "María")
	linked = [frappe.db.get_value("WhatsApp Message", message, "contact") for message in messages]
	assert linked == [stored().name, None]


def test_of_names_that_come_at_once_the_latest_stays(session: str, monkeypatch: pytest.MonkeyPatch) -> None:
	"""The newer one is stored after the older one's event has read the contact."""
	contacts.apply(session, factories.contact_record(name="Ana"))
	frappe.db.commit()
	read = contacts.bulk.rows_by_key

	def rename(number: int) -> None:
		record = factories.contact_record(name=f"Ana {number}", timestamp_ms=factories.NOON_MS + number)
		contacts.apply(session, record)
		frappe.db.commit()

	def read_too_early(*arguments: object) -> dict:
		rows = read(*arguments)
		monkeypatch.undo()
		in_parallel([lambda: rename(2)])
		return rows

	monkeypatch.setattr(contacts.bulk, "rows_by_key", read_too_early)
	rename(1)
	assert frappe.get_all("WhatsApp Contact", pluck="contact_name") == ["Ana 2"]
