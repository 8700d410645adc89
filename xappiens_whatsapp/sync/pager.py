"""When a list of the Hub ends.

The Hub's lists come in several shapes, some with totals, some without (docs/hub.md). These rules end every one of them
with not one call more than its pages need, also for a server that ignores the page number, repeats itself or shrinks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from xappiens_whatsapp.inbox_hub import records

CUT_OFF = "Inbox Hub repeats a page or gives an unreadable one: what lies behind it could not be fetched."
REPEATS = 2  # of one page, in a row: this server gives nothing else
BARREN = 3  # pages in a row of which no row can be understood: neither do these lead anywhere


@dataclass(slots=True)
class Pager:
	"""Where a list is. Plain values only: it is saved with the sync's cursor."""

	page: int = 1
	seen: int = 0
	fingerprint: str = ""
	total: int = 0
	is_done: bool = False
	repeats: int = 0  # how often the last page came again
	barren: int = 0  # pages in a row without an understood row
	has_moved: bool = False  # a second page came that was another one than the first
	may_lack: bool = False  # a page came in the place of another one, which may never have come

	def advance(self, page: records.Page, limit: int) -> bool:
		"""Take note of a page.

		Args:
			page: as parsed.
			limit: how many rows were asked for.

		Returns:
			Whether the page is news: False for one that the server repeated. Some repeat one and go on; the list ends
			when they do so again.
		"""
		if page.received == 0:
			self.is_done = True
			return True

		self.page += 1
		fingerprint = _fingerprint(page)
		if page.records and fingerprint == self.fingerprint:
			self.repeats += 1
			self.is_done = self.repeats >= REPEATS
			return False

		self.may_lack = self.may_lack or self.repeats > 0
		self.has_moved = bool(self.fingerprint)
		self.fingerprint, self.repeats = fingerprint, 0
		self.barren = 0 if page.records else self.barren + 1
		self.seen += page.received
		self.total = page.total or self.total
		if self.barren >= BARREN:
			self.is_done = True
		elif page.total is not None and self.seen > page.total:
			self.is_done = page.received < limit  # there are more rows than it says
		elif page.total is not None:
			self.is_done = self.seen == page.total and (page.pages is None or self.page > page.pages)
		elif page.pages is not None:
			self.is_done = self.page > page.pages
		else:
			self.is_done = page.received < limit
		return True

	@property
	def is_cut_off(self) -> bool:
		"""Whether the list ended although there is more of it, or may be: the server repeats itself, or gave one page in the
		place of another."""
		if not self.is_done or self.barren >= BARREN:
			return self.is_done
		if self.repeats >= REPEATS:
			return self.seen < self.total if self.total else not self.has_moved or self.may_lack
		return self.has_gap

	@property
	def has_gap(self) -> bool:
		"""Whether a page may be missing among those that came, as far as the total tells."""
		return self.may_lack and self.seen < (self.total or self.seen + 1)


def _fingerprint(page: records.Page) -> str:
	"""The ids of a page, in whatever order, as a short digest."""
	ids = sorted(
		getattr(record, "message_id", "") or getattr(record, "jid", "") or repr(record)
		for record in page.records
	)
	return hashlib.sha256("\n".join(ids).encode("utf-8", "surrogatepass")).hexdigest()[:16]
