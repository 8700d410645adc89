"""One emoji a person and message: the latest one."""

from __future__ import annotations

import frappe
import pytest

from support import factories
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import reactions

ANA, BEA = "34600000001@s.whatsapp.net", "34600000002@s.whatsapp.net"


@pytest.fixture(autouse=True)
def message() -> str:
	return factories.make_message(factories.make_conversation(factories.make_session()), message_id="3EB0A")


def react(emoji: str, later: int = 0, sender: str = ANA, session: str = factories.SESSION) -> str | None:
	return reactions.apply(
		session,
		records.Reaction(
			message_id="3EB0A",
			chat_jid=ANA,
			sender_jid=sender,
			from_me=not sender,
			emoji=emoji,
			timestamp_ms=factories.NOON_MS + later,
		),
	)


def shown(message: str) -> list[tuple[str, str]]:
	rows = frappe.get_doc("WhatsApp Message", message).reactions
	return [(row.from_jid, row.emoji) for row in rows if row.emoji]


def test_each_person_has_one_emoji_which_they_can_change(message: str) -> None:
	for emoji, later, sender in (("👍", 0, ANA), ("😂", 1, BEA), ("❤️", 2, ANA), ("🙏", 3, "")):
		assert react(emoji, later, sender) == message
	assert shown(message) == [(ANA, "❤️"), (BEA, "😂"), ("", "🙏")]


def test_emoji_that_was_taken_away_does_not_come_back_with_a_late_event(message: str) -> None:
	react("👍", 0)
	react("", 2000)
	react("👍", 1000)
	assert shown(message) == []


def test_older_emoji_does_not_replace_a_newer_one(message: str) -> None:
	react("❤️", 2000)
	react("👍", 1000)
	assert shown(message) == [(ANA, "❤️")]


def test_removal_that_comes_before_its_emoji_wins(message: str) -> None:
	react("", 2000)
	react("👍", 1000)
	assert shown(message) == []


def test_reaction_to_a_message_of_another_session_or_an_unknown_one_is_not_applied(message: str) -> None:
	other = factories.make_session("other_session")
	assert react("👍", session=other) is None
	assert shown(message) == []


def test_message_with_reactions_can_be_saved_in_the_desk(message: str) -> None:
	react("👍")
	doc = frappe.get_doc("WhatsApp Message", message)
	doc.reference_doctype, doc.reference_name = "User", "Administrator"
	doc.save()
	assert shown(message) == [(ANA, "👍")]


def test_database_refuses_a_second_reaction_of_the_same_person(message: str) -> None:
	react("👍")
	with pytest.raises((frappe.UniqueValidationError, frappe.DuplicateEntryError)):
		factories.make_reaction(message, "😂", ANA)


def test_reactions_that_a_list_brings_are_stored_once_the_latest_of_each_person(message: str) -> None:
	def listed(emoji: str, later: int, sender: str, message_id: str = "3EB0A") -> records.Reaction:
		return records.Reaction(
			message_id, ANA, sender, not sender, emoji, timestamp_ms=factories.NOON_MS + later
		)

	page = [
		listed("😂", 5, ANA),
		listed("👍", 1, ANA),
		listed("🙏", 2, ""),
		listed("👍", 3, BEA, "3EB0UNKNOWN"),
	]

	assert reactions.apply_listed(factories.SESSION, page) == 3
	assert shown(message) == [(ANA, "😂"), ("", "🙏")]
	before = frappe.get_all("WhatsApp Message Reaction", fields=["*"])
	reactions.apply_listed(factories.SESSION, page)
	assert frappe.get_all("WhatsApp Message Reaction", fields=["*"]) == before
