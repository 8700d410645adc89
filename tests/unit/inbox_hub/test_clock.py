from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xappiens_whatsapp.inbox_hub import clock
from xappiens_whatsapp.inbox_hub.errors import PayloadError

NOW = 1_763_000_000_000  # 2025-11-13T02:13:20Z
MADRID = "Europe/Madrid"

instants = st.integers(clock.EARLIEST_MS, NOW)
nonsense = st.one_of(
	st.none(),
	st.booleans(),
	st.integers(),
	st.floats(),
	st.text(max_size=40),
	st.lists(st.integers(), max_size=2),
	st.dictionaries(
		st.sampled_from(["low", "high", "unsigned"]), st.one_of(st.integers(), st.text()), max_size=3
	),
	st.from_regex(r"[0-9]{1,20}\.?[0-9]{0,12}", fullmatch=True),
	st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{0,20}(Z|[+-][0-9:]{0,5})?)?", fullmatch=True),
)


@pytest.mark.parametrize(
	"value",
	[
		"2025-10-14T06:30:00.000Z",
		"2025-10-14T06:30:00Z",
		"2025-10-14T06:30:00",
		"2025-10-14 06:30:00",
		"2025-10-14T08:30:00+02:00",
		"2025-10-14T08:30:00.000000+0200",
		" 2025-10-14T06:30:00z ",
		1_760_423_400,
		1_760_423_400_000,
		1_760_423_400.0,
		"1760423400",
		"1760423400.000",
		"1760423400000",
		{"low": 1_760_423_400, "high": 0, "unsigned": True},
		{"low": -513_191_360, "high": 409, "unsigned": False},
	],
)
def test_every_spelling_of_an_instant_is_the_same_instant(value: object) -> None:
	assert clock.parse_instant(value, now=NOW) == 1_760_423_400_000


@given(instants)
def test_milliseconds_survive_every_exact_spelling(instant: int) -> None:
	iso = clock.to_iso(instant)
	for spelling in (
		instant,
		str(instant),
		iso,
		iso.replace("Z", "+00:00"),
		iso.replace("T", " "),
		instant / 1000,
	):
		assert clock.parse_instant(spelling, now=NOW) == instant


@given(nonsense)
@example("0000-00-00T00:00:00Z")
@example("2025-13-45T99:99:99Z")
@example("2025-10-14T06:30:00+99:99")
@example("9999-12-31T23:59:59-23:59")
@example(10**400)
@example(float("nan"))
@example(float("inf"))
@example("١٧٦٠٤٢٣٤٠٠")
def test_anything_is_a_believable_instant_or_a_payload_error(value: object) -> None:
	try:
		instant = clock.parse_instant(value, now=NOW)
	except PayloadError as error:
		assert error.path == ""
	else:
		assert clock.EARLIEST_MS <= instant <= NOW + clock.AHEAD_MS


@pytest.mark.parametrize(
	("value", "why"),
	[
		("2008-12-31T23:59:59Z", "before WhatsApp"),
		(0, "a field left at zero"),
		(NOW + clock.DAY_MS + 1, "more than a day ahead"),
		("2125-10-14T06:30:00Z", "a century ahead"),
		(1_760_423_400_000_000, "microseconds"),
		(-1_760_423_400, "negative"),
		(True, "a flag"),
		("yesterday", "words"),
		("", "nothing"),
		(None, "null"),
		("20251014", "a date without hyphens is a number of seconds in 1970"),
	],
)
def test_nonsense_years_and_other_things_are_refused(value: object, why: str) -> None:
	with pytest.raises(PayloadError):
		clock.parse_instant(value, now=NOW)


def test_what_lies_ahead_by_nature_may_be_years_away() -> None:
	assert (
		clock.parse_instant("2060-01-01T00:00:00Z", now=NOW, ahead_ms=clock.FAR_AHEAD_MS) == 2_840_140_800_000
	)


def test_without_now_the_bound_is_this_moment() -> None:
	assert clock.parse_instant(clock.now_ms() + 60_000) > 0
	with pytest.raises(PayloadError):
		clock.parse_instant(clock.now_ms() + 2 * clock.DAY_MS)


def test_both_hours_of_the_night_the_clocks_go_back_are_kept_apart() -> None:
	first, second = 1_761_438_600_000, 1_761_442_200_000  # 00:30Z and 01:30Z on 26 October 2025
	half_past_two = datetime(2025, 10, 26, 2, 30)
	assert clock.to_site_time(first, MADRID) == clock.to_site_time(second, MADRID) == half_past_two
	assert clock.from_site_time(half_past_two, MADRID) == first
	assert clock.from_site_time(half_past_two, MADRID, second_hour=True) == second


def test_an_hour_that_the_clocks_skip_counts_from_before_the_change() -> None:
	assert clock.from_site_time(datetime(2025, 3, 30, 2, 30), MADRID) == 1_743_298_200_000  # 01:30Z


@given(instants, st.sampled_from([MADRID, "UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]))
def test_site_time_comes_back_as_the_instant_in_one_of_two_hours(instant: int, zone: str) -> None:
	local = clock.to_site_time(instant, zone)
	assert local.tzinfo is None and local.fold == 0
	assert instant in (clock.from_site_time(local, zone), clock.from_site_time(local, zone, second_hour=True))


def test_an_instant_is_written_as_the_hub_writes_it() -> None:
	assert clock.to_iso(1_760_525_100_000) == "2025-10-15T10:45:00.000Z"
