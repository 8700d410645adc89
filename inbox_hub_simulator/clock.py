"""The one clock of the simulator."""

from __future__ import annotations

import time


def now_ms() -> int:
	"""This instant in epoch milliseconds."""
	return time.time_ns() // 1_000_000
