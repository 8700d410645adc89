"""What a CRM does with a message: finds whom it is about, tells open pages and the person in charge.

`frappe.cache` holds the neighbour's mood, so that a test rules it in gunicorn's and the workers' processes too."""

import json
from typing import Any

import frappe
from frappe.model.document import Document

RAISES = "neighbour_raises"
SEEN = "neighbour_seen"


class NeighbourError(Exception):
	"""The error with which this app breaks when it is told to."""


def raise_at(*events: str) -> None:
	"""From now on the hooks of these events raise (none: no hook does)."""
	frappe.cache.set_value(RAISES, list(events))


def seen() -> list[dict[str, Any]]:
	"""What the hooks have read so far, oldest first: event, name and the fields a CRM reads."""
	return [json.loads(entry) for entry in frappe.cache.lrange(SEEN, 0, -1)]


def forget() -> None:
	frappe.cache.delete_value([RAISES, SEEN])


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
	if event in (frappe.cache.get_value(RAISES) or []):
		raise NeighbourError(f"the neighbour breaks at {event}")
