"""What the database asks to try again.

A deadlock ends the whole transaction, and a key that somebody else has just written can only be read in a new one. So
there are no savepoints here: the work is rolled back whole, with its after-commit callbacks, and done again.
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
	"""Whether the same work may well succeed in a new transaction: deadlock, lock timeout, duplicate key."""
	if isinstance(
		error,
		frappe.QueryDeadlockError
		| frappe.QueryTimeoutError
		| frappe.DuplicateEntryError
		| frappe.UniqueValidationError,
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
