"""What a test wants to know of the database: which statements were made, and what happens when many write at once."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import frappe

from support import bench

T = TypeVar("T")


@contextmanager
def statements() -> Iterator[list[str]]:
	"""The SQL that this thread runs within the block, in order."""
	made: list[str] = []
	run = frappe.db.sql

	def noted(query: Any, *arguments: Any, **options: Any) -> Any:
		made.append(" ".join(str(query).split()))
		return run(query, *arguments, **options)

	frappe.db.sql = noted
	try:
		yield made
	finally:
		frappe.db.sql = run


@contextmanager
def locked(doctype: str, name: str) -> Iterator[None]:
	"""Within the block another transaction has locked the row: whoever wants to write it waits."""
	is_locked, may_end = threading.Event(), threading.Event()

	def hold() -> None:
		with bench.connected():
			frappe.db.get_value(doctype, name, "name", for_update=True)
			is_locked.set()
			may_end.wait(120)
			frappe.db.rollback()

	holder = threading.Thread(target=hold, daemon=True)
	holder.start()
	assert is_locked.wait(20), f"{doctype} {name} cannot be locked"
	try:
		yield
	finally:
		may_end.set()
		holder.join(20)


def in_parallel(work: Sequence[Callable[[], T]], seconds: float = 60.0) -> list[T]:
	"""Does each piece of work in a thread with a database connection of its own, all starting at the same moment.

	A piece commits what it wants to keep. Returns what they return, in their order; raises what the first one raised."""
	start = threading.Barrier(len(work))
	results: list[Any] = [None] * len(work)
	errors: list[BaseException] = []

	def run(place: int) -> None:
		try:
			with bench.connected():
				start.wait(seconds)
				results[place] = work[place]()
		except BaseException as error:
			start.abort()
			errors.append(error)

	threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(work))]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(seconds)
		assert not thread.is_alive(), f"work is not done after {seconds:.0f} s"
	if errors:
		raise errors[0]
	frappe.db.rollback()  # see what the others have committed
	return results
