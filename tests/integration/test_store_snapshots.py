"""What is decided under a lock is decided on what is true now. Under REPEATABLE READ a transaction otherwise sees what was
true when it first looked, however long it then waited for the lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import frappe
import pytest

from support import bench, factories
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import messages, reactions, receipts

JID = factories.jid_of(factories.NUMBER)


@pytest.fixture(autouse=True)
def session() -> str:
	return factories.make_session()


def look_then_meanwhile(work: Callable[[], object]) -> None:
	"""This transaction has looked at the database; then another one does its work and commits."""
	frappe.db.commit()
	frappe.get_all("WhatsApp Message")

	def run() -> None:
		with bench.connected():
			work()
			frappe.db.commit()

	with ThreadPoolExecutor(1) as pool:
		pool.submit(run).result(60)


def test_an_older_reaction_does_not_replace_one_that_came_meanwhile(session: str) -> None:
	message = messages.receive(session, factories.message_record(message_id="3EB0A")).name

	def react(emoji: str, later: int) -> None:
		reactions.apply(session, records.Reaction("3EB0A", JID, JID, False, emoji, factories.NOON_MS + later))

	react("😂", 0)
	look_then_meanwhile(lambda: react("❤️", 2000))
	react("👍", 1000)
	frappe.db.commit()
	assert [row.emoji for row in frappe.get_doc("WhatsApp Message", message).reactions] == ["❤️"]


def test_an_edit_is_not_shown_as_the_last_message_if_another_one_came_meanwhile(session: str) -> None:
	record = factories.message_record("Hola", message_id="3EB0A")
	conversation = messages.receive(session, record).conversation
	later = factories.message_record("Adiós", timestamp_ms=factories.NOON_MS + 1000)
	look_then_meanwhile(lambda: messages.receive(session, later))
	messages.receive(session, factories.message_record("Hola, Ana", message_id="3EB0A", is_edited=True))
	frappe.db.commit()
	assert frappe.db.get_value("WhatsApp Conversation", conversation, "last_message") == "Adiós"


def test_what_came_meanwhile_for_an_echo_is_not_lost_with_it(session: str) -> None:
	own = factories.make_message(
		factories.make_conversation(session), direction="Outgoing", status="Sending", message_id=None
	)
	echo = factories.message_record("Not the same.", from_me=True, message_id="3EB0ECHO")
	messages.receive(session, echo)

	def read_and_liked() -> None:
		receipts.apply(session, records.Receipt("3EB0ECHO", "Read", factories.NOON_MS))
		reactions.apply(session, records.Reaction("3EB0ECHO", JID, JID, False, "👍", factories.NOON_MS))

	look_then_meanwhile(read_and_liked)
	messages.take_id(own, session, "3EB0ECHO", records.SentMessage("3EB0ECHO"))
	frappe.db.commit()
	message = frappe.get_doc("WhatsApp Message", own)
	assert message.status == "Read" and message.read_at
	assert [row.emoji for row in message.reactions] == ["👍"]
	assert frappe.db.count("WhatsApp Message") == 1
