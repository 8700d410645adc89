"""What people do about a sync in the Desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import frappe
import pytest
from playwright.sync_api import Page, expect

from support.factories import SESSION
from support.forms import open_form
from support.linked import connect_site, count, link_session
from xappiens_whatsapp.api.sync import sync_session_complete

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator


@pytest.mark.simulator(rate=0, contacts=5, chats=1, messages=60)
def test_a_stopped_sync_is_resumed_and_older_messages_are_fetched_with_a_button(
	simulator: Simulator, desk: Callable[..., Page]
) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	frappe.db.set_value("WhatsApp Session", SESSION, "sync_mode", "Stopped")
	frappe.db.commit()
	page = open_form(desk, "Administrator", "WhatsApp Session", SESSION)
	warning = page.locator(".form-message").filter(has_text="not synced by itself any more")
	expect(warning).to_be_visible()

	page.get_by_role("button", name="Resume Sync").click()

	expect(warning).to_have_count(0)
	expect(page.get_by_role("button", name="Resume Sync")).to_have_count(0)
	frappe.db.rollback()
	assert frappe.db.get_value("WhatsApp Session", SESSION, "sync_mode") == "Full"

	(chat,) = frappe.get_all("WhatsApp Conversation", pluck="name")
	assert count("Message", conversation=chat) == 50
	page = open_form(desk, "Administrator", "WhatsApp Conversation", chat)
	page.get_by_role("button", name="Fetch Older Messages").click()

	expect(page.locator(".desk-alert").filter(has_text="10 older messages were loaded")).to_be_visible()
	expect(page.get_by_role("button", name="Fetch Older Messages")).to_have_count(0)
	assert count("Message", conversation=chat) == 60
