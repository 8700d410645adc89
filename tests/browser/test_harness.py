"""Chromium against the tests' gunicorn and realtime server."""

from collections.abc import Callable

import frappe
from playwright.sync_api import Page, expect


def test_desk_opens_for_a_user_and_hears_realtime_events(desk: Callable[..., Page]) -> None:
	page = desk("Administrator", "/app/todo")
	expect(page.locator(".page-title").first).to_contain_text("To Do")
	page.wait_for_function("frappe.realtime.socket && frappe.realtime.socket.connected")
	page.evaluate("frappe.realtime.on('ring', (message) => { document.title = message.text })")
	frappe.publish_realtime("ring", {"text": "it rang"}, user="Administrator")
	expect(page).to_have_title("it rang")
	assert desk.errors == []
