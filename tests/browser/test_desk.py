"""The forms of the Desk in detail, as people see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import frappe
import pytest
from playwright.sync_api import Locator, Page, expect

from support import factories
from support.factories import NOON_MS, SESSION
from support.forms import open_form
from support.linked import connect_site, link_session
from xappiens_whatsapp import realtime
from xappiens_whatsapp.api.webhook_setup import WEBHOOK_EVENTS

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web

HTML = '<img src=x onerror="window.was_run = true">'
MINUTE_MS = 60_000


def write(conversation: str, text: str, **values: object) -> str:
	"""A message that comes while the page is open."""
	name = factories.make_message(conversation, text, **values)
	realtime.message(SESSION, conversation, name, values.get("direction", "Incoming"))
	frappe.db.commit()
	return name


def conversation_with(messages: int) -> str:
	factories.make_session()
	conversation = factories.make_conversation()
	for number in range(messages):
		factories.make_message(conversation, f"message {number}", timestamp_ms=NOON_MS + number * MINUTE_MS)
	frappe.db.commit()
	return conversation


def thread_of(page: Page) -> Locator:
	return page.locator(".whatsapp-scroller")


def close_dialog(page: Page) -> None:
	page.wait_for_function("window.cur_dialog")  # it cannot be closed before it has opened whole
	page.keyboard.press("Escape")
	expect(page.locator(".modal.show")).to_have_count(0)


def bubble(page: Page, text: str) -> Locator:
	return page.locator(".whatsapp-message").filter(has_text=text)


def test_the_qr_code_is_renewed_and_a_closed_dialog_leaves_nothing_behind(
	simulator: Simulator, web: Web, desk: Callable[..., Page]
) -> None:
	connect_site(simulator, web)
	factories.make_session(status="Disconnected", is_connected=0)
	frappe.db.commit()
	page = open_form(desk, "Administrator", "WhatsApp Session", SESSION)
	page.wait_for_function("window.xappiens_whatsapp")
	page.evaluate(
		"""() => {
			window.running = new Set();
			const { setInterval: start, clearInterval: stop } = window;
			window.setInterval = (...given) => { const id = start(...given); running.add(id); return id; };
			window.clearInterval = (id) => { running.delete(id); stop(id); };
			const { open } = xappiens_whatsapp.QRCodeDialog.prototype;
			xappiens_whatsapp.QRCodeDialog.prototype.open = function () { window.opened = this; return open.call(this); };
		}"""
	)
	listeners = "['whatsapp_qr_code', 'whatsapp_session_status', 'connect'].map(event => frappe.realtime.socket.listeners(event).length)"
	before = page.evaluate(listeners)

	page.get_by_role("button", name="Connect", exact=True).click()
	code = page.locator("img.whatsapp-qr")
	expect(code).to_be_visible(timeout=15_000)
	expect(page.locator(".whatsapp-countdown")).to_contain_text("The code expires in")
	expect(code).not_to_have_attribute(
		"src", simulator.qr(SESSION) and code.get_attribute("src"), timeout=15_000
	)

	close_dialog(page)
	assert page.evaluate(listeners) == before
	assert page.evaluate("opened.is_closed && !opened.backoff.is_running")
	assert page.evaluate("running.size") == 0
	assert desk.errors == []


def test_buttons_are_for_those_who_may_use_them(desk: Callable[..., Page]) -> None:
	reader = factories.make_user("reader", "WhatsApp User")
	sender = factories.make_user("sender", "WhatsApp User")
	factories.make_session(users={reader: False, sender: True})
	factories.make_session("other_session", status="Disconnected", is_connected=0)
	frappe.db.commit()

	for user, may_send in ((reader, False), (sender, True)):
		page = open_form(desk, user, "WhatsApp Session", SESSION)
		expect(page.get_by_role("button", name="Sync Now")).to_be_visible()
		expect(page.get_by_role("button", name="Disconnect")).to_have_count(0)
		expect(page.get_by_role("button", name="Send Test Message")).to_have_count(int(may_send))
	page = open_form(desk, sender, "WhatsApp Session", "other_session")
	expect(page.get_by_text("Never synced")).to_be_visible()
	expect(page.get_by_role("button", name="Connect", exact=True)).to_have_count(0)


def test_disconnecting_is_asked_about_first(
	simulator: Simulator, web: Web, desk: Callable[..., Page]
) -> None:
	connect_site(simulator, web)
	link_session(simulator)
	page = open_form(desk, "Administrator", "WhatsApp Session", SESSION)

	page.get_by_role("button", name="Disconnect").click()
	page.locator(".modal.show").get_by_role("button", name="Yes").click()

	expect(page.get_by_role("button", name="Connect", exact=True)).to_be_visible(timeout=15_000)
	assert simulator.state()["sessions"][SESSION]["status"] == "disconnected"
	assert desk.errors == []


def test_a_thread_shows_who_when_and_how_far(desk: Callable[..., Page]) -> None:
	user = factories.make_user("far_away", "WhatsApp User")
	frappe.db.set_value("User", user, "time_zone", "America/New_York")
	factories.make_session()
	group = factories.make_conversation(number="34600000001-1400000000@g.us")
	first = factories.make_message(
		group, "Hola a todos", sender_name="Lucía", participant="34600000002@s.whatsapp.net"
	)
	factories.make_reaction(first, "👍")
	later = NOON_MS + 24 * 60 * MINUTE_MS
	for text, values in {
		"edited": {"is_edited": 1},
		"taken back": {"is_deleted": 1},
		"answer": {"quoted_message_id": "3EB0", "quoted_message_content": "Hola a todos"},
		"a caption": {"message_type": "image", "has_media": 1, "media_file_name": "photo.jpg"},
	}.items():
		factories.make_message(
			group, text, timestamp_ms=later, participant="34600000003@s.whatsapp.net", **values
		)
	for status in ("Pending", "Sent", "Delivered", "Read"):
		factories.make_message(
			group, f"mine {status}", direction="Outgoing", status=status, timestamp_ms=later
		)
	factories.make_message(
		group,
		"mine Failed",
		direction="Outgoing",
		status="Failed",
		error_message="Number unknown",
		timestamp_ms=later,
	)
	frappe.db.commit()

	page = open_form(desk, user, "WhatsApp Conversation", group)

	greeting = bubble(page, "Lucía").filter(has_text="Hola a todos").first
	expect(greeting).to_contain_text("07:00")  # for this user; it is 13:00 at the site
	expect(page.locator(".whatsapp-day")).to_have_text(["19-12-2025", "20-12-2025"])
	expect(page.locator(".whatsapp-reaction")).to_have_text("👍")
	expect(bubble(page, "edited")).to_contain_text("Edited")
	expect(bubble(page, "taken back")).to_contain_text("This message was deleted.")
	expect(bubble(page, "answer").locator(".whatsapp-quoted")).to_have_text("Hola a todos")
	expect(bubble(page, "a caption").locator(".whatsapp-placeholder")).to_contain_text("photo.jpg")
	expect(bubble(page, "answer").locator(".whatsapp-sender")).to_have_text("34600000003")
	for status in ("Pending", "Sent", "Delivered", "Read", "Failed"):
		expect(bubble(page, f"mine {status}").locator(".whatsapp-ticks")).to_have_attribute(
			"aria-label", status
		)
	expect(bubble(page, "mine Failed")).to_contain_text("Number unknown")
	sides = [
		bubble(page, text).locator(".whatsapp-bubble").bounding_box()["x"] for text in ("edited", "mine Sent")
	]
	assert sides[0] < sides[1]
	assert desk.errors == []


def test_older_messages_and_new_ones_leave_the_reader_where_he_reads(desk: Callable[..., Page]) -> None:
	conversation = conversation_with(messages=70)
	page = open_form(desk, "Administrator", "WhatsApp Conversation", conversation)
	expect(page.locator(".whatsapp-message")).to_have_count(50)
	expect(bubble(page, "message 69")).to_be_in_viewport()

	thread_of(page).evaluate("scroller => scroller.scrollTop = 0")
	top = bubble(page, "message 20").bounding_box()["y"]
	page.get_by_role("button", name="Load Older Messages").click()
	expect(page.locator(".whatsapp-message")).to_have_count(70)
	expect(page.get_by_role("button", name="Load Older Messages")).to_be_hidden()
	assert abs(bubble(page, "message 20").bounding_box()["y"] - top) < 40  # the button above is gone

	place = thread_of(page).evaluate("scroller => scroller.scrollTop")
	write(conversation, "just now", timestamp_ms=NOON_MS + 70 * MINUTE_MS)
	expect(page.get_by_role("button", name="New Messages")).to_be_visible(timeout=10_000)
	assert thread_of(page).evaluate("scroller => scroller.scrollTop") == place

	page.get_by_role("button", name="New Messages").click()
	expect(bubble(page, "just now")).to_be_in_viewport()
	write(conversation, "and again", timestamp_ms=NOON_MS + 71 * MINUTE_MS)
	expect(bubble(page, "and again")).to_be_in_viewport(timeout=10_000)  # who reads at the end stays there
	assert desk.errors == []


def test_what_was_missed_without_a_connection_is_shown_when_it_is_back(desk: Callable[..., Page]) -> None:
	conversation = conversation_with(messages=1)
	page = open_form(desk, "Administrator", "WhatsApp Conversation", conversation)
	expect(page.locator(".whatsapp-message")).to_have_count(1)

	page.evaluate("frappe.realtime.socket.disconnect()")
	write(conversation, "while away")
	page.evaluate("frappe.realtime.socket.connect()")
	expect(bubble(page, "while away")).to_be_visible(timeout=10_000)

	write(conversation, "back again")
	expect(bubble(page, "back again")).to_be_visible(timeout=10_000)
	assert desk.errors == []


def test_each_conversation_that_is_opened_is_heard_however_fast(desk: Callable[..., Page]) -> None:
	first = conversation_with(messages=1)
	second = factories.make_conversation(number="34600000002")
	factories.make_message(second, "second")
	frappe.db.commit()
	page = open_form(desk, "Administrator", "WhatsApp Conversation", first)
	expect(bubble(page, "message 0")).to_be_visible()
	page.evaluate("name => frappe.set_route('Form', 'WhatsApp Conversation', name)", second)
	expect(bubble(page, "second")).to_be_visible()
	page.wait_for_function(
		"name => frappe.realtime.socket.listeners('whatsapp_message').length === 1 && cur_frm.doc.name === name",
		arg=second,
	)

	write(second, "for the second")
	expect(bubble(page, "for the second")).to_be_visible(timeout=10_000)
	expect(bubble(page, "message 0")).to_have_count(0)
	assert desk.errors == []


def test_a_half_written_reference_survives_a_message_and_can_be_saved(desk: Callable[..., Page]) -> None:
	conversation = conversation_with(messages=1)
	page = open_form(desk, "Administrator", "WhatsApp Conversation", conversation)
	expect(bubble(page, "message 0")).to_be_visible()
	page.evaluate("cur_frm.set_value({ reference_doctype: 'User', reference_name: 'Administrator' })")
	frappe.db.set_value("WhatsApp Conversation", conversation, "unread_count", 5)
	write(conversation, "meanwhile")

	expect(page.get_by_role("button", name="Mark as Read")).to_be_visible(timeout=10_000)
	page.get_by_role("button", name="Save", exact=True).click()
	expect(page.locator(".indicator-pill").filter(has_text="Not Saved")).to_have_count(0)
	frappe.db.rollback()
	assert frappe.db.get_value("WhatsApp Conversation", conversation, ["reference_name", "unread_count"]) == (
		"Administrator",
		5,
	)


@pytest.mark.parametrize("view", ["", "/view/report"])
@pytest.mark.parametrize("doctype", ["Message", "Conversation", "Contact"])
def test_html_of_strangers_is_text_in_lists_and_reports(
	doctype: str, view: str, desk: Callable[..., Page]
) -> None:
	factories.make_session()
	conversation = factories.make_conversation(contact_name=f"Eva {HTML}", last_message=HTML)
	factories.make_message(conversation, HTML, sender_name=HTML)
	factories.make_contact(contact_name=f"Eva {HTML}", pushname=HTML)
	frappe.db.commit()

	page = desk("Administrator", f"/app/whatsapp-{doctype.lower()}{view}")

	expect(page.locator(".list-row, .dt-row[data-row-index='0']").first).to_be_visible(timeout=15_000)
	assert not page.evaluate("window.was_run")


@pytest.mark.parametrize("doctype", ["Message", "Conversation", "Contact"])
def test_html_of_strangers_is_text_on_forms_and_in_print(
	doctype: str, web: Web, desk: Callable[..., Page]
) -> None:
	factories.make_session()
	conversation = factories.make_conversation(contact_name=f"Eva {HTML}", last_message=HTML)
	message = factories.make_message(
		conversation, f"1 < 2 {HTML}", sender_name=HTML, quoted_message_id="3EB0", quoted_message_content=HTML
	)
	factories.make_reaction(message, HTML)
	contact = factories.make_contact(contact_name=f"Eva {HTML}", pushname=HTML, about=HTML)
	frappe.db.commit()
	name = {"Message": message, "Conversation": conversation, "Contact": contact}[doctype]

	page = open_form(desk, "Administrator", f"WhatsApp {doctype}", name)
	expect(page.get_by_text("<img src=x").first).to_be_visible(timeout=15_000)
	if doctype == "Conversation":
		expect(bubble(page, f"1 < 2 {HTML}")).to_be_visible()
		write(conversation, f"live {HTML}")
		expect(bubble(page, f"live {HTML}")).to_be_visible(timeout=10_000)
	assert not page.evaluate("window.was_run")

	page.goto(f"/printview?doctype=WhatsApp {doctype}&name={name}&format=Standard")
	expect(page.get_by_text("<img src=x").first).to_be_visible()
	assert not page.evaluate("window.was_run")


def test_settings_are_saved_tested_and_registered(
	simulator: Simulator, web: Web, desk: Callable[..., Page]
) -> None:
	connect_site(simulator, web)
	simulator.reset()
	page = open_form(desk, "Administrator", "WhatsApp Settings", "WhatsApp Settings")

	page.evaluate("cur_frm.set_value('api_timeout', 45)")
	page.get_by_role("button", name="Test Connection").click()
	expect(page.locator(".modal.show")).to_contain_text("The connection works", timeout=15_000)
	frappe.db.rollback()
	assert frappe.get_single("WhatsApp Settings").api_timeout == 45
	close_dialog(page)

	page.get_by_role("button", name="Register Webhook").click()
	expect(page.locator(".modal.show")).to_contain_text("Webhook registered", timeout=15_000)
	(webhook,) = simulator.state()["webhooks"]
	assert set(webhook["events"]) == set(WEBHOOK_EVENTS)
	close_dialog(page)

	page.get_by_role("button", name="Copy Webhook URL").click()
	expect(page.get_by_text("Copied to clipboard").first).to_be_visible()
	assert desk.errors == []


def test_settings_that_are_refused_are_not_tested(simulator: Simulator, desk: Callable[..., Page]) -> None:
	connect_site(simulator)
	page = open_form(desk, "Administrator", "WhatsApp Settings", "WhatsApp Settings")
	simulator.forget_requests()

	page.evaluate("cur_frm.set_value('api_timeout', 999)")
	page.get_by_role("button", name="Test Connection").click()

	expect(page.locator(".modal.show")).to_contain_text("must be from 1 to 300", timeout=15_000)
	page.wait_for_function("document.body.dataset.ajaxState === 'complete'")
	assert simulator.requests() == []


def test_unsigned_webhooks_are_warned_of_in_developer_mode(desk: Callable[..., Page]) -> None:
	factories.set_up(webhook_verification_disabled=1)
	frappe.db.commit()
	page = open_form(desk, "Administrator", "WhatsApp Settings", "WhatsApp Settings")
	banner = page.locator(".form-message.red")
	expect(banner).to_have_count(0)  # without developer mode the switch has no effect

	page.evaluate("frappe.boot.developer_mode = 1; cur_frm.refresh()")
	expect(banner).to_contain_text("accepted without a signature")


def test_the_desk_speaks_spanish(desk: Callable[..., Page]) -> None:
	user = factories.make_user("clara", "WhatsApp Manager")
	frappe.db.set_value("User", user, "language", "es")
	frappe.clear_cache(user=user)
	factories.make_session()
	conversation = factories.make_conversation(unread_count=1)
	factories.make_message(conversation, "mine", direction="Outgoing", status="Read")
	frappe.db.commit()

	page = open_form(desk, user, "WhatsApp Session", SESSION)
	expect(page.get_by_role("button", name="Sincronizar ahora")).to_be_visible()
	expect(page.get_by_text("0 contactos · 0 conversaciones")).to_be_visible()
	page = open_form(desk, user, "WhatsApp Conversation", conversation)
	expect(bubble(page, "mine").locator(".whatsapp-ticks")).to_have_attribute("aria-label", "Leído")
	page = desk(user, "/app/whatsapp")
	expect(page.get_by_text("Supervisión").first).to_be_visible(timeout=15_000)
