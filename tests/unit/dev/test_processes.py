"""Processes are found, replaced and ended, however they were left."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench_tool import processes
from bench_tool.console import Problem
from bench_tool.processes import Service

PARENT = "import subprocess, sys; subprocess.Popen(['sleep', '600']); open(sys.argv[1], 'w'); sys.stdin.read(0); import time; time.sleep(600)"
STUBBORN = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(600)"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
	"""Makes a service that runs a piece of Python; whatever is left of it is killed after the test."""

	def make(code: str = PARENT, version: str = "") -> Service:
		ready = tmp_path / "ready"
		return Service(
			name="web",
			command=(sys.executable, "-c", code, str(ready)),
			cwd=tmp_path,
			env=dict(os.environ),
			log=tmp_path / "web.log",
			is_healthy=ready.exists,
			version=version,
		)

	yield make
	processes.kill_all(tmp_path, "web")


def wait_until(condition: Callable[[], object]) -> None:
	deadline = time.monotonic() + 10
	while not condition():
		assert time.monotonic() < deadline
		time.sleep(0.02)


def test_started_service_is_found_with_its_children(tmp_path: Path, service: Callable[..., Service]) -> None:
	processes.start(tmp_path, service())
	wait_until(lambda: len(processes.of_service(tmp_path, "web")) == 2)
	main = processes.main_process(processes.of_service(tmp_path, "web"))
	assert main is not None
	assert main.identity == service().identity


def test_processes_of_another_bench_are_not_ours(tmp_path: Path, service: Callable[..., Service]) -> None:
	processes.start(tmp_path, service())
	assert processes.living(tmp_path / "other") == []
	assert not processes.stop(tmp_path / "other", "web")
	assert processes.of_service(tmp_path, "web")


def test_identity_changes_with_the_code_that_the_command_line_does_not_show(
	service: Callable[..., Service],
) -> None:
	assert service(version="one").identity != service(version="two").identity


def test_stop_leaves_no_child_behind(tmp_path: Path, service: Callable[..., Service]) -> None:
	processes.start(tmp_path, service())
	wait_until(lambda: len(processes.of_service(tmp_path, "web")) == 2)
	assert processes.stop(tmp_path, "web", 1)
	assert processes.living(tmp_path) == []


def test_orphans_of_a_killed_service_are_recognised_and_ended(
	tmp_path: Path, service: Callable[..., Service]
) -> None:
	processes.start(tmp_path, service())
	wait_until(lambda: len(processes.of_service(tmp_path, "web")) == 2)
	main = processes.main_process(processes.of_service(tmp_path, "web"))
	os.kill(main.pid, signal.SIGKILL)
	wait_until(lambda: len(processes.of_service(tmp_path, "web")) == 1)
	assert processes.main_process(processes.of_service(tmp_path, "web")) is None
	assert processes.stop(tmp_path, "web", 1)
	assert processes.living(tmp_path) == []


def test_service_that_does_not_listen_to_a_polite_request_is_killed(
	tmp_path: Path, service: Callable[..., Service]
) -> None:
	processes.start(tmp_path, service(STUBBORN))
	assert processes.stop(tmp_path, "web", 0.2)
	assert processes.living(tmp_path) == []


def test_service_that_ends_at_once_is_reported_with_its_last_words(
	tmp_path: Path, service: Callable[..., Service]
) -> None:
	with pytest.raises(Problem, match="web did not start: no such table"):
		processes.start(tmp_path, service("import sys; sys.exit('no such table')"))
	assert processes.living(tmp_path) == []


def test_service_that_never_becomes_healthy_is_ended_and_reported(
	tmp_path: Path, service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(processes, "START_SECONDS", 0.3)
	with pytest.raises(Problem, match="was not ready"):
		processes.start(tmp_path, service("import time; time.sleep(600)"))
	assert processes.living(tmp_path) == []
