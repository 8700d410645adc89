"""The buttons about webhooks, as a manager sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import frappe
from playwright.sync_api import Page, expect

from support import factories, webhooks
from support.factories import SECRET, SESSION
from support.forms import open_form
from support.linked import connect_site, link_session
from xappiens_whatsapp import webhook_processing

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web


def close_dialog(page: Page) -> None:
	page.wait_for_function("window.cur_dialog")
	page.keyboard.press("Escape")
	expect(page.locator(".modal.show")).to_have_count(0)


def dialog(page: Page) -> None:
	return expect(page.locator(".modal.show"))


def test_a_manager_tests_the_webhook_changes_its_secret_and_sees_what_was_refused(
	simulator: Simulator, web: Web, desk: Callable[..., Page]
) -> None:
	connect_site(simulator, web)
	link_session(simulator)
	webhooks.post(web, webhooks.received(), X_Webhook_Signature="sha256=00")
	manager = factories.make_user("carla", "WhatsApp Manager")
	frappe.db.commit()
	page = open_form(desk, manager, "WhatsApp Settings", "WhatsApp Settings")

	page.get_by_text("Refused Webhooks").first.click()
	expect(page.locator("table", has_text="signature malformed")).to_be_visible(timeout=15_000)

	page.get_by_role("button", name="Test Webhook").click()
	dialog(page).to_contain_text("The event came to this site", timeout=15_000)
	close_dialog(page)

	page.get_by_role("button", name="Change Webhook Secret").click()
	page.get_by_role("button", name="Yes").click()
	dialog(page).to_contain_text("The old one is accepted until", timeout=15_000)
	frappe.db.rollback()
	settings = frappe.get_doc("WhatsApp Settings")
	assert settings.get_password("webhook_secret") != SECRET
	assert settings.get_password("webhook_secret_previous") == SECRET
	assert desk.errors == []


def test_a_session_gets_a_webhook_of_its_own(
	simulator: Simulator, web: Web, desk: Callable[..., Page]
) -> None:
	connect_site(simulator, web)
	link_session(simulator)
	page = open_form(desk, "Administrator", "WhatsApp Session", SESSION)
	page.get_by_role("button", name="Register Webhook").click()
	page.get_by_role("button", name="Yes").click()
	expect(page.get_by_text("Inbox Hub now posts the events of this session to")).to_be_visible(
		timeout=15_000
	)
	frappe.db.rollback()
	assert frappe.db.get_value("WhatsApp Session", SESSION, "webhook_registered_at")
	assert desk.errors == []


def test_a_dead_event_is_tried_again_from_its_form_and_several_from_the_list(
	desk: Callable[..., Page],
) -> None:
	factories.set_up()
	factories.make_session()
	frappe.db.commit()
	names = [webhooks.store(webhooks.received(f"text {number}")) for number in range(3)]
	frappe.db.set_value("WhatsApp Webhook Event", {"name": ("in", names)}, "status", "Dead")
	done = webhooks.store(webhooks.received("done"))
	webhook_processing.process_event(done)
	frappe.db.commit()

	page = open_form(desk, "Administrator", "WhatsApp Webhook Event", names[0])
	page.get_by_role("button", name="Retry").click()
	expect(page.locator(".indicator-pill", has_text="Processed").first).to_be_visible(timeout=15_000)
	page = open_form(desk, "Administrator", "WhatsApp Webhook Event", done)
	expect(page.get_by_role("button", name="Retry")).to_have_count(0)

	page = desk("Administrator", "/app/whatsapp-webhook-event?status=Dead")
	expect(page.locator(".list-row-checkbox")).to_have_count(2, timeout=15_000)
	page.locator(".list-check-all").first.check()
	page.get_by_role("button", name="Actions").click()
	page.get_by_role("link", name="Retry").click()
	expect(page.get_by_text("2 events tried again")).to_be_visible(timeout=15_000)
	assert webhooks.statuses() == {"Processed": 4}
	assert desk.errors == []
