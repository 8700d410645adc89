"""Sync runs: which one may work, how far it is, how it ended.

Exactly one run a session at a time. A conditional UPDATE on the run decides who works on it, and a heartbeat says whether
they still do; the job queue is never asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import frappe

from xappiens_whatsapp import realtime
from xappiens_whatsapp.store import sessions, times
from xappiens_whatsapp.store.bulk import Counts

DOCTYPE = "WhatsApp Sync Run"
# A worker that died is replaced by the minute job after this, so within two minutes. One that is merely slow loses its
# page, not its rows: it is stored by whoever took over.
STALE_AFTER = timedelta(seconds=45)
UNFINISHED = ("Queued", "Running")
COUNTED = ("processed", "created", "updated", "errors")
NOTES_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Claim:
	"""The right to work on a run, until it is released, finished, or its heartbeat is old."""

	run: str
	token: str
	session: str


def open_run(session: str, trigger: str) -> str:
	"""The session's unfinished run; a new one if there is none. The caller commits.

	A run that begins from now on fulfils the wish to sync. One that has begun does not: another follows it.

	Args:
		session: the session's name.
		trigger: why, if a new one is made: Manual, Connected, Scheduler.

	Returns:
		The run's name.
	"""
	sessions.lock(session)  # under which runs are made
	run = unfinished(session)
	if not run:
		doc = frappe.get_doc(
			{
				"doctype": DOCTYPE,
				"session": session,
				"trigger": trigger,
				"requested_by": frappe.session.user,
				"state": "Queued",
				"cursor": "{}",
			}
		)
		run = doc.insert(ignore_permissions=True).name
	elif frappe.db.get_value(DOCTYPE, run, "started_at"):
		return run  # it may be past what the wish is about: the wish stands until a run begins after it
	frappe.db.set_value(
		sessions.DOCTYPE, session, {"sync_due": None, "sync_due_trigger": None}, update_modified=False
	)
	return run


def unfinished(session: str) -> str | None:
	"""The name of the run of this session that has not ended, if there is one."""
	return frappe.db.get_value(
		DOCTYPE, {"session": session, "state": ("in", UNFINISHED)}, "name", for_update=True
	)


def claim(run: str) -> Claim | None:
	"""Take a run that nobody works on. The caller commits.

	Returns:
		The claim; None if the run has ended or somebody's heartbeat is young.
	"""
	token = frappe.generate_hash(length=20)
	now = times.now()
	frappe.db.sql(
		"""
		UPDATE `tabWhatsApp Sync Run`
		SET claim = %(token)s, heartbeat = %(now)s, state = 'Running', resume_at = NULL,
			started_at = IFNULL(started_at, %(now)s)
		WHERE name = %(run)s AND state IN ('Queued', 'Running') AND (claim IS NULL OR heartbeat < %(stale)s)
		""",
		{"token": token, "now": now, "run": run, "stale": now - STALE_AFTER},
	)
	row = frappe.db.get_value(DOCTYPE, run, ["claim", "session"], as_dict=True)
	return Claim(run, token, row.session) if row and row.claim == token else None


def load(run: str) -> frappe._dict:
	"""The run's row, with `cursor` as a dict."""
	row = frappe.db.get_value(DOCTYPE, run, "*", as_dict=True)
	row.cursor = json.loads(row.cursor or "{}")
	return row


def save(
	claim: Claim,
	*,
	cursor: dict[str, Any],
	phase: str,
	counts: Counts,
	done: int,
	total: int,
	calls: int,
	seconds_waited: float,
	notes: list[str],
) -> None:
	"""Add a page to the run: cursor, counts, heartbeat. Goes into the transaction that stores the page.

	Args:
		claim: whose run.
		cursor: where the next page is.
		phase: of the page; its counts are added to.
		counts: of the page.
		done, total: how far the phase is.
		calls, seconds_waited: to add.
		notes: lines to add.

	Raises:
		ClaimLost: somebody else took the run; the page must not be stored.
	"""
	added = counts.as_dict()
	assignments = ", ".join(f"`{phase}_{what}` = `{phase}_{what}` + %({what})s" for what in COUNTED)
	frappe.db.sql(
		f"""
		UPDATE `tabWhatsApp Sync Run`
		SET {assignments}, `cursor` = %(cursor)s, phase = %(phase)s, phase_done = %(done)s, phase_total = %(total)s,
			hub_pauses = 0, calls = calls + %(calls)s, seconds_waited = seconds_waited + %(waited)s, heartbeat = %(now)s,
			notes = LEFT(CONCAT(IFNULL(notes, ''), %(notes)s), %(notes_length)s), modified = %(now)s
		WHERE name = %(run)s AND claim = %(token)s
		""",
		{
			**added,
			"cursor": json.dumps(cursor),
			"phase": phase,
			"done": done,
			"total": total,
			"calls": calls,
			"waited": seconds_waited,
			"now": times.now(),
			"notes": "".join(f"{note}\n" for note in notes),
			"notes_length": NOTES_LENGTH,
			"run": claim.run,
			"token": claim.token,
		},
	)
	if not _holds(claim):
		raise ClaimLost(claim.run)


def release(claim: Claim, *, resume_in: float = 0) -> None:
	"""Leave the run where it is, to be continued by any job, not before `resume_in` seconds. The caller commits."""
	_set_if_held(
		claim, {"claim": None, "state": "Queued", "resume_at": times.now() + timedelta(seconds=resume_in)}
	)


def finish(claim: Claim, *, error: str = "") -> None:
	"""End the run: Completed, or Failed with the reason. The caller commits."""
	state = "Failed" if error else "Completed"
	_set_if_held(
		claim,
		{
			"claim": None,
			"state": state,
			"error": error,
			"finished_at": times.now(),
			"cursor": None,
			"resume_at": None,
		},
	)
	realtime.sync_progress(claim.session, claim.run, state, "", 0, 0)


def resumable() -> list[str]:
	"""Sessions with a run that somebody should continue now: released and due, or left by a worker that died."""
	run = frappe.qb.DocType(DOCTYPE)
	now = times.now()
	return (
		frappe.qb.from_(run)
		.select(run.session)
		.distinct()
		.where(
			((run.state == "Queued") & (run.resume_at.isnull() | (run.resume_at <= now)))
			| ((run.state == "Running") & (run.heartbeat < now - STALE_AFTER))
		)
		.run(pluck=True)
	)


def counts_of(run: frappe._dict, phase: str) -> dict[str, int]:
	"""The counts of a phase, as the sync's answer has them."""
	return {what: run[f"{phase}_{what}"] for what in COUNTED}


class ClaimLost(Exception):
	"""Somebody else works on the run: this worker's heartbeat was too old."""


def _holds(claim: Claim) -> bool:
	return frappe.db.get_value(DOCTYPE, claim.run, "claim") == claim.token


def _set_if_held(claim: Claim, values: dict[str, Any]) -> None:
	if frappe.db.get_value(DOCTYPE, claim.run, "claim", for_update=True) == claim.token:
		frappe.db.set_value(DOCTYPE, claim.run, values)
