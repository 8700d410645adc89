"""Two commands at once do not meet, and a lock ends with its holder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench_tool.locking import locked

DEV = Path(__file__).resolve().parents[3] / "dev"
HOLD = """
import sys, pathlib
from bench_tool.locking import locked
with locked(pathlib.Path(sys.argv[1]), "waiting"):
	print("held", flush=True)
	sys.stdin.read()
"""


def holder(file: Path) -> subprocess.Popen:
	"""Another process that tries to hold the lock until its input ends."""
	return subprocess.Popen(
		[sys.executable, "-c", HOLD, str(file)],
		env={**os.environ, "PYTHONPATH": str(DEV)},
		stdin=subprocess.PIPE,
		stdout=subprocess.PIPE,
		stderr=subprocess.PIPE,
		text=True,
	)


def test_second_holder_says_that_it_waits_and_goes_on_when_the_first_is_done(tmp_path: Path) -> None:
	with locked(tmp_path / "lock", "waiting"):
		second = holder(tmp_path / "lock")
		assert second.stderr.readline() == "waiting\n"
		assert second.poll() is None
	assert second.stdout.readline() == "held\n"
	second.communicate()


def test_lock_of_a_killed_process_is_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
	first = holder(tmp_path / "lock")
	assert first.stdout.readline() == "held\n"
	first.send_signal(signal.SIGKILL)
	first.communicate()
	with locked(tmp_path / "lock", "waiting"):
		assert capsys.readouterr().err == ""


def test_lock_holds_when_its_file_was_removed_while_somebody_waited(tmp_path: Path) -> None:
	file = tmp_path / "bench" / "lock"
	with locked(file, "waiting"):
		second = holder(file)
		assert second.stderr.readline() == "waiting\n"
		file.unlink()
		file.parent.rmdir()
	assert second.stdout.readline() == "held\n"
	third = holder(file)
	assert third.stderr.readline() == "waiting\n"
	second.communicate()
	assert third.stdout.readline() == "held\n"
	third.communicate()
