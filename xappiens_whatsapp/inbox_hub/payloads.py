"""The Hub's answers and webhooks as records.

One door for both ways: pages of contacts, chats, messages and sessions, single answers, and webhooks (`parse_event`).
Bodies come as the Hub sent them, in any of its shapes, or completed by `completion.py`; the record is the same. A row
that cannot be understood is left out of the page and named in `Page.errors`; the others are not affected.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TypeVar

from . import records
from .errors import PayloadError
from .events import parse_event, understand_event
from .message_rows import MessageRow, read_reaction, read_status
from .rows import ChatRow, ContactRow, SessionRow
from .values import Completed, Count, HubModel, said

__all__ = [
	"Paging",
	"find_rows",
	"paging_of",
	"parse_chats",
	"parse_contact",
	"parse_contacts",
	"parse_event",
	"parse_messages",
	"parse_qr",
	"parse_sent",
	"parse_session",
	"parse_sessions",
	"stable_message_id",
	"understand_event",
]

T = TypeVar("T")

# The list is under its own name, or one of these (docs/hub.md, "Pages").
_OTHER_LIST_KEYS = ("items", "data")


class Paging(HubModel):
	"""What a page says of the whole list."""

	total: Count = None
	page: Count = None
	pages: Count = None


def parse_contacts(body: object) -> records.Page[records.Contact]:
	"""Return one page of contacts. Raises PayloadError if the body holds no list of them."""
	return _parse_page(body, "contacts", lambda raw, path: ContactRow.read(raw, path).record())


def parse_chats(body: object) -> records.Page[records.Chat]:
	"""Return one page of chats. Raises PayloadError if the body holds no list of them."""
	return _parse_page(body, "chats", lambda raw, path: ChatRow.read(raw, path).record())


def parse_messages(body: object, *, chat_jid: str | None = None) -> records.Page[records.Message]:
	"""Return one page of messages, in the order of the Hub, which is none.

	`chat_jid` is the chat that was asked for; a row that names its chat is believed more. Raises PayloadError if the
	body holds no list of messages.
	"""
	reactions: list[records.Reaction] = []

	def read(raw: object, path: str) -> records.Message | None:
		row = MessageRow.read(raw, path)
		if isinstance(row.reaction, dict):
			reactions.append(read_reaction(row.reaction, row, "reactionMessage", chat_jid=chat_jid or ""))
			return None
		return row.record(chat_jid=chat_jid or "")

	page = _parse_page(body, "messages", read)
	return records.Page(
		page.records, page.received, page.errors, page.total, page.page, page.pages, tuple(reactions)
	)


def parse_sessions(body: object) -> records.Page[records.Session]:
	"""Return one page of sessions. Raises PayloadError if the body holds no list of them."""
	return _parse_page(body, "sessions", lambda raw, path: SessionRow.read(raw, path).record())


def parse_session(body: object) -> records.Session:
	"""Return the session in the answer to create, get, status, connect, disconnect or restart.

	Raises PayloadError if there is none.
	"""
	return _session_row(body).record()


def parse_qr(body: object) -> records.QRCode:
	"""Return the QR code as a complete data URL. Raises PayloadError if there is none (yet) or it is no image."""
	return _session_row(body).qr()


def parse_contact(body: object) -> records.Contact | None:
	"""Return the contact in the answer to search and info, None if the Hub found none (it says so with 200)."""
	data = _data_of(body)
	raw = data.get("contact", data)
	return ContactRow.read(raw, "data.contact").record() if raw else None


def parse_sent(body: object) -> records.SentMessage:
	"""Return what the Hub says of a message it accepted. The id is "" if the Hub gave none, which is no error.

	Raises PayloadError if the body is no answer at all.
	"""
	data = _data_of(body)
	raw = data["message"] if isinstance(data.get("message"), dict) else data
	row = MessageRow.read(raw, "data")
	identity = row.identity()
	return records.SentMessage(
		message_id=identity.message_id,
		status=read_status(row.status) or read_status(row.ack) or "Sent",
		timestamp_ms=row.timestamp,
		hub_id=identity.hub_id,
	)


def stable_message_id(message: records.Message, session_id: str) -> str:
	"""Return an id for a message to which the Hub gave none: the same each time this message comes.

	It begins with "NOID-" and is made from the Hub's row number where there is one (so that two equal words in one
	second stay two messages and an edited one stays one), else from what the message says.
	"""
	what = ["row", message.hub_id] if message.hub_id is not None else ["said", message.kind, message.text]
	parts = [session_id, message.chat_jid, message.from_me, message.sender_jid, message.timestamp_ms, *what]
	return "NOID-" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def find_rows(body: object, noun: str) -> tuple[list, str]:
	"""Return the list of `noun` ("contacts") in a body, and the path where it was found.

	Raises PayloadError if there is none. An explicit null is one only where the Hub says that there are 0.
	"""
	if not isinstance(body, dict):
		raise PayloadError("$", "expected an object")
	data = body.get("data")
	if isinstance(data, list):
		return data, "data"
	holders = [("data.", data), ("", body)] if isinstance(data, dict) else [("", body)]
	for prefix, holder in holders:
		for key in (noun, *_OTHER_LIST_KEYS):
			if isinstance(holder.get(key), list):
				return holder[key], prefix + key
	if paging_of(body).total == 0:
		return [], f"data.{noun}"
	raise PayloadError(f"data.{noun}", "expected a list")


def _parse_page(body: object, noun: str, read: Callable[[object, str], T | None]) -> records.Page[T]:
	rows, path = find_rows(body, noun)
	understood: list[T] = []
	errors: list[records.RecordError] = []
	for index, raw in enumerate(rows):
		where = f"{path}[{index}]"
		try:
			known = raw.record if isinstance(raw, Completed) else None
			record = read(raw, "") if known is None else known
		except PayloadError as error:
			errors.append(records.RecordError(error.under(where).path, error.reason))
		else:
			if record is not None:
				understood.append(record)
	paging = paging_of(body)
	return records.Page(tuple(understood), len(rows), tuple(errors), paging.total, paging.page, paging.pages)


def paging_of(body: dict) -> Paging:
	"""Return total, page and pages from wherever in the body the Hub put them."""
	data = body.get("data")
	holders = [data, body] if isinstance(data, dict) else [body]
	for holder in holders:
		paging = (
			{**holder, **said(pagination)}
			if isinstance(pagination := holder.get("pagination"), dict)
			else holder
		)
		if any(key in paging for key in ("total", "page", "pages")):
			return Paging.read(paging)
	return Paging()


def _data_of(body: object) -> dict:
	if not isinstance(body, dict):
		raise PayloadError("$", "expected an object")
	data = body.get("data")
	if data is None:
		return body
	if not isinstance(data, dict):
		raise PayloadError("data", "expected an object")
	return data


def _session_row(body: object) -> SessionRow:
	data = _data_of(body)
	return SessionRow.read(data["session"] if isinstance(data.get("session"), dict) else data, "data")
