"""One change of the bench at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_tool.console import say


@contextmanager
def locked(file: Path, busy: str, *, inherited: bool = False) -> Iterator[None]:
	"""Holds a lock that ends with this process, however it ends; says `busy` once if it has to wait.

	With `inherited` a child that is given the descriptor (the test run) holds the lock on if this process dies."""
	file.parent.mkdir(parents=True, exist_ok=True)
	while True:
		descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
		try:
			fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
		except BlockingIOError:
			say(busy)
			fcntl.flock(descriptor, fcntl.LOCK_EX)
		# `destroy` may have removed the file while this process waited for it
		if file.exists() and file.stat().st_ino == os.fstat(descriptor).st_ino:
			break
		os.close(descriptor)
		file.parent.mkdir(parents=True, exist_ok=True)
	os.set_inheritable(descriptor, inherited)
	try:
		yield
	finally:
		os.close(descriptor)
