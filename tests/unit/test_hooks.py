"""What Frappe is told to call exists, and what must be done by itself is called."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

pytest.importorskip("frappe", reason="the hooks lead to code that is wired to Frappe: run ./dev/test")

from xappiens_whatsapp import hooks, jobs


def functions(value: object) -> Iterator[str]:
	"""The dotted names of the app's functions in a value of hooks.py."""
	if isinstance(value, str):
		if value.startswith("xappiens_whatsapp."):
			yield value
	elif isinstance(value, dict):
		for part in value.values():
			yield from functions(part)
	elif isinstance(value, list | tuple):
		for part in value:
			yield from functions(part)


def function(name: str) -> object:
	module, _, attribute = name.rpartition(".")
	return getattr(import_module(module), attribute)


NAMES = {
	name for hook, value in vars(hooks).items() if not hook.startswith("__") for name in functions(value)
}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_function_that_the_hooks_name_exists(name: str) -> None:
	assert callable(function(name))


def test_the_scheduler_calls_the_minute_job_each_minute_and_the_hourly_one_each_hour() -> None:
	events = hooks.scheduler_events
	assert [function(name) for name in events["cron"]["* * * * *"]] == [jobs.every_minute]
	assert [function(name) for name in events["hourly_long"]] == [jobs.every_hour]
