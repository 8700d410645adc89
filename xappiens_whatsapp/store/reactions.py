"""Reactions: somebody's emoji on a message, into the message's child table."""

from __future__ import annotations

from collections.abc import Sequence

import frappe

from xappiens_whatsapp import realtime
from xappiens_whatsapp.inbox_hub import clock, records
from xappiens_whatsapp.store import bulk, times
from xappiens_whatsapp.store.keys import key_hash, name_of
from xappiens_whatsapp.store.messages import DOCTYPE

TABLE = "WhatsApp Message Reaction"


def apply_listed(session: str, listed: Sequence[records.Reaction]) -> int:
	"""Apply the reactions of a page of a list: those that say something new.

	Args:
		session: the session's name.
		listed: in any order; those to messages that are not stored are left out.

	Returns:
		How many said something new.
	"""
	hashes = {reaction.message_id: key_hash(session, reaction.message_id) for reaction in listed}
	stored = bulk.rows_by_key(DOCTYPE, list(hashes.values()), ())
	if not stored:
		return 0
	known = {
		(row.parent, row.from_jid): row.emoji
		for row in frappe.get_all(
			TABLE,
			filters={"parent": ("in", [row.name for row in stored.values()])},
			fields=["parent", "from_jid", "emoji"],
		)
	}
	news = [
		reaction
		for reaction in sorted(listed, key=lambda reaction: reaction.timestamp_ms or 0)
		if (message := stored.get(hashes[reaction.message_id]))
		and (known.get((message.name, reaction.sender_jid)) or "") != reaction.emoji
	]
	for reaction in news:
		apply(session, reaction)
	return len(news)


def apply(session: str, reaction: records.Reaction) -> str | None:
	"""Add, change or take away somebody's emoji, unless something later is known.

	What was taken away stays as a row without emoji, so that an earlier reaction that comes late does not return.

	Returns:
		The message's name; None if the message is not known (yet).
	"""
	key = key_hash(session, reaction.message_id)
	message = bulk.locked_row(DOCTYPE, {"key_hash": key}, ("conversation", "direction"))
	if not message:
		return None
	said_at = reaction.timestamp_ms or clock.now_ms()
	rows = frappe.db.sql(
		f"SELECT name, from_jid FROM `tab{TABLE}` WHERE parent = %s", message.name, as_dict=True
	)
	stored = next((row for row in rows if row.from_jid == reaction.sender_jid), None)
	values = {"emoji": reaction.emoji, "reacted_at": times.site_datetime(said_at), "timestamp_ms": said_at}
	# The message is locked, and nobody else writes its reactions; but what was read tells how they were before that.
	if stored and frappe.db.get_value(TABLE, stored.name, "timestamp_ms", for_update=True) > said_at:
		return message.name
	if stored:
		frappe.db.set_value(TABLE, stored.name, values)
	else:
		row = {
			"name": name_of(key_hash(message.name, reaction.sender_jid)),
			"parent": message.name,
			"parenttype": DOCTYPE,
			"parentfield": "reactions",
			"idx": len(rows) + 1,
			"from_jid": reaction.sender_jid,
			"from_me": int(reaction.from_me),
			**values,
		}
		bulk.insert_rows(TABLE, [row])
	realtime.message(session, message.conversation, message.name, message.direction)
	return message.name
