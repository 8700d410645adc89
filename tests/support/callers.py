"""Callers of Inbox Hub in processes of their own, as gunicorn's and RQ's workers are.

As a program, `python -m support.callers '{"threads": 50, ...}'`, it reads WhatsApp Settings of the tests' site, says that
it is ready, begins at a line on its standard input, and prints what came of its calls.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from threading import Barrier
from typing import Any

from support import bench

SECONDS = 120


@dataclass
class Work:
	"""`calls` calls of each of so many `threads`. `patience` as `HubTransport.patience_seconds`. `minute`: how many
	seconds this process takes a minute for, so that a test sees several."""

	threads: int = 1
	calls: int = 1
	method: str = "GET"
	path: str = "/api/messages/demo_session/chats"
	body: dict[str, Any] | None = None
	budget: str = "demo_session"
	lane: str = "background"
	patience: float | None = None
	minute: float = 60
	margin_ms: int = 1000


@dataclass
class Outcome:
	"""How many calls were answered, the names of the errors of the others, and the longest wait that was asked for."""

	answered: int = 0
	errors: dict[str, int] = field(default_factory=dict)
	retry_after: float = 0


def call_together(*works: Work) -> list[Outcome]:
	"""Start a process for each of `works`, let them begin at one moment, and return what came of each."""
	processes = [
		subprocess.Popen(
			[str(bench.python()), "-m", "support.callers", json.dumps(asdict(work))],
			cwd=bench.sites(),
			env=bench.environment(PYTHONPATH=f"{bench.ROOT / 'tests'}:{bench.ROOT}"),
			stdin=subprocess.PIPE,
			stdout=subprocess.PIPE,
			text=True,
		)
		for work in works
	]
	try:
		for process in processes:
			assert process.stdout.readline() == "ready\n", "a caller did not start"
		for process in processes:
			process.stdin.write("go\n")
			process.stdin.flush()
		return [Outcome(**json.loads(process.communicate(timeout=SECONDS)[0])) for process in processes]
	finally:
		for process in processes:
			process.kill()
			process.wait()


def main() -> None:
	"""Do the work that the first argument describes."""
	from xappiens_whatsapp.api.base import WhatsAppAPIClient
	from xappiens_whatsapp.inbox_hub import pacing
	from xappiens_whatsapp.inbox_hub.calls import make_call
	from xappiens_whatsapp.inbox_hub.errors import InboxHubError

	work = Work(**json.loads(sys.argv[1]))
	pacing.MINUTE, pacing.MARGIN_MS = work.minute, work.margin_ms
	with bench.connected():
		transports = [
			WhatsAppAPIClient(work.budget or None, lane=work.lane).connect()
			for _thread in range(work.threads)
		]
	call = make_call(work.method, work.path, json=work.body, budget=work.budget)
	together = Barrier(work.threads)

	def run(transport: Any) -> Counter[str]:
		transport.patience_seconds = work.patience
		counts: Counter[str] = Counter()
		together.wait()
		for _call in range(work.calls):
			try:
				transport.request(call)
				counts["answered"] += 1
			except InboxHubError as error:
				counts[type(error).__name__] += 1
				longest[0] = max(longest[0], getattr(error, "retry_after", 0))
		return counts

	longest = [0.0]
	print("ready", flush=True)
	sys.stdin.readline()
	with ThreadPoolExecutor(work.threads) as threads:
		counts = sum(threads.map(run, transports), Counter())
	answered = counts.pop("answered", 0)
	print(json.dumps(asdict(Outcome(answered, dict(counts), longest[0]))))


if __name__ == "__main__":
	main()
