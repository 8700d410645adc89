"""Webhook events: stored before they are processed, and until they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import frappe
from frappe import _

from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import bulk, times, transaction
from xappiens_whatsapp.store.keys import key_hash, name_of

DOCTYPE = "WhatsApp Webhook Event"
# After which time an event is tried again; past the last one it is Dead.
RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 4 * 60, 12 * 60, 24 * 60))
WAIT_AT_MOST = timedelta(hours=72)
REPEATED_WITHIN = timedelta(minutes=10)
ERROR_LENGTH = 5000
FIRST_LINE_LENGTH = 500
ROWS_AT_ONCE = 500
UNFINISHED = ("Received", "Failed", "Waiting")


@dataclass(frozen=True, slots=True)
class Stored:
	name: str
	is_duplicate: bool


def store(event: records.Event, body: str, headers: dict[str, str]) -> Stored:
	"""INSERT a verified event, as the first thing in a transaction. The caller commits.

	The same event again is a duplicate. Events that carry no id and no time of their own are duplicates only while
	they are young and nothing else was heard of the same object in between: archive, unarchive, archive are three.

	Args:
		event: what was understood of it; its name and session at least.
		body: as it came.
		headers: of the webhook, without the signature.

	Returns:
		Its name, and whether it was there before, or was being stored by another request; then the transaction is rolled
		back.
	"""
	key = key_of(event, body, headers)
	object_key = _object_key(event)
	if _may_repeat(event) and (first := _newest("key_hash", key)):
		latest = _newest("object_key", object_key) or first
		if latest.name == first.name or latest.body == body:
			if times.now() - latest.creation <= REPEATED_WITHIN:
				return Stored(latest.name, is_duplicate=True)
		# After what was heard last the same words are something new, and that only once.
		key = key_hash(key, latest.name)

	row = {
		"name": name_of(key),
		"key_hash": key,
		"event": event.name,
		"session_id": event.session_id or str(event.session_hub_id or ""),
		"message_id": event.message_id or None,
		"object_key": object_key,
		"status": "Received",
		"attempts": 0,
		"next_attempt": times.now() + RETRY_AFTER[0],  # should the request die before it processes the event
		"event_timestamp_ms": event.timestamp_ms or 0,
		"body": body,
		"headers": "\n".join(f"{name}: {value}" for name, value in sorted(headers.items())),
	}
	try:
		bulk.insert_rows(DOCTYPE, [row])
	except Exception as error:
		if not transaction.is_duplicate_key(error):
			raise
		frappe.db.rollback()
		return Stored(row["name"], is_duplicate=True)
	return Stored(row["name"], is_duplicate=False)


def key_of(event: records.Event, body: str, headers: dict[str, str]) -> str:
	"""Digest of what the event says: body, time header, and the header's session when the body names none."""
	said_at = headers.get("X-Webhook-Timestamp", "")
	session = "" if event.session_in_body else headers.get("X-Webhook-Session", "")
	return key_hash(body, said_at, session)


def store_pending_hooks(session: str, hooks_pending: str, error: str) -> None:
	"""Keep, as a failed event, that hooks of another app failed for what a sync brought.

	Args:
		session: the session's name.
		hooks_pending: the stored documents whose hooks are still to run (`documents.as_text`).
		error: which app, and where.
	"""
	key = key_hash("hooks", hooks_pending, str(times.now()))  # the same may come, and fail, again
	bulk.insert_rows(
		DOCTYPE,
		[
			{
				"name": name_of(key),
				"key_hash": key,
				"event": "message.received",
				"session_id": session,
				"session": session,
				"status": "Failed",
				"attempts": 1,
				"next_attempt": times.now() + RETRY_AFTER[0],
				"error": _shortened(error),
				"hooks_pending": hooks_pending,
				"body": "{}",
			}
		],
	)


def claim(name: str) -> frappe._dict | None:
	"""Lock an event that is still to be processed; None if somebody else has finished it meanwhile."""
	rows = frappe.db.sql(
		f"""
		SELECT name, status, attempts, body, headers, creation, hooks_pending FROM `tab{DOCTYPE}`
		WHERE name = %s FOR UPDATE
		""",
		name,
		as_dict=True,
	)
	return rows[0] if rows and rows[0].status in (*UNFINISHED, "Dead") else None


def new_row(name: str) -> frappe._dict:
	"""What `claim` gives, of an event that was stored a moment ago by this process: nobody else looks at it for a minute."""
	return frappe._dict(name=name, status="Received", attempts=0, creation=times.now(), is_new=True)


def mark_processed(
	row: frappe._dict, *, status: str = "Processed", session: str | None = None, body: str | None = None
) -> None:
	"""The event is done.

	Args:
		row: of `claim` or `new_row`.
		status: Processed or Ignored.
		session: the session's name where known.
		body: replaces the stored one where it held a picture.
	"""
	values = {"status": status, "processed_at": times.now(), "next_attempt": None}
	if not row.is_new:
		values.update(error=None, hooks_pending=None)
	if session:
		values["session"] = session
	if body is not None:
		values["body"] = body
	_update(row, values)


def mark_switched_off(name: str) -> None:
	"""WhatsApp is switched off: the event stays due, for when it is on again."""
	reason = _("WhatsApp is switched off in WhatsApp Settings.")
	frappe.db.set_value(DOCTYPE, name, {"status": "Waiting", "error": reason, "next_attempt": times.now()})


def mark_waiting(row: frappe._dict, reason: str, session: str | None) -> None:
	"""The event speaks of something not yet known. It is applied when that comes.

	It is looked at again by itself, too, ever less often: after a minute, two, four … at the latest when it has waited
	`WAIT_AT_MOST`.
	"""
	age = times.now() - row.creation
	pause = min(max(age, RETRY_AFTER[0]), max(WAIT_AT_MOST - age, timedelta(0)))
	_update(
		row,
		{"status": "Waiting", "error": reason, "session": session, "next_attempt": times.now() + pause},
	)


def mark_failed(
	name: str,
	error: str,
	*,
	hooks_pending: str | None = None,
	session: str | None = None,
	final: bool = False,
) -> str:
	"""The event failed: it is due again later, or Dead when it was tried often enough.

	Args:
		name: of the event.
		error: what went wrong; kept with the event.
		hooks_pending: the documents that are stored although hooks of another app failed (`documents.as_text`).
		session: the session's name where known.
		final: trying again is of no use.

	Returns:
		The new status, Failed or Dead. Hooks that are still to run are not forgotten, whatever failed.
	"""
	attempts = frappe.db.get_value(DOCTYPE, name, "attempts") + 1
	is_dead = final or attempts > len(RETRY_AFTER)
	frappe.db.set_value(
		DOCTYPE,
		name,
		{
			"status": "Dead" if is_dead else "Failed",
			"attempts": attempts,
			"next_attempt": None if is_dead else times.now() + RETRY_AFTER[attempts - 1],
			"error": _shortened(error),
			**({"hooks_pending": hooks_pending} if hooks_pending else {}),
			**({"session": session} if session else {}),
		},
	)
	return "Dead" if is_dead else "Failed"


def due(limit: int = 100) -> list[str]:
	"""Names of events to process now, the oldest first; also those whose request died before it processed them."""
	return frappe.get_all(
		DOCTYPE,
		filters={"status": ("in", UNFINISHED), "next_attempt": ("<=", times.now())},
		order_by="creation asc",
		limit=limit,
		pluck="name",
	)


def waiting_for(session: str, message_id: str) -> list[str]:
	"""Names of events of a session (its name, however the events name it) that wait for a message, in the order they came."""
	return ready(session, message_id, 0)[0]


def ready(session: str, message_id: str, limit: int) -> tuple[list[str], list[str]]:
	"""What can be processed now that something else has been.

	Args:
		session: the session's name.
		message_id: WhatsApp's id of a message that was stored; "" if none was.
		limit: how many events that are due besides.

	Returns:
		Names of those that waited for the message, and of those that are due, both in the order they came.
	"""
	parts: list[str] = []
	if message_id:
		parts.append(
			f"""
			SELECT name, 0 AS place, creation FROM `tab{DOCTYPE}`
			WHERE message_id = %(message_id)s AND session = %(session)s AND status = 'Waiting'
			"""
		)
	if limit:
		parts.append(
			f"""
			(SELECT name, 1 AS place, creation FROM `tab{DOCTYPE}`
			WHERE status IN %(unfinished)s AND next_attempt <= %(now)s
			ORDER BY creation LIMIT {int(limit)})
			"""
		)
	if not parts:
		return [], []
	rows = frappe.db.sql(
		" UNION ALL ".join(parts),
		{"session": session, "message_id": message_id, "unfinished": UNFINISHED, "now": times.now()},
	)
	in_order = sorted(rows, key=lambda row: row[2])
	waiting, due = ([name for name, group, _creation in in_order if group == place] for place in (0, 1))
	return waiting, [name for name in due if name not in waiting]


def release_waiting(session_id: str, hub_id: int | None = None) -> None:
	"""What waited for this session, by its id or its number at the Hub, is due now."""
	named = [session_id, str(hub_id)] if hub_id else [session_id]
	_make_due(
		frappe.get_all(
			DOCTYPE,
			{"status": "Waiting", "session": ("is", "not set"), "session_id": ("in", named)},
			pluck="name",
		)
	)


def release_known(session: str) -> None:
	"""What waited for messages of this session that are stored by now is due now. The caller commits.

	A sync stores messages in bulk, for which nobody looks whether something waits for them.
	"""
	waiting = frappe.get_all(
		DOCTYPE,
		filters={"status": "Waiting", "session": session, "message_id": ("is", "set")},
		fields=["name", "message_id"],
	)
	for start in range(0, len(waiting), ROWS_AT_ONCE):
		hashes = {
			row.name: key_hash(session, row.message_id) for row in waiting[start : start + ROWS_AT_ONCE]
		}
		stored = bulk.rows_by_key("WhatsApp Message", list(hashes.values()), ())
		names = [name for name, hash_ in hashes.items() if hash_ in stored]
		_make_due(names)


def release(names: Sequence[str]) -> list[str]:
	"""Make events due now because a person wants so; one that was given up gets all its attempts again.

	Args:
		names: of any events.

	Returns:
		Names of those that can be tried again, the oldest first. The caller commits.
	"""
	again = frappe.get_all(
		DOCTYPE,
		filters={"name": ("in", names), "status": ("in", (*UNFINISHED, "Dead", "Ignored"))},
		order_by="creation asc",
		pluck="name",
	)
	if again:
		event = frappe.qb.DocType(DOCTYPE)
		frappe.qb.update(event).set(event.status, "Failed").set(event.attempts, 0).set(
			event.next_attempt, times.now()
		).where(event.name.isin(again)).run()
	return again


def waited_too_long(event: frappe._dict) -> bool:
	"""Whether what the event waits for will hardly come any more."""
	return times.now() - event.creation >= WAIT_AT_MOST


def _make_due(names: Sequence[str]) -> None:
	"""Waiting events are due now. One that is being processed at this moment is left alone: it may wait for a row that the
	caller has locked, and the caller must not wait for it. It is looked at again by itself."""
	if not names:
		return
	rows = frappe.db.sql(
		f"SELECT name, status FROM `tab{DOCTYPE}` WHERE name IN %(names)s FOR UPDATE SKIP LOCKED",
		{"names": tuple(names)},
	)
	if free := [name for name, status in rows if status == "Waiting"]:
		frappe.db.sql(
			f"UPDATE `tab{DOCTYPE}` SET next_attempt = %(now)s WHERE name IN %(names)s",
			{"now": times.now(), "names": tuple(free)},
		)


def _shortened(error: str) -> str:
	"""Of a long error the first line, which names the app or says what is wrong, and the end, where it was raised."""
	if len(error) <= ERROR_LENGTH:
		return error
	beginning = error.partition("\n")[0][:FIRST_LINE_LENGTH] + "\n[…]\n"
	return beginning + error[len(beginning) - ERROR_LENGTH :]


def _update(row: frappe._dict, values: dict[str, Any]) -> None:
	"""UPDATE an event. A new one only if nobody else has taken it up: a request that took longer than a minute."""
	values = {**values, "modified": times.now(), "modified_by": frappe.session.user}
	condition = " AND status = 'Received'" if row.is_new else ""
	frappe.db.sql(
		f"UPDATE `tab{DOCTYPE}` SET {', '.join(f'`{column}` = %s' for column in values)} WHERE name = %s{condition}",
		[*values.values(), row.name],
	)


def _newest(column: str, key: str | None) -> frappe._dict | None:
	"""The event with this key that was stored last."""
	fields = ["name", "body", "creation"]
	rows = frappe.get_all(DOCTYPE, {column: key}, fields, order_by="creation desc", limit=1)
	return rows[0] if rows else None


def _may_repeat(event: records.Event) -> bool:
	"""Whether the same bytes can be a new event: with neither an id nor a time of its own, they can."""
	about_an_object = event.name.startswith(("session.", "contact.", "chat."))
	return about_an_object and not event.message_id and event.timestamp_ms is None


def _object_key(event: records.Event) -> str | None:
	"""The chat, contact or session that an event without an id speaks of."""
	if not event.name.startswith(("session.", "contact.", "chat.")):
		return None
	payload = event.payload
	if isinstance(payload, records.ChatFlag):
		about = payload.chat_jid
	elif isinstance(payload, records.Contact):
		about = payload.jid
	else:
		about = ""
	return key_hash(event.session_id, event.name.partition(".")[0], about)
