import time
from email.utils import formatdate

import pytest

from xappiens_whatsapp.inbox_hub.limits import (
	DEFAULT_RETRY_AFTER,
	Window,
	general_window,
	minute_window,
	retry_after_of,
)

NOW = 1_760_423_400
DATE = {"date": formatdate(NOW, usegmt=True)}


def minute(limit: object = 30, remaining: object = 29, reset: object = NOW + 42) -> dict[str, str]:
	return DATE | {
		"x-ratelimit-limit": str(limit),
		"x-ratelimit-remaining": str(remaining),
		"x-ratelimit-reset": str(reset),
	}


def general(limit: object = 1000, remaining: object = 999, reset: object = 600) -> dict[str, str]:
	return {
		"ratelimit-limit": str(limit),
		"ratelimit-remaining": str(remaining),
		"ratelimit-reset": str(reset),
		"ratelimit-policy": "1000;w=900",
	}


def test_the_two_budgets_are_read_from_the_live_headers() -> None:
	headers = minute() | general()
	assert minute_window(headers) == Window(30, 29, 42, 60)
	assert general_window(headers) == Window(1000, 999, 600, 900)


def test_a_reset_is_measured_by_the_hubs_own_clock() -> None:
	assert minute_window(minute(reset=NOW + 10)).reset_in == 10
	without_date = minute(reset=time.time() + 30)
	del without_date["date"]
	assert 25 < minute_window(without_date).reset_in <= 31


def test_a_reset_may_be_in_seconds_too() -> None:
	assert minute_window(minute(reset=17)).reset_in == 17


def test_the_general_limit_under_the_other_name_is_not_taken_for_calls_a_minute() -> None:
	assert minute_window(minute(1000, 999, NOW + 800)) is None


@pytest.mark.parametrize(
	"headers",
	[
		{},
		minute(limit="many"),
		minute(remaining=""),
		minute(reset="soon"),
		minute(limit=0),
		{"x-ratelimit-limit": "30"},
	],
)
def test_headers_that_do_not_tell_are_no_budget(headers: dict) -> None:
	assert minute_window(headers) is None
	assert general_window(headers) is None


def test_numbers_beyond_reason_are_bounded() -> None:
	assert minute_window(minute(30, -5)).remaining == 0
	assert minute_window(minute(30, 99)).remaining == 30
	assert minute_window(minute(1e300, 5)).limit == 1_000_000
	assert general_window(general(reset=10**9 - 1)).reset_in == 3600
	assert general_window(general() | {"ratelimit-policy": "nonsense"}).seconds == 900


@pytest.mark.parametrize(
	("headers", "seconds"),
	[
		({"retry-after": "7"}, 7),
		(DATE | {"retry-after": formatdate(NOW + 9, usegmt=True)}, 9),
		(DATE | {"retry-after": formatdate(NOW - 9, usegmt=True)}, 0),
		({"retry-after": "soon"} | minute(remaining=0), 42),
		({"retry-after": "999999"}, 3600),
		(minute(remaining=0), 42),
		(general(remaining=0), 600),
		(minute(remaining=0) | general(remaining=0), 600),
		(minute(remaining=3) | general(remaining=3), DEFAULT_RETRY_AFTER),
		({}, DEFAULT_RETRY_AFTER),
	],
)
def test_how_long_to_wait_is_what_the_headers_say(headers: dict, seconds: float) -> None:
	assert retry_after_of(headers) == seconds
