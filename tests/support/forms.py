"""Forms of the Desk in Chromium."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page


def open_form(desk: Callable[..., Page], user: str, doctype: str, name: str) -> Page:
	"""The form of a document, loaded and listening to its room. The page notes if it is ever loaded again."""
	page = desk(user, f"/app/{doctype.lower().replace(' ', '-')}/{name}")
	page.wait_for_function("name => window.cur_frm?.doc?.name === name", arg=name)
	page.wait_for_function("frappe.realtime.socket?.connected")
	page.evaluate("window.was_never_loaded_again = true")
	return page
