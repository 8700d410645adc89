"""What the bench tells the person in front of it, and how it runs other programs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench_tool.layout import BUILD, MARK, Layout


class Problem(Exception):
	"""Something that the person at the keyboard must know: one line on what is wrong and what to do."""


def say(text: str) -> None:
	"""Progress goes to stderr, so that the output of `dev/bench run …` can be piped."""
	print(text, file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[None]:
	"""Announces a piece of work and, when it is done, how many seconds it took."""
	say(f"  {title} …")
	start = time.monotonic()
	yield
	say(f"  {title}: {time.monotonic() - start:.1f} s")


def run(
	layout: Layout,
	command: Sequence[str | Path],
	what: str,
	*,
	log: str,
	cwd: Path | None = None,
	env: Mapping[str, str] | None = None,
	stdin: Path | None = None,
) -> None:
	"""Runs a step of the build to its end with its output appended to the log of that name.

	The program carries the mark BUILD: should this process be killed, the next one finds what it left at work.
	Raises Problem, with the last line of the output and the log's path, when the program fails."""
	file = layout.log(log)
	file.parent.mkdir(parents=True, exist_ok=True)
	with file.open("ab") as output, open(stdin or os.devnull, "rb") as source:
		start = output.tell()
		try:
			status = subprocess.run(
				[str(part) for part in command],
				cwd=cwd,
				env={**(layout.clean_environment() if env is None else env), MARK: f"{layout.bench}:{BUILD}"},
				stdin=source,
				stdout=output,
				stderr=subprocess.STDOUT,
			).returncode
		except OSError as error:
			raise Problem(f"{what}: cannot run {command[0]}: {error.strerror}")
	if status:
		raise Problem(f"{what} failed: {last_line(file, start)} (all of it: {file})")


def last_line(log: Path, start: int = 0) -> str:
	"""The last line with text that a log holds after the byte position `start`."""
	if not log.exists():
		return "no output"
	with log.open("rb") as file:
		file.seek(max(start, log.stat().st_size - 20_000))
		lines = file.read().decode(errors="replace").splitlines()
	return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "no output")
