"""The three phases of a sync: chats, messages, contacts.

Each phase fetches one page at a time and says how to store it. It neither commits nor decides when to stop for others:
that is the engine's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import clock, jids, payloads, records
from xappiens_whatsapp.inbox_hub.answers import is_chats_fault
from xappiens_whatsapp.inbox_hub.errors import HubUnavailable
from xappiens_whatsapp.store import contacts, conversations
from xappiens_whatsapp.store.message_rows import preview
from xappiens_whatsapp.sync import visits
from xappiens_whatsapp.sync.cursor import CLOCKS_DIFFER_MS, PHASES, Cursor, Scope
from xappiens_whatsapp.sync.fetched import PAGE_SIZE, Fetched
from xappiens_whatsapp.sync.pager import CUT_OFF, Pager

__all__ = ["PHASES", "begin", "fetch"]

T = TypeVar("T")


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
	return {"chats": _fetch_chats, "messages": visits.fetch, "contacts": _fetch_contacts}[cursor.phase](
		client, scope, cursor
	)


def begin(scope: Scope, cursor: Cursor, phase: str) -> None:
	"""Put the cursor at the start of a phase."""
	cursor.phase, cursor.pager = phase, Pager()
	if phase == "messages":
		cursor.visits = visits.begin(scope)


def _fetch_chats(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched | None:
	if cursor.pager.is_done:
		return None
	if cursor.derives_chats:
		return _derive_chats(client, scope, cursor)
	asked_at_ms = clock.now_ms()
	try:
		answer = client.get_session_chats(page=cursor.pager.page, limit=PAGE_SIZE)
	except HubUnavailable as error:
		if not is_chats_fault(error):
			raise
		cursor.derives_chats, cursor.pager = True, Pager()
		fetched = _derive_chats(client, scope, cursor)
		fetched.left_out = "chats"
		fetched.notes = [
			"chats: Inbox Hub cannot list its chats (F1). They are derived from its newest messages."
		]
		return fetched
	page = payloads.parse_chats(answer)
	chats, errors = _news(page, cursor.pager)
	return _storing_chats(scope, chats, errors, asked_at_ms)


def _derive_chats(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched:
	"""A page of the messages of all chats, as chats: names stay what they are, and unread counts are not known.

	The list is read back to the last sync, the first time no further than the messages phase would need.
	"""
	asked_at_ms = clock.now_ms()
	page = payloads.parse_messages(client.get_messages(page=cursor.pager.page, limit=PAGE_SIZE))
	found, errors = _news(page, cursor.pager)
	if scope.synced_until_ms:
		oldest_ms = min((message.timestamp_ms for message in found if message.timestamp_ms), default=None)
		is_far_enough = oldest_ms is not None and oldest_ms <= scope.synced_until_ms - CLOCKS_DIFFER_MS
	else:
		is_far_enough = cursor.pager.seen >= scope.recent_chats * scope.messages_per_chat
	cursor.pager.is_done = cursor.pager.is_done or is_far_enough
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
	return _storing_chats(scope, chats, errors, asked_at_ms)


def _news(page: records.Page[T], pager: Pager) -> tuple[Sequence[T], Sequence[records.RecordError]]:
	"""What a page brings that the one before did not, and what went wrong with it."""
	is_news, errors = pager.advance(page, PAGE_SIZE), page.errors
	if pager.is_cut_off:
		errors = (*errors, records.RecordError(f"page {pager.page - 1}", CUT_OFF))
	return page.records if is_news else (), errors


def _storing_chats(
	scope: Scope, chats: Sequence[records.Chat], errors: Sequence[records.RecordError], asked_at_ms: int
) -> Fetched:
	return Fetched(
		lambda: conversations.upsert(
			scope.session, chats, is_first_sync=scope.is_first_sync, fetched_at_ms=asked_at_ms
		),
		errors=errors,
	)


def _fetch_contacts(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched | None:
	if cursor.pager.is_done:
		return None
	asked_at_ms = clock.now_ms()
	page = payloads.parse_contacts(client.get_session_contacts(page=cursor.pager.page, limit=PAGE_SIZE))
	found, errors = _news(page, cursor.pager)
	return Fetched(lambda: contacts.upsert(scope.session, found, fetched_at_ms=asked_at_ms), errors=errors)
