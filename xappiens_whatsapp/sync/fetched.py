"""A page on its way from the Hub into the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store.bulk import Counts

PAGE_SIZE = 100  # the Hub's documented maximum


@dataclass(slots=True)
class Fetched:
	"""A page: `late` messages are stored one by one as live ones first, then `store` writes the rest.

	`late_created` and `late_failed` say what became of the late ones; they are known when `store` is called.
	"""

	store: Callable[[], Counts]
	late: Sequence[records.Message] = ()
	errors: Sequence[records.RecordError] = ()
	notes: Sequence[str] = ()
	is_news: bool = True  # of messages: some of them were not stored before
	left_out: str = ""  # one of sync_runs.LEFT_OUT
	late_created: int = 0
	late_failed: int = 0
