"""Starts, finds and stops the bench's processes.

There are no pid files, so none can be stale: every process of a bench carries `BENCH_SERVICE=<bench folder>:<name>` in
its environment, which its children inherit, and /proc tells who is there. That finds orphans too: gunicorn workers or
the job of an RQ worker whose parent was killed."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench_tool.console import Problem, last_line
from bench_tool.layout import MARK
from bench_tool.stamps import digest

IDENTITY = "BENCH_IDENTITY"
START_SECONDS = 60.0


@dataclass(frozen=True)
class Service:
	"""A long-running program.

	`version` stands for what the command line does not show (the code it loads): when it changes, a running
	process is replaced."""

	name: str
	command: tuple[str, ...]
	cwd: Path
	env: Mapping[str, str]
	log: Path
	is_healthy: Callable[[], bool]
	port: int | None = None
	stop_seconds: float = 10.0
	version: str = ""
	needs: tuple[str, ...] = field(default=())

	@property
	def identity(self) -> str:
		return digest(*self.command, str(self.cwd), self.version)


@dataclass(frozen=True)
class Process:
	"""A living process of the bench."""

	pid: int
	parent: int
	service: str
	identity: str


def living(bench: Path, pid: int | None = None) -> list[Process]:
	"""The processes of this bench folder, parents before their children's children."""
	found = []
	for entry in [str(pid)] if pid else sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
		try:
			stat = Path("/proc", entry, "stat").read_text()
			environment = Path("/proc", entry, "environ").read_bytes()
		except OSError:  # it ended meanwhile, or is another user's
			continue
		state, parent = stat.rpartition(")")[2].split()[:2]
		values = dict(
			line.split("=", 1) for line in environment.decode(errors="replace").split("\0") if "=" in line
		)
		owner, _, service = values.get(MARK, "").rpartition(":")
		if state != "Z" and owner == str(bench):
			found.append(Process(int(entry), int(parent), service, values.get(IDENTITY, "")))
	return found


def of_service(bench: Path, name: str) -> list[Process]:
	return [process for process in living(bench) if process.service == name]


def main_process(processes: list[Process]) -> Process | None:
	"""The one among a service's processes that was started by the bench; None if only orphans are left."""
	pids = {process.pid for process in processes}
	tops = [process for process in processes if process.parent not in pids]
	return tops[0] if len(tops) == 1 and os.getsid(tops[0].pid) == tops[0].pid else None


def start(bench: Path, service: Service) -> None:
	"""Starts a service and waits until it does its work.

	Raises Problem with the last line of its log when it ends or is not healthy in time."""
	service.log.parent.mkdir(parents=True, exist_ok=True)
	with service.log.open("ab") as output:
		position = output.tell()
		process = subprocess.Popen(
			service.command,
			cwd=service.cwd,
			env={**service.env, MARK: f"{bench}:{service.name}", IDENTITY: service.identity},
			stdin=subprocess.DEVNULL,
			stdout=output,
			stderr=subprocess.STDOUT,
			start_new_session=True,
		)
	deadline = time.monotonic() + START_SECONDS
	while not service.is_healthy():
		if process.poll() is not None:
			kill_all(bench, service.name)
			raise Problem(f"{service.name} did not start: {last_line(service.log, position)} ({service.log})")
		if time.monotonic() > deadline:
			stop(bench, service.name, 5)
			raise Problem(f"{service.name} was not ready in {START_SECONDS:.0f} s: see {service.log}")
		time.sleep(0.1)


def stop(bench: Path, name: str, seconds: float = 10.0) -> bool:
	"""Ends all processes of a service, those with no parent left included; True if there were any.

	The main process is asked first; who is still there after `seconds` is killed."""
	processes = of_service(bench, name)
	if not processes:
		return False
	for process in [main_process(processes)] if main_process(processes) else processes:
		signal_process(process.pid, signal.SIGTERM)
	deadline = time.monotonic() + seconds
	while of_service(bench, name) and time.monotonic() < deadline:
		time.sleep(0.05)
	kill_all(bench, name)
	return True


def kill_all(bench: Path, name: str) -> None:
	"""Kills whatever is left of a service and waits until it is gone."""
	for _ in range(100):
		if not (processes := of_service(bench, name)):
			return
		for process in processes:
			signal_process(process.pid, signal.SIGKILL)
		time.sleep(0.05)
	raise Problem(f"{name}: processes {[process.pid for process in processes]} cannot be killed")


def signal_process(pid: int, number: int) -> None:
	with contextlib.suppress(ProcessLookupError):
		os.kill(pid, number)
