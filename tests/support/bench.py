"""The bench and the site that the tests run on: the private one, or any other that FRAPPE_BENCH and FRAPPE_SITE name."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / ".bench"
MARK = "BENCH_SERVICE"
ADMIN_PASSWORD = os.environ.get("FRAPPE_ADMIN_PASSWORD", "admin")
USER_PASSWORD = "a password of the tests"

T = TypeVar("T")


def folder() -> Path:
	"""The bench folder (it has sites/, apps/ and env/)."""
	return Path(os.environ["FRAPPE_BENCH"])


def site_name() -> str:
	return os.environ["FRAPPE_SITE"]


def sites() -> Path:
	return folder() / "sites"


def python() -> Path:
	return folder() / "env" / "bin" / "python"


def is_private() -> bool:
	"""Whether nobody but the tests uses this bench's Redis."""
	return folder() == ARTIFACTS / "test"


def common_config() -> dict[str, Any]:
	return json.loads((sites() / "common_site_config.json").read_text())


def frappe_command(*arguments: str) -> list[str]:
	"""Frappe's bench CLI for the tests' site; run it in sites()."""
	return [
		str(python()),
		"-m",
		"frappe.utils.bench_helper",
		"frappe",
		"--site",
		site_name(),
		*arguments,
	]


def environment(**more: str) -> dict[str, str]:
	"""The environment of a process of the bench: nothing of pytest's, and the mark by which `dev/bench down` finds
	what a killed test run left behind."""
	foreign = {"CI", "PYTHONPATH", "PYTEST_CURRENT_TEST", "BENCH_TEST_PACKAGES", "COVERAGE_FILE"}
	env = {name: value for name, value in os.environ.items() if name not in foreign}
	return {**env, "TZ": "UTC", MARK: f"{ARTIFACTS}:tests", **more}


def free_port() -> int:
	"""A port of 127.0.0.1 on which nobody listens now."""
	with socket.socket() as probe:
		probe.bind(("127.0.0.1", 0))
		return probe.getsockname()[1]


def answers(port: int) -> bool:
	"""Whether something accepts connections on this port of 127.0.0.1."""
	with socket.socket() as probe:
		probe.settimeout(1)
		return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], T], what: str, seconds: float = 20.0) -> T:
	"""Polls until the condition holds and returns its value.

	Raises AssertionError with `what` (a sentence: "the worker runs") when it does not hold in time."""
	deadline = time.monotonic() + seconds
	while not (value := condition()):
		if time.monotonic() > deadline:
			raise AssertionError(f"waited {seconds:.0f} s in vain until {what}")
		time.sleep(0.05)
	return value


def run(*arguments: str, seconds: float = 120.0) -> str:
	"""Runs a command of Frappe's bench CLI for the tests' site and returns what it prints.

	Raises AssertionError with its output when it fails."""
	result = subprocess.run(
		frappe_command(*arguments),
		cwd=sites(),
		env=environment(),
		stdin=subprocess.DEVNULL,
		stdout=subprocess.PIPE,
		stderr=subprocess.STDOUT,
		text=True,
		timeout=seconds,
	)
	assert result.returncode == 0, f"bench {' '.join(arguments)}:\n{result.stdout}"
	return result.stdout


@contextmanager
def connected(user: str = "Administrator") -> Iterator[None]:
	"""Frappe bound to the tests' site, for a thread of a test: Frappe's state belongs to one thread."""
	import frappe

	frappe.init(site=site_name(), sites_path=str(sites()))
	frappe.connect()
	frappe.flags.in_test = True
	frappe.set_user(user)
	try:
		yield
	finally:
		frappe.destroy()


class BenchProcess:
	"""A process of the bench that a test starts, stops and kills; its output is kept in a log."""

	def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
		self.name = name
		self.command = list(command)
		self.mark = f"{ARTIFACTS}:tests-{name}-{os.getpid()}"
		self.env = environment(**(env or {}), **{MARK: self.mark})
		self.log = ARTIFACTS / "logs" / f"tests-{name}.log"
		self.process: subprocess.Popen | None = None

	@property
	def is_running(self) -> bool:
		return self.process is not None and self.process.poll() is None

	def start(self) -> None:
		assert not self.is_running, f"{self.name} runs already"
		self.log.parent.mkdir(parents=True, exist_ok=True)
		with self.log.open("ab") as output:
			self.log_start = output.tell()
			self.process = subprocess.Popen(
				self.command,
				cwd=sites(),
				env=self.env,
				stdin=subprocess.DEVNULL,
				stdout=output,
				stderr=subprocess.STDOUT,
				start_new_session=True,
			)

	def output(self) -> str:
		"""What the process has written since it was last started."""
		with self.log.open("rb") as log:
			log.seek(self.log_start)
			return log.read().decode(errors="replace")

	def stop(self, seconds: float = 15.0) -> None:
		"""Asks the process to end; kills what is still there after some seconds."""
		if self.is_running:
			self.process.terminate()
			try:
				self.process.wait(seconds)
			except subprocess.TimeoutExpired:
				pass
		self.kill()

	def kill(self) -> None:
		"""SIGKILL for the process and all its descendants, as when the machine takes them away; returns when they are
		gone."""
		if self.process is None:
			return
		self.process.kill()
		self.process.wait()
		wait_until(lambda: not self.kill_descendants(), f"all processes of {self.name} are gone")
		self.process = None

	def kill_descendants(self) -> list[int]:
		"""Those that were still there."""
		pids = self.descendants()
		for pid in pids:
			with suppress(ProcessLookupError):
				os.kill(pid, signal.SIGKILL)
		return pids

	def descendants(self) -> list[int]:
		"""Every living process that this one has started: found by the mark in its environment, since the job of an
		RQ worker has a session of its own."""
		wanted = f"{MARK}={self.mark}".encode()
		pids = []
		for entry in filter(str.isdigit, os.listdir("/proc")):
			try:
				values = Path("/proc", entry, "environ").read_bytes().split(b"\0")
			except OSError:  # it ended meanwhile, or is another user's
				continue
			if wanted in values and (self.process is None or int(entry) != self.process.pid):
				pids.append(int(entry))
		return pids
