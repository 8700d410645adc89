"""Many write at once: every writer locks Session, Contact, Conversation, Message, Reaction in this order, so none waits in
a circle."""

from __future__ import annotations

import re
from collections.abc import Callable

import frappe
import pytest

from support import factories
from support.database import in_parallel, statements
from xappiens_whatsapp import outbox
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import (
	contacts,
	conversations,
	messages,
	reactions,
	receipts,
	sessions,
	sync_runs,
	transaction,
)
from xappiens_whatsapp.sync import engine, scopes
from xappiens_whatsapp.sync.cursor import Cursor

ORDER = ("Session", "Contact", "Conversation", "Message", "Message Reaction")
LOCKS = re.compile(r"^(UPDATE|INSERT|DELETE|REPLACE)|FOR UPDATE$", re.IGNORECASE)
SEVERAL_ROWS = re.compile(r"^UPDATE .* IN \(", re.IGNORECASE)
CHATS = factories.numbers(5)


@pytest.fixture(autouse=True)
def session() -> str:
	return factories.make_session()


def tables_as_locked(made: list[str]) -> list[str]:
	"""The app's tables in the order in which rows of them were locked.

	What names one row by its key is counted once a table: it may be that row again, which is locked already."""
	locked: list[str] = []
	for statement in made:
		if LOCKS.search(statement):
			table = re.search(r"`tabWhatsApp ([^`]+)`", statement)[1]
			if table in ORDER and (table not in locked or SEVERAL_ROWS.search(statement)):
				locked.append(table)
	return locked


def live_message(session: str) -> list[str]:
	with statements() as made:
		messages.receive(session, factories.message_record(push_name="María"))
	return made


def id_after_the_echo(session: str) -> list[str]:
	own = factories.make_message(
		factories.make_conversation(session), direction="Outgoing", status="Sending", message_id=None
	)
	echo = factories.message_record("Hola.", from_me=True, message_id="3EB0ECHO")
	factories.make_reaction(messages.receive(session, echo).name)
	with statements() as made:
		messages.take_id(own, session, "3EB0ECHO", records.SentMessage("3EB0ECHO"))
	return made


def name_of_a_contact(session: str) -> list[str]:
	live_message(session)
	with statements() as made:
		contacts.apply(session, factories.contact_record(name="María Muñoz"))
	return made


def totals(session: str) -> list[str]:
	factories.make_message(factories.make_conversation(session))
	with statements() as made:
		sessions.refresh_totals(session)
	return made


def end_of_a_sync(session: str) -> list[str]:
	contact, conversation = factories.make_contact(session), factories.make_conversation(session)
	factories.make_message(conversation)
	frappe.db.set_value("WhatsApp Conversation", conversation, {"contact": None, "total_messages": 7})
	claim = sync_runs.claim(sync_runs.open_run(session, "Manual"))
	scope = scopes.of_session(session)
	frappe.db.commit()
	with statements() as made:
		engine._finish(claim, scope, Cursor())
	assert frappe.db.get_value("WhatsApp Message", {"session": session}, "contact") == contact
	assert frappe.db.get_value("WhatsApp Conversation", conversation, "total_messages") == 1
	return made


@pytest.mark.parametrize("write", [live_message, id_after_the_echo, name_of_a_contact, totals, end_of_a_sync])
def test_rows_are_locked_in_the_order_of_the_house(session: str, write: Callable[[str], list[str]]) -> None:
	locked = tables_as_locked(write(session))
	assert len(locked) > 1
	assert locked == sorted(locked, key=ORDER.index)


def test_of_a_session_one_message_at_a_time_is_joined_with_its_echo(session: str) -> None:
	"""Two whose keys are neighbours would wait for each other. Who has no echo is kept from nothing."""
	assert tables_as_locked(id_after_the_echo(session))[0] == "Session"
	conversation = frappe.db.get_value("WhatsApp Conversation", {"session": session})
	own = factories.make_message(conversation, direction="Outgoing", message_id=None)
	with statements() as made:
		messages.take_id(own, session, "3EB0ALONE", records.SentMessage("3EB0ALONE"))
	assert tables_as_locked(made) == ["Conversation", "Message"]


@pytest.mark.parametrize(
	"apply",
	[
		lambda session: receipts.apply(session, records.Receipt("3EB0LOCKED", "Read")),
		lambda session: receipts.apply(session, records.Receipt("", "Read", hub_id=7)),
		lambda session: reactions.apply(
			session, records.Reaction("3EB0LOCKED", factories.jid_of(CHATS[0]), "", False, "👍", 1)
		),
	],
	ids=["receipt", "receipt by the number at the Hub", "reaction"],
)
def test_who_locks_a_message_keeps_nobody_from_writing_others(
	session: str, apply: Callable[[str], str | None]
) -> None:
	messages.receive(session, factories.message_record(message_id="3EB0LOCKED", hub_id=7, from_me=True))
	frappe.db.commit()
	assert apply(session)

	def others() -> int:
		frappe.db.sql("SET SESSION innodb_lock_wait_timeout = 1")
		for number in range(20):
			record = factories.message_record(number=CHATS[1], message_id=f"3EB0{number}", hub_id=number + 10)
			messages.receive(session, record)
		frappe.db.commit()
		return frappe.db.count("WhatsApp Message")

	assert in_parallel([others]) == [21]


def test_events_sync_and_outbox_together_never_wait_in_a_circle(session: str) -> None:
	"""Eight at once. What loses a race is told so by the database; a deadlock is what must not be among it.

	The chats exist already: where several make the same row and the first one gives up, InnoDB has the others collide
	whatever their order, and `transaction.repeated` is there for that."""
	contacts.upsert(session, [factories.contact_record(number) for number in CHATS])
	conversations.upsert(session, [factories.chat_record(number) for number in CHATS], is_first_sync=True)
	frappe.db.commit()
	turns, lost = 12, []

	def repeated(work: Callable[[], object]) -> None:
		"""Like `transaction.repeated`, but every deadlock is kept for the test."""
		while True:
			try:
				work()
				frappe.db.commit()
				return
			except Exception as error:
				frappe.db.rollback()
				if not transaction.lost_a_race(error):
					raise
				if frappe.db.is_deadlocked(error) or isinstance(error, frappe.QueryDeadlockError):
					lost.append(str(error))

	def events(worker: int) -> None:
		for turn in range(turns):
			number, message_id = CHATS[turn % len(CHATS)], f"3EB0{worker:02}{turn:02}"
			record = factories.message_record(
				f"{worker}.{turn}", number, message_id=message_id, push_name="María"
			)
			repeated(lambda record=record: messages.receive(session, record))
			reaction = records.Reaction(message_id, record.chat_jid, record.chat_jid, False, "👍", turn)
			repeated(lambda reaction=reaction: reactions.apply(session, reaction))
			contact = factories.contact_record(number, name=f"{worker}.{turn}")
			repeated(lambda contact=contact: contacts.apply(session, contact))
			repeated(
				lambda record=record: conversations.apply_flag(
					session, records.ChatFlag(record.chat_jid, True)
				)
			)

	def syncs(worker: int) -> None:
		for turn in range(turns):
			page = [
				factories.message_record("old", number, message_id=f"3EB0{number}{turn}", timestamp_ms=1000)
				for number in CHATS
			]
			chats = [factories.chat_record(number, name=f"Chat {turn}") for number in CHATS]
			people = [factories.contact_record(number, about=f"{worker}.{turn}") for number in CHATS]
			repeated(lambda chats=chats: conversations.upsert(session, chats, is_first_sync=False))
			repeated(
				lambda page=page: messages.store_page(session, messages.compare(session, page, 2000), 2000)
			)
			repeated(lambda people=people: contacts.upsert(session, people))
			repeated(lambda: contacts.link_conversations(session))
			repeated(lambda: sessions.refresh_totals(session))

	def outbox_and_echoes(worker: int) -> None:
		for turn in range(turns):
			number, message_id = CHATS[turn % len(CHATS)], f"3EB0{worker:02}{turn:02}"
			text = f"{worker}.{turn}"
			made: list[str] = []

			def write(number: str = number, text: str = text, made: list[str] = made) -> None:
				jid = factories.jid_of(number)
				conversation = conversations.find_or_create(
					session, jid, contacts.find_or_create(session, jid)
				)
				made[:] = [factories.make_message(conversation, text, direction="Outgoing", message_id=None)]

			repeated(write)
			outbox.claim(made[0])
			echo = factories.message_record(f"{text}.", number, message_id=message_id, from_me=True)
			repeated(lambda echo=echo: messages.receive(session, echo))
			sent = records.SentMessage(message_id)
			repeated(lambda name=made[0], sent=sent: messages.take_id(name, session, sent.message_id, sent))
			repeated(lambda sent=sent: receipts.apply(session, records.Receipt(sent.message_id, "Read")))

	workers = [events] * 3 + [syncs] * 2 + [outbox_and_echoes] * 3
	in_parallel([lambda worker=worker, do=do: do(worker) for worker, do in enumerate(workers)], seconds=120)

	assert lost == [], "see the bench's mariadb.log for both transactions"
	assert frappe.db.count("WhatsApp Message", {"direction": "Outgoing", "status": "Read"}) == 3 * turns
	unread = frappe.get_all("WhatsApp Conversation", pluck="unread_count")
	assert sum(unread) == 3 * turns
	messages_of = dict(
		frappe.db.sql("SELECT conversation, COUNT(*) FROM `tabWhatsApp Message` GROUP BY conversation")
	)
	sessions.refresh_totals(session)
	assert messages_of == dict(
		frappe.get_all("WhatsApp Conversation", fields=["name", "total_messages"], as_list=True)
	)
