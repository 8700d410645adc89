"""What a sync covers: decided when it begins, and again by whoever continues it."""

from __future__ import annotations

from datetime import timedelta

import frappe

from xappiens_whatsapp.inbox_hub import clock
from xappiens_whatsapp.store import sessions, sync_runs, times
from xappiens_whatsapp.sync.cursor import PHASES, Cursor, Scope

# An incremental sync fetches the contacts too when they were fetched so long ago: their names change seldom, and the call
# is the one that can cost a session its connection (docs/hub.md, F2).
CONTACTS_EVERY = timedelta(hours=24)
COLUMNS = ("history_until_ms", "last_sync", "synced_until_ms", "contacts_synced_at", "sync_mode")


def of_run(run: frappe._dict) -> Scope:
	"""The scope of a sync run; notes in the run that contacts are left out, if they are. The caller commits."""
	row = _session(run.session)
	phases = list(PHASES)
	if (row.sync_mode or "Full") != "Full":
		phases.remove("contacts")
		sync_runs.note_left_out(
			run.name, "contacts", "contacts: left out, since the session was lost while they were fetched."
		)
	elif run.scope == sync_runs.INCREMENTAL and not _contacts_are_old(row):
		phases.remove("contacts")
	return _scope(run.session, row, run.scope != sync_runs.INCREMENTAL, tuple(phases))


def of_session(session: str) -> Scope:
	"""The scope of a phase that is run alone: all there is."""
	return _scope(session, _session(session), True, PHASES)


def note_finished(claim: sync_runs.Claim, scope: Scope, cursor: Cursor) -> None:
	"""Write into the session how far it is synced now. The caller holds its lock and commits."""
	values = {"last_sync": times.now(), "synced_until_ms": cursor.began_ms}
	if "contacts" in scope.phases:
		values["contacts_synced_at"] = times.now()
	frappe.db.set_value(sessions.DOCTYPE, claim.session, values)


def _session(session: str) -> frappe._dict:
	row = frappe.db.get_value(sessions.DOCTYPE, session, COLUMNS, as_dict=True)
	if not row.history_until_ms:
		# The first sync draws the line between history and news. Many of the Hub's times have no milliseconds: what is of
		# this second counts as news.
		row.history_until_ms = clock.now_ms() // 1000 * 1000 - 1
		frappe.db.set_value(
			sessions.DOCTYPE, session, "history_until_ms", row.history_until_ms, update_modified=False
		)
	return row


def _scope(session: str, row: frappe._dict, is_full: bool, phases: tuple[str, ...]) -> Scope:
	settings = frappe.get_cached_doc("WhatsApp Settings")
	return Scope(
		session=session,
		history_until_ms=row.history_until_ms,
		is_first_sync=not row.last_sync,
		is_full=is_full,
		recent_chats=settings.sync_recent_chats,
		messages_per_chat=settings.sync_messages_per_chat,
		synced_until_ms=row.synced_until_ms,
		phases=phases,
	)


def _contacts_are_old(row: frappe._dict) -> bool:
	return not row.contacts_synced_at or times.now() - row.contacts_synced_at > CONTACTS_EVERY
