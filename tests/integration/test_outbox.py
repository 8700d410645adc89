"""What people write goes out at most once, and its status is true, whatever the Hub and the worker do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frappe
import pytest

from support import factories
from support.factories import SESSION, message_record
from support.linked import connect_site, link_session
from xappiens_whatsapp import jobs, outbox, webhook_processing
from xappiens_whatsapp.api import webhook
from xappiens_whatsapp.api.messages import send_message
from xappiens_whatsapp.inbox_hub import clock, payloads
from xappiens_whatsapp.store import messages, times

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator

SEND = f"/api/messages/{SESSION}/send"
NUMBER = factories.NUMBER


@pytest.fixture
def hub(simulator: Simulator) -> Simulator:
	connect_site(simulator)
	link_session(simulator)
	return simulator


def write(text: str = "Hola") -> str:
	name = send_message(text, session=SESSION, to=NUMBER)
	frappe.db.commit()
	return name


def stored(name: str) -> frappe._dict:
	frappe.db.rollback()
	return frappe.db.get_value(
		messages.DOCTYPE, name, ["status", "message_id", "error_message", "claimed_at"], as_dict=True
	)


def sends(hub: Simulator) -> int:
	return len(hub.requests(SEND, "POST"))


@pytest.mark.parametrize(
	("fault", "expected"),
	[
		({"not_object": {"body": {"success": True, "data": "queued"}}}, "Unconfirmed"),
		({"not_object": {"body": {"success": True, "data": [1, 2]}}}, "Unconfirmed"),
		({"not_object": {"body": ["sent"]}}, "Unconfirmed"),
		({"empty_body": {"status": 200}}, "Unconfirmed"),
		({"truncated": {}}, "Unconfirmed"),
		({"nginx": {"status": 504}}, "Unconfirmed"),
		({"drop": {"when": "after"}}, "Unconfirmed"),
		({"status": {"status": 500}}, "Unconfirmed"),
		({"status": {"status": 400, "code": "VALIDATION_ERROR", "text": "bad number"}}, "Failed"),
		({"status": {"status": 400, "code": "SESSION_NOT_CONNECTED", "text": "not connected"}}, "Pending"),
	],
)
def test_only_what_was_refused_fails_and_only_what_cannot_have_left_waits(
	hub: Simulator, fault: dict, expected: str
) -> None:
	name = write()
	((kind, parameters),) = fault.items()
	hub.faults(**{kind: {**parameters, "path": SEND, "method": "POST"}})
	outbox.send_pending(SESSION)
	assert stored(name).status == expected
	assert stored(name).error_message

	hub.clear_faults()
	before = sends(hub)
	outbox.send_pending(SESSION)
	if expected != "Pending":
		assert sends(hub) == before, "it was sent a second time by itself"


def test_a_message_whose_worker_died_is_unconfirmed_and_never_sent_again(hub: Simulator) -> None:
	abandoned, fresh = write("abandoned"), write("fresh")
	for name in (abandoned, fresh):
		assert outbox.claim(name)
	long_ago = times.now() - outbox.ABANDONED_AFTER * 2
	frappe.db.set_value(messages.DOCTYPE, abandoned, "claimed_at", long_ago)
	frappe.db.commit()

	jobs.every_minute()
	outbox.send_pending(SESSION)

	assert stored(abandoned).status == "Unconfirmed"
	assert stored(abandoned).error_message
	assert stored(fresh).status == "Sending"
	assert sends(hub) == 0


def test_the_answer_of_a_slow_worker_still_counts_after_its_message_was_given_up(
	hub: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	name = write()

	def slow(client: object, to: str, message: str) -> dict:
		frappe.db.set_value(messages.DOCTYPE, name, "claimed_at", times.now() - outbox.ABANDONED_AFTER * 2)
		outbox.settle_abandoned()
		assert stored(name).status == "Unconfirmed"
		return {"success": True, "data": {"messageId": "3EB0SLOW"}}

	monkeypatch.setattr(outbox.WhatsAppAPIClient, "send_message", slow)
	outbox.send_pending(SESSION)
	assert (stored(name).status, stored(name).message_id) == ("Sent", "3EB0SLOW")


def test_open_pages_hear_the_status_that_is_stored_when_the_echo_was_faster(
	hub: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	name = write()
	heard: list[str] = []

	def echo_first(client: object, to: str, message: str) -> dict:
		echo = message_record(
			"Hola",
			NUMBER,
			from_me=True,
			message_id="3EB0ECHO",
			status="Delivered",
			timestamp_ms=clock.now_ms(),
		)
		messages.receive(SESSION, echo)
		frappe.db.commit()
		heard.clear()
		return {"success": True, "data": {}}

	monkeypatch.setattr(outbox.WhatsAppAPIClient, "send_message", echo_first)
	monkeypatch.setattr(
		outbox.realtime, "message_status", lambda session, conversation, name, status: heard.append(status)
	)
	outbox.send_pending(SESSION)
	assert stored(name).status == "Delivered"
	assert heard == ["Delivered"]


def test_ticks_that_came_before_the_hubs_answer_are_shown_with_it(
	hub: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	name = write()

	def read_first(client: object, to: str, message: str) -> dict:
		body = {"event": "message.read", "sessionId": SESSION, "data": {"messageId": "3EB0FAST"}}
		event = payloads.understand_event(body, {})
		stored_event = webhook.store_event(event, frappe.as_json(body), {})
		assert webhook_processing.process_event(stored_event.name) == "Waiting"
		return {"success": True, "data": {"messageId": "3EB0FAST"}}

	monkeypatch.setattr(outbox.WhatsAppAPIClient, "send_message", read_first)
	outbox.send_pending(SESSION)
	assert stored(name).status == "Read"


def test_a_fault_of_our_own_in_the_middle_of_a_send_is_logged_without_the_text_and_sends_nothing_twice(
	hub: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	text = "a private matter"
	name = write(text)

	def broken(*arguments: object, **options: object) -> None:
		raise RuntimeError(text)

	monkeypatch.setattr(messages, "take_id", broken)
	outbox.send_pending(SESSION)
	monkeypatch.undo()
	outbox.send_pending(SESSION)

	assert stored(name).status == "Sending"
	assert sends(hub) == 1
	(error,) = frappe.get_all("Error Log", {"reference_name": name}, ["method", "error"])
	assert "RuntimeError" in error.error
	assert text not in f"{error.method}{error.error}"


@pytest.mark.parametrize(("minutes", "rows"), [(0, 1), (-10, 1), (20, 1), (90, 2), (-90, 2)])
def test_message_whose_id_the_hub_never_told_takes_its_echo_but_not_what_was_written_at_another_time(
	hub: Simulator, monkeypatch: pytest.MonkeyPatch, minutes: int, rows: int
) -> None:
	name = write("ok")
	monkeypatch.setattr(
		outbox.WhatsAppAPIClient, "send_message", lambda *_args, **_kwargs: {"success": True, "data": {}}
	)
	outbox.send_pending(SESSION)
	assert (stored(name).status, stored(name).message_id) == ("Sent", None)
	written_ms = clock.now_ms() + minutes * 60_000
	echo = message_record("ok", NUMBER, from_me=True, message_id="3EB0OWN", timestamp_ms=written_ms)
	page = messages.compare(SESSION, [echo], written_ms)
	assert page.late == ([echo] if rows == 1 else [])
	messages.receive(SESSION, echo)
	frappe.db.commit()
	assert frappe.db.count(messages.DOCTYPE, {"content": "ok"}) == rows
	assert (stored(name).message_id == "3EB0OWN") == (rows == 1)
