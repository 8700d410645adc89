"""Answers completed with the keys that the user's document shows, where this Hub uses another name.

Nothing that the Hub said is removed or changed; a key is added only where it is missing or null. So code written after
the document (`response["data"]["messageId"]`) works with every shape of the Hub. What is added for people (a name made
of the push name, an unread count of 0 for an unknown one) is not believed by the parser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import clock, jids
from .errors import PayloadError
from .message_rows import MessageRow
from .payloads import find_rows, paging_of, parse_sent, parse_session
from .rows import ChatRow, ContactRow, SessionRow
from .values import Completed, as_address

_CONTACT_KEYS = ("id", "name", "phone", "isUser", "isGroup")
_CHAT_KEYS = ("chatId", "name", "lastMessage", "unreadCount", "isGroup")
_LAST_MESSAGE_KEYS = ("content", "timestamp", "fromMe")
_MESSAGE_KEYS = ("messageId", "chatId", "content", "timestamp", "fromMe")
_SESSION_KEYS = ("sessionId", "status", "isConnected")


def complete_contacts(body: dict) -> dict:
	"""Give each contact `id`, `name`, `phone`, `isUser`, `isGroup`, and the page its `total` and `page`."""
	return _complete_page(body, "contacts", _contact)


def complete_chats(body: dict) -> dict:
	"""Give each chat `chatId`, `name`, `lastMessage` (`content`, `timestamp`, `fromMe`), `unreadCount`, `isGroup`."""
	return _complete_page(body, "chats", _chat)


def complete_messages(body: dict, chat_jid: str = "") -> dict:
	"""Give each message `messageId` (if it has one), `chatId`, `content`, `timestamp`, `fromMe`.

	`chat_jid` is the chat that was asked for, "" if none was.
	"""
	return _complete_page(body, "messages", lambda row: _message(row, chat_jid))


def complete_sessions(body: dict) -> dict:
	"""Give each session `sessionId`, `status` and `isConnected`."""
	return _complete_page(body, "sessions", _session)


def complete_session(body: dict) -> dict:
	"""Give the answer about one session `data.sessionId`, `data.status` and `data.isConnected`, wherever it has them."""
	try:
		record = parse_session(body)
	except PayloadError:
		return body
	values = {
		"id": record.hub_id,
		"sessionId": record.session_id or None,
		"status": record.raw_status or None,
		"isConnected": record.status == "Connected" if record.status else None,
		"phoneNumber": record.phone_number or None,
	}
	data = _data_of(body)
	return {**body, "data": Completed(_filled(data, values), data)}


def complete_sent(body: dict, to: str) -> dict:
	"""Give the answer to a send `data.messageId`, `data.to`, `data.status`, `data.timestamp`. `to` is who was written to."""
	try:
		sent = parse_sent(body)
	except PayloadError:
		return body
	data = _data_of(body)
	inner = data["message"] if isinstance(data.get("message"), dict) else {}
	values = {
		"messageId": sent.message_id,
		"to": inner.get("to") or to,
		"status": inner.get("status") or sent.status.lower(),
		"timestamp": inner.get("timestamp")
		or (clock.to_iso(sent.timestamp_ms) if sent.timestamp_ms else None),
	}
	return {"success": True, "message": "", **body, "data": {**values, **_filled(data, values)}}


def _complete_page(body: dict, noun: str, complete: Callable[[Any], Any]) -> dict:
	try:
		rows, _path = find_rows(body, noun)
	except PayloadError:
		return body
	data, paging = _data_of(body) if isinstance(body.get("data"), dict) else {}, paging_of(body)
	values = {"total": paging.total, "page": paging.page}
	return {**body, "data": {**_filled(data, values), noun: [complete(row) for row in rows]}}


def _contact(row: Any) -> Any:
	if not _lacks(row, _CONTACT_KEYS):
		return row
	try:
		contact = ContactRow.read(row).record()
	except PayloadError:
		return row
	values = {
		"id": contact.jid,
		"name": contact.display_name,
		"phone": contact.phone_number,
		"isUser": jids.is_user(contact.jid) if contact.is_user is None else contact.is_user,
		"isGroup": contact.is_group,
	}
	return Completed(_filled(row, values), row, contact)


def _chat(row: Any) -> Any:
	if not _lacks(row, _CHAT_KEYS) and not _lacks(row["lastMessage"], _LAST_MESSAGE_KEYS):
		return row
	try:
		chat = ChatRow.read(row).record()
	except PayloadError:
		return row
	last = chat.last_message and {
		"content": chat.last_message.text,
		"timestamp": chat.last_message.timestamp_ms and clock.to_iso(chat.last_message.timestamp_ms),
		"fromMe": chat.last_message.from_me,
	}
	if last and isinstance(row.get("lastMessage"), dict):
		last = _filled(row["lastMessage"], last)
	values = {
		"chatId": chat.jid,
		"name": chat.name,
		"unreadCount": chat.unread_count or 0,
		"isGroup": chat.is_group,
	}
	# An explicit null stays: this chat has no last message.
	filled = {"lastMessage": None, **_filled(row, values), **({"lastMessage": last} if last else {})}
	return Completed(filled, row, chat)


def _message(row: Any, chat_jid: str) -> Any:
	if not _lacks(row, _MESSAGE_KEYS):
		return row
	try:
		model = MessageRow.read(row)
		message = model.record(chat_jid=chat_jid)
	except PayloadError:
		return row
	values = {
		"messageId": message.message_id or None,
		"chatId": message.chat_jid,
		"content": message.text,
		"timestamp": message.timestamp_ms and clock.to_iso(message.timestamp_ms),
		"fromMe": message.from_me,
	}
	filled = _filled(row, values)
	# A reaction is to be read as one; and a row that leaves its chat to the question, with what is added here.
	is_whole = as_address(model.chat) == message.chat_jid and not isinstance(model.reaction, dict)
	return Completed(filled, row, message) if is_whole else filled


def _session(row: Any) -> Any:
	if not _lacks(row, _SESSION_KEYS):
		return row
	try:
		session = SessionRow.read(row).record()
	except PayloadError:
		return row
	values = {
		"sessionId": session.session_id or None,
		"status": session.raw_status or None,
		"isConnected": session.status == "Connected" if session.status else None,
	}
	return Completed(_filled(row, values), row)


def _lacks(row: Any, keys: tuple[str, ...]) -> bool:
	return not isinstance(row, dict) or any(row.get(key) is None for key in keys)


def _filled(known: dict, values: dict[str, Any]) -> dict:
	"""`known` with what it lacks from `values`; what nobody knows is left out."""
	missing = {key: value for key, value in values.items() if value is not None and known.get(key) is None}
	return {**known, **missing}


def _data_of(body: dict) -> dict:
	data = body.get("data")
	if data is None:
		return {key: value for key, value in body.items() if key not in ("success", "message")}
	return data if isinstance(data, dict) else {}
