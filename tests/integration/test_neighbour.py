"""Another app that hooks into messages, as Frappe CRM does: it finds what it reads, and cannot cost us a message."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import frappe
import pytest

from support import bench
from support.factories import SESSION
from support.linked import connect_site, link_session

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web


def arrived(message_id: str) -> str | None:
	"""The name of the row with this id of WhatsApp's, as it is committed now."""
	frappe.db.rollback()
	return frappe.db.get_value("WhatsApp Message", {"message_id": message_id})


def receive(simulator: Simulator, web: Web, text: str) -> str:
	"""A message comes in by webhook; returns the name of its row."""
	connect_site(simulator, web)
	link_session(simulator)
	message_id = simulator.incoming(SESSION, text=text)[0]["message_id"]
	return bench.wait_until(lambda: arrived(message_id), "the message is stored")


def test_neighbour_reads_an_incoming_message_by_the_names_that_a_crm_uses(
	simulator: Simulator, web: Web, neighbour: ModuleType
) -> None:
	name = receive(simulator, web, "Hola, vecino")
	notes = {note["event"]: note for note in neighbour.seen()}
	assert set(notes) == {"before_insert", "validate", "after_insert", "on_update"}
	row = frappe.db.get_value("WhatsApp Message", name, ["from_number", "direction"], as_dict=True)
	for note in (notes["after_insert"], notes["on_update"]):
		assert note["name"] == name
		assert note["type"] == row.direction == "Incoming"
		assert note["message"] == "Hola, vecino"
		assert note["from"] == row.from_number


@pytest.mark.parametrize("event", ["before_insert", "validate", "after_insert", "on_update"])
def test_neighbour_that_breaks_costs_no_message(
	event: str, simulator: Simulator, web: Web, neighbour: ModuleType
) -> None:
	neighbour.raise_at(event)
	name = receive(simulator, web, "still here")
	assert frappe.db.get_value("WhatsApp Message", name, "content") == "still here"
	assert frappe.db.count("WhatsApp Message") == 1
	assert event in [note["event"] for note in neighbour.seen()]
