"""Time that passes when a test says so, for code that measures how long it works or sleeps."""

from __future__ import annotations

from types import ModuleType

import pytest


class FakeTime:
	"""Stands in for the module `time` in the given modules: nobody really sleeps."""

	def __init__(self, monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
		self.passed = 0.0  # seconds since the beginning
		self.slept: list[float] = []
		for module in modules:
			monkeypatch.setattr(module, "time", self)

	def monotonic(self) -> float:
		return 1000 + self.passed

	def sleep(self, seconds: float) -> None:
		self.slept.append(seconds)
		self.advance(seconds)

	def advance(self, seconds: float) -> None:
		"""So many seconds go by while something else is done."""
		self.passed += seconds
