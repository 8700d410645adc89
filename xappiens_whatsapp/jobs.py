"""Background work.

What is wanted stands in the database (`sync_due`, an unfinished run, a Pending message, a Failed event); a job that is
enqueued is only a hint to look there now. If the hint is lost, the minute job looks there anyway.
"""

from __future__ import annotations

import time
from datetime import datetime

import frappe
import redis
from frappe.utils import add_to_date
from frappe.utils.background_jobs import get_queue, get_redis_conn

from xappiens_whatsapp.store import events, sessions, sync_runs, times

SYNC_QUEUE = "long"
WORK_SECONDS = 60  # a job works at most so long, then it makes room for others
SLEEP_SECONDS = 5  # and sleeps at most so long
NUDGE_SECONDS = 60


def every_minute() -> None:
	"""Look for everything that is wanted and not under way. Called by Frappe's scheduler."""
	if not is_enabled():
		return
	process_due_events()
	settle_abandoned_messages()
	request_scheduled_syncs()
	for session in sessions_to_sync():
		enqueue_sync(session)
	for session in sessions_with_pending_messages():
		enqueue_outbox(session)


def nudge() -> None:
	"""Have the minute job run soon, at most once a minute: on a site where nobody has logged in for days Frappe's scheduler
	sleeps, but webhooks come."""
	try:
		if get_redis_conn().set(
			f"{frappe.local.site}:xappiens_whatsapp:nudged", 1, nx=True, ex=NUDGE_SECONDS
		):
			frappe.enqueue("xappiens_whatsapp.jobs.every_minute", queue="short")
	except redis.exceptions.RedisError:
		frappe.logger().error("The job queue cannot be reached; the scheduler will see to what is due")


def is_enabled() -> bool:
	"""Whether WhatsApp is switched on in WhatsApp Settings."""
	return bool(frappe.get_cached_doc("WhatsApp Settings").enabled)


def enqueue_sync(session: str) -> None:
	"""Hint that a session is to be synced, once the caller has committed."""
	_enqueue("xappiens_whatsapp.jobs.sync_session", SYNC_QUEUE, session)


def enqueue_outbox(session: str) -> None:
	"""Hint that a session has messages to send, once the caller has committed."""
	_enqueue("xappiens_whatsapp.jobs.send_pending_messages", "short", session)


def sync_session(session: str) -> None:
	"""Job: open the run that is due, or continue the one that is unfinished, for at most a minute."""
	from xappiens_whatsapp.api.base import WhatsAppAPIClient
	from xappiens_whatsapp.sync import engine

	if not is_enabled() or not (run := _run_to_work_on(session)):
		return
	if early := _seconds_until(sync_runs.load(run).resume_at):
		_continue_if_idle(session, early)
		return
	claim = sync_runs.claim(run)
	frappe.db.commit()
	if not claim:
		return
	client = WhatsAppAPIClient(session, lane="background")
	outcome = engine.work(claim, client, deadline=time.monotonic() + WORK_SECONDS)
	if outcome.state == engine.PAUSED:
		_continue_if_idle(session, outcome.resume_in)


def send_pending_messages(session: str) -> None:
	"""Job: send what waits in a session's outbox."""
	from xappiens_whatsapp import outbox

	if is_enabled():
		outbox.send_pending(session)


def settle_abandoned_messages() -> None:
	"""See to messages whose worker died while it sent them."""
	from xappiens_whatsapp import outbox

	outbox.settle_abandoned()


def process_due_events() -> None:
	"""Process webhook events whose time has come: failed ones, and those whose request died."""
	from xappiens_whatsapp.api.webhook import process_event

	for event in events.due():
		process_event(event)


def request_scheduled_syncs() -> None:
	"""Wish a sync for each connected session whose last one is older than the interval."""
	from xappiens_whatsapp.api.sync import request_sync

	settings = frappe.get_cached_doc("WhatsApp Settings")
	if not settings.auto_sync_enabled:
		return
	before = add_to_date(times.now(), minutes=-settings.sync_interval)
	# A sync that failed leaves `last_sync` as it was: it, too, is tried again only after the interval.
	tried = set(
		frappe.get_all(
			sync_runs.DOCTYPE, filters={"creation": (">=", before)}, pluck="session", distinct=True
		)
	)
	for session in frappe.get_all(
		sessions.DOCTYPE,
		filters={"is_connected": 1, "last_sync": ("<", before), "sync_due": ("is", "not set")},
		pluck="name",
	):
		if session not in tried:
			request_sync(session, "Scheduler")
	frappe.db.commit()


def sessions_to_sync() -> list[str]:
	"""Sessions whose sync is due or waits to be continued."""
	due = frappe.get_all(sessions.DOCTYPE, filters={"sync_due": ("<=", times.now())}, pluck="name")
	return sorted({*due, *sync_runs.resumable()})


def sessions_with_pending_messages() -> list[str]:
	"""Connected sessions with something to send."""
	message, session = frappe.qb.DocType("WhatsApp Message"), frappe.qb.DocType(sessions.DOCTYPE)
	return (
		frappe.qb.from_(message)
		.join(session)
		.on(session.name == message.session)
		.select(message.session)
		.distinct()
		.where(
			(message.direction == "Outgoing") & (message.status == "Pending") & (session.is_connected == 1)
		)
		.run(pluck=True)
	)


def _run_to_work_on(session: str) -> str | None:
	"""The run to claim, opened if a sync is due. Commits."""
	row = frappe.db.get_value(sessions.DOCTYPE, session, ["sync_due", "sync_due_trigger"], as_dict=True)
	if row and row.sync_due:
		early = _seconds_until(row.sync_due)
		if early > SLEEP_SECONDS:
			return None  # the minute job comes back
		time.sleep(early)
		frappe.db.commit()
		# Read again under the lock: another job may have fulfilled the wish meanwhile.
		row = frappe.db.get_value(
			sessions.DOCTYPE, session, ["sync_due", "sync_due_trigger"], as_dict=True, for_update=True
		)
	if row and row.sync_due:
		run = sync_runs.open_run(session, row.sync_due_trigger or "Scheduler")
	else:
		run = sync_runs.unfinished(session)
	frappe.db.commit()
	return run


def _continue_if_idle(session: str, resume_in: float) -> None:
	"""Come back soon if nobody else waits for the worker; else the minute job does."""
	if get_queue(SYNC_QUEUE).count == 0:
		time.sleep(min(resume_in, SLEEP_SECONDS))
		enqueue_sync(session)
		frappe.db.commit()


def _seconds_until(moment: datetime | None) -> float:
	return max((moment - times.now()).total_seconds(), 0) if moment else 0


def _enqueue(method: str, queue: str, session: str) -> None:
	"""Enqueue after the commit. The queue may be down: what is wanted stands in the database."""

	def hint() -> None:
		try:
			frappe.enqueue(method, queue=queue, session=session)
		except redis.exceptions.RedisError:
			frappe.logger().error(
				f"{method}: the job queue cannot be reached; the minute job will see to {session}"
			)

	frappe.db.after_commit.add(hint)
