"""One login and one budget for all workers: several processes against the simulated Hub, whose record is the proof."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import frappe
import pytest
from frappe.utils.background_jobs import get_redis_conn

from support.callers import Outcome, Work, call_together
from support.factories import SESSION
from support.linked import connect_site, link_session

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator

PROCESSES, THREADS = 4, 50
CHATS = f"/api/messages/{SESSION}/chats"
SEND = f"/api/messages/{SESSION}/send"
LOGIN = "/api/auth/login"
# A minute of three seconds, so that a test sees several; the margin for the way to the Hub stays that of a slow network.
MINUTE = 3.0
SHORT = {"minute": MINUTE, "margin_ms": 500}


def total(outcomes: list[Outcome]) -> Counter[str]:
	counts: Counter[str] = Counter()
	for outcome in outcomes:
		counts.update({"answered": outcome.answered, **outcome.errors})
	return counts


def statuses(hub: Simulator, path: str = "") -> Counter[int]:
	return Counter(call["status"] for call in hub.requests(path))


def most_within(calls: list[dict[str, Any]], seconds: float) -> int:
	"""The most calls that arrived within any so many seconds."""
	moments = sorted(call["at"] for call in calls)
	return max(
		sum(begin <= moment < begin + seconds for moment in moments[index:])
		for index, begin in enumerate(moments)
	)


# Login


@pytest.mark.simulator(rate=0, latency_ms=20)
def test_200_threads_in_4_processes_that_start_with_no_token_log_in_once(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	outcomes = call_together(*[Work(threads=THREADS)] * PROCESSES)
	assert total(outcomes) == {"answered": PROCESSES * THREADS}
	assert statuses(simulator, LOGIN) == {200: 1}
	assert statuses(simulator, CHATS) == {200: PROCESSES * THREADS}


@pytest.mark.simulator(rate=0, latency_ms=20)
def test_when_the_token_ends_for_200_threads_they_log_in_once_more(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	call_together(Work())
	simulator.expire_tokens()
	outcomes = call_together(*[Work(threads=THREADS)] * PROCESSES)
	assert total(outcomes) == {"answered": PROCESSES * THREADS}
	assert statuses(simulator, LOGIN) == {200: 2}
	# Each call is made again at most once.
	assert statuses(simulator, CHATS)[401] <= PROCESSES * THREADS
	assert statuses(simulator, CHATS)[200] == PROCESSES * THREADS + 1


@pytest.mark.simulator(rate=0)
def test_a_login_that_fails_once_holds_nobody_up_and_is_not_tried_by_each(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.faults(status={"path": LOGIN, "status": 500, "times": 1})
	outcomes = call_together(*[Work(threads=10)] * PROCESSES)
	assert total(outcomes) == {"answered": PROCESSES * 10}
	assert statuses(simulator, LOGIN) == {500: 1, 200: 1}


@pytest.mark.simulator(rate=0)
def test_a_wrong_password_is_tried_once_by_all_and_a_corrected_one_works_at_once(
	simulator: Simulator,
) -> None:
	connect_site(simulator)
	link_session(simulator)
	_set_password("not-the-password")
	outcomes = call_together(*[Work(threads=10, calls=2)] * PROCESSES)
	assert total(outcomes) == {"AuthenticationFailed": PROCESSES * 20, "answered": 0}
	assert statuses(simulator, LOGIN) == {401: 1} and statuses(simulator, CHATS) == {}
	_set_password(simulator.password)
	assert total(call_together(Work())) == {"answered": 1}


@pytest.mark.simulator(rate=0)
def test_clearing_the_cache_costs_no_login(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	call_together(Work())
	frappe.clear_cache()
	call_together(Work())
	assert statuses(simulator, LOGIN) == {200: 1}


def _set_password(password: str) -> None:
	settings = frappe.get_single("WhatsApp Settings")
	settings.api_password = password
	settings.save()
	frappe.db.commit()


# Pacing


def test_4_processes_that_hurry_make_30_calls_a_minute_and_are_told_to_wait(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	outcomes = call_together(*[Work(threads=5, calls=4, lane="people", patience=3)] * PROCESSES)
	assert total(outcomes) == {"answered": 30, "RateLimited": PROCESSES * 20 - 30}
	assert max(outcome.retry_after for outcome in outcomes) <= 61
	assert statuses(simulator, "/api/messages") == {200: 30}


def test_background_work_leaves_room_for_people(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	hurried = call_together(*[Work(threads=5, calls=4, patience=5)] * PROCESSES)
	assert total(hurried)["answered"] == 24
	people = call_together(Work(calls=10, lane="people", patience=3))
	assert total(people) == {"answered": 6, "RateLimited": 4}
	assert 429 not in statuses(simulator)


def test_10_sends_a_minute_leave_the_site_and_none_twice(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.faults(latency={"path": SEND, "ms": 50})
	body = {"to": "34600000002", "message": "Hola", "type": "text"}
	work = Work(threads=5, calls=2, method="POST", path=SEND, body=body, lane="people", patience=3)
	assert total(call_together(*[work] * PROCESSES)) == {"answered": 10, "RateLimited": PROCESSES * 10 - 10}
	assert statuses(simulator, SEND) == {200: 10}


@pytest.mark.simulator(rate_window=MINUTE)
def test_4_processes_that_wait_never_exceed_the_budget_over_many_minutes(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	outcomes = call_together(*[Work(threads=3, calls=9, lane="people", **SHORT)] * PROCESSES)
	assert total(outcomes) == {"answered": PROCESSES * 27}
	calls = simulator.requests("/api/messages")
	assert {call["status"] for call in calls} == {200}
	assert most_within(calls, MINUTE) <= 30


@pytest.mark.simulator(rate_window=MINUTE)
def test_the_budget_holds_while_connections_drop_answers_are_late_and_calls_are_made_again(
	simulator: Simulator,
) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.faults(
		drop={"path": CHATS, "skip": 10, "times": 5},
		status={"path": CHATS, "skip": 20, "times": 5},
		truncated={"path": CHATS, "skip": 30, "times": 5},
		latency={"path": CHATS, "ms": 100},
	)
	outcomes = call_together(*[Work(threads=3, calls=6, lane="people", **SHORT)] * PROCESSES)
	assert total(outcomes) == {"answered": PROCESSES * 18}
	calls = simulator.requests("/api/messages")
	assert len(calls) == PROCESSES * 18 + 15 and 429 not in statuses(simulator)
	assert most_within(calls, MINUTE) <= 30


def test_a_429_of_the_hub_stops_all_processes(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	simulator.faults(rate_limited={"path": CHATS, "times": 1, "retry_after": 30})
	call_together(Work(patience=3))
	outcomes = call_together(*[Work(threads=5, patience=3)] * PROCESSES)
	assert total(outcomes) == {"answered": 0, "RateLimited": PROCESSES * 5}
	assert statuses(simulator, CHATS) == {429: 1}


def test_calls_that_another_program_makes_are_left_out_of_our_budget(simulator: Simulator) -> None:
	connect_site(simulator)
	link_session(simulator)
	outcomes = call_together(Work(calls=5, lane="people"))
	# Another program with the same key: its calls are in the Hub's count and not in ours, until an answer tells.
	_forget_our_count()
	outcomes += call_together(Work(lane="people"))
	outcomes += call_together(*[Work(threads=5, calls=5, lane="people", patience=3)] * PROCESSES)
	assert total(outcomes)["answered"] == 30
	assert statuses(simulator, CHATS) == {200: 30}


def _forget_our_count() -> None:
	redis = get_redis_conn()
	for key in redis.scan_iter(match="*pacing:*"):
		redis.delete(key)
