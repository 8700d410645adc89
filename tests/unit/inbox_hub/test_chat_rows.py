"""Chats in the Hub's three shapes (docs/hub.md, "Objects")."""

import pytest

from support.parsed import GROUP, PERSON, chat
from xappiens_whatsapp.inbox_hub import records


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
