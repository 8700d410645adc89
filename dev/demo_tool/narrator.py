"""What the demo prints: steps with their time, progress on one line, a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import frappe

POLL_SECONDS = 0.2


class StepFailed(Exception):
	"""A step of the demo was not seen in the database."""


class Narrator:
	"""Numbers the steps and measures the time."""

	def __init__(self, steps: int) -> None:
		self.steps = steps
		self.step_number = 0
		self.started = time.monotonic()

	@property
	def seconds(self) -> float:
		return time.monotonic() - self.started

	def step(self, text: str) -> None:
		self.step_number += 1
		print(f"[{self.step_number}/{self.steps}] {text}", flush=True)

	def detail(self, text: str) -> None:
		print(f"      {text}", flush=True)

	def wait(
		self,
		what: str,
		is_true: Callable[[], object],
		timeout: float = 60,
		progress: Callable[[], str] | None = None,
	) -> None:
		"""Look into the database until something is there.

		Args:
			what: said when it is there, and when it never came.
			is_true: looks; each look sees what others have committed since.
			timeout: in seconds.
			progress: a text to show meanwhile; a line is printed whenever it changes.

		Raises:
			StepFailed: it did not come in time.
		"""
		deadline = time.monotonic() + timeout
		shown = ""
		while time.monotonic() < deadline:
			frappe.db.rollback()
			if progress and (text := progress()) and text != shown:
				shown = text
				self.detail(text)
			if is_true():
				self.detail(f"✓ {what}")
				return
			time.sleep(POLL_SECONDS)
		raise StepFailed(f"not seen within {timeout:.0f} s: {what}")

	def check(self, what: str, found: object, expected: object) -> None:
		"""Raise `StepFailed` unless both are equal."""
		if found != expected:
			raise StepFailed(f"{what}: found {found}, expected {expected}")
		self.detail(f"✓ {what}: {found}")


def table(rows: Sequence[tuple[str, object, object]]) -> None:
	"""Print rows of (what, in the CRM, at Inbox Hub)."""
	heads = ("", "in the CRM", "at Inbox Hub")
	cells = [heads, *((what, str(ours), str(theirs)) for what, ours, theirs in rows)]
	widths = [max(len(row[column]) for row in cells) for column in range(3)]
	rule = "+".join("-" * (width + 2) for width in widths)
	print(f"\n+{rule}+")
	for row in cells:
		first, *others = (
			f" {cell:{'<' if column == 0 else '>'}{widths[column]}} " for column, cell in enumerate(row)
		)
		print(f"|{'|'.join([first, *others])}|")
		if row is heads:
			print(f"+{rule}+")
	print(f"+{rule}+\n")
	sys.stdout.flush()
