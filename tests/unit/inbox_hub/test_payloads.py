"""Pages and single answers of inbox-hub's three shapes (docs/hub.md, "Objects")."""

import pytest

from xappiens_whatsapp.inbox_hub import payloads, records
from xappiens_whatsapp.inbox_hub.errors import PayloadError

PERSON = "34600000002@s.whatsapp.net"
GROUP = "120363000000000001@g.us"
CONTACT = {"id": PERSON, "name": "Demo Contact"}


def contact(**row: object) -> records.Contact:
	return payloads.parse_contacts({"data": {"contacts": [row]}}).records[0]


def chat(**row: object) -> records.Chat:
	return payloads.parse_chats({"data": {"chats": [row]}}).records[0]


def message(chat_jid: str | None = None, **row: object) -> records.Message:
	return payloads.parse_messages({"data": {"messages": [row]}}, chat_jid=chat_jid).records[0]


# Pages


@pytest.mark.parametrize(
	"body",
	[
		{"data": {"contacts": [CONTACT]}},
		{"data": {"items": [CONTACT]}},
		{"data": {"data": [CONTACT]}},
		{"data": [CONTACT]},
		{"contacts": [CONTACT]},
		{"contacts": [CONTACT], "data": {}},
		{"contacts": [CONTACT], "data": None},
	],
)
def test_a_list_is_found_wherever_the_hub_puts_it(body: dict) -> None:
	assert [each.jid for each in payloads.parse_contacts(body).records] == [PERSON]


@pytest.mark.parametrize(
	"body", [None, [], "x", {}, {"data": {}}, {"data": {"contacts": None}}, {"data": {"contacts": {}}}]
)
def test_a_body_without_the_list_is_an_error_and_no_empty_page(body: object) -> None:
	with pytest.raises(PayloadError):
		payloads.parse_contacts(body)


def test_a_null_list_is_empty_only_if_the_hub_says_so() -> None:
	assert payloads.parse_contacts({"data": {"contacts": None, "total": 0}}).received == 0


@pytest.mark.parametrize(
	("body", "paging"),
	[
		(
			{"data": {"contacts": [], "pagination": {"total": 150, "page": 1, "limit": 50, "pages": 3}}},
			(150, 1, 3),
		),
		({"data": {"contacts": [], "total": 150, "page": 1}}, (150, 1, None)),
		({"data": {"contacts": [], "total": "150", "source": "whatsapp"}}, (150, None, None)),
		({"data": {"contacts": []}}, (None, None, None)),
		({"data": [], "pagination": {"total": 2, "pages": 1}}, (2, None, 1)),
		({"contacts": [], "total": 7}, (7, None, None)),
	],
)
def test_each_way_to_count_pages_is_understood(body: dict, paging: tuple) -> None:
	page = payloads.parse_contacts(body)
	assert (page.total, page.page, page.pages) == paging


def test_a_row_that_cannot_be_understood_is_named_and_the_page_goes_on() -> None:
	rows = [CONTACT, {"name": "nobody"}, "text", None, {"id": "x" * 200}, {**CONTACT, "id": GROUP}]
	page = payloads.parse_contacts({"data": {"contacts": rows}})
	assert [each.jid for each in page.records] == [PERSON, GROUP]
	assert page.received == 6
	assert [(error.path, error.reason) for error in page.errors] == [
		("data.contacts[1].id", "missing"),
		("data.contacts[2]", "expected an object"),
		("data.contacts[3]", "expected an object"),
		("data.contacts[4].id", "not an address"),
	]


# Contacts


def test_the_contact_of_the_users_document() -> None:
	read = contact(id=PERSON, name="Juan Pérez", phone="34600000002", isUser=True, isGroup=False)
	assert read == records.Contact(jid=PERSON, phone_number="34600000002", name="Juan Pérez", is_user=True)


def test_a_contact_with_everything_a_hub_says() -> None:
	read = contact(
		id=PERSON,
		name="Juan",
		notify="juanito",
		shortName="Ju",
		verifiedName="Juan S.L.",
		imgUrl="https://pps.example/1.jpg",
		about="¡Hola!",
		isMyContact=True,
		isWAContact=True,
		isBlocked=False,
		isEnterprise=True,
		isVerified="true",
		labels=["cliente"],
		firstSeen=1_729_443_600,
		lastSeen="2025-10-14T06:30:00Z",
	)
	assert read == records.Contact(
		jid=PERSON,
		phone_number="34600000002",
		name="Juan",
		push_name="juanito",
		short_name="Ju",
		verified_name="Juan S.L.",
		about="¡Hola!",
		photo_url="https://pps.example/1.jpg",
		is_my_contact=True,
		is_wa_contact=True,
		is_blocked=False,
		is_business=True,
		is_verified=True,
		labels=("cliente",),
		first_seen_ms=1_729_443_600_000,
		last_seen_ms=1_760_423_400_000,
	)
	assert read.display_name == "Juan"


@pytest.mark.parametrize(
	"row",
	[
		{"id": "34600000002@c.us"},
		{"id": {"_serialized": "34600000002@c.us", "user": "34600000002"}},
		{"contactId": PERSON},
		{"jid": PERSON, "id": 77},
		{"waId": "34600000002"},
		{"id": None, "number": "34600000002"},
		{"phoneNumber": "+34 600 000 002"},
		{"msisdn": 34600000002},
	],
)
def test_whose_a_contact_is_may_be_said_in_many_ways(row: dict) -> None:
	assert contact(**row).jid == PERSON
	assert contact(**row).phone_number == "34600000002"


def test_a_row_number_alone_is_nobody() -> None:
	page = payloads.parse_contacts({"data": {"contacts": [{"id": 34600000002, "name": "x"}]}})
	assert page.records == () and page.errors[0].path == "data.contacts[0].id"


@pytest.mark.parametrize(
	"name", ["34600000002", "+34600000002", "+34 600 000 002", "34600000002@c.us", PERSON]
)
def test_a_name_that_only_repeats_the_number_is_no_name(name: str) -> None:
	assert contact(id=PERSON, name=name, notify=name, verifiedName=name, shortName=name).display_name == ""
	assert chat(chatId=PERSON, name=name).name == ""


def test_a_pseudonyms_digits_are_neither_its_phone_nor_its_name() -> None:
	read = contact(id="100000000000001@lid", name="100000000000001", phone="100000000000001")
	assert (read.jid, read.phone_number, read.name) == ("100000000000001@lid", "", "")


def test_a_group_in_the_contacts_is_a_group() -> None:
	read = contact(id=GROUP, name="Team 🌻", isGroup=True)
	assert read.is_group and read.phone_number == "" and read.name == "Team 🌻"


def test_a_photo_that_is_no_link_is_none() -> None:
	assert contact(id=PERSON, imgUrl="changed", profilePicUrl="https://x.example/1").photo_url == ""
	assert (
		contact(id=PERSON, imgUrl=None, profilePicUrl="https://x.example/1").photo_url
		== "https://x.example/1"
	)


@pytest.mark.parametrize(
	("body", "jid"),
	[
		({"data": {"contact": {"id": PERSON}}}, PERSON),
		({"data": {"id": PERSON}}, PERSON),
		({"data": {"contact": None, "message": "not found"}}, None),
	],
)
def test_a_contact_that_was_searched_for_is_there_or_not(body: dict, jid: str | None) -> None:
	found = payloads.parse_contact(body)
	assert (found and found.jid) == jid


# Chats


def test_the_chat_of_the_users_document() -> None:
	read = chat(
		chatId=PERSON,
		name="Juan Pérez",
		lastMessage={
			"content": "Hola! ¿Cómo estás?",
			"timestamp": "2025-10-15T10:30:00.000Z",
			"fromMe": False,
		},
		unreadCount=3,
		isGroup=False,
	)
	assert read == records.Chat(
		jid=PERSON,
		phone_number="34600000002",
		name="Juan Pérez",
		unread_count=3,
		last_message=records.LastMessage("Hola! ¿Cómo estás?", 1_760_524_200_000, False),
	)


def test_the_same_chat_in_another_shape_is_the_same_record() -> None:
	seed = chat(
		chatId=PERSON,
		name="Juan",
		lastMessage={"content": "Hi", "timestamp": "2025-10-15T10:30:00Z", "fromMe": True},
		unreadCount=0,
	)
	full = chat(
		chatId="34600000002@c.us",
		contactName="Juan",
		lastMessage={"body": "Hi", "timestamp": 1_760_524_200, "id": {"fromMe": True}},
		unreadCount="0",
	)
	assert seed == full


def test_a_chat_with_everything_a_hub_says() -> None:
	read = chat(
		id={"_serialized": GROUP},
		name="Team",
		archived=True,
		pinned=1_729_443_600,
		isMuted=True,
		muteExpiration="2060-01-01T00:00:00Z",
		isReadOnly=False,
		unreadCount=-1,
		totalMessages=25,
		firstMessageTime=1_729_443_600,
		lastMessageText="Bye",
		lastMessageAt=1_729_443_600,
		profilePicture="https://x.example/g.jpg",
	)
	assert read == records.Chat(
		jid=GROUP,
		name="Team",
		is_group=True,
		is_archived=True,
		is_pinned=True,
		is_muted=True,
		mute_expiration_ms=2_840_140_800_000,
		is_read_only=False,
		unread_count=None,
		message_count=25,
		first_message_ms=1_729_443_600_000,
		last_message=records.LastMessage("Bye", 1_729_443_600_000, None),
		photo_url="https://x.example/g.jpg",
	)


@pytest.mark.parametrize(
	"last", [{}, {"lastMessage": None}, {"lastMessage": {}}, {"lastMessage": {"id": "x"}}]
)
def test_a_chat_without_a_last_message_has_none(last: dict) -> None:
	assert chat(chatId=PERSON, **last).last_message is None


def test_a_last_message_may_be_a_bare_text() -> None:
	assert chat(chatId=PERSON, last_message="Hi").last_message == records.LastMessage("Hi")


def test_a_broadcast_list_is_told_from_chats() -> None:
	assert chat(chatId="1400000000@broadcast").is_broadcast
	assert chat(chatId=PERSON, isBroadcast=True).is_broadcast
	assert not chat(chatId=PERSON).is_broadcast


# Messages


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


PHOTO = records.Media("image", "image/jpeg", "photo.jpg", 245678, "https://media.example/x", "Look")


@pytest.mark.parametrize(
	"row",
	[
		{
			"type": "image",
			"content": "Look",
			"media": {
				"filename": "photo.jpg",
				"filesize": 245678,
				"mimetype": "image/jpeg",
				"url": "https://media.example/x",
			},
		},
		{
			"type": "chat",
			"hasMedia": True,
			"caption": "Look",
			"mediaData": {
				"fileName": "photo.jpg",
				"size": "245678",
				"mimeType": "image/jpeg",
				"media_url": "https://media.example/x",
			},
		},
		{
			"type": "imageMessage",
			"body": "Look",
			"mediaUrl": "https://media.example/x",
			"attachment": {"filename": "photo.jpg", "fileLength": 245678, "mimetype": "image/jpeg"},
		},
	],
)
def test_the_same_photo_in_any_shape_is_the_same_media(row: dict) -> None:
	read = message(chatId=PERSON, **row)
	assert (read.kind, read.media, read.text) == ("image", PHOTO, "Look")


@pytest.mark.parametrize(
	("row", "media"),
	[
		({"type": "image", "media": None, "has_attachment": False}, records.Media("image")),
		(
			{"has_attachment": True, "mimetype": "audio/ogg; codecs=opus"},
			records.Media("audio", "audio/ogg; codecs=opus"),
		),
		({"hasMedia": True}, records.Media("document")),
		({"mediaKey": "abc="}, records.Media("document")),
		({"type": "text", "media": {}, "mediaUrl": None, "hasMedia": False}, None),
		({"type": "location", "mediaUrl": "https://x.example/map.png"}, None),
	],
)
def test_a_message_has_media_exactly_if_something_says_so(row: dict, media: records.Media | None) -> None:
	assert message(chatId=PERSON, **row).media == media


@pytest.mark.parametrize(
	"row",
	[
		{"location": {"degreesLatitude": 40.4, "degreesLongitude": -3.7, "name": "Sol", "address": "Madrid"}},
		{"location": {"lat": "40.4", "lng": -3.7, "description": "Sol, Madrid"}},
		{"latitude": 40.4, "longitude": -3.7, "location": {"name": "Sol", "address": "Madrid"}},
	],
)
def test_a_place_in_any_shape_is_the_same_place(row: dict) -> None:
	read = message(chatId=PERSON, **row)
	assert (read.kind, read.location) == ("location", records.Location(40.4, -3.7, "Sol, Madrid"))


@pytest.mark.parametrize(
	"row", [{"lat": 91, "lng": 0}, {"lat": 1}, {"location": "Madrid"}, {"lat": "x", "lng": 0}]
)
def test_a_place_that_is_nowhere_is_none(row: dict) -> None:
	assert message(chatId=PERSON, **row).location is None


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


# Answers to a send


@pytest.mark.parametrize(
	"data",
	[
		{
			"messageId": "3EB0F1",
			"to": "34600000002",
			"status": "sent",
			"timestamp": "2025-10-15T10:45:00.000Z",
		},
		{
			"messageId": "3EB0F1",
			"to": "34600000002",
			"message": "Hello",
			"status": "sent",
			"timestamp": 1_760_525_100,
		},
		{
			"message": {
				"whatsappMessageId": "3EB0F1",
				"fromMe": True,
				"status": "sent",
				"timestamp": "2025-10-15T10:45:00Z",
			}
		},
	],
)
def test_an_accepted_message_is_the_same_in_every_shape(data: dict) -> None:
	assert payloads.parse_sent({"success": True, "data": data}) == records.SentMessage(
		"3EB0F1", "Sent", 1_760_525_100_000
	)


def test_an_accepted_message_may_have_no_id() -> None:
	body = {"success": True, "data": {"message": {"id": 10854, "status": "pending"}}}
	assert payloads.parse_sent(body) == records.SentMessage("", "Pending", None, 10854)
	assert payloads.parse_sent({"success": True}) == records.SentMessage("")


@pytest.mark.parametrize("body", [None, [], {"data": []}, {"data": "ok"}])
def test_an_answer_to_a_send_that_is_none_is_an_error(body: object) -> None:
	with pytest.raises(PayloadError):
		payloads.parse_sent(body)


# Sessions and QR codes


@pytest.mark.parametrize(
	("data", "expected"),
	[
		(
			{
				"session": {
					"id": 56,
					"sessionId": "demo_session",
					"sessionName": "Demo",
					"status": "disconnected",
					"phoneNumber": "34600000001",
				}
			},
			("demo_session", 56, "Disconnected", "34600000001", False),
		),
		(
			{
				"id": 56,
				"sessionId": "demo_session",
				"status": "qr_code",
				"qrCode": "data:image/png;base64,AAAA",
			},
			("demo_session", 56, "QR Code Required", "", True),
		),
		(
			{"id": 56, "sessionId": "demo_session", "status": "pending", "phoneNumber": None, "qrCode": None},
			("demo_session", 56, "QR Code Required", "", False),
		),
		(
			{"sessionId": "demo_session", "status": "qr", "qrCode": "AAAA"},
			("demo_session", None, "QR Code Required", "", True),
		),
		(
			{"id": 56, "sessionId": "demo_session", "webhookUrl": "https://crm.example"},
			("demo_session", 56, "", "", False),
		),
		(
			{"id": "demo_session", "status": "connected", "msisdn": 34600000001},
			("demo_session", None, "Connected", "34600000001", False),
		),
		(
			{"session_db_id": 56, "phoneNumberId": "34600000001:71@s.whatsapp.net"},
			("", 56, "", "34600000001", False),
		),
	],
)
def test_every_answer_about_a_session_is_understood(data: dict, expected: tuple) -> None:
	read = payloads.parse_session({"success": True, "data": data})
	assert (read.session_id, read.hub_id, read.status, read.phone_number, read.qr is not None) == expected


@pytest.mark.parametrize(
	("status", "is_connected", "expected"),
	[
		("connected", None, "Connected"),
		("CONNECTED ", None, "Connected"),
		("connecting", None, "Connecting"),
		("Qr_Code", None, "QR Code Required"),
		("qr_required", None, "QR Code Required"),
		("qr_code_required", None, "QR Code Required"),
		("error", None, "Error"),
		("rate_limited", None, "Error"),
		("timeout", None, "Error"),
		("disconnected", None, "Disconnected"),
		("unheard of", None, ""),
		(None, None, ""),
		("connected", False, "Disconnected"),
		("disconnected", True, "Connected"),
		("qr_code", False, "QR Code Required"),
		("unheard of", True, "Connected"),
		(None, False, "Disconnected"),
	],
)
def test_what_is_connected_counts_more_than_what_the_status_remembers(status, is_connected, expected) -> None:
	read = payloads.parse_session(
		{"data": {"sessionId": "demo_session", "status": status, "isConnected": is_connected}}
	)
	assert read.status == expected


@pytest.mark.parametrize(
	"body", [None, [], {}, {"data": {}}, {"data": {"session": {}}}, {"data": {"status": "connected"}}]
)
def test_an_answer_about_no_session_is_an_error(body: object) -> None:
	with pytest.raises(PayloadError):
		payloads.parse_session(body)


def test_a_list_of_sessions_is_read_row_by_row() -> None:
	body = {
		"data": {
			"sessions": [
				{
					"id": 12,
					"sessionId": "demo_session",
					"status": "connected",
					"isConnected": True,
					"lastActivity": "2025-10-14T06:30:00.000Z",
				},
				{"name": "nameless"},
			],
			"total": 2,
		}
	}
	page = payloads.parse_sessions(body)
	assert page.records == (
		records.Session(
			"demo_session", 12, status="Connected", raw_status="connected", last_activity_ms=1_760_423_400_000
		),
	)
	assert page.errors[0].path == "data.sessions[1].sessionId"


def test_a_session_is_not_lost_over_its_picture() -> None:
	read = payloads.parse_session({"data": {"sessionId": "demo_session", "qrCode": "<svg>"}})
	assert read.session_id == "demo_session" and read.qr is None


@pytest.mark.parametrize(
	"qr",
	[
		"data:image/png;base64,iVBORw0KGgo=",
		"iVBORw0KGgo=",
		"data:image/png;base64,data:image/png;base64,iVBORw0KGgo=",
		"data:image/PNG;base64,iVBOR\nw0KGgo=",
	],
)
def test_a_qr_code_becomes_one_data_url_with_one_prefix(qr: str) -> None:
	assert payloads.parse_qr({"data": {"qrCode": qr}}).data_url == "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
	("times", "expires_at"),
	[
		({"expiresAt": "2025-10-14T06:35:00.000Z"}, 1_760_423_700_000),
		({"qrCodeExpiresAt": 1_760_423_700}, 1_760_423_700_000),
		({"qrCodeGeneratedAt": "2025-10-14T06:34:00.000Z"}, 1_760_423_700_000),
		({}, None),
	],
)
def test_a_qr_code_lives_as_long_as_said_or_60_seconds(times: dict, expires_at: int | None) -> None:
	assert payloads.parse_qr({"data": {"qrCode": "AAAA", **times}}).expires_at_ms == expires_at


@pytest.mark.parametrize("qr", [None, "", "2@abc,def", "data:text/html;base64,AAAA", "not ready", {}])
def test_what_is_no_image_is_no_qr_code(qr: object) -> None:
	with pytest.raises(PayloadError) as caught:
		payloads.parse_qr({"data": {"qrCode": qr}})
	assert caught.value.path == "qrCode"
