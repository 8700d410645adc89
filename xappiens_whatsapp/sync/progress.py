"""How far a sync is, told to open pages: at most twice a second, the end included."""

from __future__ import annotations

import frappe
import redis
from frappe.utils.background_jobs import get_redis_conn

from xappiens_whatsapp import realtime
from xappiens_whatsapp.store import sync_runs

# The end of a run is told at once, so that there may be one more.
EVERY_MS = 1000


def report(claim: sync_runs.Claim, phase: str, done: int, total: int) -> None:
	"""Tell after the commit how far a run is, unless something was told of this session just now, by any process."""
	key = f"{frappe.local.site}:xappiens_whatsapp:progress:{claim.session}"
	try:
		is_turn = get_redis_conn().set(key, 1, nx=True, px=EVERY_MS)
	except redis.exceptions.RedisError:
		return  # then nobody hears anything of us anyway
	if is_turn:
		realtime.sync_progress(claim.session, claim.run, "Running", phase, done, total)
