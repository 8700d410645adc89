"""A site that is linked to the simulated Hub: settings, webhook, a connected session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frappe

from support import bench, factories
from xappiens_whatsapp.api import webhook_setup
from xappiens_whatsapp.store import times
from xappiens_whatsapp.xappiens_whatsapp.doctype.whatsapp_settings.whatsapp_settings import WEBHOOK_PATH

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web


def connect_site(hub: Simulator, web: Web | None = None, **settings: object) -> None:
	"""WhatsApp Settings for this Hub; with `web`, its webhook is registered there."""
	factories.set_up(
		api_base_url=hub.url,
		api_key=hub.api_key,
		api_email=hub.email,
		api_password=hub.password,
		organization_id=hub.organization_id,
		webhook_url_override=f"{web.url}{WEBHOOK_PATH}" if web else "",
		**settings,
	)
	frappe.db.commit()
	if web:
		webhook_setup.register_webhook()
		frappe.db.commit()


def link_session(hub: Simulator, name: str = factories.SESSION) -> str:
	"""A session that is connected at the Hub and here, with its number there known; no event is sent."""
	at_hub = hub.session(name)
	factories.make_session(name, session_db_id=at_hub["id"])
	frappe.db.commit()
	return name


def skip_settling(session: str) -> None:
	"""As if a session that has just connected had done so three seconds ago: it is synced now. Commits."""
	frappe.db.rollback()
	frappe.db.sql(
		"UPDATE `tabWhatsApp Session` SET sync_due = %(now)s WHERE name = %(session)s AND sync_due > %(now)s",
		{"session": session, "now": times.now()},
	)
	frappe.db.commit()


def wait_for_sync(session: str, runs: int = 1, seconds: float = 60, *, settles: bool = True) -> frappe._dict:
	"""The session's latest run, once so many runs are finished. Without `settles` it is not left alone first."""

	def finished() -> list[frappe._dict]:
		if not settles:
			skip_settling(session)
		frappe.db.rollback()
		rows = frappe.get_all(
			"WhatsApp Sync Run",
			filters={"session": session, "state": ("in", ("Completed", "Failed"))},
			fields=["*"],
			order_by="creation desc",
		)
		return rows if len(rows) >= runs else []

	bench.wait_until(finished, f"{runs} finished sync of {session}", seconds)
	return finished()[0]


def count(doctype: str, session: str = factories.SESSION, **filters: object) -> int:
	"""Rows of a session, as committed now."""
	frappe.db.rollback()
	return frappe.db.count(f"WhatsApp {doctype}", {"session": session, **filters})


def calls(hub: Simulator) -> list[str]:
	"""The paths of the calls that the Hub got, in their order; logins are not counted."""
	return [request["path"] for request in hub.requests() if "/login" not in request["path"]]


def rows(*without: str) -> dict[str, dict[str, object]]:
	"""Every row that a sync could write, as committed now, by DocType and name.

	`without` are columns that differ from one time to the next.
	"""
	frappe.db.rollback()
	return {
		f"{doctype} {row.name}": {column: value for column, value in row.items() if column not in without}
		for doctype in ("Contact", "Conversation", "Message")
		for row in frappe.get_all(f"WhatsApp {doctype}", fields=["*"])
	}
