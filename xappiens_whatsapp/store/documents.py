"""Rows that are inserted as documents, with the hooks of other apps, or without; and whose hooks are still to run.

What a hook does to the transaction is noticed: one that rolls back has undone the row that it was called for, one that
commits and then fails leaves it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import frappe

from xappiens_whatsapp.store import bulk, transaction


class Reference(NamedTuple):
	"""A document, by its DocType and name."""

	doctype: str
	name: str


class Hooks:
	"""Whether the hooks of other apps run while an event is stored, and for which documents they are still to run.

	One object goes through all attempts to store an event: what was committed in one of them is known in the next.
	"""

	def __init__(self, *, run: bool = True) -> None:
		self._run = run
		self.error: Exception | None = None  # why the last attempt failed
		self.failed: dict[Reference, Exception] = {}
		self._failing: Reference | None = None
		self._failing_error: Exception | None = None
		self._left_there: dict[Reference, Exception] = {}
		self._left_out: list[Reference] = []

	@property
	def run(self) -> bool:
		"""Whether they run: once an attempt has failed, no more."""
		return self._run and self.error is None

	@property
	def pending(self) -> list[Reference]:
		"""The documents that this attempt, or one before, stored without all their hooks; in the order of their insert."""
		return list(dict.fromkeys((*self._left_there, *self._left_out)))

	@property
	def why_pending(self) -> Exception | None:
		"""What a hook failed with, of those that are still to run."""
		return self.error or next(iter(self._left_there.values()), None)

	def begin(self) -> None:
		"""An attempt begins, in a new transaction."""
		self._left_out = []

	def is_worth_another_attempt(self, error: Exception) -> bool:
		"""Note why an attempt failed. Another one is made without hooks, or without those that have failed by now; but who has
		waited in vain for a lock that no hook asked for need not wait once more."""
		is_of_hook = error is self._failing_error and self._failing not in self.failed
		is_first = self.run and not isinstance(error, frappe.QueryTimeoutError)
		self.error = error
		if self._failing and is_of_hook:
			self.failed[self._failing] = error
		return is_first or is_of_hook

	def leave_out(self, document: Reference) -> None:
		"""The document was inserted without hooks."""
		self._left_out.append(document)

	@contextmanager
	def running(self, document: Reference) -> Iterator[None]:
		"""Within the block the hooks of a document run.

		Raises:
			Whatever a hook raises; `transaction.RolledBack` if one rolled back, even if it caught that itself.
		"""
		watch = transaction.Watch()
		try:
			yield
			watch.end()
		except Exception as error:
			self._failing, self._failing_error = document, error
			if watch.has_seen_commit:
				self._left_there[document] = error
			raise
		finally:
			watch.is_over = True
		self._left_there.pop(document, None)


def insert(
	doctype: str,
	row: Mapping[str, Any],
	hooks: Hooks | None = None,
	*,
	together_with: Callable[[], None] | None = None,
	flags: Mapping[str, Any] | None = None,
) -> None:
	"""INSERT a row, as a document if hooks are to run.

	Args:
		doctype: its DocType.
		row: column to value, `name` included.
		hooks: whether they run, and where it is noted if not; without, they run.
		together_with: writes what belongs to the row. It is called just before the INSERT (by the controller's
			`db_insert`, from the document's flags), so that no hook can commit the one without the other. Hooks that give
			the document to a job pickle it, and this with it.
		flags: of the document.

	Raises:
		Whatever a hook raises; `transaction.RolledBack` if one rolled back.
	"""
	hooks = hooks or Hooks()
	document = Reference(doctype, row["name"])
	if not hooks.run:
		if together_with:
			together_with()
		bulk.insert_rows(doctype, [row])
		hooks.leave_out(document)
		return
	doc = frappe.get_doc({"doctype": doctype, **row})
	doc.flags.update(flags or {})
	doc.flags.together_with = together_with
	with hooks.running(document):
		# The documents that it links to were looked up or made just now: Frappe need not do so again.
		doc.insert(ignore_permissions=True, ignore_links=True)


def as_text(documents: list[Reference]) -> str:
	"""Documents, each on a line of its own."""
	return "\n".join(" ".join(document) for document in documents)


def from_text(text: str) -> list[Reference]:
	"""The documents that `as_text` wrote down."""
	return [Reference(*line.rsplit(" ", 1)) for line in text.splitlines() if " " in line]
