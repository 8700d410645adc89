"""How many SQL statements an event takes: as many as docs/webhook.md says, in each step."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import frappe
import pytest

from support import factories, webhooks
from support.database import statements
from xappiens_whatsapp.api import webhook
from xappiens_whatsapp.inbox_hub import payloads

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhook.md"
ROW = re.compile(r"^\| ([^|]+) \| ((?:SELECT|INSERT|UPDATE|COMMIT)[^|]*) \| (\d+) \|$", re.MULTILINE)
ID = "3EB0COUNTED"


def documented() -> dict[str, tuple[list[str], int]]:
	"""What the table says: of which event, which statements, how many."""
	rows = ROW.findall(DOCUMENT.read_text())
	return {event: (said.replace("·", " ").split(), int(number)) for event, said, number in rows}


def known_chat() -> None:
	"""The chat, and our message in it that receipts and reactions are about; Frappe has read its metadata."""
	count(webhooks.sent("Adiós", ID))
	for name in ("first", "second"):
		count(webhooks.received(name))


EVENTS: dict[str, tuple[Callable[[], None], Callable[[], dict]]] = {
	"text message, known chat": (known_chat, webhooks.received),
	"text message, new person": (known_chat, lambda: webhooks.received(number="34600000099")),
	"text message that quotes one": (known_chat, lambda: webhooks.received(quotedMsgId=ID)),
	"message written on the phone": (known_chat, webhooks.sent),
	"receipt": (known_chat, lambda: webhooks.event("message.ack", messageId=ID, ack=2)),
	"receipt before its message": (
		known_chat,
		lambda: webhooks.event("message.ack", messageId="3EB0X", ack=2),
	),
	"reaction": (known_chat, lambda: webhooks.reaction(ID, "👍")),
	"chat archived": (
		known_chat,
		lambda: {
			**webhooks.event("chat.archived", chatId="34600000002@c.us"),
			"timestamp": factories.NOON_MS,
		},
	),
	"session connected": (
		known_chat,
		lambda: {**webhooks.event("session.connected"), "timestamp": factories.NOON_MS},
	),
	"unknown event": (known_chat, lambda: webhooks.event("presence.update")),
}


def count(content: dict) -> list[str]:
	"""Store and process an event as the door does, and return the verbs of the statements: those on this app's tables, and
	commits. What Frappe asks of its own tables depends on its version and on what it has cached."""
	event = payloads.understand_event(content, {})
	with statements() as made:
		stored = webhook.store_event(event, webhooks.as_bytes(content).decode(), {})
		webhook.process_event(stored.name, event, others=webhook.OTHERS_EACH_TIME)
	return [
		statement.lstrip("(").split()[0].upper()
		for statement in made
		if statement == "commit" or ("`tabWhatsApp " in statement and "`tabSingles`" not in statement)
	]


@pytest.fixture(autouse=True)
def session() -> None:
	factories.set_up()
	factories.make_session(status="Disconnected", is_connected=0)
	frappe.db.commit()


def test_the_document_lists_every_event_that_is_counted() -> None:
	assert documented().keys() == EVENTS.keys()
	assert all(len(said) == number for said, number in documented().values())


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_takes_the_statements_of_the_document_and_not_one_more(name: str) -> None:
	prepare, make = EVENTS[name]
	prepare()
	assert count(make()) == documented()[name][0]
