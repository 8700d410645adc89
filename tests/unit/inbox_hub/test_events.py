"""Webhooks in the five families of payloads (docs/hub.md, "Webhooks")."""

import pytest

from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.inbox_hub.errors import PayloadError
from xappiens_whatsapp.inbox_hub.payloads import parse_event, understand_event

PERSON = "34600000002@s.whatsapp.net"
GROUP = "120363000000000001@g.us"
MESSAGE_ID = "3EB0AAAA00000000F1"
SENT_AT = 1_760_423_400_000

V1 = {
	"event": "message.received",
	"sessionId": "demo_session",
	"timestamp": "2025-10-14T06:30:00.000Z",
	"data": {
		"id": {
			"fromMe": False,
			"remote": "34600000002@c.us",
			"id": MESSAGE_ID,
			"_serialized": f"false_34600000002@c.us_{MESSAGE_ID}_in",
		},
		"body": "Hi",
		"type": "chat",
		"timestamp": 1_760_423_400,
		"from": "34600000002@c.us",
		"to": "demo_session@c.us",
		"fromMe": False,
		"hasMedia": False,
		"isForwarded": False,
		"isStatus": False,
		"quotedMsgId": None,
	},
}
V2 = {
	"event": "message.received",
	"data": {
		"sessionId": "demo_session",
		"message": {
			"whatsappMessageId": MESSAGE_ID,
			"content": "Hi",
			"chatId": PERSON,
			"from": PERSON,
			"to": "demo_session",
			"timestamp": 1_760_423_400,
			"type": "text",
			"has_attachment": False,
			"media": None,
		},
	},
}
V3 = {
	"event": "message",
	"timestamp": "2025-10-14T06:30:00Z",
	"sessionId": "demo_session",
	"data": {
		"messageId": MESSAGE_ID,
		"from": "34600000002",
		"to": "demo_session",
		"message": "Hi",
		"type": "text",
		"timestamp": "2025-10-14T06:30:00Z",
		"contact": {"name": "34600000002", "phone": "34600000002"},
	},
}
V5 = {"sessionId": "demo_session", "message": V2["data"]["message"]}
V5_PAYLOAD = {"payload": {**V2["data"]["message"], "sessionId": "demo_session"}}


def data(
	event: str, headers: dict | None = None, session: str = "demo_session", **values: object
) -> records.Event:
	return parse_event({"event": event, "sessionId": session, "data": values}, headers or {})


@pytest.mark.parametrize("body", [V1, V2, V3, V5, V5_PAYLOAD])
def test_the_same_incoming_message_in_any_family_is_the_same_record(body: dict) -> None:
	event = parse_event(body, {"X-Webhook-Event": "message.received"})
	assert (event.name, event.session_id, event.message_id) == (
		"message.received",
		"demo_session",
		MESSAGE_ID,
	)
	assert event.payload == records.Message(
		message_id=MESSAGE_ID,
		chat_jid=PERSON,
		from_me=False,
		text="Hi",
		timestamp_ms=SENT_AT,
		status="Delivered",
		sender_jid=PERSON,
	)


def test_the_push_names_the_session_by_number_too() -> None:
	body = {**V2, "data": {**V2["data"], "session_db_id": 12}}
	assert parse_event(body, {}).session_hub_id == 12
	body = {"event": "message.received", "data": {"session_db_id": "12", "message": V2["data"]["message"]}}
	assert (parse_event(body, {}).session_id, parse_event(body, {}).session_hub_id) == ("", 12)
	body = {**V1, "sessionId": 12}
	assert (parse_event(body, {}).session_id, parse_event(body, {}).session_hub_id) == ("", 12)


def test_what_the_body_leaves_out_is_taken_from_the_headers_in_any_case() -> None:
	headers = {
		"x-webhook-event": "message.received",
		"X-WEBHOOK-SESSION": "demo_session",
		"X-Webhook-Timestamp": "1760423400123",
	}
	event = parse_event({"data": {**V2["data"]["message"], "timestamp": None}}, headers)
	assert (event.name, event.session_id, event.timestamp_ms) == (
		"message.received",
		"demo_session",
		1_760_423_400_123,
	)


@pytest.mark.parametrize(
	("headers", "path"),
	[
		({"X-Webhook-Event": "session.connected"}, "X-Webhook-Event"),
		({"X-Webhook-Session": "another_session"}, "X-Webhook-Session"),
	],
)
def test_headers_that_contradict_the_signed_body_are_refused(headers: dict, path: str) -> None:
	with pytest.raises(PayloadError) as caught:
		parse_event(V1, headers)
	assert caught.value.path == path


@pytest.mark.parametrize(
	("body", "headers"),
	[
		(V3, {"X-Webhook-Event": "message.received", "X-Webhook-Session": "demo_session"}),
		(V1, {"X-Webhook-Session": "12"}),
		({**V1, "event": "message.read", "data": {"messageId": "A1"}}, {"X-Webhook-Event": "message_ack"}),
		({**V1, "event": "session_status", "data": {"status": "qr"}}, {"X-Webhook-Event": "session.qr"}),
	],
)
def test_headers_that_say_the_same_in_other_words_agree(body: dict, headers: dict) -> None:
	assert parse_event(body, headers).session_id == "demo_session"


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
	with pytest.raises(PayloadError):
		parse_event(body, {})


def test_an_event_without_a_name_or_a_session_is_refused() -> None:
	with pytest.raises(PayloadError) as caught:
		parse_event({"sessionId": "demo_session", "data": {}}, {})
	assert caught.value.path == "event"
	with pytest.raises(PayloadError) as caught:
		parse_event({"event": "message.received", "data": V2["data"]["message"]}, {})
	assert caught.value.path == "sessionId"


@pytest.mark.parametrize(
	"name", ["presence_update", "group_join", "battery_update", "something.new", "SOMETHING.New "]
)
def test_an_event_of_no_use_is_understood_as_such_even_without_a_session(name: str) -> None:
	event = parse_event({"event": name, "data": {"x": 1}}, {})
	assert (event.payload, event.name, event.raw_name) == (None, name.strip().lower(), name.strip())


def test_a_name_that_is_too_long_is_cut() -> None:
	assert len(parse_event({"event": "x" * 10_000}, {}).name) <= 140


# Messages


def test_a_photo_pushed_with_its_media_keeps_them() -> None:
	message = {
		**V2["data"]["message"],
		"type": "image",
		"has_attachment": True,
		"media": {
			"filename": "photo.jpg",
			"filesize": 245678,
			"mimetype": "image/jpeg",
			"url": "https://media.example/x",
		},
	}
	event = parse_event(
		{"event": "message.received", "data": {"sessionId": "demo_session", "message": message}}, {}
	)
	assert event.payload.media == records.Media(
		"image", "image/jpeg", "photo.jpg", 245678, "https://media.example/x", "Hi"
	)


def test_a_message_typed_on_the_phone_is_ours() -> None:
	event = data(
		"message.sent",
		id={"fromMe": True, "remote": "34600000002@c.us", "id": MESSAGE_ID},
		body="Hi",
		timestamp=1_760_423_400,
		**{"from": "34600000001@c.us", "to": "34600000002@c.us"},
	)
	assert event.payload == records.Message(
		MESSAGE_ID, PERSON, True, text="Hi", timestamp_ms=SENT_AT, recipient_jid=PERSON
	)


def test_a_sent_event_without_a_direction_is_ours() -> None:
	assert data("message.sent", messageId="A1", to="34600000002", body="Hi").payload.from_me


@pytest.mark.parametrize(
	"values",
	[{"messageId": "A1"}, {"id": "A1"}, {"message": {"id": "A1"}}, {"messageId": "A1", "status": "sent"}],
)
def test_a_sent_event_that_names_no_chat_is_a_receipt(values: dict) -> None:
	assert data("message.sent", **values).payload == records.Receipt("A1", "Sent")


def test_a_received_event_of_ones_own_message_is_ours() -> None:
	assert data("message.received", messageId="A1", chatId=PERSON, fromMe=True, body="Hi").payload.from_me


def test_a_group_message_keeps_its_sender() -> None:
	payload = data(
		"message.received", messageId="A1", chatId=GROUP, participant="34600000003@c.us", body="Hi"
	).payload
	assert (payload.chat_jid, payload.sender_jid) == (GROUP, "34600000003@s.whatsapp.net")


def test_a_message_that_cannot_be_understood_names_the_path() -> None:
	with pytest.raises(PayloadError) as caught:
		data("message.received", message={"content": "Hi"})
	assert caught.value.path == "data.message.chatId"


@pytest.mark.parametrize(
	("name", "canonical", "flags"),
	[
		("message_edit", "message.edited", (True, False)),
		("message.edited", "message.edited", (True, False)),
		("message_revoke", "message.deleted", (False, True)),
		("message.revoked", "message.deleted", (False, True)),
		("message.deleted", "message.deleted", (False, True)),
	],
)
def test_edits_and_deletions_say_what_became_of_which_message(name, canonical, flags) -> None:
	event = data(name, messageId="A1", chatId=PERSON, body="New")
	assert (event.name, event.message_id) == (canonical, "A1")
	assert (event.payload.is_edited, event.payload.is_deleted) == flags
	with pytest.raises(PayloadError):
		data(name, body="New")


# Receipts


@pytest.mark.parametrize(
	("name", "values", "status"),
	[
		("message.ack", {"messageId": "A1", "ack": 3}, "Read"),
		("message.ack", {"messageId": "A1", "ack": -1}, "Failed"),
		("message_ack", {"messageId": "A1", "ack": "2"}, "Delivered"),
		("message_status", {"messageId": "A1", "status": "read"}, "Read"),
		("message.delivered", {"messageId": "A1"}, "Delivered"),
		("message.read", {"id": "A1"}, "Read"),
		("message.read", {"id": {"id": "A1", "remote": "34600000002@c.us"}}, "Read"),
		("message.read", {"message": {"messageId": "A1"}}, "Read"),
		("message.read", {"messageId": "A1", "status": "played"}, "Read"),
		("message.failed", {"messageId": "A1"}, "Failed"),
		("message.delivered", {"messageId": "A1", "message": {"status": "delivered"}}, "Delivered"),
	],
)
def test_a_receipt_says_how_far_which_message_got(name: str, values: dict, status: str) -> None:
	event = data(name, **values)
	assert (event.payload.message_id, event.payload.status, event.message_id) == ("A1", status, "A1")


def test_a_failure_keeps_its_reason_and_time() -> None:
	payload = data(
		"message.failed", messageId="A1", error="not on WhatsApp", timestamp=1_760_423_400, chatId=PERSON
	).payload
	assert payload == records.Receipt("A1", "Failed", SENT_AT, PERSON, "not on WhatsApp")
	assert data("message.read", messageId="A1", reason="because").payload.error == ""


def test_a_receipt_may_name_the_message_by_its_row() -> None:
	assert data("message.read", messageId=10854).payload == records.Receipt("", "Read", hub_id=10854)


@pytest.mark.parametrize(
	("values", "path"),
	[
		({}, "data.messageId"),
		({"messageId": "A1", "ack": 77}, "data.status"),
		({"messageId": "A1"}, "data.status"),
	],
)
def test_a_receipt_that_says_nothing_names_the_path(values: dict, path: str) -> None:
	with pytest.raises(PayloadError) as caught:
		data("message.ack", **values)
	assert caught.value.path == path


# Reactions

REACTION = {
	"key": {"remoteJid": PERSON, "fromMe": False, "id": "3AAA00000000F2"},
	"text": "👍",
	"senderTimestampMs": "1760423400027",
}


@pytest.mark.parametrize(
	"body",
	[
		{"data": {"message": {"from": PERSON, "reactionMessage": REACTION}}},
		{"data": {"from": PERSON, "reactionMessage": REACTION}},
		{"data": {"from": PERSON}, "reactionMessage": REACTION},
		{"reactionMessage": {**REACTION, "reaction": "👍", "text": None}},
		{
			"data": {
				"message": {
					"chatId": PERSON,
					"reactionMessage": {**REACTION, "key": {"id": "3AAA00000000F2"}},
				}
			}
		},
		{
			"data": {
				"from": PERSON,
				"reactionMessage": {**REACTION, "key": None, "msgId": {"id": "3AAA00000000F2"}},
			}
		},
	],
)
def test_a_reaction_is_found_at_each_place(body: dict) -> None:
	event = parse_event({"event": "message.received", "sessionId": "demo_session", **body}, {})
	assert event.payload == records.Reaction("3AAA00000000F2", PERSON, PERSON, False, "👍", 1_760_423_400_027)
	assert event.message_id == "3AAA00000000F2"


@pytest.mark.parametrize("emptied", [{"text": ""}, {"text": None}])
def test_an_empty_reaction_takes_the_earlier_one_away(emptied: dict) -> None:
	assert (
		data("message.received", **{"from": PERSON}, reactionMessage={**REACTION, **emptied}).payload.emoji
		== ""
	)


def test_who_reacts_is_said_by_what_surrounds_the_reaction() -> None:
	ones_own = data("message.sent", fromMe=True, chatId=PERSON, reactionMessage=REACTION).payload
	assert (ones_own.from_me, ones_own.sender_jid) == (True, "")
	in_group = {**REACTION, "key": {"remoteJid": GROUP, "fromMe": True, "id": "A1", "participant": PERSON}}
	others = data(
		"message.received", chatId=GROUP, participant="34600000003@c.us", reactionMessage=in_group
	).payload
	assert (others.from_me, others.sender_jid) == (False, "34600000003@s.whatsapp.net")


@pytest.mark.parametrize(
	("reaction", "path"),
	[
		({"text": "👍"}, "data.reactionMessage.key.id"),
		({"text": "👍", "key": {"id": "A1"}}, "data.reactionMessage.key.remoteJid"),
	],
)
def test_a_reaction_to_nothing_names_the_path(reaction: dict, path: str) -> None:
	with pytest.raises(PayloadError) as caught:
		data("message.received", reactionMessage=reaction)
	assert caught.value.path == path


# Sessions


@pytest.mark.parametrize(
	("body", "name", "status"),
	[
		(
			{"event": "session.connected", "data": {"phoneNumber": "34600000001"}},
			"session.connected",
			"Connected",
		),
		({"event": "session.connected", "data": {"status": "connected"}}, "session.connected", "Connected"),
		({"event": "session.connected", "data": {"status": "connecting"}}, "session.connected", "Connected"),
		({"event": "session.connected", "phoneNumber": "34600000001"}, "session.connected", "Connected"),
		({"event": "session.connected", "data": {"isConnected": False}}, "session.connected", "Disconnected"),
		(
			{"event": "session.disconnected", "data": {"status": "connected"}},
			"session.disconnected",
			"Disconnected",
		),
		({"event": "session.disconnected", "reason": "logout"}, "session.disconnected", "Disconnected"),
		({"event": "session_status", "data": {"status": "CONNECTED"}}, "session.connected", "Connected"),
		(
			{"event": "session.status", "data": {"status": "disconnected"}},
			"session.disconnected",
			"Disconnected",
		),
		({"event": "session.status", "data": {"status": "timeout"}}, "session.disconnected", "Error"),
		({"event": "session.status", "data": {"status": "connecting"}}, "session.status", "Connecting"),
		({"event": "session.status", "data": {"status": "unheard of"}}, "session.status", ""),
		(
			{"event": "session_status", "data": {"status": "qr", "qrCode": "AAAA"}},
			"session.qr",
			"QR Code Required",
		),
	],
)
def test_a_session_event_says_how_the_session_is(body: dict, name: str, status: str) -> None:
	event = parse_event({"sessionId": "demo_session", "timestamp": "2025-10-14T06:30:00Z", **body}, {})
	assert (event.name, event.payload.status) == (name, status)
	assert (event.payload.session_id, event.payload.timestamp_ms) == ("demo_session", SENT_AT)


def test_a_connected_session_brings_its_number_and_a_disconnected_one_its_reason() -> None:
	assert data("session.connected", phoneNumber="34600000001").payload.phone_number == "34600000001"
	assert data("session.disconnected", reason="logout").payload.reason == "logout"


@pytest.mark.parametrize(
	"body",
	[
		{"data": {"qrCode": "data:image/png;base64,AAAA", "expiresAt": "2025-10-14T06:31:00Z"}},
		{"qrCode": "AAAA", "expiresAt": 1_760_423_460},
	],
)
def test_a_qr_event_brings_the_picture_and_its_end(body: dict) -> None:
	event = parse_event({"event": "session.qr", "sessionId": "demo_session", **body}, {})
	assert event.payload.qr == records.QRCode("data:image/png;base64,AAAA", 1_760_423_460_000)
	assert event.payload.status == "QR Code Required"


def test_a_qr_event_without_a_picture_names_the_path() -> None:
	with pytest.raises(PayloadError) as caught:
		data("session.qr", qrCode="none yet")
	assert caught.value.path == "data.qrCode"


# Contacts and chats


@pytest.mark.parametrize("name", ["contact.updated", "contact_update", "contact.created"])
def test_a_contact_event_brings_the_contact(name: str) -> None:
	event = data(
		name, contact={"id": "34600000002@c.us", "phone": "34600000002", "name": "Ana", "imgUrl": None}
	)
	assert (event.name, event.payload) == ("contact.updated", records.Contact(PERSON, "34600000002", "Ana"))
	assert data(name, id=PERSON, name="Ana").payload == event.payload


def test_a_contact_event_about_nobody_names_the_path() -> None:
	with pytest.raises(PayloadError) as caught:
		data("contact.updated", contact={"name": "Ana"})
	assert caught.value.path == "data.contact.id"


@pytest.mark.parametrize(
	("name", "values", "is_archived"),
	[
		("chat.archived", {"chatId": PERSON}, True),
		("chat.unarchived", {"chatId": PERSON}, False),
		("chat.archived", {"chatId": PERSON, "isArchived": False}, False),
		("chat.unarchived", {"chat": {"id": "34600000002@c.us", "archived": True}}, True),
	],
)
def test_archiving_follows_the_flag_or_else_the_name_of_the_event(name, values, is_archived) -> None:
	assert data(name, timestamp=1_760_423_400, **values).payload == records.ChatFlag(
		PERSON, is_archived, SENT_AT
	)


def test_archiving_no_chat_names_the_path() -> None:
	with pytest.raises(PayloadError) as caught:
		data("chat.archived", isArchived=True)
	assert caught.value.path == "data.chatId"


@pytest.mark.parametrize("name", ["conversation.created", "conversation.updated", "chat_update"])
def test_a_conversation_event_brings_the_chat(name: str) -> None:
	event = data(name, conversation={"chatId": PERSON, "name": "Ana", "unreadCount": 2})
	assert event.name == "conversation.updated"
	assert event.payload == records.Chat(PERSON, "34600000002", "Ana", unread_count=2)
	with pytest.raises(PayloadError):
		data(name, conversation={"name": "Ana"})


@pytest.mark.parametrize(
	("name", "change"),
	[
		("message_revoke", records.Change(MESSAGE_ID, True)),
		("message.edited", records.Change(MESSAGE_ID, False, "Hello", SENT_AT)),
	],
)
def test_a_change_that_names_no_chat_is_known_by_the_message_alone(name: str, change: records.Change) -> None:
	said = {"body": change.text, "timestamp": SENT_AT} if change.text else {}
	event = parse_event({"event": name, "sessionId": "s", "data": {"messageId": MESSAGE_ID, **said}}, {})
	assert (event.payload, event.message_id) == (change, MESSAGE_ID)


def test_what_cannot_be_understood_keeps_the_name_it_gives_itself_and_says_what_is_wrong() -> None:
	event = understand_event({"event": "message", "sessionId": "a\ud800b", "data": {}}, {})
	assert event.name == "message.received"
	assert event.problem.path == "data.chatId"
	event.session_id.encode()  # the database must take it
	by_header = understand_event({"sessionId": 5}, {"X-Webhook-Event": "chat.archived"})
	assert (by_header.name, by_header.problem is None) == ("chat.archived", False)


def test_headers_that_contradict_the_body_are_the_only_reason_to_refuse_an_event() -> None:
	with pytest.raises(PayloadError):
		understand_event(V1, {"X-Webhook-Session": "another_session"})


def test_a_session_that_only_the_header_names_is_marked_so() -> None:
	body = {key: value for key, value in V1.items() if key != "sessionId"}
	assert parse_event(V1, {}).session_in_body
	by_header = parse_event(body, {"X-Webhook-Session": "demo_session"})
	assert (by_header.session_id, by_header.session_in_body) == ("demo_session", False)
