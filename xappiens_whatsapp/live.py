"""A live message, stored come what may.

Notifications, assignment rules and the hooks of other apps run with the insert. If one of them fails, that costs nothing
but itself: the message is stored without hooks, shown, and the hooks can be run again.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import frappe

from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import conversations, documents, events, messages, transaction

APP = "xappiens_whatsapp"


@dataclass(frozen=True, slots=True)
class HookFailure:
	"""Hooks of another app that failed for a document which is stored all the same."""

	document: documents.Reference
	app: str
	error: str  # traceback, without the error's own words

	@property
	def text(self) -> str:
		"""What the event shows: the app first."""
		return f"{self.app}\n\n{self.error}"


def store_live_message(session: str, message: records.Message) -> messages.Received | None:
	"""Store one live message in a transaction of its own and commit it.

	Args:
		session: the session's name.
		message: as it came.

	Returns:
		As `messages.receive`.

	Raises:
		What the store raises, after a rollback, if the message could not be stored even without hooks.
	"""
	hooks = documents.Hooks()

	def store() -> messages.Received | None:
		hooks.begin()
		received = messages.receive(session, message, hooks=hooks)
		if pending := hooks.pending:
			described = describe(pending, hooks.why_pending)
			events.store_pending_hooks(session, documents.as_text(pending), described.text)
			log(described)
		return received

	while True:
		try:
			received = transaction.repeated(store)
			frappe.db.commit()
			return received
		except Exception as error:
			if not hooks.is_worth_another_attempt(error):
				raise


def describe(pending: list[documents.Reference], error: Exception) -> HookFailure:
	"""Name the app whose hook failed, and the last of the documents whose hooks are still to run for it."""
	return HookFailure(pending[-1], failing_app(error), without_message(error))


def log(failure: HookFailure) -> None:
	"""Keep the failure in the Error Log. The caller commits."""
	frappe.log_error(
		title=f"WhatsApp: a hook of {failure.app} failed",
		message=failure.error,
		reference_doctype=failure.document.doctype,
		reference_name=failure.document.name,
	)


def log_fault(title: str, error: Exception, doctype: str | None = None, name: str | None = None) -> None:
	"""One row in the Error Log, without the error's words and variables, which may quote a conversation.

	Args:
		title: what could not be done.
		error: why.
		doctype, name: of the document it is about. The caller commits.
	"""
	frappe.log_error(
		title=title, message=without_message(error), reference_doctype=doctype, reference_name=name
	)


def run_hooks_again(document: documents.Reference, hooks: documents.Hooks) -> None:
	"""Run for a stored document what its insert would have run; nothing if it was deleted meanwhile. The caller commits.

	It is locked meanwhile, since all of its columns are written: a receipt that comes waits until the hooks have run.

	Args:
		document: a contact, conversation or message.
		hooks: where it is noted if they fail.

	Raises:
		Whatever a hook raises; `transaction.RolledBack` if one rolled back.
	"""
	if not frappe.db.exists(*document):
		return
	if document.doctype == messages.DOCTYPE:
		conversations.lock(frappe.db.get_value(*document, "conversation"))
	doc = frappe.get_doc(*document, for_update=True)
	with hooks.running(document):
		for event in ("before_insert", "before_validate", "validate", "before_save"):
			doc.run_method(event)
		doc.db_update()
		for event in ("after_insert", "on_update", "on_change"):
			doc.run_method(event)


def failing_app(error: Exception) -> str:
	"""The app to blame: the innermost in whose code the error was raised that is neither Frappe nor this app; else Frappe
	if a document's own machinery (a Notification, an Assignment Rule) raised it, else this app."""
	modules = [
		str(frame.f_globals.get("__name__", "")) for frame, _line in traceback.walk_tb(error.__traceback__)
	]
	apps = [module.partition(".")[0] for module in modules]
	foreign = set(frappe.get_installed_apps()) - {"frappe", APP}
	if found := next((app for app in reversed(apps) if app in foreign), None):
		return found
	called_by_us = modules[len(apps) - apps[::-1].index(APP) :] if APP in apps else modules
	return "frappe" if any(module.startswith("frappe.model.document") for module in called_by_us) else APP


def without_message(error: Exception) -> str:
	"""The traceback with the error's type but not its words, which may quote a conversation; ours do not."""
	said = f": {error}" if isinstance(error, transaction.RolledBack) else ""
	return "".join([*traceback.format_tb(error.__traceback__), type(error).__name__, said])
