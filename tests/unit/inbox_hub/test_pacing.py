import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from xappiens_whatsapp.inbox_hub import pacing
from xappiens_whatsapp.inbox_hub.calls import make_call
from xappiens_whatsapp.inbox_hub.errors import HubUnavailable, RateLimited
from xappiens_whatsapp.inbox_hub.pacing import Pacer, Patience

CALL = make_call("GET", "/api/contacts/demo_session", budget="demo_session")
SEND = make_call("POST", "/api/messages/demo_session/send", budget="demo_session")
OTHER = make_call("GET", "/api/contacts/other_session", budget="other_session")


@pytest.fixture
def pacer(redis: Redis) -> Pacer:
	return Pacer(redis, "site:account:")


def minute(limit: int, remaining: int, reset_in: float = 40) -> dict[str, str]:
	return {
		"x-ratelimit-limit": str(limit),
		"x-ratelimit-remaining": str(remaining),
		"x-ratelimit-reset": str(reset_in),
	}


def quarter(limit: int, remaining: int, reset_in: float = 600) -> dict[str, str]:
	return {
		"ratelimit-limit": str(limit),
		"ratelimit-remaining": str(remaining),
		"ratelimit-reset": str(reset_in),
	}


def granted(pacer: Pacer, call=CALL, lane: pacing.Lane = "people", tries: int = 100) -> int:
	"""How many calls are granted at once."""
	for number in range(tries):
		try:
			pacer.wait_for_turn(call, lane, Patience(0))
		except RateLimited:
			return number
	return tries


def refused_for(pacer: Pacer, call=CALL, lane: pacing.Lane = "people") -> float:
	with pytest.raises(RateLimited) as caught:
		pacer.wait_for_turn(call, lane, Patience(0))
	assert caught.value.code == "OWN_BUDGET"
	return caught.value.retry_after


def test_a_session_has_30_calls_a_minute_and_is_told_when_the_next_may_come(pacer: Pacer) -> None:
	assert granted(pacer) == 30
	assert 50 < refused_for(pacer) <= 61


def test_background_work_leaves_6_of_the_30_to_people(pacer: Pacer) -> None:
	assert granted(pacer, lane="background") == 24
	assert granted(pacer, lane="people") == 6


def test_what_people_use_is_not_used_by_the_background(pacer: Pacer) -> None:
	assert granted(pacer, lane="people", tries=10) == 10
	assert granted(pacer, lane="background") == 14


def test_a_send_counts_among_the_sends_and_among_the_calls(pacer: Pacer) -> None:
	assert granted(pacer, SEND) == 10
	assert granted(pacer) == 20
	assert granted(pacer, SEND) == 0


def test_a_send_that_is_refused_counts_nowhere(pacer: Pacer) -> None:
	granted(pacer, SEND)
	for _try in range(5):
		refused_for(pacer, SEND)
	assert granted(pacer) == 20


def test_two_of_ten_sends_are_kept_for_people(pacer: Pacer) -> None:
	assert granted(pacer, SEND, "background") == 8
	assert granted(pacer, SEND, "people") == 2


def test_each_session_has_its_own_budget(pacer: Pacer) -> None:
	granted(pacer)
	assert granted(pacer, OTHER) == 30


def test_all_workers_share_one_budget_and_sites_do_not(pacer: Pacer, redis: Redis) -> None:
	granted(pacer, tries=20)
	assert granted(Pacer(redis, "site:account:")) == 10
	assert granted(Pacer(redis, "another:account:")) == 30


def test_threads_that_come_together_never_get_more_than_the_budget(pacer: Pacer) -> None:
	def take(_number: int) -> bool:
		try:
			pacer.wait_for_turn(CALL, "people", Patience(0))
		except RateLimited:
			return False
		return True

	with ThreadPoolExecutor(40) as threads:
		assert sum(threads.map(take, range(200))) == 30


def test_who_has_patience_waits_for_a_turn_and_no_longer(
	pacer: Pacer, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(pacing, "_window_ms", lambda: 300)
	granted(pacer)
	patience, begin = Patience(5), time.monotonic()
	pacer.wait_for_turn(CALL, "people", patience)
	assert 0 < patience.waited <= 5
	assert time.monotonic() - begin >= patience.waited


def test_in_no_window_are_there_more_calls_than_allowed(
	pacer: Pacer, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(pacing, "_window_ms", lambda: 400)
	pacer.learn(CALL, minute(5, 5))
	moments: list[float] = []

	def work(_number: int) -> None:
		for _round in range(4):
			pacer.wait_for_turn(CALL, "people", Patience(None))
			moments.append(time.monotonic())

	with ThreadPoolExecutor(4) as threads:
		list(threads.map(work, range(4)))
	moments.sort()
	assert len(moments) == 16
	# 16 calls at 5 in 400 ms need three windows to pass before the last one.
	assert moments[-1] - moments[0] >= 0.4 * 3 - 0.1


def test_who_waits_notices_that_the_hub_allows_more(pacer: Pacer) -> None:
	granted(pacer)
	slept: list[float] = []

	def sleep(seconds: float) -> None:
		slept.append(seconds)
		pacer.learn(CALL, minute(60, 30))

	pacer.wait_for_turn(CALL, "people", Patience(None, sleep))
	assert len(slept) == 1 and slept[0] < 5


def test_who_has_no_patience_is_told_at_once(pacer: Pacer) -> None:
	granted(pacer)
	slept: list[float] = []
	with pytest.raises(RateLimited):
		pacer.wait_for_turn(CALL, "people", Patience(3, slept.append))
	assert slept == []


def test_patience_is_one_for_all_waits_of_a_call() -> None:
	patience = Patience(3, lambda seconds: None)
	patience.wait(2)
	assert patience.allows(1) and not patience.allows(1.1)
	assert Patience(None).allows(10_000)


@pytest.mark.parametrize(("limit", "people", "background"), [(60, 60, 48), (10, 10, 8), (1, 1, 1)])
def test_the_hubs_own_limit_replaces_the_documented_one(pacer: Pacer, limit, people, background) -> None:
	pacer.learn(CALL, minute(limit, limit))
	assert granted(pacer, lane="background") == background
	assert granted(pacer) == people - background


def test_a_hub_without_limits_is_not_held_back(pacer: Pacer) -> None:
	pacer.learn(CALL, minute(1_000_000, 999_999))
	assert granted(pacer, lane="background", tries=500) == 500


def test_calls_that_somebody_else_made_are_counted_until_the_reset(pacer: Pacer) -> None:
	granted(pacer, tries=3)
	pacer.learn(CALL, minute(30, 7, reset_in=40))
	assert granted(pacer) == 7
	assert 30 < refused_for(pacer) <= 41


def test_hearing_the_same_twice_counts_once(pacer: Pacer) -> None:
	for _answer in range(3):
		pacer.learn(CALL, minute(30, 20))
	assert granted(pacer) == 20


def test_calls_under_way_are_not_given_back_by_a_late_answer(pacer: Pacer) -> None:
	granted(pacer)
	pacer.learn(CALL, minute(30, 29))
	assert granted(pacer) == 0


def test_a_budget_spent_by_others_is_free_after_the_reset(pacer: Pacer) -> None:
	pacer.learn(CALL, minute(30, 0, reset_in=0.2))
	assert refused_for(pacer) <= 0.2
	deadline = time.monotonic() + 5
	while not granted(pacer, tries=1) and time.monotonic() < deadline:
		time.sleep(0.02)
	assert granted(pacer, tries=5) == 5


def test_headers_never_raise_the_sends(pacer: Pacer) -> None:
	pacer.learn(SEND, minute(30, 29))
	assert granted(pacer, SEND) == 10


def test_headers_may_lower_the_sends(pacer: Pacer) -> None:
	pacer.learn(SEND, minute(4, 4))
	assert granted(pacer, SEND) == 4
	assert granted(pacer) == 26


def test_the_accounts_budget_holds_for_all_sessions_and_keeps_a_fifth_for_people(pacer: Pacer) -> None:
	pacer.learn(CALL, quarter(100, 22, reset_in=600))
	assert granted(pacer, CALL, "background") == 2
	assert granted(pacer, OTHER, "background") == 0
	assert granted(pacer, OTHER, "people") == 20
	assert 590 < refused_for(pacer) <= 600


def test_within_one_window_the_accounts_budget_only_goes_down(pacer: Pacer) -> None:
	pacer.learn(CALL, quarter(100, 3))
	pacer.learn(CALL, quarter(100, 50))
	assert granted(pacer) == 3


def test_a_new_window_brings_a_new_budget(pacer: Pacer) -> None:
	pacer.learn(CALL, quarter(100, 0, reset_in=0.1))
	deadline = time.monotonic() + 5
	while not granted(pacer, tries=1) and time.monotonic() < deadline:
		time.sleep(0.02)
	pacer.learn(CALL, quarter(100, 7, reset_in=600))
	assert granted(pacer) == 7


def test_headers_that_say_nothing_change_nothing(pacer: Pacer) -> None:
	pacer.learn(CALL, {})
	assert granted(pacer) == 30


def test_after_a_429_nobody_calls_until_the_time_is_over(pacer: Pacer, redis: Redis) -> None:
	pacer.block(CALL, 20, {})
	assert 19 < refused_for(Pacer(redis, "site:account:")) <= 20
	assert granted(pacer, OTHER) == 30
	pacer.block(CALL, 5, {})
	assert refused_for(pacer) > 18


def test_too_many_sends_do_not_stop_other_calls(pacer: Pacer) -> None:
	pacer.block(SEND, 20, {})
	assert granted(pacer, SEND) == 0
	assert granted(pacer) == 30


def test_if_the_account_has_called_too_often_all_its_sessions_wait(pacer: Pacer) -> None:
	pacer.block(CALL, 20, quarter(100, 0))
	assert 19 < refused_for(pacer, OTHER) <= 20


def test_a_redis_that_is_away_is_a_typed_error_and_no_free_call() -> None:
	pacer = Pacer(Redis(unix_socket_path="/nonexistent/redis.sock"), "")
	for act in (
		lambda: pacer.wait_for_turn(CALL, "people", Patience(None)),
		lambda: pacer.learn(CALL, minute(30, 29)),
		lambda: pacer.block(CALL, 1, {}),
	):
		with pytest.raises(HubUnavailable) as caught:
			act()
		assert caught.value.code == "REDIS_UNAVAILABLE"


def test_what_is_counted_ends_by_itself(pacer: Pacer, redis: Redis) -> None:
	granted(pacer, SEND)
	pacer.learn(CALL, minute(30, 10) | quarter(100, 50))
	pacer.block(CALL, 1, {})
	keys = redis.keys("*")
	assert keys and all(redis.ttl(key) > 0 and key.startswith(b"site:account:") for key in keys)
