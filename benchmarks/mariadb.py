"""The database under a measurement: as large as a large table needs, and done with what came before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bench_tool import database
from bench_tool.layout import Layout
from support import bench

LARGE_POOL = 2 * 1024**3  # bytes; the bench's MariaDB has 256 MB, less than the large tables take
UNPURGED = 20  # transactions; a few are there all the time


@contextmanager
def buffer_pool(size: int = LARGE_POOL) -> Iterator[None]:
	"""MariaDB's memory for pages of tables, in bytes; as before afterwards."""
	before = _ask("@@innodb_buffer_pool_size")
	_resize(size)
	try:
		yield
	finally:
		with suppress(AssertionError):
			_resize(before)


def wait_for_purge() -> None:
	"""Until what was deleted is gone from the indexes, too: InnoDB does that later, at the expense of whatever runs then."""
	bench.wait_until(
		lambda: (
			_ask(
				"variable_value FROM information_schema.global_status WHERE variable_name = 'Innodb_history_list_length'"
			)
			<= UNPURGED
		),
		"MariaDB has purged what was deleted",
	)


def _resize(size: int) -> None:
	_execute(f"SET GLOBAL innodb_buffer_pool_size = {size}")
	bench.wait_until(lambda: _ask("@@innodb_buffer_pool_size") == size, "MariaDB has resized its buffer pool")


def _ask(expression: str) -> int:
	return int(_execute(f"SELECT {expression}"))


def _execute(statement: str) -> str:
	return database.execute(Layout(bench.ROOT), int(bench.common_config()["db_port"]), statement)
