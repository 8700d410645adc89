"""Works on one sync run: fetches a page, stores it with the cursor in one transaction, and again.

It may stop after any page (the time is up, the Hub asks to wait, the worker dies) and is continued from the cursor, by
anybody, with no page stored twice and no call started over.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import frappe

from xappiens_whatsapp import realtime
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import clock
from xappiens_whatsapp.inbox_hub.errors import HubUnavailable, InboxHubError, Misconfigured, RateLimited
from xappiens_whatsapp.live import store_live_message
from xappiens_whatsapp.store import contacts, sessions, sync_runs, times, transaction
from xappiens_whatsapp.store.bulk import Counts
from xappiens_whatsapp.sync import phases

DONE, PAUSED = "done", "paused"
HUB_DOWN_PAUSE = 60  # seconds until a Hub that does not answer is asked again
HUB_DOWN_PAUSES = 5  # before the run fails
PROGRESS_EVERY = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
	"""How a spell of work ended. `resume_in` is how long to wait before the run can go on, in seconds."""

	state: str
	resume_in: float = 0


def work(claim: sync_runs.Claim, client: WhatsAppAPIClient, *, deadline: float) -> Outcome:
	"""Work on a run until it is finished, the deadline has come, or the Hub wants a pause. Commits after each page.

	Args:
		claim: of the run, committed.
		client: of the run's session.
		deadline: on the clock of `time.monotonic`; a page that was begun is finished first.

	Returns:
		Done, also if the run failed (the run says so), or paused.
	"""
	run = sync_runs.load(claim.run)
	try:
		scope, cursor = _scope_of(run), phases.Cursor.from_dict(run.cursor)
		reporter = _Reporter(claim)
		while time.monotonic() < deadline:
			if not _step(claim, client, scope, cursor, reporter):
				_finish(claim, scope)
				return Outcome(DONE)
		_release(claim, 0)
		return Outcome(PAUSED)
	except RateLimited as error:
		return _pause(claim, error.retry_after or 1)
	except HubUnavailable as error:
		# Pauses in a row: each stored page begins the count anew.
		pauses = sync_runs.load(claim.run).hub_pauses
		if isinstance(error, Misconfigured) or pauses >= HUB_DOWN_PAUSES:
			return _fail(claim, error)
		frappe.db.set_value(sync_runs.DOCTYPE, claim.run, "hub_pauses", pauses + 1)
		return _pause(claim, HUB_DOWN_PAUSE)
	except InboxHubError as error:
		return _fail(claim, error)
	except sync_runs.ClaimLost:
		frappe.db.rollback()
		return Outcome(PAUSED)
	except Exception as error:
		_fail(claim, error)
		raise


def run_phase(client: WhatsAppAPIClient, session: str, phase: str) -> Counts:
	"""Run one phase from start to end, outside of any run. Commits after each page.

	Args:
		client: of the session.
		session: the session's name.
		phase: one of `phases.PHASES`.

	Returns:
		The counts of the phase.
	"""
	scope, cursor, counts = scope_for(session), phases.Cursor(), Counts()
	phases.begin(scope, cursor, phase)
	while fetched := phases.fetch(client, scope, cursor):
		counts.add(_store(scope, fetched))
		frappe.db.commit()
	if phase == "contacts":
		contacts.link_conversations(session)
		frappe.db.commit()
	return counts


def scope_for(session: str) -> phases.Scope:
	"""What a sync of this session covers now. The first one draws the line between history and news, here."""
	settings = frappe.get_cached_doc("WhatsApp Settings")
	row = frappe.db.get_value(sessions.DOCTYPE, session, ["history_until_ms", "last_sync"], as_dict=True)
	if not row.history_until_ms:
		# Many of the Hub's times have no milliseconds: what is of this second counts as news.
		row.history_until_ms = clock.now_ms() // 1000 * 1000 - 1
		frappe.db.set_value(
			sessions.DOCTYPE, session, "history_until_ms", row.history_until_ms, update_modified=False
		)
	return phases.Scope(
		session=session,
		history_until_ms=row.history_until_ms,
		is_first_sync=not row.last_sync,
		recent_chats=settings.sync_recent_chats,
		messages_per_chat=settings.sync_messages_per_chat,
	)


def _scope_of(run: frappe._dict) -> phases.Scope:
	scope = scope_for(run.session)
	frappe.db.commit()
	return scope


def _step(
	claim: sync_runs.Claim,
	client: WhatsAppAPIClient,
	scope: phases.Scope,
	cursor: phases.Cursor,
	reporter: _Reporter,
) -> bool:
	"""One page. Returns False when all phases are done."""
	calls, waited = client.calls, client.seconds_waited
	fetched = phases.fetch(client, scope, cursor)
	if not fetched:
		following = phases.PHASES.index(cursor.phase) + 1
		if following == len(phases.PHASES):
			return False
		phases.begin(scope, cursor, phases.PHASES[following])
		return True

	phase, (done, total) = cursor.phase, phases.progress(cursor)

	def store_and_save() -> None:
		counts = fetched.store()
		counts.errors += len(fetched.errors)
		sync_runs.save(
			claim,
			cursor=cursor.as_dict(),
			phase=phase,
			counts=counts,
			done=done,
			total=total,
			calls=client.calls - calls,
			seconds_waited=client.seconds_waited - waited,
			notes=[
				*fetched.notes,
				*(f"{phase} {error.path}: {error.reason}" for error in fetched.errors),
			],
		)
		reporter.report(phase, done, total)

	_store_late(scope, fetched)
	transaction.repeated(store_and_save)
	frappe.db.commit()
	return True


def _store(scope: phases.Scope, fetched: phases.Fetched) -> Counts:
	_store_late(scope, fetched)
	counts = transaction.repeated(fetched.store)
	counts.errors += len(fetched.errors)
	return counts


def _store_late(scope: phases.Scope, fetched: phases.Fetched) -> None:
	"""Messages that nobody told of in time are stored as live ones, the oldest first, each in its own transaction."""
	for message in sorted(fetched.late, key=lambda message: message.timestamp_ms or 0):
		store_live_message(scope.session, message)


def _finish(claim: sync_runs.Claim, scope: phases.Scope) -> None:
	def close() -> None:
		sessions.lock(scope.session)
		contacts.link_conversations(scope.session)
		sessions.refresh_totals(scope.session)
		frappe.db.set_value(sessions.DOCTYPE, scope.session, "last_sync", times.now())
		sync_runs.finish(claim)

	transaction.repeated(close)
	frappe.db.commit()


def _release(claim: sync_runs.Claim, resume_in: float) -> None:
	sync_runs.release(claim, resume_in=resume_in)
	frappe.db.commit()


def _pause(claim: sync_runs.Claim, seconds: float) -> Outcome:
	_release(claim, seconds)
	return Outcome(PAUSED, seconds)


def _fail(claim: sync_runs.Claim, error: Exception) -> Outcome:
	frappe.db.rollback()
	sync_runs.finish(claim, error=str(error) or type(error).__name__)
	frappe.db.commit()
	return Outcome(DONE)


class _Reporter:
	"""Tells open pages how far the run is, at most twice a second."""

	def __init__(self, claim: sync_runs.Claim) -> None:
		self.claim = claim
		self.last = 0.0

	def report(self, phase: str, done: int, total: int) -> None:
		if time.monotonic() - self.last >= PROGRESS_EVERY:
			self.last = time.monotonic()
			realtime.sync_progress(self.claim.session, self.claim.run, "Running", phase, done, total)
