"""Contacts, chats and messages pulled from Inbox Hub: by hand, by itself when a session connects, and at the interval.

`request_sync` writes down that a sync is wanted; jobs fulfil it. `sync_session_complete` works on it at once and tells what
it did. Either way one session has one sync at a time, and a second request joins it.
"""

import time
from typing import Any

import frappe
from frappe import _
from frappe.model.document import Document

from xappiens_whatsapp import jobs
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.api.errors import show_hub_errors
from xappiens_whatsapp.store import sessions, sync_runs, times
from xappiens_whatsapp.sync import engine
from xappiens_whatsapp.sync.phases import PHASES

SECONDS_IN_A_REQUEST = 15  # the answer comes within 20 s: a page that was begun is finished first
SETTLE_SECONDS = 3  # a session that has just connected is left alone so long (docs/hub.md, F2)


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def sync_session_complete(session_name: str) -> dict[str, Any]:
	"""Sync a session's contacts, chats and recent messages.

	From Python or the console it runs to the end. In a web request it answers within 20 seconds; what is left then goes on
	in the background.

	Args:
		session_name: the name of a WhatsApp Session, which is its Session ID.

	Returns:
		`success`, `session`, `timestamp` ("YYYY-MM-DD HH:MM:SS"), `contacts`, `chats`, `messages` (each with
		processed, created, updated, errors), `status` (Completed, Running or Failed), `sync_run`, `message`. `success` is
		False only if nothing will go on.

	Raises:
		frappe.DoesNotExistError: there is no such session; says which there are.
		frappe.PermissionError: the user may not see the session.
	"""
	session = sessions.get(session_name)
	session.check_permission("read")
	run = sync_runs.open_run(session.name, "Manual")
	frappe.db.commit()

	deadline = time.monotonic() + SECONDS_IN_A_REQUEST if getattr(frappe.local, "request", None) else None
	_work_until(run, session.name, deadline)
	return _answer(session, run)


def request_sync(session_name: str, trigger: str, *, settle: bool = False) -> None:
	"""Write down that a session is to be synced soon, and hint at it to a worker. The caller commits.

	Args:
		session_name: the session's name.
		trigger: why: Connected, Scheduler, Manual.
		settle: leave a session that has just connected alone for a moment.
	"""
	due = frappe.utils.add_to_date(times.now(), seconds=SETTLE_SECONDS if settle else 0)
	frappe.db.set_value(
		sessions.DOCTYPE, session_name, {"sync_due": due, "sync_due_trigger": trigger}, update_modified=False
	)
	jobs.enqueue_sync(session_name)


def _sync_contacts_baileys(client: WhatsAppAPIClient, session: Document | str) -> dict[str, int]:
	"""Sync all contacts of a session; alone, outside of any run.

	Args:
		client: of the session.
		session: a WhatsApp Session or its name.

	Returns:
		processed, created, updated, errors.
	"""
	return engine.run_phase(client, _name(session), "contacts").as_dict()


def _sync_chats_baileys(client: WhatsAppAPIClient, session: Document | str) -> dict[str, int]:
	"""Sync all chats of a session; alone. Arguments and answer as `_sync_contacts_baileys`."""
	return engine.run_phase(client, _name(session), "chats").as_dict()


def _sync_messages_baileys(client: WhatsAppAPIClient, session: Document | str) -> dict[str, int]:
	"""Sync the newest messages of the most recent chats; alone. Arguments and answer as `_sync_contacts_baileys`."""
	return engine.run_phase(client, _name(session), "messages").as_dict()


def _name(session: Document | str) -> str:
	return session if isinstance(session, str) else session.name


def _work_until(run: str, session: str, deadline: float | None) -> None:
	"""Work on the run, or wait for who does, until it has ended or the deadline has come."""
	while deadline is None or time.monotonic() < deadline:
		claim = sync_runs.claim(run)
		frappe.db.commit()
		if not claim:
			if sync_runs.load(run).state not in sync_runs.UNFINISHED:
				return
			time.sleep(1)  # somebody else works on it
			frappe.db.rollback()  # see what they have done since
			continue
		client = WhatsAppAPIClient(session, lane="background")
		outcome = engine.work(claim, client, deadline=deadline or time.monotonic() + jobs.WORK_SECONDS)
		if outcome.state == engine.DONE:
			return
		pause = min(outcome.resume_in, deadline - time.monotonic()) if deadline else outcome.resume_in
		time.sleep(max(pause, 0))
	jobs.enqueue_sync(session)
	frappe.db.commit()


def _answer(session: Document, run_name: str) -> dict[str, Any]:
	frappe.db.rollback()  # nothing is open; a new snapshot
	run = sync_runs.load(run_name)
	status = "Running" if run.state in sync_runs.UNFINISHED else run.state
	messages = {
		"Completed": _("Everything is synced."),
		"Running": _("The sync is running and goes on in the background."),
		"Failed": _("The sync failed: {0}").format(run.error),
	}
	return {
		"success": status != "Failed",
		"session": session.session_id,
		"timestamp": times.now().strftime("%Y-%m-%d %H:%M:%S"),
		**{phase: sync_runs.counts_of(run, phase) for phase in sorted(PHASES, key=_document_order)},
		"status": status,
		"sync_run": run_name,
		"message": messages[status],
	}


def _document_order(phase: str) -> int:
	"""contacts, chats, messages: as the answer is printed in the user's document."""
	return ("contacts", "chats", "messages").index(phase)
