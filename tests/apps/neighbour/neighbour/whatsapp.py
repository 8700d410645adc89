"""What a CRM does with a message: finds whom it is about, tells open pages and the person in charge.

`frappe.cache` holds the neighbour's mood, so that a test rules it in gunicorn's and the workers' processes too."""

import json
import pickle
from typing import Any

import frappe
from frappe.model.document import Document

RAISES = "neighbour_raises"
COMMITS = "neighbour_commits"
ROLLS_BACK = "neighbour_rolls_back"
HIDES_IT = "neighbour_hides_that_it_rolled_back"
SEEN = "neighbour_seen"


class NeighbourError(Exception):
	"""The error with which this app breaks when it is told to."""


def raise_at(*events: str) -> None:
	"""From now on the hooks of these events raise (none: no hook does)."""
	frappe.cache.set_value(RAISES, list(events))


def commit_at(*events: str) -> None:
	"""From now on the hooks of these events commit, before they raise if they do."""
	frappe.cache.set_value(COMMITS, list(events))


def roll_back_at(*events: str, hides_it: bool = False) -> None:
	"""From now on the hooks of these events fail at something of their own, catch it and roll back; `hides_it`: they go on
	whatever comes of that."""
	frappe.cache.set_value(ROLLS_BACK, list(events))
	frappe.cache.set_value(HIDES_IT, hides_it)


def seen() -> list[dict[str, Any]]:
	"""What the hooks have read so far, oldest first: event, name and the fields a CRM reads."""
	return [json.loads(entry) for entry in frappe.cache.lrange(SEEN, 0, -1)]


def forget() -> None:
	frappe.cache.delete_value([RAISES, COMMITS, ROLLS_BACK, HIDES_IT, SEEN])


def validate(doc: Document, method: str | None = None) -> None:
	number = doc.get("from") if doc.type == "Incoming" else doc.get("to")
	if number and (person := frappe.db.get_value("User", {"mobile_no": number})):
		doc.reference_doctype = "User"
		doc.reference_name = person
	watch("validate", doc)


def before_insert(doc: Document, method: str | None = None) -> None:
	watch("before_insert", doc)


def after_insert(doc: Document, method: str | None = None) -> None:
	watch("after_insert", doc)


def on_update(doc: Document, method: str | None = None) -> None:
	watch("on_update", doc)
	frappe.publish_realtime(
		"neighbour_whatsapp_message",
		{"reference_doctype": doc.reference_doctype, "reference_name": doc.reference_name},
	)


def on_contact_or_chat(doc: Document, method: str | None = None) -> None:
	"""A hook that a test adds to another DocType; it raises if `raise_at` named that DocType."""
	frappe.cache.rpush(SEEN, json.dumps({"event": method, "doctype": doc.doctype, "name": doc.name}))
	if doc.doctype in (frappe.cache.get_value(RAISES) or []):
		raise NeighbourError(f"the neighbour breaks at a {doc.doctype}")


def watch(event: str, doc: Document) -> None:
	"""Notes what a CRM would read of the message, or breaks."""
	note = {
		"event": event,
		"name": doc.name,
		"type": doc.type,
		"from": doc.get("from"),
		"to": doc.get("to"),
		"message": doc.message,
		"reference_doctype": doc.reference_doctype,
		"reference_name": doc.reference_name,
	}
	frappe.cache.rpush(SEEN, json.dumps(note))
	pickle.dumps(doc)  # as it is done when a hook gives the document to a job
	if event in (frappe.cache.get_value(COMMITS) or []):
		frappe.db.commit()
	if event in (frappe.cache.get_value(ROLLS_BACK) or []):
		look_up(event)
	if event in (frappe.cache.get_value(RAISES) or []):
		raise NeighbourError(f"the neighbour breaks at {event}")


def look_up(event: str) -> None:
	try:
		raise NeighbourError(f"the neighbour finds nothing at {event}")
	except NeighbourError:
		try:
			frappe.db.rollback()
		except Exception:
			if not frappe.cache.get_value(HIDES_IT):
				raise
