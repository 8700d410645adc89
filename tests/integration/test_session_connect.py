"""A number is linked once, also at a Hub with many sessions, and when two people press the button."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frappe
import pytest

from support.factories import SESSION
from support.linked import connect_site
from xappiens_whatsapp.api import session as session_api

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator


@pytest.fixture
def hub(simulator: Simulator) -> Simulator:
	connect_site(simulator)
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Demo").insert()
	frappe.db.commit()
	return simulator


def creations(hub: Simulator) -> list:
	return [
		request for request in hub.requests("/api/sessions", "POST") if request["path"] == "/api/sessions"
	]


@pytest.mark.simulator(rate=0, contacts=0, chats=0, messages=0)
def test_a_session_on_a_later_page_of_the_hub_is_found_and_not_created_again(
	hub: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(session_api, "SESSIONS_A_PAGE", 2)
	at_hub = [hub.session(f"other_{number}", connected=False) for number in range(4)]
	at_hub.append(hub.session(SESSION, connected=False))
	hub.forget_requests()

	session_api.connect_session(SESSION)

	assert creations(hub) == []
	assert frappe.db.get_value("WhatsApp Session", SESSION, "session_db_id") == at_hub[-1]["id"]


@pytest.mark.simulator(rate=0, contacts=0, chats=0, messages=0)
def test_a_session_that_somebody_has_just_created_is_connected_all_the_same(
	hub: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	at_hub = hub.session(SESSION, connected=False)
	monkeypatch.setattr(session_api, "_at_hub", lambda client, session_id: None)  # it was not there then

	status = session_api.connect_session(SESSION)

	assert len(creations(hub)) == 1
	assert status["status"] in ("Connecting", "QR Code Required")
	assert frappe.db.get_value("WhatsApp Session", SESSION, "session_db_id") == at_hub["id"]
