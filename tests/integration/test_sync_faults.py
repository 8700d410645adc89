"""What the Hub, the network and other apps do to a sync: it ends honestly, and what can be stored is stored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date
from rq.timeouts import JobTimeoutException

from support import bench
from support.bare_server import bare_server
from support.factories import SESSION, make_sync_run, make_user, set_up
from support.linked import connect_site, count, link_session, skip_settling
from xappiens_whatsapp import jobs
from xappiens_whatsapp.api.sync import request_sync, resume_sync, sync_session_complete
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import conversations, messages, sync_runs, times
from xappiens_whatsapp.sync import breaker, engine, rounds

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web
	from support.worker import Worker

SMALL = {"rate": 0, "contacts": 120, "chats": 4, "messages": 5}
CONTACTS = f"/api/contacts/{SESSION}"


def linked(hub: Simulator) -> None:
	connect_site(hub)
	link_session(hub)
	hub.forget_requests()


def run_now() -> frappe._dict:
	"""Let a job do what is due, and return the latest run."""
	jobs.sync_sessions()
	frappe.db.rollback()
	return sync_runs.load(sync_runs.latest(SESSION).name)


def heard_progress(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
	"""What pages are told of a sync from now on."""
	heard: list[tuple] = []
	monkeypatch.setattr(sync_runs.realtime, "sync_progress", lambda *told: heard.append(told))
	return heard


def error_log() -> str:
	return "\n".join(
		f"{row.method}\n{row.error}" for row in frappe.get_all("Error Log", fields=["method", "error"])
	)


@pytest.mark.simulator(**SMALL)
@pytest.mark.parametrize(
	"fault",
	[
		{"rate_limited": {"path": CONTACTS, "times": 1, "retry_after": 1}},
		{"status": {"path": CONTACTS, "times": 1, "status": 503}},
		{"nginx": {"path": CONTACTS, "times": 1, "status": 200}},
		{"truncated": {"path": CONTACTS, "times": 1}},
		{"drop": {"path": CONTACTS, "times": 1, "when": "middle"}},
		{"status": {"path": CONTACTS, "times": 1, "status": 401, "code": "INVALID_TOKEN"}},
	],
	ids=["429", "503", "HTML with 200", "half a page", "connection lost", "token expired"],
)
def test_a_fault_that_passes_delays_a_sync_and_costs_it_nothing(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch, fault: dict
) -> None:
	monkeypatch.setattr(rounds, "SLEEP_SECONDS", 0)
	linked(simulator)
	simulator.faults(**fault)
	request_sync(SESSION, "Manual")
	frappe.db.commit()

	run = run_now()
	while run.state == "Queued":
		frappe.db.set_value("WhatsApp Sync Run", run.name, "resume_at", None)
		frappe.db.commit()
		run = run_now()

	assert run.state == "Completed"
	assert (run.contacts_created, run.contacts_errors) == (120, 0)
	assert count("Contact") == 120
	assert not error_log()


@pytest.mark.simulator(**SMALL)
def test_a_key_that_the_hub_refuses_ends_the_sync_and_says_what_to_do(simulator: Simulator) -> None:
	linked(simulator)
	simulator.faults(status={"path": CONTACTS, "status": 401, "code": "INVALID_API_KEY"})

	answer = sync_session_complete(SESSION)

	assert (answer["success"], answer["status"], answer["is_complete"]) == (False, "Failed", False)
	assert "Authentication failed" in answer["message"]
	assert "API Key" in answer["message"]
	assert answer["chats"]["created"] == count("Conversation") == 4  # what came before is kept


@pytest.mark.simulator(**SMALL)
def test_a_hub_that_stays_down_fails_the_run_after_several_pauses(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(rounds, "SLEEP_SECONDS", 0)
	linked(simulator)
	simulator.faults(status={"path": CONTACTS, "status": 500})
	request_sync(SESSION, "Manual")
	frappe.db.commit()

	while (run := run_now()).state == "Queued":
		assert run.resume_at > times.now()
		frappe.db.set_value("WhatsApp Sync Run", run.name, "resume_at", None)
		frappe.db.commit()

	assert (run.state, run.hub_pauses) == ("Failed", len(engine.PAUSES))
	# Chats, messages of four, and the contacts at first and after each pause: what failed is told, too.
	assert run.calls == 1 + 4 + 1 + len(engine.PAUSES)
	assert run.seconds_waited == sum(engine.PAUSES)
	assert "Inbox Hub" in run.error


def test_a_web_request_is_answered_in_time_though_the_hub_hangs(web: Web) -> None:
	with bare_server(lambda connection: time.sleep(60)) as hub:
		set_up(api_base_url=hub.url, api_key="key-of-the-tests")
		frappe.get_doc(
			doctype="WhatsApp Session",
			session_id=SESSION,
			session_name="Demo",
			status="Connected",
			is_connected=1,
		).insert()
		frappe.db.commit()

		answer = web.login().call("xappiens_whatsapp.api.sync.sync_session_complete", session_name=SESSION)

	assert answer.status_code == 200, answer.text
	said = answer.json()["message"]
	assert (said["success"], said["status"]) == (True, "Running"), said
	assert answer.elapsed.total_seconds() < 20
	assert len(hub.requests) == 1  # not asked again and again while somebody waits
	frappe.db.rollback()
	assert [each.session for each in sync_runs.wanted()] == [SESSION]


@pytest.mark.simulator(**SMALL)
def test_an_unexpected_fault_fails_the_run_and_tells_nobody_what_people_wrote(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	linked(simulator)
	secret = "a text that is nobody's business"

	def fail(*args: object) -> None:
		message = secret
		raise RuntimeError(message)

	monkeypatch.setattr(messages, "store_page", fail)
	request_sync(SESSION, "Manual")
	frappe.db.commit()

	run = run_now()

	assert run.state == "Failed"
	assert "RuntimeError" in run.error
	assert "store_page" in error_log() or "fail" in error_log()
	assert frappe.db.count("Error Log") == 1
	assert secret not in error_log() + run.error


@pytest.mark.simulator(**SMALL)
@pytest.mark.parametrize(
	"error",
	[frappe.QueryDeadlockError("busy"), JobTimeoutException("too long")],
	ids=["deadlocks", "timeout"],
)
def test_a_busy_database_or_a_job_that_is_cut_off_delays_a_sync_and_costs_it_nothing(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
	monkeypatch.setattr(rounds, "SLEEP_SECONDS", 0)
	linked(simulator)
	request_sync(SESSION, "Manual")
	frappe.db.commit()

	def fail(*args: object) -> None:
		raise error

	with monkeypatch.context() as broken:
		broken.setattr(messages, "store_page", fail)
		broken.setattr(jobs, "WORK_SECONDS", 0.5)
		assert run_now().state == "Queued"
	frappe.db.set_value("WhatsApp Sync Run", sync_runs.latest(SESSION).name, "resume_at", None)
	frappe.db.commit()

	assert run_now().state == "Completed"
	assert not error_log()


@pytest.mark.simulator(**SMALL)
def test_a_late_message_that_cannot_be_stored_keeps_no_other_away_and_comes_next_time(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	linked(simulator)
	sync_session_complete(SESSION)
	simulator.incoming(SESSION, text="perdido", count=5, webhook=False)
	receive = messages.receive

	def refuse_one(session: str, message: records.Message, **options: bool) -> messages.Received | None:
		if message.text == "perdido 3":
			raise ValueError(message.text)
		return receive(session, message, **options)

	with monkeypatch.context() as broken:
		broken.setattr(messages, "receive", refuse_one)
		answer = sync_session_complete(SESSION)
	assert (answer["messages"]["created"], answer["messages"]["errors"]) == (4, 1)
	assert (answer["status"], answer["is_complete"]) == ("Completed", False)
	assert "perdido" not in error_log()

	request_sync(SESSION, "Scheduler")
	frappe.db.commit()
	run_now()
	assert count("Message", content=("like", "perdido%"), is_history=0) == 5


@pytest.mark.simulator(**SMALL)
def test_a_sync_that_left_something_out_does_not_say_that_all_is_synced(simulator: Simulator) -> None:
	linked(simulator)
	simulator.faults(F1=True, broken_row={"path": CONTACTS, "times": 1})

	answer = sync_session_complete(SESSION)

	assert (answer["status"], answer["is_complete"]) == ("Completed", False)
	assert "not complete" in answer["message"]
	assert "could not list its chats" in answer["message"]
	assert "1 rows" in answer["message"]
	simulator.clear_faults()
	assert sync_session_complete(SESSION)["message"] == "Everything is synced."


def interrupted(times_: int, minutes_apart: float = 1) -> None:
	"""As if so many syncs had been interrupted, the last one just now."""
	for number in reversed(range(times_)):
		at = add_to_date(times.now(), seconds=-60 * minutes_apart * number)
		make_sync_run(SESSION, interrupted_at=at, heartbeat=at, started_at=at, calls=2)


@pytest.mark.simulator(rate=0, contacts=250, chats=3, messages=5)
def test_a_session_that_its_syncs_disconnect_is_spared_step_by_step_and_a_manager_decides(
	simulator: Simulator, web: Web, worker: Worker
) -> None:
	manager = make_user("manager", "WhatsApp Manager")
	frappe.db.set_value("User", manager, "language", "es")
	connect_site(simulator, web, auto_sync_enabled=1)
	link_session(simulator)
	simulator.faults(F2={"reconnect_after": 0.2})

	def mode() -> str:
		skip_settling(SESSION)
		return frappe.db.get_value("WhatsApp Session", SESSION, "sync_mode")

	request_sync(SESSION, "Connected")
	frappe.db.commit()
	worker.start()
	# Each sync loses the session at its first page of contacts; the Hub reconnects it, and it is synced again.
	bench.wait_until(lambda: mode() == "Without Contacts", "contacts are left out", 60)
	bench.wait_until(
		lambda: skip_settling(SESSION) or count("Sync Run", state="Completed"),
		"a sync without contacts is done",
		60,
	)
	worker.kill()
	asked_for_contacts = len(simulator.requests(CONTACTS))
	assert count("Sync Run", interrupted_at=("is", "set")) == 2
	assert asked_for_contacts <= 4  # in each of the two the first page, and a second one that was refused

	answer = sync_session_complete(SESSION)
	assert (answer["status"], answer["is_complete"]) == ("Completed", False)
	assert "Contacts were left out" in answer["message"]
	assert len(simulator.requests(CONTACTS)) == asked_for_contacts

	interrupted(1)
	make_sync_run(SESSION, state="Queued", heartbeat=times.now(), started_at=times.now(), calls=2)
	breaker.note_interruption(SESSION)
	frappe.db.commit()
	assert mode() == "Stopped"
	((told, subject),) = frappe.get_all(
		"Notification Log", {"document_name": SESSION}, ["for_user", "subject"], as_list=True
	)
	assert (told, "sesión" in subject) == (manager, True)  # in the language of who reads it
	frappe.db.delete("WhatsApp Sync Run", {"session": SESSION, "state": "Queued"})
	request_sync(SESSION, "Scheduler")
	request_sync(SESSION, "Connected")
	frappe.db.commit()
	assert not sync_runs.wanted()
	assert sync_session_complete(SESSION)["status"] == "Completed"  # whoever asks for it gets it

	simulator.clear_faults()
	frappe.set_user(manager)
	assert resume_sync(SESSION) == {"sync_mode": "Full"}
	frappe.set_user("Administrator")
	frappe.db.commit()
	assert run_now().contacts_processed == 250
	assert mode() == "Full"


def test_only_who_may_change_a_session_resumes_it() -> None:
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Demo").insert()
	frappe.set_user(make_user("reader", "WhatsApp User"))
	with pytest.raises(frappe.PermissionError):
		resume_sync(SESSION)


@pytest.mark.parametrize(
	("run", "counts"),
	[
		({"state": "Running", "phase": "messages", "seconds": 5, "calls": 3}, True),
		({"state": "Completed", "phase": "contacts", "seconds": 30, "calls": 3}, True),
		({"state": "Completed", "phase": "messages", "seconds": 5, "calls": 3}, False),
		({"state": "Completed", "phase": "contacts", "seconds": 70, "calls": 3}, False),
		({"state": "Running", "phase": "chats", "seconds": 1, "calls": 0}, False),
	],
	ids=["in a run", "just after the contacts", "not after the contacts", "long after", "before any call"],
)
def test_only_what_our_calls_interrupted_counts(run: dict, counts: bool) -> None:
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Demo").insert()
	at = add_to_date(times.now(), seconds=-run.pop("seconds"))
	name = make_sync_run(SESSION, heartbeat=at, started_at=at, **run)

	breaker.note_interruption(SESSION)
	breaker.note_interruption(SESSION)

	assert bool(frappe.db.get_value("WhatsApp Sync Run", name, "interrupted_at")) is counts
	assert frappe.db.get_value("WhatsApp Session", SESSION, "sync_mode") == "Full"


def test_interruptions_far_apart_do_not_add_up() -> None:
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Demo").insert()
	interrupted(2, minutes_apart=31)
	make_sync_run(SESSION, state="Running", heartbeat=times.now(), started_at=times.now(), calls=2)
	frappe.db.delete("WhatsApp Sync Run", {"interrupted_at": (">", add_to_date(times.now(), minutes=-5))})

	breaker.note_interruption(SESSION)

	assert frappe.db.get_value("WhatsApp Session", SESSION, "sync_mode") == "Full"


@pytest.mark.simulator(**SMALL)
def test_receipts_that_waited_for_a_message_that_a_sync_brings_are_applied(
	simulator: Simulator, web: Web
) -> None:
	connect_site(simulator, web)
	link_session(simulator)
	sync_session_complete(SESSION)
	own = simulator.phone_message(SESSION, text="Desde el teléfono", webhook=False)
	simulator.receipt(SESSION, own["message_id"], status="read")
	simulator.wait_for_deliveries()
	frappe.db.rollback()
	waiting = frappe.get_all("WhatsApp Webhook Event", {"status": "Waiting"}, pluck="message_id")
	assert waiting == [own["message_id"]]

	sync_session_complete(SESSION)
	jobs.process_due_events()

	frappe.db.rollback()
	assert not frappe.db.count("WhatsApp Webhook Event", {"status": "Waiting"})
	assert frappe.db.get_value("WhatsApp Message", {"message_id": own["message_id"]}, "read_at")


def test_a_list_that_is_older_than_an_event_does_not_undo_it() -> None:
	frappe.get_doc(doctype="WhatsApp Session", session_id=SESSION, session_name="Demo").insert()
	jid = "34600000009@s.whatsapp.net"
	name = conversations.apply_flag(SESSION, records.ChatFlag(jid, True, timestamp_ms=2_000_000))

	def listed(is_archived: bool, at_ms: int) -> bool:
		chat = records.Chat(jid=jid, is_archived=is_archived)
		conversations.upsert(SESSION, [chat], is_first_sync=False, fetched_at_ms=at_ms)
		return bool(frappe.db.get_value("WhatsApp Conversation", name, "is_archived"))

	assert listed(False, 1_999_999) is True
	assert listed(False, 2_000_001) is False
	conversations.apply_flag(SESSION, records.ChatFlag(jid, True, timestamp_ms=2_000_000))
	assert frappe.db.get_value("WhatsApp Conversation", name, "is_archived") == 0


@pytest.mark.simulator(**SMALL)
@pytest.mark.parametrize("path", [CONTACTS, f"/api/messages/{SESSION}/chats"])
def test_a_list_that_is_cut_off_by_its_server_is_not_called_complete(simulator: Simulator, path: str) -> None:
	simulator.reset(**{**SMALL, "chats": 120, "messages": 0})
	linked(simulator)
	simulator.faults(ignore_page={"path": path})
	answer = sync_session_complete(SESSION)
	assert (answer["status"], answer["is_complete"]) == ("Completed", False)
	assert "repeats a page" in sync_runs.load(answer["sync_run"]).notes

	simulator.clear_faults()
	answer = sync_session_complete(SESSION)
	assert answer["is_complete"]
	assert (count("Contact"), count("Conversation")) == (120, 120)


@pytest.mark.simulator(**SMALL)
@pytest.mark.parametrize(
	"fault",
	[
		{"repeat_page": {}},
		{"no_totals": {}},
		{"wrong_total": {"total": 0}},
		{"wrong_total": {"total": 7}},
		{"cap_limit": {"limit": 20, "path": CONTACTS}},  # a list that tells no total gives no hint of it
		{"shuffled_rows": {}},
	],
	ids=["each page twice", "no totals", "total of 0", "total too small", "short pages", "shuffled"],
)
def test_a_server_with_odd_pages_loses_no_row(simulator: Simulator, fault: dict) -> None:
	simulator.reset(**{**SMALL, "chats": 120, "messages": 60})
	connect_site(simulator, sync_recent_chats=2, sync_messages_per_chat=60)
	link_session(simulator)
	simulator.faults(**fault)
	answer = sync_session_complete(SESSION)
	# Where a page comes twice and nothing tells how many there are, nobody knows whether that is all.
	assert (answer["status"], answer["is_complete"]) == ("Completed", "repeat_page" not in fault)
	assert (count("Contact"), count("Conversation"), count("Message")) == (120, 120, 120)


@pytest.mark.simulator(**SMALL)
def test_who_has_lost_the_run_stores_nothing_and_says_nothing(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	linked(simulator)
	heard = heard_progress(monkeypatch)
	fetch = engine.phases.fetch

	def fetch_and_lose(*arguments: object) -> object:
		fetched = fetch(*arguments)
		frappe.db.set_value("WhatsApp Sync Run", {"session": SESSION}, "claim", "somebody else")
		frappe.db.commit()
		return fetched

	monkeypatch.setattr(engine.phases, "fetch", fetch_and_lose)
	monkeypatch.setattr(rounds, "SLEEP_SECONDS", 0)
	request_sync(SESSION, "Manual")
	frappe.db.commit()
	run = run_now()
	assert (run.state, run.claim, run.cursor) == ("Running", "somebody else", {})
	assert (count("Contact"), count("Conversation"), heard) == (0, 0, [])


@pytest.mark.simulator(**SMALL)
def test_a_run_that_was_lost_is_not_declared_failed(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	linked(simulator)
	heard = heard_progress(monkeypatch)
	run = sync_runs.open_run(SESSION, "Manual")
	lost = sync_runs.claim(run)
	frappe.db.set_value("WhatsApp Sync Run", run, "claim", "somebody else")
	sync_runs.finish(lost, error="no answer")
	frappe.db.commit()
	assert (sync_runs.load(run).state, heard) == ("Running", [])


@pytest.mark.simulator(**SMALL)
def test_by_hand_nobody_holds_a_run_while_it_waits_for_the_hub(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	"""Else its heartbeat would grow old, and the minute job would take it over."""
	linked(simulator)
	simulator.faults(rate_limited={"path": CONTACTS, "times": 1, "retry_after": 1})
	claims: list[object] = []

	def look(seconds: float) -> None:
		claims.append((seconds > 0, frappe.db.get_value("WhatsApp Sync Run", {"session": SESSION}, "claim")))

	monkeypatch.setattr("xappiens_whatsapp.api.sync.time.sleep", look)
	answer = sync_session_complete(SESSION)
	assert answer["status"] == "Completed"
	assert claims and set(claims) == {(True, None)}
