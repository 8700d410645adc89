"""Older messages of one chat come when somebody asks for them, page by page, and nobody is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frappe
import pytest

from support.factories import SESSION, make_user
from support.linked import calls, connect_site, count, link_session
from support.web import in_request
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.api.errors import InboxHubRequestError
from xappiens_whatsapp.api.sync import sync_conversation_history, sync_session_complete
from xappiens_whatsapp.inbox_hub.errors import RateLimited, SessionNotConnected

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web

LONG = {"rate": 0, "contacts": 10, "chats": 3, "messages": 170}


def synced(hub: Simulator) -> frappe._dict:
	"""A chat of which the newest 50 of 170 messages are stored."""
	connect_site(hub)
	link_session(hub)
	sync_session_complete(SESSION)
	hub.forget_requests()
	return frappe.get_all(
		"WhatsApp Conversation",
		filters={"is_group": 0, "phone_number": ("is", "set")},
		fields=["name", "chat_id", "unread_count"],
		order_by="last_message_timestamp_ms desc",
		limit=1,
	)[0]


@pytest.mark.simulator(**LONG)
def test_older_messages_come_page_by_page_unread_by_nobody_until_there_are_no_more(
	simulator: Simulator,
) -> None:
	chat = synced(simulator)
	stored = [count("Message", conversation=chat.name)]
	has_more = [True]
	while has_more[-1]:
		answer = sync_conversation_history(chat.name)
		stored.append(count("Message", conversation=chat.name))
		has_more.append(answer["has_more"])
		assert answer["created"] == stored[-1] - stored[-2]

	assert stored == [50, 100, 150, 170]
	assert len(calls(simulator)) == 3
	assert count("Message", conversation=chat.name, is_history=0) == 0
	row = frappe.db.get_value(
		"WhatsApp Conversation",
		chat.name,
		["unread_count", "total_messages", "history_complete"],
		as_dict=True,
	)
	assert (row.unread_count, row.total_messages, row.history_complete) == (chat.unread_count, 170, 1)

	assert sync_conversation_history(chat.name) == {
		"processed": 0,
		"created": 0,
		"updated": 0,
		"errors": 0,
		"has_more": False,
	}
	assert len(calls(simulator)) == 3


@pytest.mark.simulator(**LONG)
def test_what_came_since_pushes_nothing_out_of_the_history(simulator: Simulator, web: Web) -> None:
	chat = synced(simulator)
	sync_conversation_history(chat.name)
	simulator.incoming(SESSION, chat=chat.chat_id, text="nuevo", count=60, webhook=False)
	sync_session_complete(SESSION)

	client = web.login()
	for _click in range(3):
		answer = client.call("xappiens_whatsapp.api.sync.sync_conversation_history", conversation=chat.name)
		assert answer.status_code == 200, answer.text

	assert answer.json()["message"]["has_more"] is False
	assert count("Message", conversation=chat.name) == 230
	assert count("Message", conversation=chat.name, content=("like", "nuevo%"), is_history=0) == 60


@pytest.mark.simulator(**LONG)
def test_a_page_that_fails_is_asked_for_again_and_what_came_before_is_kept(
	simulator: Simulator, web: Web
) -> None:
	chat = synced(simulator)
	simulator.faults(status={"status": 400, "code": "SESSION_NOT_CONNECTED", "skip": 1})
	with pytest.raises(SessionNotConnected):
		sync_conversation_history(chat.name, pages=3)
	assert count("Message", conversation=chat.name) == 100
	answer = web.login().call("xappiens_whatsapp.api.sync.sync_conversation_history", conversation=chat.name)
	assert answer.json()["exc_type"] == InboxHubRequestError.__name__

	simulator.clear_faults()
	assert sync_conversation_history(chat.name, pages=3)["created"] == 70


@pytest.mark.simulator(**LONG)
def test_only_who_may_read_a_chat_loads_its_history(simulator: Simulator) -> None:
	chat = synced(simulator)
	frappe.set_user(make_user("stranger"))
	with pytest.raises(frappe.PermissionError):
		sync_conversation_history(chat.name)
	assert not calls(simulator)


@pytest.mark.simulator(contacts=5, chats=1, messages=60)
def test_older_messages_come_though_the_background_has_used_its_part_of_the_minute(
	simulator: Simulator,
) -> None:
	chat = synced(simulator)
	background = WhatsAppAPIClient(SESSION, lane="background", patience_seconds=0)
	with pytest.raises(RateLimited):
		for _call in range(24):
			background.get_session_chats(limit=1)

	with in_request():  # where nobody waits for the next minute
		assert sync_conversation_history(chat.name)["created"] == 10


@pytest.mark.simulator(**LONG)
@pytest.mark.parametrize("fault", ["ignore_page", "empty"])
def test_what_a_hub_keeps_back_of_a_chat_can_be_asked_for_again(simulator: Simulator, fault: str) -> None:
	chat = synced(simulator)
	path = f"/api/messages/{SESSION}/346*"
	if fault == "empty":
		frappe.db.set_value("WhatsApp Conversation", chat.name, "history_offset", 0)
		frappe.db.commit()
		nothing = {"success": True, "data": {"messages": [], "total": 0, "page": 1}}
		simulator.faults(not_object={"path": path, "body": nothing})
	else:
		simulator.faults(ignore_page={"path": path})
	answer = sync_conversation_history(chat.name)
	assert (answer["created"], count("Message", conversation=chat.name)) == (0, 50)

	simulator.clear_faults()
	while sync_conversation_history(chat.name)["has_more"]:
		pass
	assert count("Message", conversation=chat.name) == 170


@pytest.mark.simulator(**LONG)
def test_many_messages_since_do_not_keep_the_past_out_of_reach(simulator: Simulator) -> None:
	chat = synced(simulator)
	simulator.incoming(SESSION, chat=chat.chat_id, text="nuevo", count=400, webhook=False)
	sync_session_complete(SESSION)
	frappe.db.set_value("WhatsApp Conversation", chat.name, "history_offset", 50)
	frappe.db.commit()
	for _press in range(6):
		sync_conversation_history(chat.name)
	assert count("Message", conversation=chat.name) == 170 + 400
