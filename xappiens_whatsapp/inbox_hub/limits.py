"""What the Hub says about its limits, in the headers of its answers (docs/hub.md, "Limits").

`X-RateLimit-*` speaks of the 30 calls (or 10 sends) a minute, `RateLimit-*` of the account's quarter of an hour. Their
`Reset` is an instant in the first and a number of seconds in the second; `Retry-After` was never seen but is honoured.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from .values import as_number

MINUTE = 60
QUARTER = 900
# A 429 that does not say for how long: a third of the minute that it is usually about.
DEFAULT_RETRY_AFTER = 20.0
# Nobody is kept waiting for longer by one header, whatever it says.
MAX_WAIT = 3600.0
_EPOCH_FROM = 1_000_000_000
# A reset this far beyond a minute is not about a minute.
_SLACK = 15


@dataclass(frozen=True, slots=True)
class Window:
	"""A budget as the Hub counts it: `remaining` of `limit` calls for another `reset_in` seconds."""

	limit: int
	remaining: int
	reset_in: float
	seconds: int  # how long the whole window is


def minute_window(headers: Mapping[str, str]) -> Window | None:
	"""Return the budget of this minute from the headers (names in lower case), None if they do not tell."""
	window = _window(headers, "x-ratelimit-", MINUTE)
	# Some servers repeat the general limit under this name; it must not be taken for calls a minute.
	return window if window and window.reset_in <= MINUTE + _SLACK else None


def general_window(headers: Mapping[str, str]) -> Window | None:
	"""Return the account's budget from the headers (names in lower case), None if they do not tell."""
	policy = re.search(r"\bw=([0-9]{1,6})\b", headers.get("ratelimit-policy", ""))
	return _window(headers, "ratelimit-", int(policy[1]) if policy else QUARTER)


def retry_after_of(headers: Mapping[str, str], default: float = DEFAULT_RETRY_AFTER) -> float:
	"""Return how many seconds to wait before asking again, `default` if the headers do not tell."""
	asked = headers.get("retry-after")
	if asked is not None:
		seconds = _seconds_until(asked, headers)
		if seconds is not None:
			return seconds
	spent = [
		window.reset_in
		for window in (minute_window(headers), general_window(headers))
		if window and window.remaining == 0 and window.reset_in > 0
	]
	return max(spent, default=default)


def _window(headers: Mapping[str, str], prefix: str, seconds: int) -> Window | None:
	limit, remaining = as_number(headers.get(prefix + "limit")), as_number(headers.get(prefix + "remaining"))
	reset_in = _seconds_until(headers.get(prefix + "reset"), headers)
	if limit is None or remaining is None or reset_in is None or limit < 1:
		return None
	return Window(int(min(limit, 1e6)), int(min(max(remaining, 0), limit, 1e6)), reset_in, seconds)


def _seconds_until(value: str | None, headers: Mapping[str, str]) -> float | None:
	number = as_number(value)
	if number is None:
		instant = _http_date(value)
		if instant is None:
			return None
		number = instant
	if number >= _EPOCH_FROM:
		# Measured by the Hub's own clock where it tells the time, so that a difference of clocks does not count.
		number -= _http_date(headers.get("date")) or time.time()
	return min(max(number, 0.0), MAX_WAIT)


def _http_date(value: str | None) -> float | None:
	try:
		return parsedate_to_datetime(value).timestamp() if value else None
	except (ValueError, TypeError, OverflowError):
		return None
