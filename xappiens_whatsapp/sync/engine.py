"""Works on one sync run: fetches a page, stores it with the cursor in one transaction, and again.

It may stop after any page (the time is up, the Hub asks to wait, the worker dies) and is continued from the cursor, by
anybody, with no page stored twice and no call started over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import frappe
from rq.timeouts import JobTimeoutException

from xappiens_whatsapp import live
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub.errors import (
	HubUnavailable,
	InboxHubError,
	Misconfigured,
	RateLimited,
	SessionNotConnected,
)
from xappiens_whatsapp.store import contacts, events, sessions, sync_runs, transaction
from xappiens_whatsapp.store.bulk import Counts
from xappiens_whatsapp.sync import breaker, late, phases, progress, scopes
from xappiens_whatsapp.sync.cursor import Cursor, Scope

DONE, PAUSED = "done", "paused"
# Seconds until a Hub that does not answer, or a database that is too busy, is asked again; then the run fails.
PAUSES = (2, 10, 60, 60, 60, 60)


@dataclass(frozen=True, slots=True)
class Outcome:
	"""How a spell of work ended. `resume_in` is how long to wait before the run can go on, in seconds."""

	state: str
	resume_in: float = 0


def work(
	claim: sync_runs.Claim,
	client: WhatsAppAPIClient,
	*,
	deadline: float,
	should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
	"""Work on a run until it is finished, the deadline has come, or the Hub wants a pause; one page at least. Commits after
	each page.

	No error leaves this function: the run fails and says why.

	Args:
		claim: of the run, committed.
		client: of the run's session.
		deadline: on the clock of `time.monotonic`; a page that was begun is finished first.
		should_stop: asked after each page; True ends the spell as the deadline does.

	Returns:
		Done, also if the run failed (the run says so), or paused.
	"""
	cost = Cost(client)
	try:
		run = sync_runs.load(claim.run)
		scope, cursor = scopes.of_run(run), Cursor.from_dict(run.cursor)
		frappe.db.commit()
		while _step(claim, client, scope, cursor, cost):
			if should_stop() or time.monotonic() >= deadline:
				break
		else:
			_finish(claim, scope, cursor)
			return Outcome(DONE)
		sync_runs.release(claim)
		frappe.db.commit()
		return Outcome(PAUSED)
	except RateLimited as error:
		return _pause(claim, cost, error.retry_after or 1)
	except HubUnavailable as error:
		if isinstance(error, Misconfigured):
			return _fail(claim, cost, str(error))
		return _try_later(claim, cost, str(error))
	except SessionNotConnected as error:
		frappe.db.rollback()
		breaker.note_interruption(claim.session)
		return _fail(claim, cost, str(error))
	except InboxHubError as error:
		return _fail(claim, cost, str(error))
	except sync_runs.ClaimLost:
		frappe.db.rollback()
		return Outcome(PAUSED)
	except JobTimeoutException:
		frappe.db.rollback()
		return _pause(claim, cost, 0)
	except Exception as error:
		# Not raised again: what logs a failed job would log the page's messages with it.
		frappe.db.rollback()
		if transaction.lost_a_race(error):
			return _try_later(claim, cost, f"{type(error).__name__}: the database was too busy.")
		live.log_fault("WhatsApp: a sync stopped unexpectedly", error, sync_runs.DOCTYPE, claim.run)
		return _fail(claim, cost, f"{type(error).__name__}. The Error Log says where.")


class Cost:
	"""What a client has cost since somebody last asked: calls and seconds waited."""

	def __init__(self, client: WhatsAppAPIClient) -> None:
		self.client = client
		self.calls, self.seconds_waited = client.calls, client.seconds_waited

	def take(self) -> dict[str, Any]:
		"""`calls` and `seconds_waited` since the last time."""
		since = {
			"calls": self.client.calls - self.calls,
			"seconds_waited": self.client.seconds_waited - self.seconds_waited,
		}
		self.calls, self.seconds_waited = self.client.calls, self.client.seconds_waited
		return since


def run_phase(client: WhatsAppAPIClient, session: str, phase: str) -> Counts:
	"""Run one phase from start to end, outside of any run. Commits after each page.

	Args:
		client: of the session.
		session: the session's name.
		phase: one of `cursor.PHASES`.

	Returns:
		The counts of the phase.
	"""
	scope, cursor, counts = scopes.of_session(session), Cursor(), Counts()
	phases.begin(scope, cursor, phase)
	while fetched := phases.fetch(client, scope, cursor):
		late.store(scope.session, fetched)
		stored = transaction.repeated(fetched.store)
		stored.errors += len(fetched.errors) + fetched.late_failed
		counts.add(stored)
		frappe.db.commit()
	if phase == "contacts":
		contacts.link_conversations(session)
		frappe.db.commit()
	return counts


def _step(
	claim: sync_runs.Claim, client: WhatsAppAPIClient, scope: Scope, cursor: Cursor, cost: Cost
) -> bool:
	"""One page. Returns False when all phases are done."""
	while not (fetched := phases.fetch(client, scope, cursor) if cursor.phase in scope.phases else None):
		following = scope.next_phase(cursor.phase)
		if not following:
			return False
		phases.begin(scope, cursor, following)

	phase, (done, total), spent = cursor.phase, cursor.progress, cost.take()
	late.store(scope.session, fetched, lambda: sync_runs.show_heartbeat(claim))

	def store_and_save() -> None:
		counts = fetched.store()
		counts.errors += len(fetched.errors) + fetched.late_failed
		sync_runs.save(
			claim,
			cursor=cursor.as_dict(),
			phase=phase,
			counts=counts,
			done=done,
			total=total,
			**spent,
			notes=[
				*fetched.notes,
				*(f"{phase} {error.path}: {error.reason}" for error in fetched.errors),
			],
			left_out=fetched.left_out,
		)
		progress.report(claim, phase, done, total)

	transaction.repeated(store_and_save)
	frappe.db.commit()
	return True


def _finish(claim: sync_runs.Claim, scope: Scope, cursor: Cursor) -> None:
	def close() -> None:
		# Locks the session, then conversations; the messages that are linked come last.
		sessions.refresh_totals(scope.session)
		contacts.link_conversations(scope.session)
		scopes.note_finished(claim, scope, cursor)
		sync_runs.finish(claim)

	transaction.repeated(close)
	frappe.db.commit()
	transaction.repeated(lambda: events.release_known(scope.session))
	frappe.db.commit()


def _pause(claim: sync_runs.Claim, cost: Cost, seconds: float) -> Outcome:
	spent = cost.take()
	sync_runs.add_cost(claim, calls=spent["calls"], seconds_waited=spent["seconds_waited"] + seconds)
	sync_runs.release(claim, resume_in=seconds)
	frappe.db.commit()
	return Outcome(PAUSED, seconds)


def _try_later(claim: sync_runs.Claim, cost: Cost, error: str) -> Outcome:
	"""Pause for longer each time in a row, then fail. Each stored page begins the count anew."""
	pauses = sync_runs.load(claim.run).hub_pauses
	if pauses >= len(PAUSES):
		return _fail(claim, cost, error)
	frappe.db.set_value(sync_runs.DOCTYPE, claim.run, "hub_pauses", pauses + 1)
	return _pause(claim, cost, PAUSES[pauses])


def _fail(claim: sync_runs.Claim, cost: Cost, error: str) -> Outcome:
	sync_runs.add_cost(claim, **cost.take())
	sync_runs.finish(claim, error=error or "It failed without a reason.")
	frappe.db.commit()
	return Outcome(DONE)
