"""The main job, end to end over real HTTP: link a number, let it sync by itself, receive, send, synced again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frappe
import pytest

from support import bench
from support.factories import SESSION, new_id
from support.linked import calls, connect_site, count, link_session, wait_for_sync
from xappiens_whatsapp.api import session as session_api
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.api.messages import send_message
from xappiens_whatsapp.api.sync import (
	_sync_chats_baileys,
	_sync_contacts_baileys,
	_sync_messages_baileys,
	sync_session_complete,
)

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web
	from support.worker import Worker

FAST = {"rate": 0, "contacts": 130, "chats": 22, "messages": 30}


def value(doctype: str, name: str, field: str) -> object:
	frappe.db.rollback()
	return frappe.db.get_value(doctype, name, field)


def recent_chat(session: str = SESSION) -> frappe._dict:
	return frappe.get_all(
		"WhatsApp Conversation",
		filters={"session": session, "is_group": 0, "phone_number": ("is", "set")},
		fields=["name", "chat_id", "unread_count"],
		order_by="last_message_timestamp_ms desc",
		limit=1,
	)[0]


def everything() -> dict[str, dict]:
	"""Every row that a sync could write, by DocType and name."""
	return {
		f"{doctype} {row.name}": row
		for doctype in ("Contact", "Conversation", "Message")
		for row in frappe.get_all(f"WhatsApp {doctype}", fields=["*"])
	}


@pytest.mark.parametrize("shape", ["seed", "full", "crm"])
def test_a_linked_number_syncs_by_itself_receives_and_sends_in_each_shape_of_the_hub(
	simulator: Simulator, web: Web, worker: Worker, shape: str
) -> None:
	simulator.reset(shape=shape, **FAST)
	connect_site(simulator, web, auto_sync_enabled=1)
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Demo").insert()
	frappe.db.commit()
	worker.start()

	session_api.connect_session(SESSION)
	frappe.db.commit()
	bench.wait_until(lambda: value("WhatsApp Session", SESSION, "qr_code"), "the QR code")
	assert value("WhatsApp Session", SESSION, "status") == "QR Code Required"
	phone = simulator.scan(SESSION)

	run = wait_for_sync(SESSION, settles=False)
	assert (run.state, run.trigger) == ("Completed", "Connected")
	expected = simulator.expected(SESSION)["full_sync"]
	assert count("Contact") == expected["contacts_with_those_of_chats"]
	assert count("Conversation") == expected["conversations"]
	assert count("Message") == expected["messages"]
	stored = frappe.get_doc("WhatsApp Session", SESSION)
	assert (stored.status, stored.phone_number, stored.qr_code) == ("Connected", phone, None)
	assert stored.total_contacts == count("Contact")
	assert stored.total_conversations == count("Conversation")
	assert stored.total_messages_sent + stored.total_messages_received <= count("Message")
	assert stored.total_messages_received > 0
	assert stored.last_sync

	chat = recent_chat()
	message_id = new_id()
	simulator.incoming(SESSION, chat=chat.chat_id, text="¿Hay stock? 😊", message_id=message_id)
	bench.wait_until(lambda: count("Message", message_id=message_id), "the incoming message")
	assert value("WhatsApp Conversation", chat.name, "unread_count") == chat.unread_count + 1
	assert value("WhatsApp Conversation", chat.name, "last_message") == "¿Hay stock? 😊"

	sent = send_message("Sí, queda uno.", conversation=chat.name)
	frappe.db.commit()
	bench.wait_until(lambda: value("WhatsApp Message", sent, "status") == "Read", "the blue ticks")
	assert value("WhatsApp Message", sent, "message_id")
	assert len(simulator.requests(f"/api/messages/{SESSION}/send", "POST")) == 1
	assert count("Message", content="Sí, queda uno.") == 1

	before = {doctype: count(doctype) for doctype in ("Contact", "Conversation", "Message")}
	again = sync_session_complete(SESSION)
	assert again["success"]
	assert {doctype: count(doctype) for doctype in before} == before
	assert [again[phase]["created"] for phase in ("contacts", "chats", "messages")] == [0, 0, 0]


@pytest.mark.simulator(**FAST)
def test_the_sync_answers_with_the_dict_of_the_users_document(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)

	answer = sync_session_complete(SESSION)

	assert answer["success"] is True
	assert answer["session"] == SESSION
	assert answer["status"] == "Completed"
	frappe.utils.get_datetime(answer["timestamp"])
	assert len(answer["timestamp"]) == len("2025-10-15 10:30:00")
	expected = simulator.expected(SESSION)["full_sync"]
	assert answer["contacts"] == {
		"processed": expected["contacts"],
		"created": expected["contacts"],
		"updated": 0,
		"errors": 0,
	}
	assert answer["chats"]["created"] == expected["conversations"]
	assert answer["messages"] == {
		"processed": expected["messages"],
		"created": expected["messages"],
		"updated": 0,
		"errors": 0,
	}


@pytest.mark.simulator(**FAST)
def test_a_second_sync_writes_nothing(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	before = everything()

	answer = sync_session_complete(SESSION)

	frappe.db.rollback()
	assert everything() == before
	for phase in ("contacts", "chats", "messages"):
		assert (answer[phase]["created"], answer[phase]["updated"]) == (0, 0)


@pytest.mark.simulator(rate=0, contacts=250, chats=22, messages=60)
def test_a_full_sync_needs_not_one_call_more_than_its_pages_the_first_time_and_again(
	simulator: Simulator,
) -> None:
	connect_site(simulator)
	link_session(simulator)
	for _time in range(2):
		simulator.forget_requests()
		run = sync_session_complete(SESSION)["sync_run"]
		# Chats, one page of 50 for each of 20 chats, contacts in pages of 100.
		assert len(calls(simulator)) == 1 + 20 + 3
		assert value("WhatsApp Sync Run", run, "calls") == 1 + 20 + 3


@pytest.mark.simulator(**FAST)
def test_each_phase_runs_alone_with_a_document_or_a_name(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	client = WhatsAppAPIClient(SESSION)
	document = frappe.get_doc("WhatsApp Session", SESSION)

	chats = _sync_chats_baileys(client, document)
	messages = _sync_messages_baileys(client, SESSION)
	contacts = _sync_contacts_baileys(client, document)

	assert chats["created"] == count("Conversation")
	assert messages["created"] == count("Message")
	assert contacts["created"] == count("Contact") == 130
	assert set(contacts) == {"processed", "created", "updated", "errors"}


def test_an_unknown_session_or_a_label_is_refused_with_the_names_that_exist() -> None:
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Ventas").insert()
	for wrong in ("Ventas", "no_such_session", SESSION.upper()):
		with pytest.raises(frappe.DoesNotExistError, match=SESSION):
			sync_session_complete(wrong)


@pytest.mark.simulator(**FAST)
def test_a_disconnected_session_fails_with_the_documents_words_and_says_so(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.disconnect(SESSION)

	answer = sync_session_complete(SESSION)

	assert answer["success"] is False
	assert answer["status"] == "Failed"
	assert "Session not connected" in answer["message"]


@pytest.mark.simulator(**FAST)
def test_messages_missed_while_the_webhook_was_off_come_late_but_live(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	chat = recent_chat()
	simulator.incoming(SESSION, chat=chat.chat_id, text="perdido", count=5, webhook=False)

	answer = sync_session_complete(SESSION)

	assert answer["messages"]["created"] == 5
	assert value("WhatsApp Conversation", chat.name, "unread_count") == chat.unread_count + 5
	assert count("Message", conversation=chat.name, is_history=0, direction="Incoming") == 5


@pytest.mark.simulator(shape="crm", **FAST)
def test_a_list_without_whatsapps_ids_does_not_double_what_came_by_webhook(
	simulator: Simulator, web: Web
) -> None:
	connect_site(simulator, web)
	link_session(simulator)
	sync_session_complete(SESSION)
	chat = recent_chat()
	for text in ("uno", "👍", "👍"):
		simulator.incoming(SESSION, chat=chat.chat_id, text=text)
	simulator.wait_for_deliveries()
	before = count("Message")

	answer = sync_session_complete(SESSION)

	assert answer["messages"]["created"] == 0
	assert count("Message") == before
	assert count("Message", conversation=chat.name, content="👍", is_history=0) == 2


@pytest.mark.simulator(shape="crm", **FAST)
def test_a_list_that_begins_to_give_ids_does_not_double_the_history(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	before = count("Message")
	assert count("Message", message_id=("like", "NOID-%")) == before
	simulator.options(crm_message_ids=True)

	answer = sync_session_complete(SESSION)

	assert answer["messages"]["created"] == 0
	assert count("Message") == before
	assert count("Message", message_id=("like", "NOID-%")) == 0


@pytest.mark.simulator(**FAST)
def test_an_unconfirmed_message_that_a_sync_finds_is_settled_and_not_doubled(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	chat = recent_chat()
	name = send_message("¿Llegó esto?", conversation=chat.name)
	frappe.db.set_value("WhatsApp Message", name, "status", "Unconfirmed")
	frappe.db.commit()
	simulator.phone_message(SESSION, chat=chat.chat_id, text="¿Llegó esto?", webhook=False)

	sync_session_complete(SESSION)

	assert count("Message", content="¿Llegó esto?") == 1
	assert value("WhatsApp Message", name, "status") in ("Sent", "Delivered", "Read")
	assert value("WhatsApp Message", name, "message_id")


@pytest.mark.simulator(**FAST)
def test_nothing_leaves_the_site_while_whatsapp_is_switched_off(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	frappe.db.set_single_value("WhatsApp Settings", "enabled", 0)
	frappe.db.commit()
	simulator.forget_requests()

	answer = sync_session_complete(SESSION)

	assert answer["success"] is False
	assert not simulator.requests()


@pytest.mark.simulator(rate=0, contacts=20, chats=5, messages=10)
def test_in_a_web_request_the_sync_answers_and_goes_on_in_the_background(
	simulator: Simulator, web: Web, worker: Worker
) -> None:
	connect_site(simulator, web)
	link_session(simulator)
	simulator.reset(rate=0, contacts=20, chats=5, messages=10, latency_ms=0)
	link_at_hub = simulator.session(SESSION)
	frappe.db.set_value("WhatsApp Session", SESSION, "session_db_id", link_at_hub["id"])
	frappe.db.commit()
	simulator.options(latency_ms=4000)

	answer = web.login().call("xappiens_whatsapp.api.sync.sync_session_complete", session_name=SESSION)

	assert answer.status_code == 200, answer.text
	said = answer.json()["message"]
	assert (said["success"], said["status"]) == (True, "Running")
	# The button of the users' document shows "completed" for any success; this is shown beside it.
	assert "goes on in the background" in answer.json()["_server_messages"]
	assert answer.elapsed.total_seconds() < 20
	simulator.options(latency_ms=0)
	worker.start()
	run = wait_for_sync(SESSION)
	assert run.state == "Completed"
	assert count("Sync Run") == 1
	assert count("Message") == simulator.expected(SESSION)["full_sync"]["messages"]
