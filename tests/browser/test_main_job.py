"""The main job as a person sees it: link a number, sync, read and write, with no page ever loaded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import frappe
import pytest
from playwright.sync_api import Page, expect

from support import factories
from support.factories import SESSION, new_id
from support.forms import open_form
from support.linked import connect_site, count, link_session, wait_for_sync
from xappiens_whatsapp.api.sync import sync_session_complete

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web
	from support.worker import Worker

SMALL = {"rate": 0, "contacts": 12, "chats": 4, "messages": 6}
HTML = "<img src=x onerror=\"document.title='run'\"> <b>Hola</b>"


def latest_chat() -> frappe._dict:
	return frappe.get_all(
		"WhatsApp Conversation",
		filters={"session": SESSION, "is_group": 0, "phone_number": ("is", "set")},
		fields=["name", "chat_id"],
		order_by="last_message_timestamp_ms desc",
		limit=1,
	)[0]


@pytest.mark.simulator(**SMALL)
def test_a_manager_links_a_number_syncs_and_sees_a_message_arrive_without_a_refresh(
	simulator: Simulator, web: Web, worker: Worker, desk: Callable[..., Page]
) -> None:
	connect_site(simulator, web, auto_sync_enabled=0)
	manager = factories.make_user("manager", "WhatsApp Manager")
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Demo").insert()
	frappe.db.commit()
	worker.start()
	page = open_form(desk, manager, "WhatsApp Session", SESSION)

	page.get_by_role("button", name="Connect", exact=True).click()
	code = page.locator("img.whatsapp-qr")
	expect(code).to_be_visible(timeout=15_000)
	assert code.evaluate("image => image.decode().then(() => image.naturalWidth)") > 20
	simulator.scan(SESSION)

	expect(page.locator(".indicator-pill").filter(has_text="Connected").first).to_be_visible(timeout=15_000)
	expect(page.locator(".modal.show")).to_have_count(0)

	page.get_by_role("button", name="Sync Now").click()
	expect(page.locator(".desk-alert").filter(has_text="Sync completed")).to_be_visible(timeout=30_000)
	wait_for_sync(SESSION)
	expected = simulator.expected(SESSION)["full_sync"]
	assert count("Message") == expected["messages"]
	headline = f"{count('Contact')} contacts · {expected['conversations']} conversations"
	expect(page.get_by_text(headline)).to_be_visible()
	assert page.evaluate("window.was_never_loaded_again") is True

	chat = latest_chat()
	conversation = open_form(desk, manager, "WhatsApp Conversation", chat.name)
	thread = conversation.locator("[data-fieldname='messages_html']")
	expect(thread.locator(".whatsapp-text").first).to_be_visible()

	simulator.incoming(SESSION, chat=chat.chat_id, text="¿Hay stock? 😊", message_id=new_id())
	expect(thread.get_by_text("¿Hay stock? 😊")).to_be_visible(timeout=10_000)

	simulator.incoming(SESSION, chat=chat.chat_id, text=HTML, message_id=new_id())
	expect(thread.get_by_text(HTML)).to_be_visible(timeout=10_000)
	assert conversation.title() != "run"
	assert conversation.evaluate("window.was_never_loaded_again") is True
	assert desk.errors == []


@pytest.mark.simulator(**SMALL)
def test_a_test_message_sent_from_the_form_shows_its_ticks(
	simulator: Simulator, web: Web, worker: Worker, desk: Callable[..., Page]
) -> None:
	connect_site(simulator, web)
	link_session(simulator)
	worker.start()
	page = open_form(desk, "Administrator", "WhatsApp Session", SESSION)

	page.get_by_role("button", name="Send Test Message").click()
	dialog = page.locator(".modal.show")
	dialog.locator("input[data-fieldname]").first.fill("34600000077")
	dialog.locator("textarea").first.fill("Prueba desde el formulario")
	dialog.get_by_role("button", name="Send", exact=True).click()

	expect(dialog.locator(".whatsapp-progress")).to_contain_text("Read", timeout=20_000)
	assert count("Message", content="Prueba desde el formulario", status="Read") == 1
	assert desk.errors == []


@pytest.mark.simulator(**SMALL)
def test_a_user_reads_the_conversations_but_has_no_button_to_link(
	simulator: Simulator, desk: Callable[..., Page]
) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	user = factories.make_user("agent", "WhatsApp User")
	frappe.db.commit()

	page = open_form(desk, user, "WhatsApp Session", SESSION)
	expect(page.get_by_role("button", name="Sync Now")).to_be_visible()
	expect(page.get_by_role("button", name="Disconnect")).to_have_count(0)

	conversation = open_form(desk, user, "WhatsApp Conversation", latest_chat().name)
	expect(conversation.locator("[data-fieldname='messages_html'] .whatsapp-text").first).to_be_visible()
	assert desk.errors == []
