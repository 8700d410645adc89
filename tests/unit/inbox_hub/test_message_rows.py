"""Messages in the Hub's three shapes (docs/hub.md, "Objects"): whose they are, what they say, how far they got."""

import pytest

from support.parsed import GROUP, PERSON, message
from xappiens_whatsapp.inbox_hub import payloads, records


def test_a_message_of_a_list_with_its_id() -> None:
	read = message(
		**{"from": "34600000001@s.whatsapp.net"},
		id=1,
		whatsappMessageId="3EB0AAAA00000000F1",
		chatId=PERSON,
		to=PERSON,
		fromMe=True,
		type="text",
		content="Hello",
		timestamp="2025-10-14T06:45:00.000Z",
		status="delivered",
		isRead=False,
	)
	assert read == records.Message(
		message_id="3EB0AAAA00000000F1",
		chat_jid=PERSON,
		from_me=True,
		text="Hello",
		timestamp_ms=1_760_424_300_000,
		status="Delivered",
		recipient_jid=PERSON,
		hub_id=1,
	)


def test_a_row_number_is_never_the_id_of_a_message() -> None:
	for row_id in (10854, "10854"):
		read = message(
			id=row_id, chatId=PERSON, fromMe=True, body="Hello", timestamp="2025-11-07T04:25:04.479Z"
		)
		assert (read.message_id, read.hub_id) == ("", 10854)
	assert message(messageId=10854, chatId=PERSON).hub_id == 10854


@pytest.mark.parametrize(
	"ids",
	[
		{"whatsappMessageId": "3EB0F1"},
		{"messageId": "3EB0F1", "id": 5},
		{"message_id": "3EB0F1"},
		{"id": "3EB0F1"},
		{"id": {"id": "3EB0F1"}},
		{"id": {"_serialized": "false_34600000002@c.us_3EB0F1_in"}},
		{"id": "false_34600000002@c.us_3EB0F1"},
		{"key": {"id": "3EB0F1", "remoteJid": PERSON, "fromMe": False}},
		{"whatsappMessageId": None, "messageId": "", "id": "3EB0F1"},
	],
)
def test_the_id_of_a_message_is_found_in_every_shape(ids: dict) -> None:
	assert message(chatId=PERSON, **ids).message_id == "3EB0F1"


@pytest.mark.parametrize(
	("serialized", "message_id", "chat", "from_me"),
	[
		("true_34600000002@c.us_3EB0F1_out", "3EB0F1", PERSON, True),
		("false_34600000002@c.us_msg_67890_in", "msg_67890", PERSON, False),
		("false_120363000000000001@g.us_3EB0F1_34600000003@c.us", "3EB0F1", GROUP, False),
	],
)
def test_a_serialised_id_tells_chat_and_direction_too(serialized, message_id, chat, from_me) -> None:
	read = message(id=serialized)
	assert (read.message_id, read.chat_jid, read.from_me) == (message_id, chat, from_me)


def test_ids_that_cannot_be_stored_do_not_cost_the_message() -> None:
	read = message(whatsappMessageId="A" * 200, chatId=PERSON, body="\x00Hi \ud83d")
	assert read.message_id.startswith("HASH-") and read.text == "Hi \ufffd"


@pytest.mark.parametrize(
	"key", ["content", "body", "text", "text_content", "caption", "message", "description"]
)
def test_the_text_is_found_under_each_of_its_names(key: str) -> None:
	assert message(chatId=PERSON, **{key: "Hi"}).text == "Hi"


@pytest.mark.parametrize("content", [{"text": "Hi"}, {"caption": "Hi", "image": {}}, {"conversation": "Hi"}])
def test_the_text_may_be_within_an_object(content: dict) -> None:
	assert message(chatId=PERSON, message=content).text == "Hi"
	assert message(chatId=PERSON, content={"image": {}}).text == ""


@pytest.mark.parametrize(
	("row", "jid"),
	[
		({"chatId": "34600000002@c.us"}, PERSON),
		({"remoteJid": PERSON}, PERSON),
		({"jid": PERSON}, PERSON),
		({"id": {"remote": "34600000002@c.us", "id": "A1"}}, PERSON),
		({"from": "34600000002"}, PERSON),
		({"fromMe": True, "from": "34600000001", "to": ["34600000002"]}, PERSON),
		({"chatId": "demo_session", "from": "34600000002"}, PERSON),
	],
)
def test_the_chat_is_found_in_every_shape(row: dict, jid: str) -> None:
	assert message(**row).chat_jid == jid


def test_the_chat_that_was_asked_for_is_believed_where_the_row_is_silent() -> None:
	assert message(chat_jid=PERSON, body="Hi").chat_jid == PERSON
	assert message(chat_jid=PERSON, chatId=GROUP, body="Hi").chat_jid == GROUP


def test_a_message_of_no_chat_is_an_error_with_its_path() -> None:
	page = payloads.parse_messages({"data": {"messages": [{"body": "Hi", "to": "demo_session"}]}})
	assert page.records == () and page.errors[0].path == "data.messages[0].chatId"


@pytest.mark.parametrize(
	("row", "sender"),
	[
		({"chatId": GROUP, "from": GROUP, "author": "34600000003@c.us"}, "34600000003@s.whatsapp.net"),
		({"chatId": GROUP, "from": GROUP, "participant": "100000000000001@lid"}, "100000000000001@lid"),
		(
			{"chatId": GROUP, "key": {"participant": "34600000003@c.us", "id": "A"}},
			"34600000003@s.whatsapp.net",
		),
		({"chatId": GROUP, "sender": {"id": "34600000003@c.us"}}, "34600000003@s.whatsapp.net"),
		({"chatId": GROUP, "from": GROUP}, ""),
		({"chatId": PERSON}, PERSON),
		({"chatId": PERSON, "from": "34600000002"}, PERSON),
		({"chatId": PERSON, "fromMe": True, "from": "34600000001"}, ""),
	],
)
def test_in_a_group_the_sender_is_the_person(row: dict, sender: str) -> None:
	assert message(**row).sender_jid == sender


@pytest.mark.parametrize(
	("row", "from_me"),
	[
		({"fromMe": True}, True),
		({"id": {"fromMe": True, "id": "A"}}, True),
		({"key": {"fromMe": True, "id": "A"}}, True),
		({"direction": "Outgoing"}, True),
		({"direction": "incoming"}, False),
		({"fromMe": False, "direction": "outgoing"}, False),
		({}, False),
	],
)
def test_the_direction_is_found_in_every_shape(row: dict, from_me: bool) -> None:
	assert message(chatId=PERSON, **row).from_me is from_me


@pytest.mark.parametrize(
	("word", "kind"),
	[
		("text", "text"),
		("chat", "text"),
		("extendedTextMessage", "text"),
		("image", "image"),
		("imageMessage", "image"),
		("video", "video"),
		("audio", "audio"),
		("ptt", "voice"),
		("voice", "voice"),
		("document", "document"),
		("sticker", "sticker"),
		("location", "location"),
		("contact", "contact"),
		("vcard", "contact"),
		("multi_vcard", "contact"),
		("poll", "poll"),
		("buttons_response", "buttons"),
		("list_response", "list"),
		("ephemeral", "other"),
		("other", "other"),
		("something new", "other"),
		(None, "text"),
	],
)
def test_each_type_of_the_hub_is_a_kind_of_ours(word: str | None, kind: str) -> None:
	assert message(chatId=PERSON, type=word, body="x").kind == kind


def test_an_audio_that_was_recorded_is_a_voice_message() -> None:
	assert message(chatId=PERSON, type="audio", ptt=True).kind == "voice"


@pytest.mark.parametrize(
	("said", "status"),
	[
		({"status": "pending"}, "Pending"),
		({"status": "server"}, "Sent"),
		({"status": "SENT"}, "Sent"),
		({"status": "delivered"}, "Delivered"),
		({"status": "read"}, "Read"),
		({"ackStatus": "played"}, "Read"),
		({"status": "failed"}, "Failed"),
		({"status": "error"}, "Failed"),
		({"ack": -1}, "Failed"),
		({"ack": 0}, "Pending"),
		({"ack": 1}, "Sent"),
		({"ack": "2"}, "Delivered"),
		({"ack": 3}, "Read"),
		({"ack": 4}, "Read"),
		({"ack": 5}, "Read"),
		({"status": "ACK_DEVICE"}, "Delivered"),
		({"status": "unheard of", "ack": 2}, "Delivered"),
		({"status": "unheard of"}, ""),
		({"ack": 99}, ""),
		({}, ""),
	],
)
def test_each_status_of_the_hub_is_one_of_ours(said: dict, status: str) -> None:
	assert message(chatId=PERSON, fromMe=True, **said).status == status


@pytest.mark.parametrize(
	("said", "status"),
	[
		({}, "Delivered"),
		({"status": "received"}, "Delivered"),
		({"isRead": True}, "Read"),
		({"status": "read"}, "Read"),
	],
)
def test_what_came_in_is_delivered_at_least(said: dict, status: str) -> None:
	assert message(chatId=PERSON, fromMe=False, **said).status == status


@pytest.mark.parametrize(
	"row",
	[
		{"quotedMsgId": "3EB0F0", "quotedMsg": {"body": "Before"}},
		{"quotedMessageId": {"id": "3EB0F0"}, "quotedMessage": {"content": "Before"}},
		{"quotedMessage": {"id": {"_serialized": "false_34600000002@c.us_3EB0F0_in"}, "body": "Before"}},
	],
)
def test_the_message_that_is_answered_is_named(row: dict) -> None:
	assert message(chatId=PERSON, **row).quoted == records.Quoted("3EB0F0", "Before")


def test_marks_of_a_message_are_kept() -> None:
	read = message(
		chatId=PERSON,
		isForwarded=True,
		isStarred=True,
		isEdited=True,
		pushName="Ana",
		error="no",
		isDeleted=False,
	)
	assert (read.is_forwarded, read.is_starred, read.is_edited, read.is_deleted) == (True, True, True, False)
	assert (read.push_name, read.error) == ("Ana", "no")
	assert message(chatId=PERSON, type="revoked").is_deleted
	assert message(chatId=PERSON, pushName="+34600000002").push_name == ""


@pytest.mark.parametrize(
	("row", "is_story", "has_conversation"),
	[
		({"chatId": "status@broadcast", "participant": PERSON}, True, False),
		({"chatId": PERSON, "isStatus": True}, True, False),
		({"chatId": "1400000000@broadcast"}, False, False),
		({"chatId": "120363000000000002@newsletter"}, False, False),
		({"chatId": GROUP}, False, True),
	],
)
def test_stories_and_broadcasts_make_no_conversation(row, is_story, has_conversation) -> None:
	read = message(**row)
	assert (read.is_story, read.has_conversation) == (is_story, has_conversation)


def test_a_time_that_cannot_be_believed_does_not_cost_the_message() -> None:
	assert message(chatId=PERSON, timestamp="the other day", body="Hi").timestamp_ms is None


def test_a_reaction_in_a_list_is_no_message() -> None:
	row = {"chatId": PERSON, "fromMe": True, "reactionMessage": {"key": {"id": "3EB0F0"}, "text": "👍"}}
	page = payloads.parse_messages({"data": {"messages": [row, {"chatId": PERSON, "body": "Hi"}]}})
	assert [each.text for each in page.records] == ["Hi"] and page.received == 2 and page.errors == ()
	assert page.reactions == (records.Reaction("3EB0F0", PERSON, "", True, "👍"),)


# Ids made from the content


def test_a_message_without_an_id_gets_the_same_one_each_time() -> None:
	row = {"id": 7, "chatId": PERSON, "fromMe": True, "body": "ok", "timestamp": 1_729_443_600}
	first = payloads.stable_message_id(message(**row), "demo_session")
	assert first.startswith("NOID-") and len(first) <= 140
	assert payloads.stable_message_id(message(**row), "demo_session") == first
	assert payloads.stable_message_id(message(**row, status="read"), "demo_session") == first
	assert payloads.stable_message_id(message(**{**row, "body": "ok, edited"}), "demo_session") == first


@pytest.mark.parametrize(
	"other",
	[
		{"id": 8},
		{"chatId": GROUP},
		{"fromMe": False},
		{"timestamp": 1_729_443_601},
		{"id": None},
		{"id": None, "body": "OK"},
	],
)
def test_messages_without_ids_that_differ_stay_apart(other: dict) -> None:
	row = {"id": 7, "chatId": PERSON, "fromMe": True, "body": "ok", "timestamp": 1_729_443_600}
	ids = {payloads.stable_message_id(message(**each), "demo_session") for each in (row, {**row, **other})}
	assert len(ids) == 2
