"""The three phases of a sync: chats, messages, contacts.

Each phase fetches one page at a time and says how to store it. It neither commits nor decides when to stop for others:
that is the engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any

import frappe

from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import jids, payloads, records
from xappiens_whatsapp.inbox_hub.answers import is_chats_fault
from xappiens_whatsapp.inbox_hub.errors import HubUnavailable
from xappiens_whatsapp.store import contacts, conversations, messages
from xappiens_whatsapp.store.bulk import Counts
from xappiens_whatsapp.store.message_rows import preview
from xappiens_whatsapp.sync.pager import Pager

PAGE_SIZE = 100  # the Hub's documented maximum
PHASES = ("chats", "messages", "contacts")  # chats first, so that people can work at once


@dataclass(slots=True)
class Cursor:
	"""Where a sync is; saved in the same transaction as the rows of each page."""

	phase: str = PHASES[0]
	pager: Pager = field(default_factory=Pager)
	chats: list[str] = field(default_factory=list)  # JIDs still to be visited by the messages phase
	visited: int = 0
	derives_chats: bool = False  # the Hub cannot list its chats (docs/hub.md, F1)

	@classmethod
	def from_dict(cls, values: dict[str, Any]) -> Cursor:
		return cls(**{**values, "pager": Pager(**values.get("pager", {}))})

	def as_dict(self) -> dict[str, Any]:
		return asdict(self)


@dataclass(frozen=True, slots=True)
class Scope:
	"""What a sync covers, and of which session."""

	session: str
	history_until_ms: int
	is_first_sync: bool
	recent_chats: int
	messages_per_chat: int


@dataclass(slots=True)
class Fetched:
	"""A page on its way: `late` messages are stored one by one as live ones first, then `store` writes the rest."""

	store: Callable[[], Counts]
	late: Sequence[records.Message] = ()
	errors: Sequence[records.RecordError] = ()
	notes: Sequence[str] = ()


def fetch(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched | None:
	"""Fetch the next page of the cursor's phase and move the cursor behind it.

	Args:
		client: of the session.
		scope: what is synced.
		cursor: changed in place; save it together with what `Fetched.store` writes.

	Returns:
		What to store; None if the phase has nothing (more) to fetch.

	Raises:
		InboxHubError: as the client does; the cursor is then where it was.
	"""
	return {"chats": _fetch_chats, "messages": _fetch_messages, "contacts": _fetch_contacts}[cursor.phase](
		client, scope, cursor
	)


def begin(scope: Scope, cursor: Cursor, phase: str) -> None:
	"""Put the cursor at the start of a phase."""
	cursor.phase, cursor.pager, cursor.visited = phase, Pager(), 0
	cursor.chats = recent_chats(scope) if phase == "messages" else []


def recent_chats(scope: Scope) -> list[str]:
	"""JIDs of the chats whose messages are synced, the most recent first."""
	return frappe.get_all(
		"WhatsApp Conversation",
		filters={"session": scope.session, "last_message_timestamp_ms": (">", 0)},
		order_by="last_message_timestamp_ms desc, name asc",
		limit=scope.recent_chats,
		pluck="chat_id",
	) if scope.recent_chats else []  # fmt: skip


def progress(cursor: Cursor) -> tuple[int, int]:
	"""Done and total of the cursor's phase: rows, or chats in the messages phase; the total is 0 while unknown."""
	if cursor.phase == "messages":
		return cursor.visited, cursor.visited + len(cursor.chats)
	return cursor.pager.seen, cursor.pager.total


def _fetch_chats(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched | None:
	if cursor.pager.is_done:
		return None
	if cursor.derives_chats:
		return _derive_chats(client, scope, cursor)
	try:
		answer = client.get_session_chats(page=cursor.pager.page, limit=PAGE_SIZE)
	except HubUnavailable as error:
		if not is_chats_fault(error):
			raise
		cursor.derives_chats, cursor.pager = True, Pager()
		fetched = _derive_chats(client, scope, cursor)
		fetched.notes = [
			"chats: Inbox Hub cannot list its chats (F1). They are derived from its newest messages."
		]
		return fetched
	page = payloads.parse_chats(answer)
	chats = page.records if cursor.pager.advance(page, PAGE_SIZE) else ()
	return Fetched(
		store=lambda: conversations.upsert(scope.session, chats, is_first_sync=scope.is_first_sync),
		errors=page.errors,
	)


def _derive_chats(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched:
	"""A page of the messages of all chats, as chats: names stay what they are, and unread counts are not known.

	The list is read no further than the messages phase would need.
	"""
	page = payloads.parse_messages(client.get_messages(page=cursor.pager.page, limit=PAGE_SIZE))
	found = page.records if cursor.pager.advance(page, PAGE_SIZE) else ()
	if cursor.pager.seen >= scope.recent_chats * scope.messages_per_chat:
		cursor.pager.is_done = True
	newest: dict[str, records.Message] = {}
	for message in found:
		known = newest.get(message.chat_jid)
		if message.has_conversation and (
			not known or (message.timestamp_ms or 0) > (known.timestamp_ms or 0)
		):
			newest[message.chat_jid] = message
	chats = [
		records.Chat(
			jid=jid,
			phone_number=jids.phone_of(jid),
			is_group=jids.is_group(jid),
			last_message=records.LastMessage(preview(message), message.timestamp_ms, message.from_me),
		)
		for jid, message in newest.items()
	]
	return Fetched(
		store=lambda: conversations.upsert(scope.session, chats, is_first_sync=scope.is_first_sync),
		errors=page.errors,
	)


def _fetch_contacts(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched | None:
	if cursor.pager.is_done:
		return None
	page = payloads.parse_contacts(client.get_session_contacts(page=cursor.pager.page, limit=PAGE_SIZE))
	found = page.records if cursor.pager.advance(page, PAGE_SIZE) else ()
	return Fetched(store=lambda: contacts.upsert(scope.session, found), errors=page.errors)


def _fetch_messages(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched | None:
	if not cursor.chats:
		return None
	chat_jid = cursor.chats[0]
	# The same limit for every page of a chat, or the pages would overlap.
	limit = ceil(scope.messages_per_chat / ceil(scope.messages_per_chat / PAGE_SIZE))
	page = payloads.parse_messages(
		client.get_chat_messages(chat_jid, page=cursor.pager.page, limit=limit), chat_jid=chat_jid
	)
	found = page.records if cursor.pager.advance(page, limit) else ()
	if cursor.pager.is_done or cursor.pager.seen >= scope.messages_per_chat:
		cursor.chats, cursor.pager, cursor.visited = cursor.chats[1:], Pager(), cursor.visited + 1

	compared = messages.compare(scope.session, found, scope.history_until_ms)

	def store() -> Counts:
		# Compared again: the late ones are stored by now, and this may be another attempt of the transaction.
		again = messages.compare(scope.session, found, scope.history_until_ms)
		again.counts.created += len(compared.late)
		return messages.store_page(scope.session, again, scope.history_until_ms)

	return Fetched(store=store, late=compared.late, errors=page.errors)
