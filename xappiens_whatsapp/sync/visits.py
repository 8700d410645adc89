"""The messages phase: which chats are read, and when one of them has been read completely.

A chat is read page by page, the newest first, until its read mark is reached, however far back that is: what was missed
while no webhook came is fetched, too. Then its mark moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from math import ceil

from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import clock, payloads, records
from xappiens_whatsapp.inbox_hub.errors import NotFound
from xappiens_whatsapp.store import messages, reactions, read_marks
from xappiens_whatsapp.store.bulk import Counts
from xappiens_whatsapp.store.read_marks import Unread
from xappiens_whatsapp.sync.cursor import CLOCKS_DIFFER_MS, Cursor, Scope, Visits
from xappiens_whatsapp.sync.fetched import PAGE_SIZE, Fetched
from xappiens_whatsapp.sync.pager import CUT_OFF, Pager

CHATS_AT_ONCE = 100
# What was written so shortly before a chat was read may be listed late, or share its second with what comes next: the
# mark stays behind it, and the chat is read once more next time.
SETTLED_AFTER_MS = 60_000


def begin(scope: Scope) -> Visits:
	"""The visits of a messages phase that begins now."""
	chats = read_marks.recent(scope.session, scope.history_until_ms, _recent_chats(scope))
	names = [chat.conversation for chat in chats]
	others = read_marks.count_with_news(scope.session, scope.history_until_ms, but=names)
	return Visits(waiting=chats, recent=names, total=len(chats) + others)


def fetch(client: WhatsAppAPIClient, scope: Scope, cursor: Cursor) -> Fetched | None:
	"""Fetch the next page of the present chat; see `phases.fetch`."""
	if not cursor.visits.waiting and not _look_up(scope, cursor.visits):
		return None
	chat, limit, asked_at_ms = cursor.visits.waiting[0], _page_size(scope), clock.now_ms()
	try:
		answer = client.get_chat_messages(chat.chat_jid, page=cursor.pager.page, limit=limit)
	except NotFound as error:
		if error.code == "SESSION_NOT_FOUND":
			raise
		_leave(cursor)
		return Fetched(Counts, errors=[records.RecordError(f"chat {chat.conversation}", str(error))])

	if cursor.pager.page == 1:
		cursor.visits.began_ms = asked_at_ms
	page = payloads.parse_messages(answer, chat_jid=chat.chat_jid)
	is_news = cursor.pager.advance(page, limit)
	found, errors = (page.records, list(page.errors)) if is_news else ((), [])
	is_read = _is_far_enough(scope, cursor, chat, found) or cursor.pager.is_done
	if (cursor.pager.is_cut_off and not cursor.visits.is_at_mark) or (is_read and cursor.pager.has_gap):
		errors.append(records.RecordError(f"chat {chat.conversation}", CUT_OFF))
		cursor.visits.has_failed = True
	listed = page.reactions if is_news else ()
	cursor.visits.newest_ms = max(
		cursor.visits.newest_ms, *(each.timestamp_ms or 0 for each in (*found, *listed)), 0
	)
	mark_ms = _mark(scope, cursor.visits, chat)
	rows_seen, had_failed = cursor.pager.seen, cursor.visits.has_failed
	if is_read:
		_leave(cursor)

	def note(fetched: Fetched) -> None:
		has_failed = had_failed or fetched.late_failed > 0
		cursor.visits.has_failed = has_failed and not is_read
		if is_read and not has_failed:
			read_marks.move(chat.conversation, mark_ms=mark_ms, fetched=rows_seen)

	return storing(scope.session, scope.history_until_ms, found, errors, note, listed, asked_at_ms)


def storing(
	session: str,
	history_until_ms: int,
	found: Sequence[records.Message],
	errors: Sequence[records.RecordError],
	note: Callable[[Fetched], None],
	listed: Sequence[records.Reaction],
	asked_at_ms: int,
) -> Fetched:
	"""A page of messages on its way into the database.

	Args:
		session: the session's name.
		history_until_ms: where history ends; what is newer and unknown is late.
		found: the page.
		errors: rows of it that could not be understood.
		note: writes into the conversation how far it was fetched, in the same transaction, before its messages.
		listed: reactions of the page, which come after the messages.
		asked_at_ms: when the page was asked for: an edit that was heard of later is newer than its text.
	"""
	found = [
		replace(message, edited_at_ms=asked_at_ms) if message.is_edited else message for message in found
	]
	compared = messages.compare(session, found, history_until_ms)
	attempts = count(1)

	def store() -> Counts:
		note(fetched)
		page = compared
		if next(attempts) > 1 or compared.late:
			# The snapshot is another one: the late ones are stored by now, or the transaction begins anew.
			page = messages.compare(session, found, history_until_ms)
		page.counts.created += fetched.late_created
		counts = messages.store_page(session, page, history_until_ms)
		reactions.apply_listed(session, listed)
		return counts

	is_news = bool(compared.new or compared.late)
	fetched = Fetched(store, late=compared.late, errors=errors, is_news=is_news)
	return fetched


def _is_far_enough(scope: Scope, cursor: Cursor, chat: Unread, found: Sequence[records.Message]) -> bool:
	"""Whether what follows on the next pages is known or not wanted."""
	if not found:
		return False
	wanted = scope.messages_per_chat if chat.conversation in cursor.visits.recent else 0
	# A page that tells no time at all cannot lead back to the mark: nothing is looked for behind it.
	times = [message.timestamp_ms for message in found if message.timestamp_ms]
	if not times or min(times) <= chat.mark_ms:
		cursor.visits.is_at_mark = True
	return cursor.pager.seen >= wanted and cursor.visits.is_at_mark


def _mark(scope: Scope, visits: Visits, chat: Unread) -> int:
	"""How far a chat is read, if all of it that is wanted came."""
	mark_ms = min(chat.last_ms, visits.began_ms - SETTLED_AFTER_MS)
	is_listed = visits.newest_ms // 1000 >= chat.last_ms // 1000
	# What the chat is said to hold since the last sync may not be among its messages yet, after the session was away. It
	# is looked for once more; then it is something that is never listed.
	if not is_listed and chat.last_ms > scope.synced_until_ms - CLOCKS_DIFFER_MS:
		mark_ms = min(mark_ms, visits.newest_ms)
	return mark_ms


def _look_up(scope: Scope, visits: Visits) -> bool:
	"""The next few chats with news. Returns whether there are any."""
	visits.waiting = read_marks.with_news(
		scope.session, scope.history_until_ms, CHATS_AT_ONCE, after=visits.after, but=visits.recent
	)
	if visits.waiting:
		visits.after = (visits.waiting[-1].last_ms, visits.waiting[-1].conversation)
		visits.total = max(visits.total, visits.done + len(visits.waiting))
	return bool(visits.waiting)


def _leave(cursor: Cursor) -> None:
	cursor.pager = Pager()
	cursor.visits.is_at_mark = cursor.visits.has_failed = False
	cursor.visits.newest_ms = 0
	cursor.visits.waiting = cursor.visits.waiting[1:]
	cursor.visits.done += 1


def _recent_chats(scope: Scope) -> int:
	return scope.recent_chats if scope.is_full else 0


def _page_size(scope: Scope) -> int:
	"""The same for every page of a chat, or the pages would overlap."""
	return ceil(scope.messages_per_chat / ceil(scope.messages_per_chat / PAGE_SIZE))
