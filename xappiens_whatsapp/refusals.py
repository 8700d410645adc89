"""Webhooks that were refused: counted by reason and hour, with one line a minute and reason in frappe.log."""

from __future__ import annotations

import time

import frappe
import redis
from frappe.utils.background_jobs import get_redis_conn

LINE_EVERY = 60  # seconds
KEPT_HOURS = 48


def count(reason: str) -> None:
	"""Count a refusal and, once a minute and reason, say so in frappe.log.

	Args:
		reason: one of a small fixed set; nothing that the sender chose.
	"""
	try:
		connection = get_redis_conn()
		key = _key(reason, int(time.time() // 3600))
		connection.incr(key)
		connection.expire(key, KEPT_HOURS * 3600)
		is_first = connection.set(f"{_key(reason, 'said')}", 1, nx=True, ex=LINE_EVERY)
	except redis.exceptions.ConnectionError:
		is_first = True  # a refusal must not depend on the job queue
	if is_first:
		frappe.logger().error(
			f"Webhook signature verification failed: {reason} (WhatsApp, {frappe.local.site})"
		)


def counted(reason: str, hour: int | None = None) -> int:
	"""How many were refused for this reason in an hour of the epoch (default: this one)."""
	return int(get_redis_conn().get(_key(reason, hour or int(time.time() // 3600))) or 0)


def _key(reason: str, what: int | str) -> str:
	# On the queue's Redis: `bench clear-cache` wipes the other one.
	return f"{frappe.local.site}|whatsapp|refused|{reason}|{what}"
