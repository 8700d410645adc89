"""A sync is done exactly once: whoever asks for it, whatever dies meanwhile, whatever the Hub answers."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import frappe
import pytest
import redis
from frappe.utils import add_to_date, background_jobs
from frappe.utils.response import make_logs

from support import bench
from support.factories import SESSION, make_session, make_sync_run, set_up
from support.fake_time import FakeTime
from support.linked import calls, connect_site, count, link_session, rows
from support.web import in_request
from xappiens_whatsapp import jobs, realtime
from xappiens_whatsapp.api import sync as sync_api
from xappiens_whatsapp.api.sync import request_sync, sync_session_complete
from xappiens_whatsapp.store import sync_runs, times

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.worker import Worker

SMALL = {"rate": 0, "contacts": 250, "chats": 8, "messages": 20}


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


# What differs from one sync to the next: when it was, and where its Error Log and list views sort it.
TIMES = ("creation", "modified", "first_seen", "last_sync", "last_synced_at")


@pytest.mark.simulator(**SMALL)
def test_a_sync_whose_worker_is_killed_again_and_again_stores_the_same_rows_and_starts_no_call_over(
	simulator: Simulator, worker: Worker, is_long: bool
) -> None:
	"""The long form kills 20 times."""
	kills = 20 if is_long else 3
	connect_site(simulator)
	if is_long:
		simulator.reset(**{**SMALL, "contacts": 1200, "chats": 20})
	pages = len(undisturbed_calls(simulator))
	undisturbed = rows(*TIMES)
	frappe.delete_doc("WhatsApp Session", SESSION)
	link_session(simulator)
	assert not rows()

	simulator.forget_requests()
	simulator.options(latency_ms=60)
	request_sync(SESSION, "Connected")
	frappe.db.commit()
	for page in sorted(random.sample(range(1, pages - 1), kills)):
		worker.start()
		bench.wait_until(lambda at=page: len(calls(simulator)) > at, f"call {page} is made", 60)
		time.sleep(random.uniform(0, 0.1))  # anywhere between two calls
		worker.kill()
		frappe.db.rollback()
		# As if the heartbeat were old enough: the minute job then asks for a worker.
		frappe.db.set_value(
			"WhatsApp Sync Run", {"state": "Running"}, "heartbeat", add_to_date(times.now(), minutes=-2)
		)
		frappe.db.commit()
		jobs.every_minute()
		frappe.db.commit()
	worker.start()
	bench.wait_until(lambda: only_run().state in ("Completed", "Failed"), "the sync is finished", 60)

	assert only_run().state == "Completed"
	assert rows(*TIMES) == undisturbed
	assert len(calls(simulator)) <= pages + kills  # the call under way is lost, no other is made again
	assert only_run().contacts_created == count("Contact")
	assert only_run().messages_created == count("Message")


def undisturbed_calls(hub: Simulator) -> list[str]:
	"""Sync to the end in one go; the calls that takes."""
	link_session(hub)
	hub.forget_requests()
	assert sync_session_complete(SESSION)["status"] == "Completed"
	return calls(hub)


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


def test_a_web_request_that_joins_a_sync_under_way_answers_in_time_and_tells_the_person_so(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	set_up()
	make_session()
	claim = sync_runs.claim(sync_runs.open_run(SESSION, "Manual"))  # another process's
	frappe.db.commit()
	waited = FakeTime(monkeypatch, sync_api)

	with in_request():
		answer = sync_session_complete(SESSION)
		make_logs()

	assert (answer["success"], answer["status"], answer["is_complete"]) == (True, "Running", False)
	assert answer["sync_run"] == claim.run
	assert "goes on in the background" in frappe.local.response["_server_messages"]
	assert 0 < sum(waited.slept) <= 20
	assert (only_run().name, only_run().claim) == (claim.run, claim.token)


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
	jobs.sync_sessions()

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


@pytest.mark.simulator(**SMALL)
def test_two_sessions_with_the_same_contacts_chats_and_message_ids_keep_them_apart(
	simulator: Simulator,
) -> None:
	connect_site(simulator)
	sessions = [link_session(simulator, name) for name in ("session_a", "session_b")]
	for session in sessions:
		sync_session_complete(session)

	for doctype, key in (("Contact", "contact_id"), ("Conversation", "chat_id"), ("Message", "message_id")):
		of_a, of_b = (
			dict(frappe.get_all(f"WhatsApp {doctype}", {"session": session}, [key, "name"], as_list=True))
			for session in sessions
		)
		assert of_a.keys() == of_b.keys()
		assert len(of_a) == count(doctype, "session_a") > 0
		assert set(of_a.values()).isdisjoint(of_b.values())
	chats = {row.name: row.session for row in frappe.get_all("WhatsApp Conversation", ["name", "session"])}
	for message in frappe.get_all("WhatsApp Message", ["session", "conversation"]):
		assert chats[message.conversation] == message.session


@pytest.mark.simulator(**SMALL)
def test_missed_messages_whose_ids_look_alike_to_the_database_are_all_stored(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	ids = ["3EB0ABC", "3eb0abc", "3EB0ÀBC", "3EB0JOSÉ", "3EB0JOSE", "3EB0👍", "3EB0😂"]
	for message_id in ids:
		simulator.incoming(SESSION, text=f"text of {message_id}", message_id=message_id, webhook=False)

	answer = sync_session_complete(SESSION)

	assert answer["messages"]["created"] == len(ids)
	stored = frappe.get_all("WhatsApp Message", {"is_history": 0}, ["message_id", "content"], as_list=True)
	assert sorted(stored) == sorted((message_id, f"text of {message_id}") for message_id in ids)


@pytest.mark.simulator(rate=0, contacts=600, chats=3, messages=5, latency_ms=150)
def test_open_pages_hear_of_a_sync_at_most_twice_a_second(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	connect_site(simulator)
	link_session(simulator)
	heard: list[tuple[float, str]] = []
	monkeypatch.setattr(
		realtime, "sync_progress", lambda *told: heard.append((time.monotonic(), str(told[2])))
	)

	sync_session_complete(SESSION)

	moments = [moment for moment, _state in heard]
	assert [state for _moment, state in heard][-1] == "Completed"
	assert 2 < len(heard) < only_run().calls
	for moment in moments:
		assert len([other for other in moments if moment <= other < moment + 0.95]) <= 2


@pytest.mark.simulator(rate=0, shape="full", contacts=130, chats=3, messages=5)
def test_a_run_shows_how_far_each_phase_is(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
	connect_site(simulator)
	link_session(simulator)
	save, shown = sync_runs.save, []

	def save_and_look(claim: sync_runs.Claim, **values: object) -> None:
		save(claim, **values)
		columns = ["phase", "phase_done", "phase_total"]
		shown.append(frappe.db.get_value("WhatsApp Sync Run", claim.run, columns))

	monkeypatch.setattr(sync_runs, "save", save_and_look)
	sync_session_complete(SESSION)

	assert shown == [
		("chats", 4, 4),  # a broadcast is among them
		*[("messages", done, 3) for done in (1, 2, 3)],
		*[("contacts", done, 130) for done in (100, 130)],
	]
