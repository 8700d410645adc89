"""The keys of the user's document are there, whichever shape this Hub has."""

import copy

import pytest
from hypothesis import given

from support.payloads import MIXTURES
from xappiens_whatsapp.inbox_hub import completion, payloads
from xappiens_whatsapp.inbox_hub.errors import PayloadError

PERSON = "34600000002@s.whatsapp.net"


def test_a_page_that_has_all_keys_is_left_as_it_is() -> None:
	body = {
		"success": True,
		"data": {
			"contacts": [
				{"id": PERSON, "name": "Ana", "phone": "34600000002", "isUser": True, "isGroup": False}
			],
			"total": 150,
			"page": 1,
		},
	}
	assert completion.complete_contacts(body) == body


def test_rows_that_have_all_keys_are_left_as_they_are() -> None:
	last = {"content": "Hi", "timestamp": 1_760_524_200, "fromMe": False}
	chats = [{"chatId": PERSON, "name": "", "lastMessage": last, "unreadCount": 0, "isGroup": False}]
	message = {
		"messageId": "A1",
		"chatId": PERSON,
		"content": "Hi",
		"timestamp": 1_760_524_200,
		"fromMe": True,
	}
	assert completion.complete_chats({"data": {"chats": chats}}) == {"data": {"chats": chats}}
	assert completion.complete_messages({"data": {"messages": [message]}}) == {
		"data": {"messages": [message]}
	}


@pytest.mark.parametrize(
	"body",
	[
		{"data": {"contacts": [{"id": PERSON, "notify": "Ana"}], "pagination": {"total": 150, "page": 1}}},
		{"data": [{"jid": PERSON, "verifiedName": "Ana"}], "total": 150, "page": 1},
		{"contacts": [{"contactId": PERSON, "name": None, "pushname": "Ana"}], "total": 150, "page": 1},
	],
)
def test_contacts_get_the_keys_of_the_document(body: dict) -> None:
	data = completion.complete_contacts(body)["data"]
	row = data["contacts"][0]
	assert (row["id"], row["name"], row["phone"], row["isUser"], row["isGroup"]) == (
		PERSON,
		"Ana",
		"34600000002",
		True,
		False,
	)
	assert (data["total"], data["page"]) == (150, 1)


def test_chats_get_the_keys_of_the_document() -> None:
	row = {
		"id": {"_serialized": "34600000002@c.us"},
		"contactName": "Ana",
		"lastMessage": {"body": "Hi", "timestamp": 1_760_524_200, "fromMe": True},
	}
	chat = completion.complete_chats({"data": {"chats": [row]}})["data"]["chats"][0]
	assert (chat["chatId"], chat["name"], chat["unreadCount"], chat["isGroup"]) == (PERSON, "Ana", 0, False)
	assert chat["lastMessage"] == {"body": "Hi", "content": "Hi", "timestamp": 1_760_524_200, "fromMe": True}


@pytest.mark.parametrize(
	("row", "last"),
	[
		(
			{"lastMessageText": "Hi", "lastMessageAt": 1_760_524_200},
			{"content": "Hi", "timestamp": "2025-10-15T10:30:00.000Z", "fromMe": None},
		),
		({"lastMessage": None}, None),
		({}, None),
	],
)
def test_a_chat_has_a_last_message_or_null(row: dict, last: dict | None) -> None:
	chat = completion.complete_chats({"data": {"chats": [{"chatId": PERSON, **row}]}})["data"]["chats"][0]
	assert chat["lastMessage"] == last


def test_messages_get_the_keys_of_the_document() -> None:
	row = {"id": 7, "whatsappMessageId": "A1", "body": "Hi", "sentAt": 1_760_524_200}
	message = completion.complete_messages({"data": {"messages": [row]}}, PERSON)["data"]["messages"][0]
	assert message == {
		**row,
		"messageId": "A1",
		"chatId": PERSON,
		"content": "Hi",
		"timestamp": "2025-10-15T10:30:00.000Z",
		"fromMe": False,
	}


def test_sessions_get_the_keys_of_the_document() -> None:
	body = completion.complete_sessions({"data": {"items": [{"id": "demo_session", "state": "connected"}]}})
	row = body["data"]["sessions"][0]
	assert (row["sessionId"], row["status"], row["isConnected"]) == ("demo_session", "connected", True)


@pytest.mark.parametrize(
	"data",
	[
		{"session": {"id": 56, "sessionId": "demo_session", "status": "connected"}},
		{"id": 56, "sessionId": "demo_session", "status": "connected"},
	],
)
def test_one_session_is_found_at_the_same_place(data: dict) -> None:
	done = completion.complete_session({"success": True, "data": data})["data"]
	assert (done["id"], done["sessionId"], done["status"], done["isConnected"]) == (
		56,
		"demo_session",
		"connected",
		True,
	)


@pytest.mark.parametrize(
	"body",
	[
		{
			"success": True,
			"message": "ok",
			"data": {
				"messageId": "A1",
				"to": "34600000002",
				"status": "sent",
				"timestamp": "2025-10-15T10:45:00.000Z",
			},
		},
		{
			"success": True,
			"data": {
				"message": {
					"id": 1,
					"whatsappMessageId": "A1",
					"status": "sent",
					"timestamp": "2025-10-15T10:45:00.000Z",
				}
			},
		},
		{"data": {"messageId": "A1", "message": "Hello", "timestamp": "2025-10-15T10:45:00.000Z"}},
	],
)
def test_the_answer_to_a_send_has_the_keys_of_the_document(body: dict) -> None:
	done = completion.complete_sent(body, "34600000002")
	assert done["success"] is True and isinstance(done["message"], str)
	keys = ("messageId", "to", "status", "timestamp")
	assert [done["data"][key] for key in keys] == ["A1", "34600000002", "sent", "2025-10-15T10:45:00.000Z"]


def test_what_nobody_knows_of_a_sent_message_is_empty_and_not_missing() -> None:
	data = completion.complete_sent({"success": True}, "34600000002")["data"]
	assert data == {"messageId": "", "to": "34600000002", "status": "sent", "timestamp": None}


@pytest.mark.parametrize(
	"complete",
	[
		completion.complete_contacts,
		completion.complete_chats,
		completion.complete_messages,
		completion.complete_sessions,
		completion.complete_session,
	],
)
def test_what_cannot_be_understood_is_handed_on_as_it_came(complete) -> None:
	for body in ({"success": True, "data": {"x": 1}}, {"success": True, "data": "x"}):
		assert complete(body) == body
	assert completion.complete_sent({"data": "x"}, "1") == {"data": "x"}


ROWS = [None, "text", {"name": "nobody"}, {}]


@pytest.mark.parametrize(
	("complete", "parse", "body"),
	[
		(completion.complete_session, payloads.parse_session, {"data": {"sessionId": 56, "qr": "AAAA"}}),
		(completion.complete_sessions, payloads.parse_sessions, {"data": [{"sessionId": 56, "qr": "AAAA"}]}),
	],
)
def test_a_session_that_shows_a_qr_code_still_waits_for_it_when_completed(complete, parse, body) -> None:
	completed = parse(complete(body))
	session = completed.records[0] if hasattr(completed, "records") else completed
	assert session.status == "QR Code Required"


def test_rows_that_cannot_be_understood_stay_in_the_page() -> None:
	for noun, complete in (
		("contacts", completion.complete_contacts),
		("chats", completion.complete_chats),
		("messages", completion.complete_messages),
		("sessions", completion.complete_sessions),
	):
		assert complete({"data": {noun: ROWS}})["data"][noun] == ROWS


@given(MIXTURES)
def test_completing_changes_nothing_that_was_said_and_not_the_records(body: object) -> None:
	if not isinstance(body, dict):
		body = {"data": body}
	for complete, parse in (
		(completion.complete_contacts, payloads.parse_contacts),
		(completion.complete_chats, payloads.parse_chats),
		(completion.complete_messages, payloads.parse_messages),
		(completion.complete_sessions, payloads.parse_sessions),
		(completion.complete_session, payloads.parse_session),
		(lambda body: completion.complete_sent(body, "34600000002"), payloads.parse_sent),
	):
		before = copy.deepcopy(body)
		completed = complete(body)
		assert repr(body) == repr(before)
		try:
			expected = parse(body)
		except PayloadError:
			continue
		read = parse(completed)
		if hasattr(expected, "records"):
			assert repr(read.records) == repr(expected.records) and read.received == expected.received
		else:
			assert read.status == expected.status
