"""A message as a row: what the Hub says, in columns. Nothing here reads or writes the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import frappe

from xappiens_whatsapp.inbox_hub import clock, jids, records
from xappiens_whatsapp.inbox_hub.payloads import stable_message_id
from xappiens_whatsapp.store import statuses, times
from xappiens_whatsapp.store.keys import key_hash, name_of

INCOMING, OUTGOING = "Incoming", "Outgoing"
# What `changes` looks at.
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
	"failed_at",
	"hub_message_id",
	"is_edited",
	"edited_at_ms",
	"is_deleted",
	"is_starred",
	"has_media",
	"media_url",
	"message_id",
)
# What `changes` looks at where a list speaks, which never says when a status was reached.
LISTED_COLUMNS = (
	"direction",
	"status",
	"content",
	"hub_message_id",
	"is_edited",
	"edited_at_ms",
	"is_deleted",
	"is_starred",
	"media_url",
	"message_id",
)


def message_id_of(session: str, message: records.Message) -> str:
	"""WhatsApp's id; where the Hub gave none, one that the content makes and that is the same each time."""
	return message.message_id or stable_message_id(message, session)


def preview(message: records.Message) -> str:
	"""What a list of conversations shows of a message: its text, else what kind it is."""
	return _preview(message.text, message.kind, is_deleted=message.is_deleted)


def row_preview(row: Mapping[str, Any]) -> str:
	"""The same of a stored message."""
	return _preview(row["content"], row["message_type"], is_deleted=row["is_deleted"])


def _preview(text: str, kind: str, *, is_deleted: bool) -> str:
	if is_deleted:
		return ""
	return text or (f"[{kind}]" if kind != "text" else "")


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
	media, location, quoted = message.media, message.location, message.quoted
	return {
		"name": name_of(hash_),
		"key_hash": hash_,
		"session": session,
		"conversation": conversation,
		"contact": contact,
		"message_id": message_id,
		"content_hash": content_hash(session, message),
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
		"participant": participant_of(message),
		"sender_name": "" if message.from_me else message.push_name,
		"sent_at": times.site_datetime(timestamp_ms) if message.from_me and status != "Pending" else None,
		"delivered_at": None,
		"read_at": None,
		"failed_at": times.site_datetime(timestamp_ms) if message.from_me and status == "Failed" else None,
		"hub_message_id": message.hub_id or 0,
		"is_history": 0,
		"is_forwarded": int(message.is_forwarded),
		"is_starred": int(message.is_starred),
		"is_edited": int(message.is_edited),
		"edited_at_ms": message.edited_at_ms or 0,
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


def participant_of(message: records.Message) -> str:
	"""Who wrote a message of a group, "" in other chats and where it is not said."""
	return message.sender_jid if jids.is_group(message.chat_jid) and not message.from_me else ""


def content_hash(session: str, message: records.Message) -> str:
	"""What a message says, where and when, as a digest.

	Some lists of the Hub give no WhatsApp id (docs/hub.md, "Messages"). Such a row is the same message as one that came
	with its id if this is the same: to the second, since a webhook's time has no milliseconds.
	"""
	second = (message.timestamp_ms or 0) // 1000
	return key_hash(session, message.chat_jid, str(message.from_me), str(second), message.kind, message.text)


def changes(row: frappe._dict, message: records.Message) -> dict[str, Any]:
	"""Columns of a stored message that are to change, with their new values."""
	found: dict[str, Any] = {}
	if row.direction == OUTGOING:
		found.update(status_changes(row, message.status, None, message.error))
	if message.hub_id and not row.hub_message_id:
		found["hub_message_id"] = message.hub_id
	if message.is_edited and (message.edited_at_ms or row.edited_at_ms) >= row.edited_at_ms:
		found.update(_edit(row, message))
	elif message.text and not row.content and not row.is_deleted:
		found["content"] = message.text
	if message.is_deleted and not row.is_deleted:
		found["is_deleted"] = 1
	if message.is_starred and not row.is_starred:
		found["is_starred"] = 1
	if message.media and message.media.url and not row.media_url:
		found.update(
			has_media=1, media_url=message.media.url, media_type=message.media.kind, media_state="Remote"
		)
	return found


def _edit(row: frappe._dict, message: records.Message) -> dict[str, Any]:
	"""The columns of an edit that is not older than the last one. One that does not say the new text leaves the old one."""
	text = message.text or row.content
	if row.is_edited and text == row.content:
		return {}
	return {"is_edited": 1, "content": text, "edited_at_ms": message.edited_at_ms or row.edited_at_ms}


def status_changes(row: frappe._dict, status: str, reached_at_ms: int | None, error: str) -> dict[str, Any]:
	"""Columns of a stored message that are to change because it got as far as `status`.

	Args:
		row: as stored.
		status: how far; "" says nothing.
		reached_at_ms: when it got there; None where nobody said, as in a list.
		error: why it failed.
	"""
	changes: dict[str, Any] = {}
	column, known_column = statuses.REACHED_AT.get(status), statuses.REACHED_AT.get(row.status)
	reached_at = times.site_datetime(reached_at_ms)
	known_at = row[known_column] if reached_at and known_column else None
	is_earlier = bool(known_at) and (
		reached_at < known_at or (reached_at == known_at and status == "Sent")  # first sent, then failed
	)
	merged = statuses.merged(row.status, status, new_is_later=not is_earlier)
	if merged != row.status:
		changes["status"] = merged
		if merged == "Failed":
			changes["error_message"] = error
		elif row.error_message:
			changes["error_message"] = ""
	if column and reached_at:
		# Delivered and Read happen once. Of Sent and Failed the last time is kept, since the later of the two wins.
		may_move = status in ("Sent", "Failed") and row[column] and reached_at > row[column]
		if may_move or not row[column]:
			changes[column] = reached_at
	return changes
