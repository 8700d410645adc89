"""What events do one after the other, over HTTP: late, early, twice, changed, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import frappe
import pytest

from support import factories, webhooks
from support.factories import SESSION
from support.webhooks import GROUP, NOON, PERSON, deliver, event, jid_of, reaction, received, sent

if TYPE_CHECKING:
	from support.web import Web

JID = jid_of(PERSON)
ANA, LUIS = "34600000005", "34600000006"
CONTACT, CONVERSATION, MESSAGE = "WhatsApp Contact", "WhatsApp Conversation", "WhatsApp Message"


@pytest.fixture(autouse=True)
def session() -> str:
	factories.set_up()
	name = factories.make_session()
	frappe.db.commit()
	return name


def rows(doctype: str, *fields: str, **filters: Any) -> list[tuple[Any, ...]]:
	return [
		tuple(row)
		for row in frappe.get_all(
			doctype, filters=filters, fields=list(fields), as_list=True, order_by="creation asc"
		)
	]


def test_archive_unarchive_archive_with_no_times_in_the_bodies_ends_archived(web: Web) -> None:
	archive, unarchive = (event(name, chatId=JID) for name in ("chat.archived", "chat.unarchived"))
	seen = []
	for content in (archive, unarchive, archive, unarchive, archive):
		deliver(web, content)
		seen += rows(CONVERSATION, "is_archived", "status")
	assert seen == [(1, "Archived"), (0, "Active")] * 2 + [(1, "Archived")]
	again = webhooks.post(web, archive)  # the sender did not hear the answer
	assert again.json()["duplicate"]
	assert webhooks.statuses() == {"Processed": 5}


def test_name_that_changes_and_changes_back_with_no_times_in_the_bodies_ends_as_it_began(web: Web) -> None:
	names = ["Ana", "Ana María", "Ana"]
	seen = []
	for name in names:
		deliver(web, event("contact.updated", contact={"id": JID, "name": name}))
		seen += rows(CONTACT, "contact_name")
	assert seen == [(name,) for name in names]


def test_older_news_of_a_session_never_overwrites_newer(web: Web) -> None:
	connected = event("session.connected", phoneNumber=factories.NUMBER, timestamp=NOON + 60)
	deliver(web, connected, event("session.disconnected", reason="conflict", timestamp=NOON + 30))
	deliver(web, event("session.qr", qrCode="data:image/png;base64,AAAA", timestamp=NOON + 10))
	state = ("status", "is_connected", "phone_number", "qr_code")
	assert rows("WhatsApp Session", *state) == [("Connected", 1, factories.NUMBER, None)]
	deliver(web, event("session.disconnected", reason="logout", timestamp=NOON + 90))
	assert rows("WhatsApp Session", "status", "error_message") == [("Disconnected", "logout")]


def test_qr_code_is_stored_with_its_expiry_replaced_by_a_newer_one_and_gone_once_connected(web: Web) -> None:
	frappe.db.set_value("WhatsApp Session", SESSION, "status", "Disconnected")
	frappe.db.commit()
	picture = "data:image/png;base64," + "A" * 2000
	for second, letter in ((0, "B"), (20, "C")):
		code = picture.replace("A", letter)
		expires = f"2025-12-19T12:01:{second:02}.000Z"
		deliver(web, event("session.qr", qrCode=code, expiresAt=expires, timestamp=NOON + second))
		((stored, until),) = rows("WhatsApp Session", "qr_code", "qr_expires_at")
		assert (stored, str(until)) == (code, f"2025-12-19 13:01:{second:02}")
	assert "BBB" not in "".join(body for (body,) in rows(webhooks.EVENT, "body"))
	deliver(web, event("session.connected", timestamp=NOON + 30))
	assert rows("WhatsApp Session", "qr_code", "qr_expires_at") == [(None, None)]


def test_session_that_connects_is_to_be_synced_once_however_often_it_is_said(web: Web) -> None:
	factories.set_up(auto_sync_enabled=1)
	frappe.db.set_value("WhatsApp Session", SESSION, {"status": "Connecting", "is_connected": 0})
	frappe.db.commit()
	deliver(web, event("session.connected", timestamp=NOON))
	((due, trigger),) = rows("WhatsApp Session", "sync_due", "sync_due_trigger")
	assert (due is not None, trigger) == (True, "Connected")
	deliver(web, event("session.connected", timestamp=NOON + 1), event("session.status", status="connected"))
	assert rows("WhatsApp Session", "sync_due") == [(due,)]


def test_message_typed_on_the_phone_is_outgoing_and_leaves_nothing_unread(web: Web) -> None:
	deliver(web, received("¿Hay stock?"), sent("Sí", "3EB0PHONE", timestamp=NOON + 5))
	phone = ("direction", "from_me", "status", "to_number", "content")
	assert rows(MESSAGE, *phone, message_id="3EB0PHONE") == [("Outgoing", 1, "Sent", PERSON, "Sí")]
	last = ("unread_count", "last_message", "last_message_from_me")
	assert rows(CONVERSATION, *last) == [(1, "Sí", 1)]


@pytest.mark.parametrize("status", ["Sending", "Unconfirmed"])
def test_echo_of_an_own_message_gives_it_its_id_and_makes_no_second_one(web: Web, status: str) -> None:
	conversation = factories.make_conversation(number=PERSON)
	own = factories.make_message(
		conversation, "Queda uno 😊", direction="Outgoing", status=status, message_id=None
	)
	frappe.db.commit()
	content = sent("Queda uno 😊", "3EB0ECHO")
	deliver(web, content, event("message.read", messageId="3EB0ECHO"))
	assert rows(MESSAGE, "name", "message_id", "status") == [(own, "3EB0ECHO", "Read")]


def test_group_is_one_conversation_and_each_message_keeps_its_sender(web: Web) -> None:
	for number in (ANA, LUIS):
		deliver(web, received("Hola", number=GROUP, participant=jid_of(number), pushName=f"I am {number}"))
	assert rows(CONVERSATION, "chat_id", "is_group", "unread_count") == [(GROUP, 1, 2)]
	assert rows(MESSAGE, "participant", "from_number", "sender_name") == [
		(jid_of(number), number, f"I am {number}") for number in (ANA, LUIS)
	]


def test_message_without_an_id_gets_one_from_its_content_the_same_in_every_family(web: Web) -> None:
	said = {"from": JID, "type": "text", "timestamp": NOON}
	shapes = [
		event("message.received", body="Sin id", **said),
		{"event": "message.received", "sessionId": SESSION, "content": "Sin id", "chatId": JID, **said},
		{"event": "message", "data": {"sessionId": SESSION, "message": {"content": "Sin id", **said}}},
	]
	deliver(web, *shapes)
	((message_id, content),) = rows(MESSAGE, "message_id", "content")
	assert message_id.startswith("NOID-")
	assert content == "Sin id"
	assert rows(CONVERSATION, "unread_count") == [(1,)]
	deliver(web, event("message.received", body="Sin id", **{**said, "timestamp": NOON + 1}))
	assert len(rows(MESSAGE, "name")) == 2


@pytest.mark.parametrize(
	"content",
	[
		received(number="status@broadcast", participant=JID),
		received(isStatus=True),
		received(number="34600000002@broadcast", participant=JID),
		received(number="120363000000000009@newsletter"),
		sent(number="status@broadcast"),
	],
	ids=["story", "story by its flag", "broadcast list", "newsletter", "own story"],
)
def test_story_broadcast_or_newsletter_is_taken_and_makes_no_conversation(web: Web, content: dict) -> None:
	deliver(web, content)
	for doctype in (CONTACT, CONVERSATION, MESSAGE):
		assert rows(doctype, "name") == []


def test_pseudonym_is_kept_as_it_is_and_is_no_phone_number(web: Web) -> None:
	pseudonym = "100000000000001@lid"
	deliver(web, received(number=pseudonym, pushName="Quién"))
	assert rows(CONTACT, "contact_id", "phone_number", "contact_name") == [(pseudonym, "", "Quién")]
	assert rows(CONVERSATION, "chat_id", "phone_number") == [(pseudonym, "")]
	assert rows(MESSAGE, "from_number") == [("",)]


def test_quoted_message_is_linked_if_it_is_known_and_named_if_not(web: Web) -> None:
	deliver(
		web,
		received("¿Cuánto?", "3EB0ASKED"),
		sent("Diez", "3EB0ANSWER", quotedMsgId="3EB0ASKED", timestamp=NOON + 1),
		received("Gracias", "3EB0LAST", quotedMsgId="3EB0NOBODY", timestamp=NOON + 2),
	)
	asked = frappe.db.get_value(MESSAGE, {"message_id": "3EB0ASKED"}, "name")
	assert rows(MESSAGE, "quoted_message_id", "quoted_message", message_id="3EB0ANSWER") == [
		("3EB0ASKED", asked)
	]
	assert rows(MESSAGE, "quoted_message_id", "quoted_message", message_id="3EB0LAST") == [
		("3EB0NOBODY", None)
	]


def test_edit_is_shown_on_the_message_and_counts_as_no_new_one(web: Web) -> None:
	deliver(
		web,
		received("Diez", "3EB0EDIT"),
		event("message_edit", messageId="3EB0EDIT", **{"from": JID, "body": "Doce"}),
	)
	assert rows(MESSAGE, "content", "is_edited") == [("Doce", 1)]
	assert rows(CONVERSATION, "unread_count", "last_message", "total_messages") == [(1, "Doce", 1)]
	deliver(web, received("Diez", "3EB0EDIT", isForwarded=False))  # it comes once more, as it was
	assert rows(MESSAGE, "content", "is_edited") == [("Doce", 1)]


def test_message_that_was_taken_back_is_marked_and_no_longer_previewed(web: Web) -> None:
	deliver(web, received("Ups", "3EB0GONE"), event("message_revoke", messageId="3EB0GONE", **{"from": JID}))
	assert rows(MESSAGE, "is_deleted") == [(1,)]
	assert rows(CONVERSATION, "last_message", "total_messages") == [("", 1)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_receipts_move_a_message_up_in_whatever_order_they_come(web: Web, order: tuple[int, ...]) -> None:
	deliver(web, sent("¿Llegó?", "3EB0TICKS"))
	receipts = [
		event("message.ack", messageId="3EB0TICKS", ack=place + 1, timestamp=NOON + place + 1)
		for place in range(3)
	]
	deliver(web, *(receipts[place] for place in order))
	((status, *reached),) = rows(MESSAGE, "status", "delivered_at", "read_at")
	assert (status, [str(moment) for moment in reached]) == (
		"Read",
		["2025-12-19 13:00:02", "2025-12-19 13:00:03"],
	)


def test_receipt_that_comes_before_its_message_waits_for_it(web: Web) -> None:
	early = event("message.failed", messageId="3EB0EARLY", error="not on WhatsApp", timestamp=NOON + 9)
	deliver(web, early, reaction("3EB0EARLY", "👍"), status="Waiting")
	assert rows(MESSAGE, "name") == []
	deliver(web, sent("¿Estás?", "3EB0EARLY"))
	assert rows(MESSAGE, "status", "error_message") == [("Failed", "not on WhatsApp")]
	assert rows("WhatsApp Message Reaction", "emoji") == [("👍",)]
	assert webhooks.statuses() == {"Processed": 3}


@pytest.mark.parametrize("failed_first", [True, False])
def test_of_sent_and_failed_the_later_one_counts_in_whatever_order_they_come(
	web: Web, failed_first: bool
) -> None:
	deliver(web, sent("¿Llegó?", "3EB0FAIL", timestamp=NOON))
	failed = event("message.failed", messageId="3EB0FAIL", reason="blocked", timestamp=NOON + 20)
	accepted = event("message.ack", messageId="3EB0FAIL", ack=1, timestamp=NOON + 10)
	deliver(web, *((failed, accepted) if failed_first else (accepted, failed)))
	assert rows(MESSAGE, "status", "error_message") == [("Failed", "blocked")]
	((failed_at,),) = rows(MESSAGE, "failed_at")
	assert str(failed_at) == "2025-12-19 13:00:20"
	deliver(web, event("message.delivered", messageId="3EB0FAIL", timestamp=NOON + 30))
	assert rows(MESSAGE, "status", "error_message") == [("Delivered", "")]


def test_reactions_of_several_people_are_added_changed_and_taken_away(web: Web) -> None:
	def emojis() -> dict[str, str]:
		return dict(rows("WhatsApp Message Reaction", "from_jid", "emoji", emoji=("!=", "")))

	def at(second: int) -> int:
		return (NOON + second) * 1000

	deliver(web, received("¡Es una niña!", "3EB0NEWS", number=GROUP, participant=JID))
	group = {"chatId": GROUP}
	deliver(
		web,
		reaction("3EB0NEWS", "👍", ANA, at(1), **group),
		reaction("3EB0NEWS", "😂", LUIS, at(2), **group),
		reaction("3EB0NEWS", "❤️", factories.NUMBER, at(3), fromMe=True, **group),
	)
	assert emojis() == {jid_of(ANA): "👍", jid_of(LUIS): "😂", "": "❤️"}
	deliver(
		web, reaction("3EB0NEWS", "🎉", ANA, at(4), **group), reaction("3EB0NEWS", "", LUIS, at(5), **group)
	)
	assert emojis() == {jid_of(ANA): "🎉", "": "❤️"}
	deliver(
		web, reaction("3EB0NEWS", "😮", ANA, at(3), **group), reaction("3EB0NEWS", "😮", LUIS, at(3), **group)
	)
	assert emojis() == {jid_of(ANA): "🎉", "": "❤️"}, "an older reaction that came late won"
	assert rows(MESSAGE, "content") == [("¡Es una niña!",)]
	assert rows(CONVERSATION, "unread_count") == [(1,)]
