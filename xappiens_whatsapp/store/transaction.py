"""What the database asks to try again.

A deadlock ends the whole transaction, and a key that somebody else has just written can only be read in a new one. So
nothing is rolled back to a savepoint: the work is rolled back whole, with its after-commit callbacks, and done again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import frappe

T = TypeVar("T")
ATTEMPTS = 3


def repeated(work: Callable[[], T], attempts: int = ATTEMPTS) -> T:
	"""Do `work`, again from the start if it lost against another transaction. The caller commits.

	Args:
		work: everything since the last commit; it must be safe to do again after a rollback.
		attempts: how often at most.

	Returns:
		What `work` returns.

	Raises:
		The last error, after a rollback.
	"""
	for attempt in range(1, attempts + 1):
		messages = list(frappe.message_log)
		try:
			return work()
		except Exception as error:
			frappe.db.rollback()
			# Frappe has told the user about the duplicate; nobody asked.
			frappe.local.message_log = messages
			# Frappe (15 in a flag, 16 in a list) notes which of its Webhooks are to be sent. Sending went with the
			# transaction; with the note left, the next attempt would not send them either.
			frappe.flags.webhooks_executed = None
			frappe.local._webhook_queue = []
			if attempt == attempts or not lost_a_race(error):
				raise
	raise AssertionError("unreachable")


def lost_a_race(error: Exception) -> bool:
	"""Whether the same work may well succeed in a new transaction: deadlock, seen or kept from us, lock timeout, duplicate
	key."""
	if isinstance(
		error,
		frappe.QueryDeadlockError
		| frappe.QueryTimeoutError
		| frappe.DuplicateEntryError
		| frappe.UniqueValidationError
		| Ended,
	):
		return True
	return bool(error.args) and (
		frappe.db.is_deadlocked(error) or frappe.db.is_timedout(error) or is_duplicate_key(error)
	)


def is_duplicate_key(error: Exception) -> bool:
	"""Whether the database, not Frappe, refused a row because its key exists."""
	return bool(error.args) and (
		frappe.db.is_unique_key_violation(error) or frappe.db.is_primary_key_violation(error)
	)


class RolledBack(Exception):
	"""Another app's code rolled our transaction back, and what was stored is gone."""

	words = "a hook rolled the transaction back; it must not, everything else in it is lost with it"

	def __init__(self) -> None:
		super().__init__(self.words)


class Ended(RolledBack):
	"""The database ended our transaction, and whoever was told so kept it to themselves."""

	words = "a hook caught an error that ended the transaction, as a deadlock does; it must let it through"


class Watch:
	"""Notices what other apps' code does to our transaction, from when it is made until it is over.

	A savepoint marks the transaction: it is there only as long as nobody has ended that. Nothing is rolled back to it.
	"""

	def __init__(self) -> None:
		self._mark = f"hooks_{id(self):x}"
		self.is_over = False
		self.has_seen_commit = False
		self._rolled_back: RolledBack | None = None
		self._look()

	def end(self) -> None:
		"""Our own commits and rollbacks are none of its business.

		Raises:
			RolledBack: somebody rolled back, and caught the error that told of it. Its traceback says who.
			Ended: the database did, in a deadlock for example, and somebody caught that.
		"""
		self.is_over = True
		if self._rolled_back:
			raise self._rolled_back
		try:
			frappe.db.release_savepoint(self._mark)
		except frappe.db.OperationalError as error:
			raise Ended from error

	def _look(self) -> None:
		frappe.db.savepoint(self._mark)
		# A commit takes these away; what has seen it puts them back, for whoever rolls back after that.
		frappe.db.before_commit.add(self._before_commit)
		frappe.db.after_rollback.add(self._after_rollback)

	def _before_commit(self) -> None:
		frappe.db.after_commit.add(self._after_commit)

	def _after_commit(self) -> None:
		if not self.is_over:
			self.has_seen_commit = True
			self._look()

	def _after_rollback(self) -> None:
		if not self.is_over:
			self._rolled_back = self._rolled_back or RolledBack()
			raise self._rolled_back
