"""Where a sync is, and what it covers: plain values that outlive the worker."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from xappiens_whatsapp.inbox_hub import clock
from xappiens_whatsapp.store.read_marks import Unread
from xappiens_whatsapp.sync.pager import Pager

# Chats first, so that people can work at once; contacts last, however few they are: the call for them is the one that can
# cost the session its connection (docs/hub.md, F2).
PHASES = ("chats", "messages", "contacts")


CLOCKS_DIFFER_MS = 10 * 60_000  # by how much the Hub's clock and ours may, at most


@dataclass(slots=True)
class Visits:
	"""Which chats the messages phase reads, and how far it is with the first of them.

	`recent` are the names of those that are read whether or not they have news. The others are looked up a few at a time,
	in the order of their last message, `after` being where the last look-up ended.
	"""

	waiting: list[Unread] = field(default_factory=list)
	recent: list[str] = field(default_factory=list)
	after: tuple[int, str] | None = None
	done: int = 0
	total: int = 0
	began_ms: int = 0  # when the first page of the present chat was asked for
	is_at_mark: bool = False  # the pages of the present chat so far lead back to its mark
	newest_ms: int = 0  # the latest message that the pages of the present chat brought so far
	has_failed: bool = False  # a message of the present chat could not be stored

	@classmethod
	def from_dict(cls, values: dict[str, Any]) -> Visits:
		after = values.get("after")
		return cls(
			**{
				**values,
				"waiting": [Unread(**unread) for unread in values.get("waiting", [])],
				"after": tuple(after) if after else None,
			}
		)


@dataclass(slots=True)
class Cursor:
	"""Where a sync is; saved in the same transaction as the rows of each page."""

	phase: str = PHASES[0]
	pager: Pager = field(default_factory=Pager)
	visits: Visits = field(default_factory=Visits)
	derives_chats: bool = False  # the Hub cannot list its chats (docs/hub.md, F1)
	began_ms: int = field(default_factory=clock.now_ms)

	@classmethod
	def from_dict(cls, values: dict[str, Any]) -> Cursor:
		return cls(
			**{
				**values,
				"pager": Pager(**values.get("pager", {})),
				"visits": Visits.from_dict(values.get("visits", {})),
			}
		)

	def as_dict(self) -> dict[str, Any]:
		# By hand: `dataclasses.asdict` copies each value, of a hundred waiting chats with every page.
		visits = {**_values(self.visits), "waiting": [_values(chat) for chat in self.visits.waiting]}
		return {**_values(self), "pager": _values(self.pager), "visits": visits}

	@property
	def progress(self) -> tuple[int, int]:
		"""Done and total of the phase: rows, or chats in the messages phase; the total is 0 while unknown."""
		if self.phase == "messages":
			return self.visits.done, self.visits.total
		return self.pager.seen, self.pager.total


@dataclass(frozen=True, slots=True)
class Scope:
	"""What a sync covers, and of which session.

	A full one reads the newest messages of the most recent chats besides those with news; an incremental one only those
	with news. `synced_until_ms` is when the last finished sync began, 0 if there was none.
	"""

	session: str
	history_until_ms: int
	is_first_sync: bool
	is_full: bool
	recent_chats: int
	messages_per_chat: int
	synced_until_ms: int = 0
	phases: tuple[str, ...] = PHASES

	def next_phase(self, phase: str) -> str | None:
		"""The phase that follows; None after the last one."""
		following = [each for each in self.phases if PHASES.index(each) > PHASES.index(phase)]
		return following[0] if following else None


def _values(part: Any) -> dict[str, Any]:
	return {each.name: getattr(part, each.name) for each in fields(part)}
