"""What was measured, as a table that fits into docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

BEGIN, END = "<!-- {part}: begin -->", "<!-- {part}: end -->"


@dataclass(frozen=True, slots=True)
class Figure:
	"""One line of a table: what was measured, how it came out, and where there is a target, whether it is met."""

	what: str
	result: str
	target: str = ""
	is_met: bool | None = None

	def as_row(self) -> str:
		verdict = "" if self.is_met is None else "yes" if self.is_met else "**no**"
		return f"| {self.what} | {self.result} | {self.target} | {verdict} |"


def at_least(what: str, value: float, target: float, text: str) -> Figure:
	"""A figure that should not be below its target. `text` is how to show both, such as "{:.1f} x"."""
	return Figure(what, text.format(value), f"≥ {text.format(target)}", value >= target)


def at_most(what: str, value: float, target: float, text: str) -> Figure:
	"""A figure that should not be above its target. `text` is how to show both, such as "{:.0f} s"."""
	return Figure(what, text.format(value), f"≤ {text.format(target)}", value <= target)


def as_table(figures: Iterable[Figure]) -> str:
	"""The figures as a Markdown table."""
	head = "| | measured | target | met |\n|---|---|---|---|\n"
	return head + "\n".join(figure.as_row() for figure in figures) + "\n"


def machine() -> str:
	"""What the figures were measured on, in one line."""
	processor = "an unknown processor"
	try:
		with open("/proc/cpuinfo") as file:
			processor = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
	except (OSError, StopIteration):
		pass
	cores = len(os.sched_getaffinity(0))
	return f"{cores} cores of {processor}, {platform.system()}, Python {platform.python_version()}"


def put_between_marks(document: str, part: str, text: str) -> str:
	"""The document with what stands between the marks of a part replaced.

	Raises:
		ValueError: the document has no such marks.
	"""
	begin, end = BEGIN.format(part=part), END.format(part=part)
	before, found, rest = document.partition(begin)
	_old, found_too, after = rest.partition(end)
	if not found or not found_too:
		raise ValueError(f"the document has no marks for {part}: {begin} … {end}")
	return f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}"


def say(text: str) -> None:
	"""A line of progress, on stderr: the tables alone are on stdout."""
	print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)
