"""Contacts, chats and messages pulled from Inbox Hub: by hand, by itself when a session connects, and at the interval.

`request_sync` writes down that a sync is wanted; jobs fulfil it. `sync_session_complete` works on it at once and tells what
it did. Either way one session has one sync at a time, and a second request joins it.
"""

import time
from typing import Any

import frappe
from frappe import _
from frappe.model.document import Document

from xappiens_whatsapp import jobs, permissions
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.api.errors import show_hub_errors
from xappiens_whatsapp.store import conversations, sessions, sync_runs, times
from xappiens_whatsapp.sync import breaker, engine, history
from xappiens_whatsapp.sync.cursor import PHASES

SECONDS_IN_A_REQUEST = 10  # the answer comes within 20 s: a page that was begun is finished first
MOST_HISTORY_PAGES = 20
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
		processed, created, updated, errors), `status` (Completed, Running or Failed), `sync_run`, `message` and
		`is_complete`, which is False if something was left out; `message` says what. `success` is False only if nothing will
		go on.

	Raises:
		frappe.DoesNotExistError: there is no such session; says which there are.
		frappe.PermissionError: the user may not see the session.
	"""
	session = sessions.get(session_name)
	session.check_permission("read")
	deadline = time.monotonic() + SECONDS_IN_A_REQUEST if _is_request() else None
	run = sync_runs.open_run(session.name, "Manual")
	covers_all = sync_runs.load(run).scope == sync_runs.FULL
	if not covers_all:
		# A sync of what is new is under way. All is fetched after it, even if the time is up before.
		request_sync(session.name, "Manual")
	frappe.db.commit()

	is_finished = _work_until(run, session.name, deadline)
	if is_finished and not covers_all:
		run = sync_runs.open_run(session.name, "Manual")
		frappe.db.commit()
		_work_until(run, session.name, deadline)
	answer = _answer(session, run)
	if _is_request() and answer["success"] and not answer["is_complete"]:
		# A button that knows no more than `success` says that all is done: the person hears the truth beside it.
		indicator = "blue" if answer["status"] == "Running" else "orange"
		frappe.msgprint(answer["message"], alert=True, indicator=indicator)
	return answer


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def sync_conversation_history(conversation: str, pages: int = 1) -> dict[str, Any]:
	"""Fetch older messages of one chat, where the last time left off. They are never unread and never notify.

	Args:
		conversation: the name of a WhatsApp Conversation.
		pages: how many pages of 50 messages at most, 1 to 20; in a web request as many as some seconds allow.

	Returns:
		`processed`, `created`, `updated`, `errors`, and `has_more`: whether Inbox Hub has older ones.

	Raises:
		frappe.PermissionError: the user may not read the conversation.
		InboxHubError: Inbox Hub could not be asked; what was fetched before is stored.
	"""
	permissions.check_read(conversations.DOCTYPE, conversation)
	session = frappe.db.get_value(conversations.DOCTYPE, conversation, "session")
	client = WhatsAppAPIClient(session, lane="people", is_brisk=_is_request())
	deadline = time.monotonic() + SECONDS_IN_A_REQUEST if _is_request() else None
	loaded = history.load_older(
		client, conversation, pages=min(max(pages, 1), MOST_HISTORY_PAGES), deadline=deadline
	)
	return {**loaded.counts.as_dict(), "has_more": loaded.has_more}


@frappe.whitelist(methods=["POST"])
def resume_sync(session_name: str) -> dict[str, str]:
	"""Sync a session by itself again that was stopped because its syncs disconnected it; contacts, too.

	Args:
		session_name: the name of a WhatsApp Session.

	Returns:
		`sync_mode`, which is Full.

	Raises:
		frappe.PermissionError: the user may not change the session.
	"""
	session = sessions.get(session_name)
	session.check_permission("write")
	breaker.resume(session.name)
	if session.is_connected:
		request_sync(session.name, "Manual")
	return {"sync_mode": breaker.FULL}


def request_sync(session_name: str, trigger: str, *, settle: bool = False) -> None:
	"""Write down that a session is to be synced soon, and hint at it to a worker. The caller commits.

	A session whose syncs were stopped (`sync/breaker.py`) is synced only if somebody asks for it. A wish to sync all is not
	made smaller by another one.

	Args:
		session_name: the session's name.
		trigger: why: Connected, Scheduler, Manual.
		settle: leave a session that has just connected alone for a moment.

	Raises:
		frappe.DoesNotExistError: there is no such session; says which there are.
	"""
	row = frappe.db.get_value(
		sessions.DOCTYPE, session_name, ["sync_mode", "sync_due_trigger"], as_dict=True, for_update=True
	) or sessions.get(session_name)
	if row.sync_mode == breaker.STOPPED and trigger != "Manual":
		return
	due = frappe.utils.add_to_date(times.now(), seconds=SETTLE_SECONDS if settle else 0)
	trigger = "Manual" if row.sync_due_trigger == "Manual" else trigger
	frappe.db.set_value(
		sessions.DOCTYPE, session_name, {"sync_due": due, "sync_due_trigger": trigger}, update_modified=False
	)
	jobs.enqueue_sync()


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


def _is_request() -> bool:
	return bool(getattr(frappe.local, "request", None))


def _work_until(run: str, session: str, deadline: float | None) -> bool:
	"""Work on the run, or wait for who does, until it has ended or the deadline has come; then a job goes on.

	With a deadline no page and no wait takes long, and the first pause hands over. Returns whether the run has ended.
	"""
	# Without patience: who waited for the Hub within a call would show no heartbeat and lose the run to the minute job.
	client = WhatsAppAPIClient(session, lane="background", patience_seconds=0, is_brisk=bool(deadline))
	while deadline is None or time.monotonic() < deadline:
		claim = sync_runs.claim(run)
		frappe.db.commit()
		if not claim:
			if sync_runs.load(run).state not in sync_runs.UNFINISHED:
				return True
			time.sleep(1)  # somebody else works on it
			frappe.db.rollback()  # see what they have done since
			continue
		outcome = engine.work(claim, client, deadline=deadline or time.monotonic() + jobs.WORK_SECONDS)
		if outcome.state == engine.DONE:
			return True
		if deadline:
			break
		time.sleep(outcome.resume_in)
	jobs.enqueue_sync()
	frappe.db.commit()
	return False


def _answer(session: Document, run_name: str) -> dict[str, Any]:
	frappe.db.rollback()  # nothing is open; a new snapshot
	run = sync_runs.load(run_name)
	status = "Running" if run.state in sync_runs.UNFINISHED else run.state
	missing = _what_is_missing(run)
	messages = {
		"Completed": " ".join([_("The sync is finished, but not complete."), *missing])
		if missing
		else _("Everything is synced."),
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
		"is_complete": status == "Completed" and not missing,
		"message": messages[status],
	}


def _what_is_missing(run: frappe._dict) -> list[str]:
	"""What a run did not bring, in sentences."""
	left_out = (run.left_out or "").split(",")
	missing = []
	if "chats" in left_out:
		missing.append(_("Inbox Hub could not list its chats: they were made from its newest messages."))
	if "contacts" in left_out:
		missing.append(
			_(
				"Contacts were left out, since the session was lost while they were fetched (see its Sync Mode)."
			)
		)
	if errors := sum(sync_runs.counts_of(run, phase)["errors"] for phase in PHASES):
		missing.append(
			_(
				"{0} rows or pages could not be understood or stored; the notes of the sync run say why."
			).format(errors)
		)
	return missing


def _document_order(phase: str) -> int:
	"""contacts, chats, messages: as the answer is printed in the user's document."""
	return ("contacts", "chats", "messages").index(phase)
