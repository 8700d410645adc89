"""Older messages of one chat, when somebody asks for them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import frappe

from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import clock, payloads
from xappiens_whatsapp.store import conversations, read_marks, transaction
from xappiens_whatsapp.store.bulk import Counts
from xappiens_whatsapp.sync import late, scopes, visits
from xappiens_whatsapp.sync.fetched import Fetched
from xappiens_whatsapp.sync.pager import Pager

PAGE_SIZE = 50
# Messages that came since push the older ones to later pages: so many pages that bring nothing are passed.
EMPTY_PAGES = 5


@dataclass(slots=True)
class Loaded:
	"""What was fetched, and whether Inbox Hub has more."""

	counts: Counts = field(default_factory=Counts)
	has_more: bool = True


def load_older(
	client: WhatsAppAPIClient, conversation: str, *, pages: int, deadline: float | None = None
) -> Loaded:
	"""Fetch the next pages of a chat's past, from where the last time left off. Commits after each page.

	Args:
		client: of the conversation's session.
		conversation: its name.
		pages: how many that bring something.
		deadline: on the clock of `time.monotonic`; a page that was begun is finished first.

	Returns:
		The counts of all pages, and whether there is more.

	Raises:
		InboxHubError: as the client does; the pages before are stored.
	"""
	chat = frappe.db.get_value(
		conversations.DOCTYPE,
		conversation,
		["session", "chat_id", "history_offset", "history_complete"],
		as_dict=True,
	)
	if chat.history_complete:
		return Loaded(has_more=False)
	line_ms = scopes.of_session(chat.session).history_until_ms
	frappe.db.commit()

	loaded, brought, empty = Loaded(), 0, 0
	# The page that holds the first row not fetched yet. Rows of it that are known are stored once all the same.
	page_number = chat.history_offset // PAGE_SIZE + 1
	pager = Pager(page=page_number, seen=(page_number - 1) * PAGE_SIZE)
	while brought < pages and empty <= EMPTY_PAGES and not pager.is_done:
		if deadline and time.monotonic() >= deadline:
			break
		behind, asked_at_ms = pager.seen, clock.now_ms()
		answer = client.get_chat_messages(chat.chat_id, page=pager.page, limit=PAGE_SIZE)
		page = payloads.parse_messages(answer, chat_jid=chat.chat_id)
		found, listed = (page.records, page.reactions) if pager.advance(page, PAGE_SIZE) else ((), ())
		has_more = not pager.is_done or pager.is_cut_off

		def note(fetched: Fetched) -> None:
			read_marks.note_history(
				conversation,
				# A page that is all known may be another one than was asked for, until the next one is different.
				fetched=pager.seen if fetched.is_news else behind if pager.has_moved else 0,
				is_complete=pager.is_done and not has_more and bool(pager.seen) and not fetched.late_failed,
			)

		fetched = visits.storing(chat.session, line_ms, found, page.errors, note, listed, asked_at_ms)
		late.store(chat.session, fetched)
		counts = transaction.repeated(fetched.store)
		counts.errors += len(fetched.errors) + fetched.late_failed
		frappe.db.commit()
		loaded.counts.add(counts)
		brought, empty = (brought + 1, empty) if counts.created else (brought, empty + 1)
		loaded.has_more = has_more
	if loaded.counts.created:
		transaction.repeated(lambda: conversations.recount(chat.session, conversation))
		frappe.db.commit()
	return loaded
