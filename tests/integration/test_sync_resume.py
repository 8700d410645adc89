"""A sync is done exactly once: whoever asks for it, whatever dies meanwhile, whatever the Hub answers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import frappe
import pytest
import redis
from frappe.utils import add_to_date, background_jobs

from support import bench
from support.factories import SESSION, make_sync_run
from support.linked import connect_site, count, link_session
from xappiens_whatsapp import jobs
from xappiens_whatsapp.api.sync import request_sync, sync_session_complete
from xappiens_whatsapp.store import sync_runs, times

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.worker import Worker

SMALL = {"rate": 0, "contacts": 250, "chats": 8, "messages": 20}
PAGES = 3 + 1 + 8  # contacts, chats, one page of messages a chat


def calls(hub: Simulator) -> int:
	return len([request for request in hub.requests() if "/login" not in request["path"]])


def only_run() -> frappe._dict:
	frappe.db.rollback()
	names = frappe.get_all("WhatsApp Sync Run", pluck="name")
	assert len(names) == 1
	return sync_runs.load(names[0])


def everything_is_there(hub: Simulator) -> bool:
	expected = hub.expected(SESSION)["full_sync"]
	return (count("Contact"), count("Conversation"), count("Message")) == (
		expected["contacts"],
		expected["conversations"],
		expected["messages"],
	)


@pytest.mark.simulator(**SMALL)
def test_a_sync_whose_worker_is_killed_again_and_again_stores_all_once_and_starts_no_call_over(
	simulator: Simulator, worker: Worker
) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.forget_requests()
	simulator.options(latency_ms=60)
	request_sync(SESSION, "Connected")
	frappe.db.commit()
	kills = 0
	for page in sorted(random.sample(range(1, PAGES - 1), 3)):
		worker.start()
		bench.wait_until(lambda at=page: calls(simulator) > at, f"call {page} is made", 30)
		worker.kill()
		kills += 1
		frappe.db.rollback()
		# As if the heartbeat were old enough: the minute job then asks for a worker.
		frappe.db.set_value(
			"WhatsApp Sync Run", {"state": "Running"}, "heartbeat", add_to_date(times.now(), minutes=-2)
		)
		frappe.db.commit()
		jobs.every_minute()
		frappe.db.commit()
	worker.start()
	bench.wait_until(lambda: only_run().state == "Completed", "the sync is finished", 40)

	assert everything_is_there(simulator)
	assert calls(simulator) <= PAGES + kills
	assert only_run().contacts_created == count("Contact")
	assert only_run().messages_created == count("Message")


@pytest.mark.simulator(**SMALL)
def test_two_requests_at_once_make_one_sync(simulator: Simulator, worker: Worker) -> None:
	connect_site(simulator)
	link_session(simulator)
	for trigger in ("Connected", "Manual"):
		request_sync(SESSION, trigger)
	frappe.db.commit()

	worker.drain()

	assert only_run().state == "Completed"
	assert everything_is_there(simulator)


@pytest.mark.simulator(**SMALL)
def test_a_request_during_a_run_is_fulfilled_by_one_more_after_it(
	simulator: Simulator, worker: Worker
) -> None:
	connect_site(simulator)
	link_session(simulator)
	run = sync_runs.open_run(SESSION, "Manual")
	assert sync_runs.claim(run)
	request_sync(SESSION, "Connected")
	request_sync(SESSION, "Connected")

	assert sync_runs.open_run(SESSION, "Connected") == run
	assert frappe.db.get_value("WhatsApp Session", SESSION, "sync_due")
	frappe.db.set_value("WhatsApp Sync Run", run, {"claim": None, "state": "Queued"})
	frappe.db.commit()
	worker.drain()
	jobs.every_minute()
	frappe.db.commit()
	worker.drain()

	frappe.db.rollback()
	states = frappe.get_all("WhatsApp Sync Run", pluck="state")
	assert states == ["Completed", "Completed"]
	assert not frappe.db.get_value("WhatsApp Session", SESSION, "sync_due")


@pytest.mark.simulator(**SMALL)
def test_a_queue_that_cannot_be_reached_loses_no_request(
	simulator: Simulator, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
	connect_site(simulator)
	link_session(simulator)
	with monkeypatch.context() as outage:
		outage.setattr(background_jobs, "_redis_queue_conn", redis.Redis(port=1))
		request_sync(SESSION, "Connected")
		frappe.db.commit()

	jobs.every_minute()
	frappe.db.commit()
	worker.drain()

	assert only_run().state == "Completed"


@pytest.mark.simulator(**SMALL)
def test_chats_that_the_hub_cannot_list_are_derived_from_its_messages_and_the_run_says_so(
	simulator: Simulator,
) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.faults(F1=True)

	answer = sync_session_complete(SESSION)

	assert answer["status"] == "Completed"
	assert answer["chats"]["created"] == count("Conversation") == 8
	assert count("Message") == simulator.expected(SESSION)["full_sync"]["messages"]
	assert "derived from its newest messages" in only_run().notes


@pytest.mark.simulator(**SMALL)
def test_one_bad_row_among_a_hundred_is_counted_with_its_reason_and_the_others_are_stored(
	simulator: Simulator,
) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.faults(broken_row={"path": f"/api/contacts/{SESSION}", "times": 1})

	answer = sync_session_complete(SESSION)

	assert answer["contacts"]["errors"] == 1
	assert answer["contacts"]["created"] == 249
	assert "contacts" in only_run().notes


@pytest.mark.simulator(**SMALL)
def test_a_sync_that_failed_is_tried_again_after_the_interval_and_not_each_minute(
	simulator: Simulator,
) -> None:
	connect_site(simulator, auto_sync_enabled=1, sync_interval=30)
	link_session(simulator)
	long_ago = add_to_date(times.now(), days=-1)
	frappe.db.set_value("WhatsApp Session", SESSION, "last_sync", long_ago)
	run = make_sync_run(SESSION, state="Failed")
	frappe.db.commit()

	jobs.request_scheduled_syncs()
	assert not frappe.db.get_value("WhatsApp Session", SESSION, "sync_due")

	frappe.db.set_value("WhatsApp Sync Run", run, "creation", add_to_date(times.now(), minutes=-31))
	frappe.db.commit()
	jobs.request_scheduled_syncs()
	assert frappe.db.get_value("WhatsApp Session", SESSION, "sync_due")
