"""Lists: whole, once each, in the three shapes, with the documents' keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.unit

CONTACTS = "/api/contacts/demo_session"
CHATS = "/api/messages/demo_session/chats"
MESSAGES = "/api/messages/demo_session"
FIRST_CHAT = "34600000002@s.whatsapp.net"
SHAPES = pytest.mark.parametrize("shape", ["seed", "full", "crm"])


def connected(make_hub: Callable[..., Any], **options: Any) -> Any:
	return make_hub(session=["demo_session:connected"], **options)


@SHAPES
def test_pages_together_give_every_row_once(make_hub: Callable[..., Any], shape: str) -> None:
	hub = connected(make_hub, shape=shape, contacts=250, chats=45, messages=30)
	expected = hub.state()["sessions"]["demo_session"]["expected"]
	contacts = [row["id"] for row in hub.pages(CONTACTS, "contacts")]
	chats = [row["chatId"] for row in hub.pages(CHATS, "chats", limit=20)]
	messages = [row["id"] for row in hub.pages(MESSAGES, "messages")]
	of_one_chat = [row["id"] for row in hub.pages(f"{MESSAGES}/{FIRST_CHAT}", "messages", limit=7)]
	assert len(contacts) == len(set(contacts)) == expected["contacts"] == 250
	assert len(chats) == len(set(chats)) == expected["chats_listed"] == 46
	assert "status@broadcast" in chats and expected["chats"] == 45
	assert len(messages) == len(set(messages)) == expected["messages"] == 45 * 30
	assert len(of_one_chat) == len(set(of_one_chat)) == expected["messages_per_chat"] == 30


def test_the_user_documents_keys_are_there_in_the_seed_shape(hub: Any) -> None:
	contacts = hub.data(CONTACTS)
	assert set(contacts) == {"contacts", "total", "page"}
	assert set(contacts["contacts"][0]) == {"id", "name", "phone", "isUser", "isGroup"}
	chats = hub.data(CHATS)
	assert set(chats) == {"chats"}
	assert set(chats["chats"][0]) == {"chatId", "name", "lastMessage", "unreadCount", "isGroup"}
	assert set(chats["chats"][0]["lastMessage"]) == {"content", "timestamp", "fromMe"}
	assert chats["chats"][0]["lastMessage"]["timestamp"].endswith(".000Z")


def test_the_full_shape_has_pagination_and_drops_keys_inside_a_chat(make_hub: Callable[..., Any]) -> None:
	hub = connected(make_hub, shape="full")
	contacts = hub.data(CONTACTS, limit=50)
	assert contacts["pagination"] == {"total": 150, "page": 1, "limit": 50, "pages": 3}
	assert "phone" not in contacts["contacts"][0]
	assert isinstance(hub.data(CHATS)["chats"][0]["lastMessage"]["timestamp"], int)
	in_chat = hub.data(f"{MESSAGES}/{FIRST_CHAT}")
	assert in_chat["chatInfo"]["chatId"] == FIRST_CHAT
	assert not {"from", "to", "type"} & set(in_chat["messages"][0])
	filtered = hub.data(MESSAGES, chatId=FIRST_CHAT)["messages"][0]
	assert {"from", "to", "type", "content", "whatsappMessageId"} <= set(filtered)


def test_the_crm_shape_has_body_and_no_whatsapp_id_unless_told(make_hub: Callable[..., Any]) -> None:
	row = connected(make_hub, shape="crm").data(f"{MESSAGES}/{FIRST_CHAT}")["messages"][0]
	assert {"id", "body", "type", "status", "mediaUrl", "hasReactions"} <= set(row)
	assert "whatsappMessageId" not in row and "content" not in row
	told = connected(make_hub, shape="crm", crm_message_ids=True)
	assert told.data(f"{MESSAGES}/{FIRST_CHAT}")["messages"][0]["whatsappMessageId"]


@SHAPES
def test_the_contacts_of_the_hubs_database_have_a_source(make_hub: Callable[..., Any], shape: str) -> None:
	data = connected(make_hub, shape=shape).data("/api/sessions/2/contacts")
	assert (data["total"], data["source"]) == (150, "whatsapp")


@pytest.mark.parametrize("path", [CONTACTS, CHATS, MESSAGES, f"{MESSAGES}/{FIRST_CHAT}", "/api/sessions"])
@pytest.mark.parametrize("query", [{"limit": 101}, {"limit": 0}, {"page": 0}, {"limit": "many"}])
def test_a_page_outside_the_bounds_is_400(hub: Any, path: str, query: dict[str, Any]) -> None:
	answer = hub.get(path, **query)
	assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
	assert set(answer.json()["details"]) == set(query)


def test_the_newest_messages_come_first_by_page_and_in_order(hub: Any) -> None:
	rows = hub.pages(f"{MESSAGES}/{FIRST_CHAT}", "messages", limit=20)
	times = [row["timestamp"] for row in rows]
	assert times == sorted(times, reverse=True)
	assert rows[0]["content"] == hub.data(CHATS)["chats"][0]["lastMessage"]["content"]


def test_the_full_shape_turns_the_rows_of_each_page_round(hub: Any, make_hub: Callable[..., Any]) -> None:
	full = connected(make_hub, shape="full")
	for page in (1, 2):
		usual, turned = (
			[row["id"] for row in each.data(f"{MESSAGES}/{FIRST_CHAT}", page=page, limit=20)["messages"]]
			for each in (hub, full)
		)
		assert turned == usual[::-1]


def test_a_live_message_comes_before_the_history_and_moves_its_chat_up(hub: Any) -> None:
	chat = hub.pages(CHATS, "chats")[-1]["chatId"]
	first, last = hub.sim("incoming", session="demo_session", chat=chat, text="Nuevo", count=2)["messages"]
	newest = [row["whatsappMessageId"] for row in hub.data(f"{MESSAGES}/{chat}", limit=3)["messages"]]
	assert newest[:2] == [last["message_id"], first["message_id"]]
	assert hub.data(MESSAGES, limit=1)["messages"][0]["content"] == "Nuevo 2"
	assert hub.data(CHATS, limit=1)["chats"][0]["chatId"] == chat
	chats = [row["chatId"] for row in hub.pages(CHATS, "chats", limit=10)]
	assert len(chats) == len(set(chats)) == 26


def test_both_ways_of_listing_a_chat_agree_and_each_can_be_missing(
	hub: Any, make_hub: Callable[..., Any]
) -> None:
	by_path = hub.data(f"{MESSAGES}/{FIRST_CHAT}")["messages"]
	assert by_path == hub.data(MESSAGES, chatId=FIRST_CHAT)["messages"]
	assert by_path == hub.data(MESSAGES, chatId="34600000002@c.us")["messages"]
	only_filter = connected(make_hub, chat_messages="filter")
	assert only_filter.get(f"{MESSAGES}/{FIRST_CHAT}").status_code == 404
	assert only_filter.get(MESSAGES, chatId=FIRST_CHAT).status_code == 200


def test_filters_of_the_message_list_filter(hub: Any) -> None:
	own = hub.data(MESSAGES, fromMe="true", limit=100)["messages"]
	assert own and all(row["fromMe"] for row in own)
	images = hub.data(MESSAGES, type="image", limit=100)
	assert images["messages"] and {row["type"] for row in images["messages"]} == {"image"}
	one_day = hub.data(MESSAGES, startDate="2025-10-14", endDate="2025-10-14", limit=100)["messages"]
	assert one_day and all(row["timestamp"].startswith("2025-10-14") for row in one_day)
	assert hub.get(MESSAGES, startDate="yesterday").status_code == 400


def test_the_search_finds_names_and_numbers_in_any_case(hub: Any) -> None:
	name = next(row["name"] for row in hub.pages(CONTACTS, "contacts") if row["name"] and " " in row["name"])
	found = hub.data(CONTACTS, search=name.upper())
	assert found["total"] >= 1 and all(name.upper() in row["name"].upper() for row in found["contacts"])
	assert [row["id"] for row in hub.data(CONTACTS, search="34600000003")["contacts"]] == [
		"34600000003@s.whatsapp.net"
	]
	assert hub.get(CONTACTS, search="x" * 101).status_code == 400
	assert hub.get(CONTACTS, search="").status_code == 400


def test_a_contact_is_found_by_number_or_null(hub: Any) -> None:
	found = hub.data(f"{CONTACTS}/search/34600000002")["contact"]
	assert found["id"] == FIRST_CHAT
	missing = hub.data(f"{CONTACTS}/search/34600000099")
	assert missing["contact"] is None and missing["message"]


def test_contact_info_has_the_profile_and_an_unknown_one_is_404(hub: Any) -> None:
	info = hub.data(f"{CONTACTS}/info/{FIRST_CHAT}")["contact"]
	assert {"businessProfile", "status", "lastSeen"} <= set(info)
	missing = hub.get(f"{CONTACTS}/info/34600000099@s.whatsapp.net")
	assert (missing.status_code, missing.json()["code"]) == (404, "CONTACT_NOT_FOUND")


def test_statistics_agree_with_the_lists(hub: Any) -> None:
	contacts = hub.data(f"{CONTACTS}/stats")["stats"]
	rows = hub.pages(CONTACTS, "contacts")
	assert (contacts["total"], contacts["groups"]) == (len(rows), sum(row["isGroup"] for row in rows))
	messages = hub.data(f"{MESSAGES}/stats")["stats"]
	assert messages["total"] == messages["sent"] + messages["received"] == 1250
	assert sum(messages["byType"].values()) == 1250


@pytest.mark.parametrize(("shape", "status"), [("seed", 400), ("full", 200), ("crm", 200)])
def test_lists_of_a_disconnected_session_are_refused_or_served_by_shape(
	make_hub: Callable[..., Any], shape: str, status: int
) -> None:
	hub = make_hub(session=["demo_session"], shape=shape)
	for path in (CONTACTS, CHATS, MESSAGES):
		answer = hub.get(path)
		assert answer.status_code == status, path
		if status == 400:
			assert answer.json()["code"] == "SESSION_NOT_CONNECTED"
			assert answer.json()["error"] == "La sesión debe estar conectada"


def test_the_world_has_what_real_accounts_have(hub: Any) -> None:
	contacts = hub.pages(CONTACTS, "contacts")
	messages = hub.pages(MESSAGES, "messages")
	assert sum(row["id"].endswith("@lid") for row in contacts) == 1
	assert any(row["isGroup"] for row in contacts)
	assert any(row["name"] is None for row in contacts)
	assert any(row["name"] == row["phone"] for row in contacts if row["phone"])
	assert any(re.search("[áéíóúñ]", row["name"] or "") for row in contacts)
	assert any(ord(letter) > 0x1F000 for row in contacts for letter in row["name"] or "")
	kinds = {row["type"] for row in messages}
	assert kinds >= {
		"text",
		"image",
		"video",
		"audio",
		"ptt",
		"document",
		"sticker",
		"location",
		"contact",
		"poll",
	}
	assert any(len(row["media"]["url"]) > 140 for row in messages if row.get("media"))
	assert any(row.get("quotedMessageId") for row in messages)
	group_senders = {row["participant"] for row in messages if row.get("participant")}
	assert len(group_senders) > 3
	assert all(re.fullmatch("3EB0[0-9A-F]{18}", row["whatsappMessageId"]) for row in messages)


def test_the_full_shape_spells_some_chats_the_old_way(make_hub: Callable[..., Any]) -> None:
	hub = connected(make_hub, shape="full")
	chats = {row["chatId"] for row in hub.pages(CHATS, "chats")}
	old = next(jid for jid in chats if jid.endswith("@c.us"))
	assert any(jid.endswith("@s.whatsapp.net") for jid in chats)
	assert hub.data(f"{MESSAGES}/{old}")["messages"]
	contacts = {row["id"] for row in hub.pages(CONTACTS, "contacts")}
	assert old not in contacts and old.replace("@c.us", "@s.whatsapp.net") in contacts


def test_the_same_seed_is_the_same_world_and_another_seed_another(make_hub: Callable[..., Any]) -> None:
	def world(seed: int) -> Any:
		hub = connected(make_hub, seed=seed)
		return hub.pages(CONTACTS, "contacts"), hub.data(MESSAGES, limit=100)["messages"]

	assert world(1) == world(1)
	assert world(1)[0] != world(2)[0]
	assert world(1)[1] != world(2)[1]


def test_a_huge_account_answers_its_last_page_as_its_first(make_hub: Callable[..., Any]) -> None:
	hub = connected(make_hub, contacts=100_000, chats=2000, messages=500)
	assert len(hub.data(CONTACTS, page=1000, limit=100)["contacts"]) == 100
	assert hub.data(CONTACTS, page=1001, limit=100)["contacts"] == []
	assert len(hub.data(CHATS, page=21, limit=100)["chats"]) == 1
	assert len(hub.data(MESSAGES, page=10_000, limit=100)["messages"]) == 100
	assert hub.state()["sessions"]["demo_session"]["expected"]["messages"] == 1_000_000


def test_media_of_a_message_is_found_by_its_id(hub: Any) -> None:
	row = next(row for row in hub.pages(MESSAGES, "messages") if row.get("media"))
	media = hub.data(f"{MESSAGES}/{row['whatsappMessageId']}/media")
	assert media["url"] == row["media"]["url"]
	assert hub.get(f"{MESSAGES}/3EB0000000000000000000/media").status_code == 404


def test_reading_a_chat_marks_its_unread_messages_once(hub: Any) -> None:
	def unread(chat: str) -> int:
		return sum(not row["isRead"] for row in hub.data(f"{MESSAGES}/{chat}")["messages"])

	chat = next(row for row in hub.data(CHATS)["chats"] if row["unreadCount"] and unread(row["chatId"]))
	path = f"{MESSAGES}/{chat['chatId']}/read"
	assert hub.call("PUT", path, {}).json()["data"]["markedCount"] == chat["unreadCount"]
	assert hub.call("PUT", path).json()["data"]["markedCount"] == 0
	assert unread(chat["chatId"]) == 0
	still = hub.data("/api/messages/unread")["unreadMessages"]
	assert chat["chatId"] not in {row["chatId"] for row in still}
