"""Stops what costs a session its connection.

At some Hubs the call for contacts drops the session (docs/hub.md, F2). If a session is lost twice within half an hour while
we were calling, contacts are left out; if that happens twice more, it is not synced by itself any more, and the managers
are told. Somebody decides when it goes on: Resume in the session's form.
"""

from __future__ import annotations

from datetime import timedelta

import frappe
from frappe import _

from xappiens_whatsapp import managers
from xappiens_whatsapp.store import sessions, sync_runs, times

FULL, WITHOUT_CONTACTS, STOPPED = "Full", "Without Contacts", "Stopped"
NEXT_MODE = {FULL: WITHOUT_CONTACTS, WITHOUT_CONTACTS: STOPPED, STOPPED: STOPPED}
OURS_WITHIN = timedelta(seconds=60)  # of our last call
TWICE_WITHIN = timedelta(minutes=30)


def note_interruption(session: str) -> None:
	"""The session is not connected any more: if a sync was calling just now, that counts against it. The caller commits.

	Each run counts once, whoever notices first: the sync or the webhook.

	Args:
		session: the session's name.
	"""
	sessions.lock(session)
	now = times.now()
	run = sync_runs.latest(session)
	if not run or run.interrupted_at or not run.calls or not run.heartbeat:
		return
	is_at_work = run.state in sync_runs.UNFINISHED or run.phase == "contacts"
	if not is_at_work or now - run.heartbeat > OURS_WITHIN:
		return
	frappe.db.set_value(sync_runs.DOCTYPE, run.name, "interrupted_at", now)

	row = frappe.db.get_value(sessions.DOCTYPE, session, ["sync_mode", "sync_mode_since"], as_dict=True)
	since = max(now - TWICE_WITHIN, row.sync_mode_since or now - TWICE_WITHIN)
	if row.sync_mode != STOPPED and sync_runs.interruptions(session, since) >= 2:
		_set_mode(session, NEXT_MODE[row.sync_mode or FULL])


def resume(session: str) -> None:
	"""Sync this session by itself again, contacts included. The caller commits."""
	sessions.lock(session)
	_set_mode(session, FULL)


def _set_mode(session: str, mode: str) -> None:
	values = {"sync_mode": mode, "sync_mode_since": times.now()}
	if mode == STOPPED:
		values |= {"sync_due": None, "sync_due_trigger": None}
	frappe.db.set_value(sessions.DOCTYPE, session, values)
	if mode == STOPPED:
		_tell_managers(session)


def _tell_managers(session: str) -> None:
	managers.tell(
		lambda language: _("WhatsApp session {0} is not synced by itself any more", language).format(session),
		sessions.DOCTYPE,
		session,
		what_to_do=lambda language: _(
			"It was disconnected again and again while it was synced. Ask the operator of Inbox Hub, then open the "
			"session and press Resume Sync.",
			language,
		),
	)
