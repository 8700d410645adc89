"""When a list of the Hub ends.

The Hub's lists come in several shapes, some with totals, some without (docs/hub.md). These rules end every one of them
with not one call more than its pages need, also for a server that ignores the page number, repeats itself or shrinks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from xappiens_whatsapp.inbox_hub import records


@dataclass(slots=True)
class Pager:
	"""Where a list is. Plain values only: it is saved with the sync's cursor."""

	page: int = 1
	seen: int = 0
	fingerprint: str = ""
	total: int = 0
	is_done: bool = False

	def advance(self, page: records.Page, limit: int) -> bool:
		"""Take note of a page.

		Args:
			page: as parsed.
			limit: how many rows were asked for.

		Returns:
			Whether the page is news: False for one that the server repeated, which also ends the list.
		"""
		if page.received == 0:
			self.is_done = True
			return True

		fingerprint = _fingerprint(page)
		if page.records and fingerprint == self.fingerprint:
			self.is_done = True
			return False

		self.fingerprint = fingerprint
		self.seen += page.received
		self.total = page.total or self.total
		if page.pages is not None:
			self.is_done = self.page >= page.pages
		elif page.total is not None:
			self.is_done = self.seen >= page.total
		else:
			self.is_done = page.received < limit
		self.page += 1
		return True


def _fingerprint(page: records.Page) -> str:
	"""The ids of a page in their order, as a short digest."""
	ids = (
		getattr(record, "message_id", "") or getattr(record, "jid", "") or repr(record)
		for record in page.records
	)
	return hashlib.sha256("\n".join(ids).encode("utf-8", "surrogatepass")).hexdigest()[:16]
