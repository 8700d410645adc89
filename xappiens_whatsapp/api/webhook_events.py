"""Webhook events that failed, tried again by a person."""

import json
import time
from typing import Any

import frappe
from frappe import _

from xappiens_whatsapp import jobs, webhook_processing
from xappiens_whatsapp.store import events

MOST_AT_ONCE = 500
SECONDS_IN_A_REQUEST = 10  # what is left then is for the minute job


@frappe.whitelist(methods=["POST"])
def retry_events(names: str | list) -> dict[str, Any]:
	"""Process events once more: those that are Failed, Dead, Waiting or Ignored. What is Processed stays so.

	Args:
		names: of WhatsApp Webhook Events, also as JSON; 500 at most.

	Returns:
		`retried` (how many), `statuses` (status to number, of those processed by now), `remaining` (how many go on in the
		background).

	Raises:
		frappe.PermissionError: one of them is not the user's to change; then none is touched.
	"""
	names = json.loads(names) if isinstance(names, str) else names
	if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
		frappe.throw(_("Name the events in a list."))
	if len(names) > MOST_AT_ONCE:
		frappe.throw(
			_("{0} events at most can be tried again at once. Choose fewer.").format(MOST_AT_ONCE),
		)
	_check_permission(names)

	released = events.release(names)
	frappe.db.commit()
	statuses: dict[str, int] = {}
	deadline = time.monotonic() + SECONDS_IN_A_REQUEST
	done = 0
	for name in released:
		if time.monotonic() > deadline:
			jobs.nudge()
			break
		status = webhook_processing.process_event(name)
		statuses[status] = statuses.get(status, 0) + 1
		done += 1
	return {"retried": len(released), "statuses": statuses, "remaining": len(released) - done}


def _check_permission(names: list[str]) -> None:
	"""The user may change each of them. Which documents they see is decided in one statement."""
	if not frappe.has_permission(events.DOCTYPE, "write"):
		frappe.throw(_("Only a WhatsApp Manager may do this."), frappe.PermissionError)
	visible = set(
		frappe.get_list(events.DOCTYPE, filters={"name": ("in", names)}, pluck="name", limit_page_length=0)
	)
	if missing := set(names) - visible:
		frappe.throw(
			_("There is no WhatsApp Webhook Event {0} that you may change.").format(sorted(missing)[0]),
			frappe.PermissionError,
		)
