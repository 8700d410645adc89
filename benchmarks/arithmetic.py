"""The sums behind the tables: what a sync must cost at least, and what a list of measurements says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

PAGE_SIZE = 100  # the most rows that the Hub gives at once


@dataclass(frozen=True, slots=True)
class Account:
	"""How much the Hub has of a session: rows of its lists of contacts and chats, and messages of each chat."""

	contacts: int
	listed_chats: int  # broadcasts among them
	messages_of_a_chat: int
	recent_chats: int  # how many chats a sync reads the messages of
	messages_per_chat: int  # and how many of each


def pages(rows: int, *, tells_total: bool) -> int:
	"""How many calls a list needs at least. Of a list without a total nobody knows that a full page was the last one."""
	return max(ceil(rows / PAGE_SIZE), 1) if tells_total else rows // PAGE_SIZE + 1


def call_floor(account: Account) -> int:
	"""The fewest calls of a sync of everything, against a Hub that gives a total with contacts but not with chats."""
	newest = min(account.messages_of_a_chat, account.messages_per_chat)
	visited = min(account.recent_chats, account.listed_chats)
	return (
		pages(account.listed_chats, tells_total=False)
		+ visited * pages(newest, tells_total=True)
		+ pages(account.contacts, tells_total=True)
	)


def paced_seconds(calls: int, calls_a_minute: int) -> float:
	"""How long so many calls take at least if so many are allowed within any minute, each call taking no time."""
	return max(calls - 1, 0) // calls_a_minute * 60.0


def percentile(values: Iterable[float], share: float) -> float:
	"""The smallest value that at least this share (0 to 1) of the values does not exceed.

	Raises:
		ValueError: there are no values.
	"""
	ordered = sorted(values)
	if not ordered:
		raise ValueError("no values")
	return ordered[max(ceil(share * len(ordered)), 1) - 1]


def median(values: Sequence[float]) -> float:
	"""The middle value, the lower one of two."""
	return percentile(values, 0.5)
