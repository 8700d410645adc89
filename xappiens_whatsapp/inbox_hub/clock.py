"""Instants: epoch milliseconds in UTC inside, the site's naive local time at the database's edge.

The Hub writes an instant as ISO 8601 with or without milliseconds, as epoch seconds, as epoch milliseconds, or as one
of these in digits (docs/hub.md, "Times"). All of them mean UTC. Nothing here knows Frappe.
"""

from __future__ import annotations

import math
import re
import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.parser import isoparse

from .errors import PayloadError

# WhatsApp was founded in 2009: whatever claims to be older is a unit mistaken or a field left at zero.
EARLIEST_MS = 1_230_768_000_000  # 2009-01-01T00:00:00Z
DAY_MS = 86_400_000
# Events of the past may come from a clock that is somewhat ahead of ours, not from one that is a day ahead.
AHEAD_MS = DAY_MS
# For what lies ahead by nature (until when a chat is muted): WhatsApp's "always" is a few decades away.
FAR_AHEAD_MS = 100 * 366 * DAY_MS

# "Decide by magnitude": 1e12 seconds is the year 33658, 1e12 milliseconds is 2001.
_MILLISECONDS_FROM = 1e12
_NUMBER = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,9})?")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.,]{4,20} ?(?:Z|z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now_ms() -> int:
	"""This moment in epoch milliseconds."""
	return time.time_ns() // 1_000_000


def parse_instant(value: object, *, now: int | None = None, ahead_ms: int = AHEAD_MS) -> int:
	"""Return the instant that `value` means, in epoch milliseconds.

	`value` is an ISO 8601 text (UTC unless it names an offset), a number of seconds or, from 1e12 on, of milliseconds,
	the same in digits, or the `{low, high}` object that protobuf's 64-bit integers become in JSON. `now` (epoch ms,
	default this moment) and `ahead_ms` bound what is believed: nothing before 2009, nothing later than `now + ahead_ms`.

	Raises PayloadError (path "") if it is none of these or out of bounds.
	"""
	milliseconds = _to_milliseconds(value)
	latest = (now_ms() if now is None else now) + ahead_ms
	if not EARLIEST_MS <= milliseconds <= latest:
		raise PayloadError("", "a time before 2009 or too far ahead")
	return milliseconds


def to_iso(milliseconds: int) -> str:
	"""Return an instant as the Hub writes it: "2025-10-15T10:45:00.000Z"."""
	instant = _EPOCH + timedelta(milliseconds=milliseconds)
	return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def to_site_time(milliseconds: int, time_zone: str) -> datetime:
	"""Return the naive local time in `time_zone` ("Europe/Madrid"), as Frappe stores it.

	In the night the clocks go back two instants an hour apart have the same local time. Keep the milliseconds beside it.
	"""
	instant = _EPOCH + timedelta(milliseconds=milliseconds)
	return instant.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None, fold=0)


def from_site_time(local: datetime, time_zone: str, *, second_hour: bool = False) -> int:
	"""Return the epoch milliseconds of a naive local time of `time_zone`.

	Of the hour that happens twice the first is meant, or the second with `second_hour`. A local time that the clocks
	skip counts from the offset before the change.
	"""
	aware = local.replace(tzinfo=ZoneInfo(time_zone), fold=int(second_hour))
	return (aware.astimezone(timezone.utc) - _EPOCH) // timedelta(milliseconds=1)


def _to_milliseconds(value: object) -> int:
	if isinstance(value, dict):
		return _scale(_from_long(value))
	if isinstance(value, int | float) and not isinstance(value, bool):
		return _scale(value)
	if isinstance(value, str):
		text = value.strip()
		if _NUMBER.fullmatch(text):
			return _scale(float(text) if "." in text else int(text))
		if _ISO.fullmatch(text):
			return _from_iso(text)
	raise PayloadError("", "not a time")


def _scale(number: int | float) -> int:
	# Compared before it is converted: an integer of 400 digits does not fit into a float.
	if not (math.isfinite(number) if isinstance(number, float) else True) or not 0 <= number < 1e17:
		raise PayloadError("", "not a time")
	return int(number) if number >= _MILLISECONDS_FROM else round(number * 1000)


def _from_long(value: dict) -> int:
	low, high = value.get("low"), value.get("high", 0)
	if not all(isinstance(part, int) and not isinstance(part, bool) for part in (low, high)):
		raise PayloadError("", "not a time")
	return (high << 32) + (low & 0xFFFFFFFF) if abs(high) < 2**31 else -1


def _from_iso(text: str) -> int:
	try:
		moment = _read_iso(text.replace(" ", "T", 1).replace(" ", "").replace("z", "Z"))
		if moment.tzinfo is None:
			moment = moment.replace(tzinfo=timezone.utc)
		return (moment - _EPOCH) // timedelta(milliseconds=1)
	except (ValueError, OverflowError):
		raise PayloadError("", "not a time") from None


def _read_iso(text: str) -> datetime:
	if text.endswith("Z") and len(text) in (20, 24):
		# How the Hub writes nearly all of them, and many times as fast.
		return datetime.fromisoformat(text[:-1] + "+00:00")
	return isoparse(text)
