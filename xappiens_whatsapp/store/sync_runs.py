"""Sync runs: which one may work, how far it is, how it ended.

Exactly one run a session at a time. A conditional UPDATE on the run decides who works on it, and a heartbeat says whether
they still do; the job queue is never asked.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
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
FULL, INCREMENTAL = "Full", "Incremental"
RECENT = timedelta(hours=1)  # a session that reconnects within this of a finished sync has not missed much
COUNTED = ("processed", "created", "updated", "errors")
NOTES_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Claim:
	"""The right to work on a run, until it is released, finished, or its heartbeat is old."""

	run: str
	token: str
	session: str


@dataclass(frozen=True, slots=True)
class Wanted:
	"""A session that is to be synced in `due_in` seconds, negative if it is late."""

	session: str
	due_in: float


def open_run(session: str, trigger: str) -> str:
	"""The session's unfinished run; a new one if there is none. The caller commits.

	A run that begins from now on fulfils the wish to sync. One that has begun does not: another follows it. One that waits
	covers what the widest of the wishes wants.

	Args:
		session: the session's name.
		trigger: why, if a new one is made: Manual, Connected, Scheduler.

	Returns:
		The run's name.
	"""
	sessions.lock(session)  # under which runs are made
	run, scope = unfinished(session), _scope_for(session, trigger)
	if not run:
		doc = frappe.get_doc(
			{
				"doctype": DOCTYPE,
				"session": session,
				"trigger": trigger,
				"scope": scope,
				"requested_by": frappe.session.user,
				"state": "Queued",
				"cursor": "{}",
			}
		)
		run = doc.insert(ignore_permissions=True).name
	elif frappe.db.get_value(DOCTYPE, run, "started_at"):
		return run  # it may be past what the wish is about: the wish stands until a run begins after it
	elif scope == FULL:
		frappe.db.set_value(DOCTYPE, run, "scope", FULL)
	frappe.db.set_value(
		sessions.DOCTYPE, session, {"sync_due": None, "sync_due_trigger": None}, update_modified=False
	)
	return run


def unfinished(session: str) -> str | None:
	"""The name of the run of this session that has not ended, if there is one."""
	return frappe.db.get_value(
		DOCTYPE, {"session": session, "state": ("in", UNFINISHED)}, "name", for_update=True
	)


def latest(session: str) -> frappe._dict | None:
	"""The run of this session that was worked on last: name, state, phase, calls, heartbeat, interrupted_at."""
	return frappe.db.get_value(
		DOCTYPE,
		{"session": session, "heartbeat": ("is", "set")},
		["name", "state", "phase", "calls", "heartbeat", "interrupted_at"],
		as_dict=True,
		order_by="heartbeat desc",
	)


def interruptions(session: str, since: datetime) -> int:
	"""How many runs of this session were interrupted after `since`, on the site's clock."""
	return frappe.db.count(DOCTYPE, {"session": session, "interrupted_at": (">", since)})


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
	"""The run's row, with `cursor` as a dict.

	Raises:
		ClaimLost: it was deleted, with its session or alone.
	"""
	row = frappe.db.get_value(DOCTYPE, run, "*", as_dict=True)
	if not row:
		raise ClaimLost(run)
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
	left_out: str = "",
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
		left_out: what the sync did not bring, one of `chats`, `contacts`, "" for nothing.

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
			notes = LEFT(CONCAT(IFNULL(notes, ''), %(notes)s), %(notes_length)s), modified = %(now)s,
			left_out = CONCAT_WS(',', NULLIF(left_out, ''), NULLIF(%(left_out)s, ''))
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
			"left_out": left_out,
			"run": claim.run,
			"token": claim.token,
		},
	)
	if not _holds(claim):
		raise ClaimLost(claim.run)


def show_heartbeat(claim: Claim) -> None:
	"""Say between two pages that somebody still works on the run. The caller commits.

	Raises:
		ClaimLost: somebody else took the run.
	"""
	_set_if_held(claim, {"heartbeat": times.now()})
	if not _holds(claim):
		raise ClaimLost(claim.run)


def add_cost(claim: Claim, *, calls: int, seconds_waited: float) -> None:
	"""Add what a run has cost without bringing a page: calls that failed, and pauses. The caller commits."""
	if calls or seconds_waited:
		frappe.db.sql(
			"""
			UPDATE `tabWhatsApp Sync Run` SET calls = calls + %s, seconds_waited = seconds_waited + %s
			WHERE name = %s AND claim = %s
			""",
			(calls, seconds_waited, claim.run, claim.token),
		)


def note_left_out(run: str, what: str, note: str) -> None:
	"""Say, once, what a run does not bring. The caller commits.

	Args:
		run: its name.
		what: `chats` or `contacts`.
		note: a line for the run's notes.
	"""
	frappe.db.sql(
		"""
		UPDATE `tabWhatsApp Sync Run`
		SET left_out = CONCAT_WS(',', NULLIF(left_out, ''), %(what)s),
			notes = LEFT(CONCAT(IFNULL(notes, ''), %(note)s), %(notes_length)s)
		WHERE name = %(run)s AND NOT FIND_IN_SET(%(what)s, IFNULL(left_out, ''))
		""",
		{"run": run, "what": what, "note": f"{note}\n", "notes_length": NOTES_LENGTH},
	)


def release(claim: Claim, *, resume_in: float = 0) -> None:
	"""Leave the run where it is, to be continued by any job, not before `resume_in` seconds. The caller commits."""
	_set_if_held(
		claim, {"claim": None, "state": "Queued", "resume_at": times.now() + timedelta(seconds=resume_in)}
	)


def finish(claim: Claim, *, error: str = "") -> None:
	"""End the run: Completed, or Failed with the reason. The caller commits."""
	state = "Failed" if error else "Completed"
	values = {"state": state, "error": error, "finished_at": times.now(), "cursor": None, "resume_at": None}
	if _set_if_held(claim, {"claim": None, **values}):
		realtime.sync_progress(claim.session, claim.run, state, "", 0, 0)


def wanted() -> list[Wanted]:
	"""Sessions with a wish to sync or an unfinished run, those first that were not worked on for the longest time."""
	now = times.now()
	rows = frappe.db.sql(
		"""
		SELECT
			session.name,
			CASE
				WHEN run.name IS NULL THEN session.sync_due
				WHEN run.state = 'Queued' THEN IFNULL(run.resume_at, run.creation)
				ELSE run.heartbeat + INTERVAL %(stale)s SECOND
			END AS due_at
		FROM `tabWhatsApp Session` session
		LEFT JOIN `tabWhatsApp Sync Run` run
			ON run.session = session.name AND run.state IN ('Queued', 'Running')
		WHERE session.sync_due IS NOT NULL OR run.name IS NOT NULL
		ORDER BY run.heartbeat, due_at, session.name
		""",
		{"stale": STALE_AFTER.seconds},
	)
	return [Wanted(session, (due_at - now).total_seconds()) for session, due_at in rows]


def run_to_work_on(session: str) -> str | None:
	"""The session's run, opened if a sync is due; None if nothing is wanted. The caller commits."""
	sessions.lock(session)
	row = frappe.db.get_value(sessions.DOCTYPE, session, ["sync_due", "sync_due_trigger"], as_dict=True)
	if row and row.sync_due and row.sync_due <= times.now():
		return open_run(session, row.sync_due_trigger or "Scheduler")
	return unfinished(session)


def counts_of(run: frappe._dict, phase: str) -> dict[str, int]:
	"""The counts of a phase, as the sync's answer has them."""
	return {what: run[f"{phase}_{what}"] for what in COUNTED}


class ClaimLost(Exception):
	"""Somebody else works on the run: this worker's heartbeat was too old."""


def _scope_for(session: str, trigger: str) -> str:
	"""What somebody asks for, all; what is to be caught up after a short while, what is new."""
	last_sync = frappe.db.get_value(sessions.DOCTYPE, session, "last_sync")
	if not last_sync or trigger not in ("Connected", "Scheduler"):
		return FULL
	if trigger == "Connected" and times.now() - last_sync > RECENT:
		return FULL
	return INCREMENTAL


def _holds(claim: Claim) -> bool:
	found = frappe.db.sql("SELECT claim FROM `tabWhatsApp Sync Run` WHERE name = %s", claim.run)
	return bool(found) and found[0][0] == claim.token


def _set_if_held(claim: Claim, values: dict[str, Any]) -> bool:
	"""Returns whether the run is still this worker's, and so was changed."""
	is_held = frappe.db.get_value(DOCTYPE, claim.run, "claim", for_update=True) == claim.token
	if is_held:
		frappe.db.set_value(DOCTYPE, claim.run, values)
	return is_held
