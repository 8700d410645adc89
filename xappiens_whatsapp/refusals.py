"""Webhooks that were refused: counted by reason and hour, with one line a minute and reason in frappe.log.

Also told there: a time header that is far from our clock. It is not signed, so it is no reason to refuse.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

import frappe
from frappe import _
from frappe.utils.background_jobs import get_redis_conn
from redis.exceptions import RedisError

from xappiens_whatsapp.inbox_hub import clock
from xappiens_whatsapp.inbox_hub.errors import PayloadError, SignatureError
from xappiens_whatsapp.store import times

LINE_EVERY = 60  # seconds
KEPT_HOURS = 48
SKEW_MS = 5 * 60 * 1000  # from here on a time header is told of
NOT_POST = "not a POST"
TOO_LARGE = "too large"
NOT_JSON = "not a JSON object"
CONTRADICTION = "headers contradict the body"
NOT_STORED = "not stored"
# The only reasons there are: nothing that a sender chose is counted or logged.
SIGNATURE_REASONS = (
	SignatureError.NO_SECRET,
	SignatureError.MISSING,
	SignatureError.MALFORMED,
	SignatureError.MISMATCH,
)
REASONS = (*SIGNATURE_REASONS, NOT_POST, TOO_LARGE, NOT_JSON, CONTRADICTION, NOT_STORED)


@dataclass(frozen=True, slots=True)
class Count:
	"""How many webhooks were refused for a reason in the hour that began at `hour` (the site's time)."""

	hour: datetime
	reason: str
	number: int


def count(reason: str) -> None:
	"""Count a refusal and, once a minute and reason, say so in frappe.log.

	Args:
		reason: one of `REASONS`.
	"""
	try:
		with get_redis_conn().pipeline() as pipeline:
			key = _key(reason, _this_hour())
			pipeline.incr(key)
			pipeline.expire(key, KEPT_HOURS * 3600)
			pipeline.set(_key(reason, "said"), 1, nx=True, ex=LINE_EVERY)
			is_first = pipeline.execute()[-1]
	except RedisError:
		is_first = True  # a refusal must not depend on the job queue
	if is_first:
		what = SignatureError.heading if reason in SIGNATURE_REASONS else "Webhook refused"
		frappe.logger().error(f"{what}: {reason} (WhatsApp, {frappe.local.site})")


def look_at_time(header: str | None) -> None:
	"""Say in frappe.log, once a minute, that `X-Webhook-Timestamp` (epoch milliseconds) is far from our clock: one of the
	two is wrong, or the event was held up. Without the header nothing is said."""
	try:
		difference_ms = clock.now_ms() - clock.parse_instant(header) if header else 0
	except PayloadError:
		return
	if abs(difference_ms) < SKEW_MS:
		return
	try:
		is_first = get_redis_conn().set(_key("time", "said"), 1, nx=True, ex=LINE_EVERY)
	except RedisError:
		is_first = True
	if is_first:
		frappe.logger().error(
			f"Webhook timestamp is {round(difference_ms / 1000)} seconds from this server's clock (WhatsApp, {frappe.local.site})"
		)


def counted(reason: str, hour: int | None = None) -> int:
	"""How many were refused for this reason in an hour of the epoch (default: this one)."""
	return int(get_redis_conn().get(_key(reason, hour or _this_hour())) or 0)


def recent() -> list[Count]:
	"""All refusals of the last `KEPT_HOURS` hours, the latest hour first; hours and reasons with none are left out."""
	latest = _this_hour()
	places = [(hour, reason) for hour in range(latest, latest - KEPT_HOURS, -1) for reason in REASONS]
	numbers = get_redis_conn().mget([_key(reason, hour) for hour, reason in places])
	return [
		Count(times.site_datetime(hour * 3_600_000), reason, int(number))
		for (hour, reason), number in zip(places, numbers, strict=True)
		if number
	]


def label(reason: str) -> str:
	"""A reason as a person reads it."""
	return {
		SignatureError.NO_SECRET: _("no secret configured"),
		SignatureError.MISSING: _("signature missing"),
		SignatureError.MALFORMED: _("signature malformed"),
		SignatureError.MISMATCH: _("signature does not match"),
		NOT_POST: _("not a POST"),
		TOO_LARGE: _("too large"),
		NOT_JSON: _("not a JSON object"),
		CONTRADICTION: _("headers contradict the body"),
		NOT_STORED: _("not stored"),
	}[reason]


def _this_hour() -> int:
	return int(time.time() // 3600)


def _key(reason: str, what: int | str) -> str:
	# On the queue's Redis: `bench clear-cache` wipes the other one.
	return f"{frappe.local.site}:xappiens_whatsapp:refused:{reason}:{what}"
