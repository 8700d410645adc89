"""Chats of the Hub, into WhatsApp Conversation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import frappe

from xappiens_whatsapp import realtime
from xappiens_whatsapp.inbox_hub import clock, jids, records
from xappiens_whatsapp.store import bulk, documents, times
from xappiens_whatsapp.store.contacts import placeholder_name
from xappiens_whatsapp.store.keys import key_hash, name_of

DOCTYPE = "WhatsApp Conversation"
PREVIEW_LENGTH = 500
ROWS_AT_ONCE = 500
FLAGS = {
	"is_archived": "is_archived",
	"is_pinned": "is_pinned",
	"is_muted": "is_muted",
	"is_read_only": "is_read_only",
}
COLUMNS = (
	"contact_name",
	"phone_number",
	"chat_id",
	"mute_expiration",
	"first_message_time",
	"last_message",
	"last_message_time",
	"last_message_from_me",
	"last_message_timestamp_ms",
	"flag_timestamp_ms",
	"hub_last_message_ms",
	"unread_count",
	"unread_counted_until_ms",
	"status",
	*FLAGS,
)


def upsert(
	session: str,
	chats: Sequence[records.Chat],
	*,
	is_first_sync: bool,
	fetched_at_ms: int | None = None,
) -> bulk.Counts:
	"""Store a page of chats: one SELECT, one INSERT of the new, one UPDATE of the changed.

	Stories, broadcasts and newsletters are processed but make no conversation.

	Args:
		session: the session's name.
		chats: the page, in the Hub's order; of one JID the last counts.
		is_first_sync: take the Hub's unread count, which counts the messages up to the chat's last one. Later the counts
			move with the messages, and what a sync finds missing is counted when its message is stored.
		fetched_at_ms: when the page was asked for, by default now: what was heard later of a flag is kept.

	Returns:
		How many were processed, created and updated.
	"""
	said_at = fetched_at_ms or clock.now_ms()
	by_hash = {key_hash(session, chat.jid): chat for chat in chats if has_conversation(chat.jid)}
	stored = bulk.rows_by_key(DOCTYPE, list(by_hash), COLUMNS)
	new = [
		_new_row(session, hash_, chat, is_first_sync)
		for hash_, chat in by_hash.items()
		if hash_ not in stored
	]
	changes = bulk.locked_changes(
		DOCTYPE, stored, COLUMNS, lambda row: _changes(row, by_hash[row.key_hash], said_at, is_first_sync)
	)
	bulk.insert_rows(DOCTYPE, new)
	bulk.update_rows(DOCTYPE, changes)
	return bulk.Counts(processed=len(chats), created=len(new), updated=len(changes))


def ensure(session: str, chat_jids: Iterable[str]) -> dict[str, frappe._dict]:
	"""The conversations of these chats; those that are missing are created from the JID alone.

	Args:
		session: the session's name.
		chat_jids: in normal form, all of a kind that has conversations.

	Returns:
		JID to a row with name, contact, is_group.
	"""
	by_hash = {key_hash(session, jid): jid for jid in chat_jids}
	stored = bulk.rows_by_key(DOCTYPE, list(by_hash), ("contact", "is_group"))
	new = [
		_new_row(
			session,
			hash_,
			records.Chat(jid=jid, phone_number=jids.phone_of(jid), is_group=jids.is_group(jid)),
			False,
		)
		for hash_, jid in by_hash.items()
		if hash_ not in stored
	]
	bulk.insert_rows(DOCTYPE, new)
	found = {by_hash[hash_]: row for hash_, row in stored.items()}
	found.update(
		{
			row["chat_id"]: frappe._dict(name=row["name"], contact=None, is_group=row["is_group"])
			for row in new
		}
	)
	return found


def find_or_create(
	session: str, jid: str, contact: str | None, name: str = "", *, hooks: documents.Hooks | None = None
) -> str:
	"""The conversation of a live message; created if it is new.

	Args:
		session: the session's name.
		jid: of the chat, in normal form.
		contact: the WhatsApp Contact to link.
		name: what to call a new one, "" if unknown.
		hooks: of other apps, whether they run for a new one; by default they do.

	Returns:
		The name of the conversation.
	"""
	hash_ = key_hash(session, jid)
	row = bulk.rows_by_key(DOCTYPE, [hash_], ("contact",)).get(hash_)
	if row:
		if contact and not row.contact:
			frappe.db.set_value(DOCTYPE, row.name, "contact", contact)
		return row.name
	chat = records.Chat(jid=jid, phone_number=jids.phone_of(jid), name=name, is_group=jids.is_group(jid))
	new = {**_new_row(session, hash_, chat, False), "contact": contact}
	documents.insert(DOCTYPE, new, hooks)
	realtime.conversation(session, new["name"])
	return new["name"]


def record_message(
	conversation: str, *, text: str, timestamp_ms: int, from_me: bool, is_unread: bool
) -> None:
	"""Move the conversation's last message and unread count by one message, in one atomic UPDATE.

	Args:
		conversation: its name.
		text: what the list of conversations shows.
		timestamp_ms: of the message; an older one than the last leaves the preview.
		from_me: whether it is one's own.
		is_unread: whether it counts as unread.
	"""
	frappe.db.sql(
		"""
		UPDATE `tabWhatsApp Conversation` SET
			unread_count = unread_count + IF(%(ms)s > unread_counted_until_ms, %(unread)s, 0),
			total_messages = total_messages + 1,
			last_message = IF(%(ms)s >= last_message_timestamp_ms, %(text)s, last_message),
			last_message_time = IF(%(ms)s >= last_message_timestamp_ms, %(time)s, last_message_time),
			last_message_from_me = IF(%(ms)s >= last_message_timestamp_ms, %(from_me)s, last_message_from_me),
			last_message_timestamp_ms = GREATEST(last_message_timestamp_ms, %(ms)s),
			modified = %(now)s
		WHERE name = %(name)s
		""",
		{
			"name": conversation,
			"unread": int(is_unread),
			"ms": timestamp_ms,
			"text": text[:PREVIEW_LENGTH],
			"time": times.site_datetime(timestamp_ms),
			"from_me": int(from_me),
			"now": times.now(),
		},
	)


def change_preview(conversation: str, *, timestamp_ms: int, before: str, after: str) -> None:
	"""Show what a message says now, if the conversation shows it as its last one.

	Args:
		conversation: its name, locked.
		timestamp_ms: of the message.
		before, after: what the list of conversations showed of it, and is to show.
	"""
	last = frappe.db.get_value(
		DOCTYPE,
		conversation,
		["last_message", "last_message_timestamp_ms"],
		as_dict=True,
		for_update=True,  # it is locked, but a plain read would tell how it was before that
	)
	if (last.last_message_timestamp_ms, last.last_message or "") == (timestamp_ms, before[:PREVIEW_LENGTH]):
		frappe.db.set_value(DOCTYPE, conversation, "last_message", after[:PREVIEW_LENGTH])


def lock(conversation: str) -> None:
	"""Lock the conversation's row until the commit: before any of its messages is locked."""
	frappe.db.get_value(DOCTYPE, conversation, "name", for_update=True)


def forget_message(conversation: str) -> None:
	"""One message fewer: the echo of an own message turned out to be that message."""
	frappe.db.sql(
		"UPDATE `tabWhatsApp Conversation` SET total_messages = GREATEST(total_messages - 1, 0) WHERE name = %s",
		conversation,
	)


def recount(session: str, conversation: str | None = None) -> None:
	"""Correct each conversation's number of messages and the time of its first one, as aggregates say.

	Args:
		session: the session's name.
		conversation: the name of the only one to correct.

	The messages are read without locks, and the number is moved by what it is wrong by: messages that come meanwhile
	are counted by `record_message`, and neither waits for the other.
	"""
	wrong = frappe.db.sql(
		"""
		SELECT
			conversation.name,
			COUNT(*) - conversation.total_messages AS missing,
			MIN(message.timestamp) AS first_time,
			conversation.first_message_time AS known_first_time
		FROM `tabWhatsApp Conversation` conversation
		JOIN `tabWhatsApp Message` message ON message.conversation = conversation.name
		WHERE conversation.session = %(session)s AND (%(only)s IS NULL OR conversation.name = %(only)s)
		GROUP BY conversation.name
		HAVING missing != 0 OR NOT known_first_time <=> first_time
		""",
		{"session": session, "only": conversation},
		as_dict=True,
	)
	for start in range(0, len(wrong), ROWS_AT_ONCE):
		rows = wrong[start : start + ROWS_AT_ONCE]
		whens = " ".join(["WHEN %s THEN %s"] * len(rows))
		frappe.db.sql(
			f"""
			UPDATE `tabWhatsApp Conversation` SET
				total_messages = GREATEST(CAST(total_messages AS SIGNED) + CASE name {whens} END, 0),
				first_message_time = CASE name {whens} END
			WHERE name IN ({", ".join(["%s"] * len(rows))})
			""",
			[
				*(value for row in rows for value in (row.name, row.missing)),
				*(value for row in rows for value in (row.name, row.first_time)),
				*(row.name for row in rows),
			],
		)


def mark_read(session: str, conversation: str) -> None:
	"""Nothing is unread in this conversation any more."""
	frappe.db.set_value(DOCTYPE, conversation, "unread_count", 0)
	realtime.conversation(session, conversation)


def apply_flag(session: str, flag: records.ChatFlag, *, hooks: documents.Hooks | None = None) -> str | None:
	"""Archive a conversation or take it out, unless something later is known. It is created if it is new.

	Args:
		session: the session's name.
		flag: as it came.
		hooks: of other apps, whether they run for a new conversation; by default they do.

	Returns:
		The name of the conversation; None for stories, broadcasts and newsletters, which have none.
	"""
	if not has_conversation(flag.chat_jid):
		return None
	name = find_or_create(session, flag.chat_jid, None, hooks=hooks)
	known = frappe.db.get_value(DOCTYPE, name, "flag_timestamp_ms", for_update=True)
	if not flag.timestamp_ms or flag.timestamp_ms >= known:
		frappe.db.set_value(
			DOCTYPE,
			name,
			{**_archive_columns(flag.is_archived), "flag_timestamp_ms": flag.timestamp_ms or known},
		)
		realtime.conversation(session, name)
	return name


def has_conversation(jid: str) -> bool:
	"""Whether a chat with this JID makes a conversation: people and groups do."""
	return not (jids.is_broadcast(jid) or jids.is_status(jid) or jids.is_newsletter(jid))


def _archive_columns(is_archived: bool) -> dict[str, Any]:
	return {"is_archived": int(is_archived), "status": "Archived" if is_archived else "Active"}


def _last_message_columns(last: records.LastMessage) -> dict[str, Any]:
	return {
		"last_message": last.text[:PREVIEW_LENGTH],
		"last_message_time": times.site_datetime(last.timestamp_ms),
		"last_message_from_me": int(bool(last.from_me)),
		"last_message_timestamp_ms": last.timestamp_ms or 0,
	}


def _unread_columns(chat: records.Chat) -> dict[str, Any]:
	"""The Hub's count, and up to which message it counts. (Many of its times have no milliseconds.)"""
	last_ms = (chat.last_message.timestamp_ms or 0) if chat.last_message else 0
	if chat.unread_count is None:
		last_ms = 0  # nothing is counted
	return {
		"unread_count": chat.unread_count or 0,
		"unread_counted_until_ms": last_ms if last_ms % 1000 or not last_ms else last_ms + 999,
	}


def _new_row(session: str, hash_: str, chat: records.Chat, take_unread: bool) -> dict[str, Any]:
	return {
		"name": name_of(hash_),
		"key_hash": hash_,
		"session": session,
		"chat_id": chat.jid,
		"contact_name": chat.name or placeholder_name(chat.jid, chat.phone_number),
		"phone_number": chat.phone_number,
		"is_group": int(chat.is_group),
		**(_unread_columns(chat) if take_unread else _unread_columns(records.Chat(chat.jid))),
		"mute_expiration": times.site_datetime(chat.mute_expiration_ms),
		"first_message_time": times.site_datetime(chat.first_message_ms),
		"last_synced_at": times.now(),
		"flag_timestamp_ms": 0,
		"hub_last_message_ms": (chat.last_message.timestamp_ms or 0) if chat.last_message else 0,
		**{column: int(bool(getattr(chat, attribute))) for column, attribute in FLAGS.items()},
		**_archive_columns(bool(chat.is_archived)),
		**_last_message_columns(chat.last_message or records.LastMessage("")),
	}


def _changes(row: frappe._dict, chat: records.Chat, said_at_ms: int, is_first_sync: bool) -> dict[str, Any]:
	"""Columns of a stored conversation that are to change, with their new values.

	A page of a list speaks of the moment when it was asked for: an event that came since knows better.
	"""
	new: dict[str, Any] = {}
	counted = _unread_columns(chat)
	if is_first_sync and not row.unread_counted_until_ms and row.unread_count <= counted["unread_count"]:
		new.update(counted)  # a message that came before its chat was listed made the conversation
	if chat.name:
		new["contact_name"] = chat.name
	if chat.phone_number:
		new["phone_number"] = chat.phone_number
	for column, attribute in FLAGS.items():
		if column != "is_archived" and (said := getattr(chat, attribute)) is not None:
			new[column] = int(said)
	if chat.is_archived is not None and said_at_ms >= row.flag_timestamp_ms:
		new.update(_archive_columns(chat.is_archived))
		if int(chat.is_archived) != row.is_archived:
			new["flag_timestamp_ms"] = said_at_ms
	if chat.mute_expiration_ms:
		new["mute_expiration"] = times.site_datetime(chat.mute_expiration_ms)
	last = chat.last_message
	if last and last.timestamp_ms and last.timestamp_ms > row.last_message_timestamp_ms:
		new.update(_last_message_columns(last))
	if last and last.timestamp_ms and last.timestamp_ms > row.hub_last_message_ms:
		new["hub_last_message_ms"] = last.timestamp_ms
	changes = {column: value for column, value in new.items() if value != row[column]}
	if changes:
		changes["last_synced_at"] = times.now()
	return changes
