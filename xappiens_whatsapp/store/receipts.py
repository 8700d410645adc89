"""Receipts: how far a message got. Its status only moves up, and each step keeps its time."""

from __future__ import annotations

import frappe

from xappiens_whatsapp import realtime
from xappiens_whatsapp.inbox_hub import clock, records
from xappiens_whatsapp.store import bulk, message_rows, statuses
from xappiens_whatsapp.store.keys import key_hash
from xappiens_whatsapp.store.messages import DOCTYPE

COLUMNS = ("name", "conversation", "status", "error_message", *statuses.REACHED_AT.values())


def apply(session: str, receipt: records.Receipt) -> str | None:
	"""Move a message's status up.

	Args:
		session: the session's name.
		receipt: for which message, how far, when, why it failed.

	Returns:
		The message's name; None if the message is not known (yet).
	"""
	# By the Hub's own number only where the Hub gave nothing else.
	if receipt.message_id:
		where = {"key_hash": key_hash(session, receipt.message_id)}
	else:
		where = {"session": session, "hub_message_id": receipt.hub_id}
	row = bulk.locked_row(DOCTYPE, where, COLUMNS)
	if not row:
		return None
	changes = message_rows.status_changes(
		row, receipt.status, receipt.timestamp_ms or clock.now_ms(), receipt.error
	)
	if changes:
		frappe.db.set_value(DOCTYPE, row.name, changes)
		if "status" in changes:
			realtime.message_status(session, row.conversation, row.name, changes["status"])
	return row.name
