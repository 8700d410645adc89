"""Messages of the Hub, into WhatsApp Message: a page of a sync, or one that is live.

A row is identified by (session, WhatsApp's message id). Whatever comes first makes it; what comes later adds what it knows
and never takes a status down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import frappe

from xappiens_whatsapp import realtime
from xappiens_whatsapp.inbox_hub import clock, jids, records
from xappiens_whatsapp.store import (
	bulk,
	contacts,
	conversations,
	documents,
	message_rows,
	sessions,
	statuses,
	times,
)
from xappiens_whatsapp.store.keys import key_hash, name_of
from xappiens_whatsapp.store.message_rows import (
	COLUMNS,
	LISTED_COLUMNS,
	OUTGOING,
	message_id_of,
	message_row,
	preview,
	row_preview,
)

DOCTYPE = "WhatsApp Message"
MADE_ID = "NOID-"  # how ids begin that this app made, since the Hub gave none
# Our own messages that have left, or may have, and are known by no id. Their echo comes soon after they were claimed: what
# is written later, even with the same words, is another message. (The Hub's clock may differ from ours.)
UNIDENTIFIED = ("Sending", "Unconfirmed", "Sent")
ECHO_WITHIN = timedelta(minutes=30)


@dataclass(slots=True)
class Page:
	"""A page of a sync, compared with what is stored. `late` are live messages that nobody told of in time."""

	counts: bulk.Counts
	new: list[records.Message] = field(default_factory=list)
	late: list[records.Message] = field(default_factory=list)
	known: dict[str, records.Message] = field(default_factory=dict)  # by the name of its row
	stored: dict[str, frappe._dict] = field(default_factory=dict)  # by name


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
	# Few columns: of a page of known messages most of the time goes into reading the rows. `store_page` reads all of those
	# that change.
	stored = bulk.rows_by_key(DOCTYPE, list(by_hash), LISTED_COLUMNS)
	strangers = [message for hash_, message in by_hash.items() if hash_ not in stored]
	same = _rows_under_another_id(session, strangers, set(stored))
	unidentified = _unidentified(session) if any(message.from_me for message in strangers) else []
	for hash_, message in by_hash.items():
		if row := stored.get(hash_) or same.get(id(message)):
			page.known[row.name], page.stored[row.name] = message, row
		elif message.from_me and any(_may_be_echo(own, message) for own in unidentified):
			page.late.append(message)  # `receive` finds the message of ours that this is
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
	# Locks first: what is inserted holds its place in the index of keys, which `take_id` may need for a row that it holds.
	changes = bulk.locked_changes(
		DOCTYPE, page.stored, COLUMNS, lambda row: _all_changes(session, row, page.known[row.name])
	)
	bulk.insert_rows(DOCTYPE, rows)
	bulk.update_rows(DOCTYPE, changes)
	page.counts.created += len(rows)
	page.counts.updated += len(changes)
	return page.counts


def receive(
	session: str, message: records.Message, *, hooks: documents.Hooks | None = None
) -> Received | None:
	"""Store one live message with its contact and conversation, or add what it says to the row that is there.

	Args:
		session: the session's name.
		message: incoming, or written on the phone, or the echo of one of our own.
		hooks: whether what is new is inserted as documents, so that notifications, assignment rules and other apps'
			hooks run; by default it is.

	Returns:
		The message's row; None for stories and broadcasts, which are not stored.
	"""
	if not message.has_conversation:
		return None
	message_id = message_id_of(session, message)
	hash_ = key_hash(session, message_id)
	known = _look_up(session, message, hash_)
	if known.message:
		_add_to(session, known.message, known.message_conversation, message)
		return Received(known.message, known.message_conversation, is_new=False)

	is_group = jids.is_group(message.chat_jid)
	name_of_chat = "" if message.from_me or is_group else message.push_name
	contact = None if is_group else known.contact
	if not is_group and not known.contact_is_up_to_date(name_of_chat):
		contact = contacts.find_or_create(session, message.chat_jid, name_of_chat, hooks=hooks)
	conversation = known.conversation
	if not conversation or (contact and known.conversation_contact is None):
		conversation = conversations.find_or_create(
			session, message.chat_jid, contact, name_of_chat, hooks=hooks
		)
	if message.from_me and (own := _claimed_without_id(session, conversation, message)):
		take_id(own, session, message_id, message)
		return Received(own, conversation, is_new=False)

	row = message_row(session, conversation, contact, message, _quoted(session, [message]))
	count_and_show = partial(_count_and_show, row, preview(message))
	documents.insert(DOCTYPE, row, hooks, together_with=count_and_show, flags={"told_by_hub": row})
	return Received(row["name"], conversation, is_new=True)


def _count_and_show(row: dict[str, Any], shown: str) -> None:
	"""A message is stored: its conversation counts it and begins with `shown`, and open pages hear of both."""
	conversations.record_message(
		row["conversation"],
		text=shown,
		timestamp_ms=row["timestamp_ms"],
		from_me=bool(row["from_me"]),
		is_unread=not row["from_me"],
	)
	realtime.message(row["session"], row["conversation"], row["name"], row["direction"])
	realtime.conversation(row["session"], row["conversation"])


def chat_of(session: str, message_id: str) -> str | None:
	"""The JID of the chat that a stored message belongs to; None if the message is not known (yet)."""
	conversation = frappe.db.get_value(DOCTYPE, {"key_hash": key_hash(session, message_id)}, "conversation")
	return conversation and frappe.db.get_value(conversations.DOCTYPE, conversation, "chat_id")


def take_id(name: str, session: str, message_id: str, sent: records.Message | records.SentMessage) -> None:
	"""Give one of our own messages the id that WhatsApp gave it. If its echo made a row already, that row goes.

	Args:
		name: of our message.
		session: the session's name.
		message_id: WhatsApp's.
		sent: the Hub's answer or the echo: status, time, the Hub's own id.
	"""
	hash_ = key_hash(session, message_id)
	found = bulk.rows_by_key(DOCTYPE, [hash_], ()).get(hash_)
	if found and found.name != name:
		# One at a time: a key that goes from row to row within a transaction needs its place in the index and the next one,
		# and two that are neighbours would wait for each other.
		sessions.lock(session)
	conversations.lock(frappe.db.get_value(DOCTYPE, name, "conversation"))
	# As they are now: a receipt for the echo may have come while we waited for the conversation.
	rows = bulk.locked_rows(DOCTYPE, {name, found.name if found else name}, COLUMNS)
	own = rows.pop(name)
	echo = next(iter(rows.values()), None)
	changes = message_rows.status_changes(own, sent.status or "Sent", sent.timestamp_ms or clock.now_ms(), "")
	if own.key_hash != hash_:
		if echo:
			changes["status"] = statuses.merged(changes.get("status", own.status), echo.status)
			changes.update({column: echo[column] for column in statuses.REACHED_AT.values() if echo[column]})
			for answer in frappe.get_all(
				DOCTYPE, {"conversation": own.conversation, "quoted_message": echo.name}, pluck="name"
			):
				frappe.db.set_value(DOCTYPE, answer, "quoted_message", name, update_modified=False)
			frappe.db.delete(DOCTYPE, {"name": echo.name})
			conversations.forget_message(own.conversation)
		changes.update(message_id=message_id, key_hash=hash_)
	if sent.hub_id:
		changes["hub_message_id"] = sent.hub_id
	frappe.db.set_value(DOCTYPE, name, changes)
	if echo:
		_move_reactions(echo.name, name)
	realtime.message_status(session, own.conversation, name, changes.get("status", own.status))


def _move_reactions(before: str, after: str) -> None:
	"""Reactions come after messages in the order of locks. Who adds one has locked its message: none is added now."""
	frappe.db.sql("UPDATE `tabWhatsApp Message Reaction` SET parent = %s WHERE parent = %s", (after, before))


@dataclass(frozen=True, slots=True)
class _Known:
	"""What is stored already of a live message, its contact and its chat. None is what is not there."""

	message: str | None
	message_conversation: str | None
	contact: str | None
	contact_pushname: str | None
	conversation: str | None
	conversation_contact: str | None

	def contact_is_up_to_date(self, push_name: str) -> bool:
		"""Whether a message that names its sender so has nothing to add to the contact."""
		return bool(self.contact and push_name in ("", self.contact_pushname))


def _look_up(session: str, message: records.Message, hash_: str) -> _Known:
	"""One SELECT for all that a live message touches.

	Args:
		session: the session's name.
		message: the record.
		hash_: its `key_hash`.
	"""
	rows = frappe.db.sql(
		"""
		SELECT
			COALESCE(message.name, listed.name), COALESCE(message.conversation, listed.conversation),
			contact.name, contact.pushname, chat.name, chat.contact
		FROM (SELECT 1) AS here
		LEFT JOIN `tabWhatsApp Message` message ON message.key_hash = %(key)s
		LEFT JOIN `tabWhatsApp Message` listed ON listed.session = %(session)s AND listed.content_hash = %(content)s
			AND (listed.message_id LIKE %(no_id)s OR NOT %(has_id)s)
			AND (listed.hub_message_id IN (0, %(hub_id)s) OR NOT %(hub_id)s)
			AND (IFNULL(listed.participant, '') IN ('', %(participant)s) OR %(participant)s = '')
		LEFT JOIN `tabWhatsApp Contact` contact ON contact.key_hash = %(chat)s
		LEFT JOIN `tabWhatsApp Conversation` chat ON chat.key_hash = %(chat)s
		ORDER BY listed.creation LIMIT 1
		""",
		{
			"key": hash_,
			"session": session,
			# It may have come before without WhatsApp's id, or come now without the one that it came with before. (Its id of
			# the content would not do: a row that took WhatsApp's id keeps the name that was made of the other one.)
			"content": message_rows.content_hash(session, message),
			"no_id": f"{MADE_ID}%",
			"has_id": bool(message.message_id),
			"hub_id": message.hub_id or 0,
			"participant": message_rows.participant_of(message),
			"chat": key_hash(session, message.chat_jid),
		},
	)
	return _Known(*rows[0])


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


def _add_to(session: str, name: str, conversation: str, message: records.Message) -> None:
	"""What a repeated message says beyond what is stored; read again under a lock, since receipts come at any time."""
	if message.is_edited or message.is_deleted:
		conversations.lock(conversation)
	row = frappe.db.get_value(DOCTYPE, name, (*COLUMNS, "timestamp_ms"), as_dict=True, for_update=True)
	changes = _all_changes(session, row, message)
	if not changes:
		return
	frappe.db.set_value(DOCTYPE, name, changes)
	if (message.is_edited or message.is_deleted) and changes.keys() & {"content", "is_edited", "is_deleted"}:
		before, after = row_preview(row), row_preview({**row, **changes})
		conversations.change_preview(conversation, timestamp_ms=row.timestamp_ms, before=before, after=after)
		realtime.conversation(session, conversation)
	if set(changes) <= {"status", *statuses.REACHED_AT.values()}:
		realtime.message_status(session, row.conversation, name, changes.get("status", row.status))
	else:
		realtime.message(session, row.conversation, name, row.direction)


def _rows_under_another_id(
	session: str, messages: Sequence[records.Message], taken: set[str]
) -> dict[int, frappe._dict]:
	"""The stored rows of messages that are not found by their key: one of the two came without WhatsApp's id.

	Args:
		session: the session's name.
		messages: of a page, none of them stored under its key.
		taken: `key_hash` of the rows that other messages of the page were found by.

	Returns:
		`id()` of the record to its row. A row is given to one message only: who writes "👍" twice in a second, has two.
	"""
	if not messages:
		return {}
	contents = {id(message): message_rows.content_hash(session, message) for message in messages}
	rows = frappe.db.sql(
		f"""
		SELECT name, key_hash, content_hash, participant, {", ".join(f"`{column}`" for column in COLUMNS)}
		FROM `tabWhatsApp Message`
		WHERE session = %(session)s AND (content_hash IN %(contents)s OR hub_message_id IN %(hub_ids)s)
		ORDER BY creation, name
		""",
		{
			"session": session,
			"contents": list(contents.values()),
			"hub_ids": [message.hub_id for message in messages if message.hub_id] or [-1],
		},
		as_dict=True,
	)
	free = [row for row in rows if row.key_hash not in taken]
	found: dict[int, frappe._dict] = {}
	for message in messages:

		def is_same(row: frappe._dict, message: records.Message = message) -> bool:
			if message.message_id and not _has_made_id(row):
				return False  # both have an id, and not the same
			if message.hub_id and row.hub_message_id:
				return message.hub_id == row.hub_message_id
			participant = message_rows.participant_of(message)
			if participant and row.participant and participant != row.participant:
				return False
			return row.content_hash == contents[id(message)]

		if row := next(filter(is_same, free), None):
			free.remove(row)
			found[id(message)] = row
	return found


def _unidentified(session: str, **filters: str) -> list[frappe._dict]:
	"""Our own messages that have left, or may have, but whose id is not known; the oldest first."""
	return frappe.get_all(
		DOCTYPE,
		{
			"session": session,
			"direction": OUTGOING,
			"status": ("in", UNIDENTIFIED),
			"message_id": ("is", "not set"),
			**filters,
		},
		["name", "content", "status", "claimed_at"],
		order_by="creation asc",
	)


def _may_be_echo(own: frappe._dict, message: records.Message) -> bool:
	"""Whether a message may be the echo of one of ours without an id.

	The texts are compared here: to the database "Sí" and "si", or two emoji, are the same.
	"""
	if own.content.strip() != message.text.strip():
		return False
	written_at = times.site_datetime(message.timestamp_ms)
	if not own.claimed_at or not written_at:
		return own.status != "Sent"
	return abs(written_at - own.claimed_at) <= ECHO_WITHIN


def _all_changes(session: str, row: frappe._dict, message: records.Message) -> dict[str, Any]:
	"""What a message says beyond its stored row, WhatsApp's id included if the row had to do without."""
	changes = message_rows.changes(row, message)
	if message.message_id and _has_made_id(row):
		changes.update(message_id=message.message_id, key_hash=key_hash(session, message.message_id))
	return changes


def _has_made_id(row: frappe._dict) -> bool:
	return (row.message_id or "").startswith(MADE_ID)


def _claimed_without_id(session: str, conversation: str, message: records.Message) -> str | None:
	"""Our own message of which this is the echo: sent or being sent, with the same text, whose id is not known yet. It and its
	conversation are locked then."""
	candidates = [
		own.name for own in _unidentified(session, conversation=conversation) if _may_be_echo(own, message)
	]
	if candidates:
		conversations.lock(conversation)
	for own in candidates:
		if not frappe.db.get_value(DOCTYPE, own, "message_id", for_update=True):
			return own
	return None
