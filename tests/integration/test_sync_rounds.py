"""One worker serves all sessions and everybody else: nobody holds it, and nobody is left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date

from support import bench, webhooks
from support.factories import SESSION, make_session, make_sync_run, set_up
from support.fake_time import FakeTime
from support.linked import connect_site, count, link_session
from support.worker import forget_jobs, waiting_jobs
from xappiens_whatsapp import jobs
from xappiens_whatsapp.api.sync import request_sync, sync_session_complete
from xappiens_whatsapp.store import sync_runs, times
from xappiens_whatsapp.store.bulk import Counts
from xappiens_whatsapp.sync import engine, rounds
from xappiens_whatsapp.sync.fetched import Fetched
from xappiens_whatsapp.webhook_processing import process_event

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.worker import Worker

SMALL = {"rate": 0, "contacts": 30, "chats": 3, "messages": 5}


def runs(**filters: object) -> list[frappe._dict]:
	frappe.db.rollback()
	return frappe.get_all("WhatsApp Sync Run", filters=filters, fields=["*"], order_by="session")


def hints() -> list[str]:
	return [job.id for job in waiting_jobs() if jobs.SYNC_JOB in job.id]


# Of 5 calls a minute 1 is kept for people; a sync needs 1 + 4 + 1.
@pytest.mark.simulator(rate=5, general_limit=0, contacts=30, chats=4, messages=5)
def test_twenty_paced_sessions_share_a_worker_and_a_foreign_job_need_not_wait(
	simulator: Simulator, worker: Worker
) -> None:
	connect_site(simulator)
	sessions = [link_session(simulator, f"session_{number:02d}") for number in range(20)]
	for session in sessions:
		request_sync(session, "Manual")
	frappe.db.commit()
	assert len(hints()) == 1
	worker.start()

	bench.wait_until(lambda: len(runs(calls=(">", 0))) >= 5, "some sessions have begun", 60)
	foreign = frappe.enqueue("frappe.utils.now", queue="long")
	bench.wait_until(lambda: foreign.refresh() or foreign.started_at, "a foreign job runs", 60)
	waited = (foreign.started_at - foreign.enqueued_at).total_seconds()
	bench.wait_until(
		lambda: len(runs(calls=(">=", 4))) == len(sessions), "every session has used its calls", 120
	)

	assert waited <= 15
	assert {run.state for run in runs()} == {"Queued"}  # all wait for their turn, and none holds the worker
	assert all(run.chats_created for run in runs())


@pytest.mark.simulator(**SMALL)
def test_a_job_that_others_wait_for_makes_room_and_goes_on_behind_them(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	connect_site(simulator)
	for number in range(3):
		request_sync(link_session(simulator, f"session_{number}"), "Manual")
	frappe.db.commit()
	forget_jobs()  # the hints: this is the job
	foreign = frappe.enqueue("frappe.ping", queue=jobs.SYNC_QUEUE)
	monkeypatch.setattr(rounds, "SPELL_SECONDS", 0)

	jobs.sync_sessions()

	assert [run.calls for run in runs()] == [1]
	waiting = [job.id for job in waiting_jobs() if job.origin.endswith(f":{jobs.SYNC_QUEUE}")]
	assert waiting == [foreign.id, *hints()]
	assert len(hints()) == 1

	foreign.delete()
	jobs.sync_sessions()
	assert [run.state for run in runs()] == ["Completed"] * 3


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[FakeTime, list[str]]]:
	"""Sessions to sync whose lists never end, where only a fetched page takes time: the clock, and the session of each
	page."""

	def begin(*sessions: str, seconds_a_page: float) -> tuple[FakeTime, list[str]]:
		time_, pages = FakeTime(monkeypatch, rounds, engine), []

		def fetch(client: object, scope: engine.Scope, cursor: object) -> Fetched:
			time_.advance(seconds_a_page)
			pages.append(scope.session)
			return Fetched(Counts)

		monkeypatch.setattr(engine.phases, "fetch", fetch)
		set_up()
		for session in sessions:
			make_session(session, sync_due=add_to_date(times.now(), seconds=-1))
		frappe.db.commit()
		forget_jobs()  # a new session asks for the minute job
		return time_, pages

	return begin


def test_a_job_ends_after_a_minute_of_work_and_another_one_goes_on(endless: Callable) -> None:
	time_, _pages = endless(SESSION, seconds_a_page=7)
	jobs.sync_sessions()
	assert 60 <= time_.passed < 60 + 7
	assert len(hints()) == 1


def test_each_of_several_sessions_has_a_spell_of_five_seconds_in_its_turn(endless: Callable) -> None:
	_time, pages = endless("session_a", "session_b", "session_c", seconds_a_page=2)
	jobs.sync_sessions()
	spells = [(session, len(list(spell))) for session, spell in groupby(pages)]
	assert [session for session, _length in spells[:4]] == [
		"session_a",
		"session_b",
		"session_c",
		"session_a",
	]
	assert {length for _session, length in spells} == {3}  # a page that was begun is finished


@pytest.mark.parametrize("queue", ["long", "default", "short"])
def test_a_job_that_somebody_waits_for_ends_after_five_seconds_of_work(endless: Callable, queue: str) -> None:
	time_, pages = endless(SESSION, seconds_a_page=2)
	frappe.enqueue("frappe.ping", queue=queue)
	jobs.sync_sessions()
	assert (time_.passed, len(pages)) == (6, 3)
	assert len(hints()) == 1


@pytest.mark.parametrize("others_wait", [False, True])
def test_a_job_that_waits_for_a_paused_session_sleeps_five_seconds_and_another_one_goes_on(
	monkeypatch: pytest.MonkeyPatch, others_wait: bool
) -> None:
	time_, now = FakeTime(monkeypatch, rounds), times.now()
	monkeypatch.setattr(times, "now", lambda: now)
	make_session()
	make_sync_run(state="Queued", heartbeat=now, resume_at=add_to_date(now, seconds=60))
	frappe.db.commit()

	assert rounds.Round(lambda: others_wait).go()

	assert sum(time_.slept) == 5
	assert max(time_.slept) <= 0.5  # so that what becomes due meanwhile is seen


def test_a_job_does_not_wait_for_a_session_that_is_paused_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
	time_, now = FakeTime(monkeypatch, rounds), times.now()
	make_session()
	make_sync_run(state="Queued", heartbeat=now, resume_at=add_to_date(now, seconds=600))
	frappe.db.commit()
	assert not rounds.Round(lambda: False).go()
	assert time_.slept == []


@pytest.mark.simulator(**SMALL)
@pytest.mark.parametrize(("seconds_silent", "is_taken_over"), [(46, True), (30, False)])
def test_a_run_is_taken_over_by_the_minute_job_once_its_worker_is_silent_for_45_seconds(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch, seconds_silent: int, is_taken_over: bool
) -> None:
	connect_site(simulator)
	link_session(simulator)
	now = times.now()
	monkeypatch.setattr(times, "now", lambda: now)
	monkeypatch.setattr(rounds, "SLEEP_SECONDS", 0)
	claim = sync_runs.claim(sync_runs.open_run(SESSION, "Connected"))
	frappe.db.set_value(
		"WhatsApp Sync Run", claim.run, "heartbeat", add_to_date(now, seconds=-seconds_silent)
	)
	frappe.db.commit()

	jobs.every_minute()
	frappe.db.commit()
	assert len(hints()) == is_taken_over

	jobs.sync_sessions()
	(run,) = runs()
	assert run.state == ("Completed" if is_taken_over else "Running")
	assert (run.claim == claim.token) is not is_taken_over


@pytest.mark.simulator(**SMALL)
def test_there_is_one_sync_job_at_a_time_and_one_hint(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(jobs, "TURN_SECONDS", 0)  # the other one is not just ending
	connect_site(simulator)
	link_session(simulator)
	for _time in range(3):
		request_sync(SESSION, "Manual")
		frappe.db.commit()
	assert len(hints()) == 1

	with turn_taken():
		jobs.sync_sessions()
		assert runs() == []
	jobs.sync_sessions()
	assert [run.state for run in runs()] == ["Completed"]


@contextmanager
def turn_taken() -> Iterator[None]:
	"""As if another worker of this site were at the syncs: on another connection."""
	own = frappe.local.db
	frappe.connect(set_admin_as_user=False)
	other = frappe.local.db
	try:
		assert jobs._take_turn()
		frappe.local.db = own
		yield
	finally:
		frappe.local.db = own
		other.close()


@pytest.mark.simulator(rate=0, contacts=1500, chats=2, messages=2)
def test_many_contacts_pass_in_jobs_that_each_end_in_time(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch, is_long: bool
) -> None:
	"""The long form has 100 000 contacts and jobs of a minute, which a job timeout of 300 s lets pass."""
	contacts = 100_000 if is_long else 1500
	simulator.reset(rate=0, contacts=contacts, chats=2, messages=2)
	connect_site(simulator)
	link_session(simulator)
	simulator.forget_requests()
	request_sync(SESSION, "Manual")
	frappe.db.commit()
	if not is_long:
		monkeypatch.setattr(jobs, "WORK_SECONDS", 0.3)
		simulator.options(latency_ms=40)

	spells = []
	while not runs(state="Completed"):
		began = time.monotonic()
		jobs.sync_sessions()
		spells.append(time.monotonic() - began)
		assert len(spells) < 200

	assert len(spells) > 1 or is_long
	assert max(spells) < 300
	assert count("Contact") == contacts
	(run,) = runs()
	assert (run.contacts_created, run.calls) == (contacts, contacts // 100 + 1 + 2)


def test_scheduled_syncs_of_many_sessions_are_spread_over_the_interval(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	frappe.db.set_single_value(
		"WhatsApp Settings", {"enabled": 1, "auto_sync_enabled": 1, "sync_interval": 30}
	)
	names = [make_session(f"session_{number}", last_sync=times.now()) for number in range(30)]
	never = make_session("never_synced")
	stopped = make_session("stopped_session", sync_mode="Stopped")
	make_session("disconnected", is_connected=0, status="Disconnected")
	frappe.db.commit()
	began, wished = times.now(), {}
	for minute in range(31):
		now = add_to_date(began, minutes=minute)
		monkeypatch.setattr(times, "now", lambda now=now: now)
		monkeypatch.setattr(jobs.clock, "now_ms", lambda minute=minute: 1_766_145_600_000 + minute * 60_000)
		jobs.request_scheduled_syncs()
		for session in frappe.get_all("WhatsApp Session", {"sync_due": ("is", "set")}, pluck="name"):
			wished.setdefault(session, minute)

	assert set(wished) == {*names, never}
	assert stopped not in wished
	assert wished[never] == 0
	by_minute = [wished[name] for name in names]
	assert len(set(by_minute)) > 10
	assert max(by_minute.count(minute) for minute in by_minute) < 10


def connected_event(session: str = SESSION) -> None:
	"""The Hub says that the session is connected now, and that is processed."""
	process_event(webhooks.store(webhooks.event("session.connected", session)))


@pytest.mark.parametrize("is_on", [True, False])
def test_sessions_are_synced_by_themselves_only_while_automatic_sync_is_on(is_on: bool) -> None:
	set_up(auto_sync_enabled=int(is_on))
	make_session("never_synced")
	make_session(status="Connecting", is_connected=0)
	frappe.db.commit()

	connected_event()
	jobs.every_minute()
	frappe.db.commit()

	assert frappe.db.get_value("WhatsApp Session", SESSION, "is_connected")
	wished = frappe.get_all("WhatsApp Session", {"sync_due": ("is", "set")}, pluck="name", order_by="name")
	assert wished == ([SESSION, "never_synced"] if is_on else [])
	assert len(hints()) == is_on


def test_a_session_that_has_just_connected_is_left_alone_for_three_seconds(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	set_up(auto_sync_enabled=1)
	make_session(status="Connecting", is_connected=0)
	frappe.db.commit()
	now = times.now()
	monkeypatch.setattr(times, "now", lambda: now)

	connected_event()

	assert [(each.session, each.due_in) for each in sync_runs.wanted()] == [(SESSION, 3)]


@pytest.mark.simulator(**SMALL)
def test_statistics_that_went_wrong_are_corrected_each_hour(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	sync_session_complete(SESSION)
	right = frappe.db.get_value("WhatsApp Session", SESSION, ["total_contacts", "total_messages_received"])
	frappe.db.set_value("WhatsApp Session", SESSION, {"total_contacts": 1, "total_messages_received": 1})
	frappe.db.sql("UPDATE `tabWhatsApp Conversation` SET total_messages = 99")
	frappe.db.commit()

	jobs.every_hour()

	assert (
		frappe.db.get_value("WhatsApp Session", SESSION, ["total_contacts", "total_messages_received"])
		== right
	)
	assert set(frappe.get_all("WhatsApp Conversation", pluck="total_messages")) == {5}


def test_runs_that_ended_long_ago_are_cleared_and_others_stay() -> None:
	make_session()
	old, young, unfinished = (
		make_sync_run(state="Failed"),
		make_sync_run(state="Completed"),
		make_sync_run(state="Queued"),
	)
	for run, days in ((old, 31), (young, 29), (unfinished, 31)):
		frappe.db.set_value("WhatsApp Sync Run", run, "creation", add_to_date(times.now(), days=-days))

	frappe.get_single("Log Settings").clear_logs()

	assert {run.name for run in frappe.get_all("WhatsApp Sync Run")} == {young, unfinished}


def test_what_was_worked_on_last_comes_last_and_a_wish_during_a_paused_run_waits_for_it() -> None:
	now = times.now()
	for session, seconds_ago in (("session_a", 5), ("session_b", 50), ("session_c", 20)):
		make_session(session)
		make_sync_run(session, state="Queued", heartbeat=add_to_date(now, seconds=-seconds_ago))
	make_session("session_d", sync_due=add_to_date(now, seconds=-1))
	make_session("session_e", sync_due=add_to_date(now, seconds=-60))
	make_sync_run("session_e", state="Queued", heartbeat=now, resume_at=add_to_date(now, seconds=30))

	wanted = sync_runs.wanted()

	assert [each.session for each in wanted if each.due_in <= 0] == [
		"session_d",
		"session_b",
		"session_c",
		"session_a",
	]
	assert [round(each.due_in, -1) for each in wanted if each.due_in > 0] == [30]
