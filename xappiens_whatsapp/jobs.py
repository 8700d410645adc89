"""Background work.

What is wanted stands in the database (`sync_due`, an unfinished run, a Pending message, a Failed event); a job that is
enqueued is only a hint to look there now. If the hint is lost, the minute job looks there anyway.
"""

from __future__ import annotations

import time
from datetime import timedelta

import frappe
import redis
from frappe.query_builder.functions import Max
from frappe.utils.background_jobs import get_queue, get_redis_conn

from xappiens_whatsapp.inbox_hub import clock
from xappiens_whatsapp.store import events, sessions, sync_runs, times, transaction
from xappiens_whatsapp.store.keys import key_hash

SYNC_QUEUE = "long"
QUEUES = (SYNC_QUEUE, "default", "short")  # which one worker may serve, all of them
SYNC_JOB = "whatsapp_sync"  # how the ids of these jobs begin
WORK_SECONDS = 60  # a job works at most so long, then it makes room for others
NUDGE_SECONDS = 60
NUDGE_AGAIN_SECONDS = 5  # before a process looks again whether somebody has nudged within the last minute
LOOK_AT_JOBS = 100  # of those that wait; beyond that a second hint does no harm
TURN_SECONDS = 2  # how long a job waits for another one that is just ending

_looks_again: dict[str, float] = {}  # by site: time.monotonic(), in this process


def every_minute() -> None:
	"""Look for everything that is wanted and not under way. Called by Frappe's scheduler."""
	if not is_enabled():
		return
	process_due_events()
	settle_abandoned_messages()
	request_scheduled_syncs()
	if any(each.due_in <= 0 for each in sync_runs.wanted()):
		enqueue_sync()
	for session in sessions_with_pending_messages():
		enqueue_outbox(session)


def nudge() -> None:
	"""Have the minute job run soon, at most once a minute: on a site where nobody has logged in for days Frappe's scheduler
	sleeps, but webhooks come."""
	site, now = frappe.local.site, time.monotonic()
	if now < _looks_again.get(site, 0):
		return
	_looks_again[site] = now + NUDGE_AGAIN_SECONDS
	try:
		if get_redis_conn().set(f"{site}:xappiens_whatsapp:nudged", 1, nx=True, ex=NUDGE_SECONDS):
			frappe.enqueue("xappiens_whatsapp.jobs.every_minute", queue="short")
	except redis.exceptions.RedisError:
		frappe.logger().error("The job queue cannot be reached; the scheduler will see to what is due")


def is_enabled() -> bool:
	"""Whether WhatsApp is switched on in WhatsApp Settings."""
	return bool(frappe.get_cached_doc("WhatsApp Settings").enabled)


def enqueue_sync() -> None:
	"""Hint that there is something to sync, once the caller has committed; one hint is enough."""
	frappe.db.after_commit.add(_hint_sync)


def enqueue_outbox(session: str) -> None:
	"""Hint that a session has messages to send, once the caller has committed."""
	_enqueue("xappiens_whatsapp.jobs.send_pending_messages", "short", session)


def sync_sessions() -> None:
	"""Job: work on the syncs that are due, one job at a time, for at most a minute."""
	from xappiens_whatsapp.sync.rounds import Round

	if not is_enabled() or not _take_turn():
		return
	# It serves all sessions, whoever asked for it: other apps' hooks see the same user as in a webhook.
	frappe.set_user(frappe.get_cached_doc("WhatsApp Settings").webhook_user or "Administrator")
	try:
		goes_on = Round(_others_wait).go()
	finally:
		_give_turn_back()
	if goes_on:
		enqueue_sync()
		frappe.db.commit()


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
	"""Wish a sync for each connected session that has had none in the present interval.

	The intervals of the sessions begin at different moments, so that they do not all call at once. A sync that failed or
	that somebody else wished counts: it is tried again in the next interval.
	"""
	from xappiens_whatsapp.api.sync import request_sync

	settings = frappe.get_cached_doc("WhatsApp Settings")
	if not settings.auto_sync_enabled:
		return
	interval = timedelta(minutes=settings.sync_interval)
	run = frappe.qb.DocType(sync_runs.DOCTYPE)
	tried = dict(
		frappe.qb.from_(run)
		.select(run.session, Max(run.creation))
		.where(run.creation >= times.now() - interval)
		.groupby(run.session)
		.run()
	)
	for session, last_sync in frappe.get_all(
		sessions.DOCTYPE,
		filters={"is_connected": 1, "sync_mode": ("!=", "Stopped"), "sync_due": ("is", "not set")},
		fields=["name", "last_sync"],
		as_list=True,
	):
		began = times.now() - timedelta(seconds=seconds_into_interval(session, interval.total_seconds()))
		if all(not moment or moment < began for moment in (last_sync, tried.get(session))):
			request_sync(session, "Scheduler")
	frappe.db.commit()


def seconds_into_interval(session: str, interval: float) -> float:
	"""How long ago the present interval of this session began: always at the same moments for the same session.

	Args:
		session: the session's name.
		interval: in seconds.
	"""
	offset = int(key_hash(session)[:8], 16) % interval
	return (clock.now_ms() / 1000 + offset) % interval


def every_hour() -> None:
	"""Correct the statistics of each session by aggregates. Called by Frappe's scheduler."""
	for session in frappe.get_all(sessions.DOCTYPE, pluck="name"):
		transaction.repeated(lambda session=session: sessions.refresh_totals(session))
		frappe.db.commit()


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


def _hint_sync() -> None:
	"""Enqueue the job, unless one waits already. RQ's own `deduplicate` refuses for minutes after a SIGKILL."""
	try:
		if not any(map(_is_sync_job, get_queue(SYNC_QUEUE).get_job_ids(0, LOOK_AT_JOBS))):
			job_id = f"{SYNC_JOB}-{frappe.generate_hash(length=12)}"
			frappe.enqueue("xappiens_whatsapp.jobs.sync_sessions", queue=SYNC_QUEUE, job_id=job_id)
	except redis.exceptions.RedisError:
		frappe.logger().error("The job queue cannot be reached; the minute job will see to the syncs")


def _is_sync_job(job_id: str) -> bool:
	return frappe.local.site in job_id and SYNC_JOB in job_id


def _take_turn() -> bool:
	"""Whether no other sync job of this site is at work. The lock ends with the connection, so with a killed worker."""
	return frappe.db.sql("SELECT GET_LOCK(%s, %s)", (_turn_name(), TURN_SECONDS))[0][0] == 1


def _give_turn_back() -> None:
	frappe.db.sql("SELECT RELEASE_LOCK(%s)", _turn_name())


def _turn_name() -> str:
	return (
		f"{SYNC_JOB}_{key_hash(frappe.conf.db_name)}"  # MariaDB's locks are the server's, not the database's
	)


def _others_wait() -> bool:
	"""Whether somebody else's job waits for a worker."""
	try:
		return any(
			not all(map(_is_sync_job, get_queue(queue).get_job_ids(0, LOOK_AT_JOBS))) for queue in QUEUES
		)
	except redis.exceptions.RedisError:
		return False
