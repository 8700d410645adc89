"""Messages of the Hub, into WhatsApp Message: a page of a sync, or one that is live.

A row is identified by (session, WhatsApp's message id). Whatever comes first makes it; what comes later adds what it knows
and never takes a status down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import frappe

from xappiens_whatsapp import realtime
from xappiens_whatsapp.inbox_hub import clock, jids, records
from xappiens_whatsapp.inbox_hub.payloads import stable_message_id
from xappiens_whatsapp.store import bulk, contacts, conversations, statuses, times
from xappiens_whatsapp.store.keys import key_hash, name_of

DOCTYPE = "WhatsApp Message"
INCOMING, OUTGOING = "Incoming", "Outgoing"
COLUMNS = (
	"conversation",
	"direction",
	"status",
	"content",
	"message_type",
	"error_message",
	"sent_at",
	"delivered_at",
	"read_at",
	"hub_message_id",
	"is_edited",
	"is_deleted",
	"is_starred",
	"has_media",
	"media_url",
)


@dataclass(slots=True)
class Page:
	"""A page of a sync, compared with what is stored. `late` are live messages that nobody told of in time."""

	counts: bulk.Counts
	new: list[records.Message] = field(default_factory=list)
	late: list[records.Message] = field(default_factory=list)
	known: dict[str, records.Message] = field(default_factory=dict)  # key_hash to message
	stored: dict[str, frappe._dict] = field(default_factory=dict)  # key_hash to row


@dataclass(frozen=True, slots=True)
class Received:
	name: str
	conversation: str
	is_new: bool


def compare(session: str, messages: Sequence[records.Message], history_until_ms: int) -> Page:
	"""What a page of a sync brings: nothing is written.

	Args:
		session: the session's name.
		messages: the page; stories and broadcasts are processed but not stored.
		history_until_ms: what is older was there before the session's first sync. Newer incoming messages are late.

	Returns:
		What is new, what is late, and what is known already.
	"""
	page = Page(bulk.Counts(processed=len(messages)))
	by_hash = {
		key_hash(session, message_id_of(session, message)): message
		for message in messages
		if message.has_conversation
	}
	stored = bulk.rows_by_key(DOCTYPE, list(by_hash), COLUMNS)
	for hash_, message in by_hash.items():
		if row := stored.get(hash_):
			page.known[hash_], page.stored[hash_] = message, row
		elif not message.from_me and (message.timestamp_ms or 0) > history_until_ms:
			page.late.append(message)
		else:
			page.new.append(message)
	return page


def store_page(session: str, page: Page, history_until_ms: int) -> bulk.Counts:
	"""Write what `compare` found new and changed: one INSERT, one UPDATE, no hooks. Late messages are not written here.

	Args:
		session: the session's name.
		page: of `compare`, in the same transaction.
		history_until_ms: as given to `compare`.

	Returns:
		How many were processed, created and updated.
	"""
	chats = conversations.ensure(session, {message.chat_jid for message in page.new})
	quoted = _quoted(session, page.new)
	rows = []
	for message in page.new:
		chat = chats[message.chat_jid]
		row = message_row(session, chat.name, None if chat.is_group else chat.contact, message, quoted)
		row["is_history"] = int((message.timestamp_ms or 0) <= history_until_ms)
		rows.append(row)
	bulk.insert_rows(DOCTYPE, rows)
	changes = bulk.locked_changes(
		DOCTYPE, page.stored, COLUMNS, lambda row: _changes(row, page.known[row.key_hash])
	)
	bulk.update_rows(DOCTYPE, changes)
	page.counts.created += len(rows)
	page.counts.updated += len(changes)
	return page.counts


def receive(session: str, message: records.Message, *, run_hooks: bool = True) -> Received | None:
	"""Store one live message with its contact and conversation, or add what it says to the row that is there.

	Args:
		session: the session's name.
		message: incoming, or written on the phone, or the echo of one of our own.
		run_hooks: insert as a document, so that notifications, assignment rules and other apps' hooks run. Without,
			the row alone is written.

	Returns:
		The message's row; None for stories and broadcasts, which are not stored.
	"""
	if not message.has_conversation:
		return None
	message_id = message_id_of(session, message)
	hash_ = key_hash(session, message_id)
	if known := bulk.rows_by_key(DOCTYPE, [hash_], COLUMNS).get(hash_):
		_add_to(session, known.name, message)
		return Received(known.name, known.conversation, is_new=False)

	is_group = jids.is_group(message.chat_jid)
	name_of_chat = "" if message.from_me or is_group else message.push_name
	contact = None if is_group else contacts.find_or_create(session, message.chat_jid, name_of_chat)
	conversation = conversations.find_or_create(session, message.chat_jid, contact, name_of_chat)
	if message.from_me and (own := _claimed_without_id(conversation, message.text)):
		take_id(own, session, message_id, message)
		return Received(own, conversation, is_new=False)

	row = message_row(session, conversation, contact, message, _quoted(session, [message]))
	conversations.record_message(
		conversation,
		text=preview(message),
		timestamp_ms=row["timestamp_ms"],
		from_me=message.from_me,
		is_unread=not message.from_me,
	)
	if run_hooks:
		frappe.get_doc({"doctype": DOCTYPE, **row}).insert(ignore_permissions=True)
	else:
		bulk.insert_rows(DOCTYPE, [row])
	realtime.message(session, conversation, row["name"], row["direction"])
	realtime.conversation(session, conversation)
	return Received(row["name"], conversation, is_new=True)


def apply_receipt(session: str, receipt: records.Receipt) -> str | None:
	"""Move a message's status up.

	Args:
		session: the session's name.
		receipt: for which message, how far, when, why it failed.

	Returns:
		The message's name; None if the message is not known (yet).
	"""
	row = frappe.db.get_value(
		DOCTYPE,
		{"key_hash": key_hash(session, receipt.message_id)},
		["name", "conversation", *COLUMNS[2:]],
		as_dict=True,
		for_update=True,
	)
	if not row:
		return None
	changes = _status_changes(row, receipt.status, receipt.timestamp_ms, receipt.error)
	if changes:
		frappe.db.set_value(DOCTYPE, row.name, changes)
		if "status" in changes:
			realtime.message_status(session, row.conversation, row.name, changes["status"])
	return row.name


def apply_reaction(session: str, reaction: records.Reaction) -> str | None:
	"""Add, change or take away somebody's emoji, unless something later is known.

	What was taken away stays as a row without emoji, so that an earlier reaction that comes late does not return.

	Returns:
		The message's name; None if the message is not known (yet).
	"""
	message = frappe.db.get_value(
		DOCTYPE,
		{"key_hash": key_hash(session, reaction.message_id)},
		["name", "conversation", "direction"],
		as_dict=True,
		for_update=True,
	)
	if not message:
		return None
	said_at = reaction.timestamp_ms or clock.now_ms()
	table = "WhatsApp Message Reaction"
	stored = frappe.db.get_value(
		table,
		{"parent": message.name, "from_jid": reaction.sender_jid},
		["name", "timestamp_ms", "emoji"],
		as_dict=True,
	)
	values = {"emoji": reaction.emoji, "reacted_at": times.site_datetime(said_at), "timestamp_ms": said_at}
	if stored and stored.timestamp_ms > said_at:
		return message.name
	if stored:
		frappe.db.set_value(table, stored.name, values)
	else:
		position = frappe.db.count(table, {"parent": message.name}) + 1
		row = {
			"name": name_of(key_hash(message.name, reaction.sender_jid)),
			"parent": message.name,
			"parenttype": DOCTYPE,
			"parentfield": "reactions",
			"from_jid": reaction.sender_jid,
			"from_me": int(reaction.from_me),
			**values,
		}
		bulk.insert_rows(table, [row])
		frappe.db.set_value(table, row["name"], "idx", position, update_modified=False)
	realtime.message(session, message.conversation, message.name, message.direction)
	return message.name


def take_id(name: str, session: str, message_id: str, sent: records.Message | records.SentMessage) -> None:
	"""Give one of our own messages the id that WhatsApp gave it. If its echo made a row already, that row goes.

	Args:
		name: of our message.
		session: the session's name.
		message_id: WhatsApp's.
		sent: the Hub's answer or the echo: status, time, the Hub's own id.
	"""
	own = frappe.db.get_value(
		DOCTYPE, name, ["key_hash", "conversation", *COLUMNS[2:]], as_dict=True, for_update=True
	)
	hash_ = key_hash(session, message_id)
	changes = _status_changes(own, sent.status or "Sent", sent.timestamp_ms, "")
	if own.key_hash != hash_:
		if echo := bulk.rows_by_key(DOCTYPE, [hash_], COLUMNS).get(hash_):
			changes["status"] = statuses.merged(changes.get("status", own.status), echo.status)
			changes.update({column: echo[column] for column in statuses.REACHED_AT.values() if echo[column]})
			frappe.db.set_value("WhatsApp Message Reaction", {"parent": echo.name}, "parent", name)
			frappe.db.delete(DOCTYPE, {"name": echo.name})
			conversations.forget_message(own.conversation)
		changes.update(message_id=message_id, key_hash=hash_)
	if sent.hub_id:
		changes["hub_message_id"] = sent.hub_id
	frappe.db.set_value(DOCTYPE, name, changes)
	realtime.message_status(session, own.conversation, name, changes.get("status", own.status))


def message_id_of(session: str, message: records.Message) -> str:
	"""WhatsApp's id; where the Hub gave none, one that the content makes and that is the same each time."""
	return message.message_id or stable_message_id(message, session)


def preview(message: records.Message) -> str:
	"""What a list of conversations shows of a message: its text, else what kind it is."""
	if message.is_deleted:
		return ""
	return message.text or (f"[{message.kind}]" if message.kind != "text" else "")


def message_row(
	session: str,
	conversation: str,
	contact: str | None,
	message: records.Message,
	quoted_names: Mapping[str, str],
) -> dict[str, Any]:
	"""All columns of a message that the Hub told of.

	Args:
		session, conversation, contact: names of the documents it belongs to.
		message: the record.
		quoted_names: message id to name, of the quoted messages that are stored.
	"""
	message_id = message_id_of(session, message)
	hash_ = key_hash(session, message_id)
	timestamp_ms = message.timestamp_ms or clock.now_ms()
	status = message.status or ("Sent" if message.from_me else "Delivered")
	sender = message.sender_jid or ("" if message.from_me else message.chat_jid)
	is_group = jids.is_group(message.chat_jid)
	media, location, quoted = message.media, message.location, message.quoted
	return {
		"name": name_of(hash_),
		"key_hash": hash_,
		"session": session,
		"conversation": conversation,
		"contact": contact,
		"message_id": message_id,
		"timestamp": times.site_datetime(timestamp_ms),
		"timestamp_ms": timestamp_ms,
		"direction": OUTGOING if message.from_me else INCOMING,
		"message_type": message.kind,
		"content": message.text,
		"status": status,
		"error_message": message.error,
		"from_me": int(message.from_me),
		"from_number": "" if message.from_me else jids.phone_of(sender),
		"to_number": jids.phone_of(message.chat_jid) if message.from_me else "",
		"participant": sender if is_group and not message.from_me else "",
		"sender_name": "" if message.from_me else message.push_name,
		"sent_at": times.site_datetime(timestamp_ms) if message.from_me and status != "Pending" else None,
		"delivered_at": None,
		"read_at": None,
		"hub_message_id": message.hub_id or 0,
		"is_history": 0,
		"is_forwarded": int(message.is_forwarded),
		"is_starred": int(message.is_starred),
		"is_edited": int(message.is_edited),
		"is_deleted": int(message.is_deleted),
		"quoted_message_id": quoted.message_id if quoted else "",
		"quoted_message": quoted_names.get(quoted.message_id) if quoted else None,
		"quoted_message_content": quoted.text if quoted else "",
		"has_media": int(bool(media)),
		"media_type": media.kind if media else "",
		"media_mimetype": media.mimetype if media else "",
		"media_file_name": media.file_name if media else "",
		"media_size": (media.size or 0) if media else 0,
		"media_url": media.url if media else "",
		"media_state": "Remote" if media else "",
		"location_latitude": location.latitude if location else 0,
		"location_longitude": location.longitude if location else 0,
	}


def _quoted(session: str, messages: Sequence[records.Message]) -> dict[str, str]:
	"""Message id to name, of those messages that these ones quote and that are stored or are among them."""
	ids = {message.quoted.message_id for message in messages if message.quoted}
	if not ids:
		return {}
	hashes = {message_id: key_hash(session, message_id) for message_id in ids}
	stored = bulk.rows_by_key(DOCTYPE, list(hashes.values()), ())
	here = {message.message_id for message in messages}
	return {
		message_id: name_of(hash_) if message_id in here and hash_ not in stored else stored[hash_].name
		for message_id, hash_ in hashes.items()
		if hash_ in stored or message_id in here
	}


def _add_to(session: str, name: str, message: records.Message) -> None:
	"""What a repeated message says beyond what is stored; read again under a lock, since receipts come at any time."""
	row = frappe.db.get_value(DOCTYPE, name, COLUMNS, as_dict=True, for_update=True)
	changes = _changes(row, message)
	if not changes:
		return
	frappe.db.set_value(DOCTYPE, name, changes)
	if set(changes) <= {"status", *statuses.REACHED_AT.values()}:
		realtime.message_status(session, row.conversation, name, changes.get("status", row.status))
	else:
		realtime.message(session, row.conversation, name, row.direction)


def _changes(row: frappe._dict, message: records.Message) -> dict[str, Any]:
	"""Columns of a stored message that are to change, with their new values."""
	changes: dict[str, Any] = {}
	if row.direction == OUTGOING:
		changes.update(_status_changes(row, message.status, message.timestamp_ms, message.error))
	if message.hub_id and not row.hub_message_id:
		changes["hub_message_id"] = message.hub_id
	if message.is_edited and (not row.is_edited or message.text != row.content):
		changes.update(is_edited=1, content=message.text)
	elif message.text and not row.content and not row.is_deleted:
		changes["content"] = message.text
	if message.is_deleted and not row.is_deleted:
		changes["is_deleted"] = 1
	if message.is_starred and not row.is_starred:
		changes["is_starred"] = 1
	if message.media and message.media.url and not row.media_url:
		changes.update(
			has_media=1, media_url=message.media.url, media_type=message.media.kind, media_state="Remote"
		)
	return changes


def _status_changes(row: frappe._dict, status: str, timestamp_ms: int | None, error: str) -> dict[str, Any]:
	changes: dict[str, Any] = {}
	reached = times.site_datetime(timestamp_ms) or times.now()
	merged = statuses.merged(row.status, status)
	if merged != row.status:
		changes["status"] = merged
		if merged == "Failed":
			changes["error_message"] = error
		elif row.error_message:
			changes["error_message"] = ""
	column = statuses.REACHED_AT.get(status)
	if column and not row[column]:
		changes[column] = reached
	return changes


def _claimed_without_id(conversation: str, text: str) -> str | None:
	"""Our own message of which this is the echo: sent or being sent, with the same text, whose id is not known yet."""
	return frappe.db.get_value(
		DOCTYPE,
		{
			"conversation": conversation,
			"direction": OUTGOING,
			"status": ("in", ("Sending", "Unconfirmed")),
			"message_id": ("is", "not set"),
			"content": text,
		},
		"name",
		order_by="creation asc",
		for_update=True,
	)
