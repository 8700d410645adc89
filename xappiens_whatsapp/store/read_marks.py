"""How far the messages of each chat were fetched from Inbox Hub.

A conversation knows the time of the last message that the Hub listed for it (`hub_last_message_ms`, the Hub's word alone,
so that a difference of clocks does not count) and up to where its messages were fetched (`messages_synced_ms`, its read
mark). A chat whose last message is later than its mark is to be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import frappe

DOCTYPE = "WhatsApp Conversation"
# The mark of a conversation whose messages were never fetched is the session's line between history and news.
_MARK = "IF(messages_synced_ms > 0, messages_synced_ms, %(line)s)"


@dataclass(frozen=True, slots=True)
class Unread:
	"""A chat whose messages are to be fetched: newer ones than `mark_ms`, up to what the Hub listed as its last."""

	conversation: str
	chat_jid: str
	mark_ms: int
	last_ms: int


def recent(session: str, line_ms: int, limit: int) -> list[Unread]:
	"""The chats with the latest messages, whether or not they have news.

	Args:
		session: the session's name.
		line_ms: the mark of a conversation that has none.
		limit: how many; 0 for none.

	Returns:
		The most recent first.
	"""
	if not limit:
		return []
	return _select(
		"last_message_timestamp_ms > 0 ORDER BY last_message_timestamp_ms DESC, name",
		{"session": session, "line": line_ms},
		limit,
	)


def with_news(
	session: str, line_ms: int, limit: int, *, after: tuple[int, str] | None = None, but: Sequence[str] = ()
) -> list[Unread]:
	"""Chats whose last message is later than their mark.

	Args:
		session: the session's name.
		line_ms: the mark of a conversation that has none.
		limit: how many.
		after: `last_ms` and `conversation` of the last one of the page before.
		but: names of conversations to leave out.

	Returns:
		The most recent first.
	"""
	values = {"session": session, "line": line_ms, "but": tuple(but)}
	condition = f"hub_last_message_ms > {_MARK}"
	if but:
		condition += " AND name NOT IN %(but)s"
	if after:
		condition += " AND (hub_last_message_ms < %(after_ms)s OR (hub_last_message_ms = %(after_ms)s AND name > %(after_name)s))"
		values.update(after_ms=after[0], after_name=after[1])
	return _select(f"{condition} ORDER BY hub_last_message_ms DESC, name", values, limit)


def count_with_news(session: str, line_ms: int, *, but: Sequence[str] = ()) -> int:
	"""How many chats `with_news` gives in all."""
	left_out = "AND name NOT IN %(but)s" if but else ""
	return frappe.db.sql(
		f"""
		SELECT COUNT(*) FROM `tabWhatsApp Conversation`
		WHERE session = %(session)s AND hub_last_message_ms > {_MARK} {left_out}
		""",
		{"session": session, "line": line_ms, "but": tuple(but)},
	)[0][0]


def move(conversation: str, *, mark_ms: int, fetched: int) -> None:
	"""Note that all messages of a chat up to `mark_ms` are stored. Nothing is written if that is known.

	Goes before the page's messages in the same transaction: conversations are locked before messages.

	Args:
		conversation: its name.
		mark_ms: the new mark; an earlier one than the present changes nothing.
		fetched: how many of the Hub's newest messages were fetched without a gap.
	"""
	frappe.db.sql(
		"""
		UPDATE `tabWhatsApp Conversation`
		SET messages_synced_ms = GREATEST(messages_synced_ms, %(mark)s),
			history_offset = GREATEST(history_offset, %(fetched)s)
		WHERE name = %(name)s AND (messages_synced_ms < %(mark)s OR history_offset < %(fetched)s)
		""",
		{"name": conversation, "mark": mark_ms, "fetched": fetched},
	)


def note_history(conversation: str, *, fetched: int, is_complete: bool) -> None:
	"""Note how far back the past of a chat was fetched, before its messages in the same transaction.

	Args:
		conversation: its name.
		fetched: how many of the Hub's newest messages were fetched without a gap.
		is_complete: there are no older ones.
	"""
	frappe.db.sql(
		"""
		UPDATE `tabWhatsApp Conversation`
		SET history_offset = GREATEST(history_offset, %(fetched)s),
			history_complete = GREATEST(history_complete, %(complete)s)
		WHERE name = %(name)s
		""",
		{"name": conversation, "fetched": fetched, "complete": int(is_complete)},
	)


def _select(condition: str, values: dict[str, Any], limit: int) -> list[Unread]:
	rows = frappe.db.sql(
		f"""
		SELECT name, chat_id, {_MARK}, hub_last_message_ms
		FROM `tabWhatsApp Conversation`
		WHERE session = %(session)s AND {condition}
		LIMIT %(limit)s
		""",
		{**values, "limit": limit},
	)
	return [Unread(*row) for row in rows]
