"""dev/benchmark: brings up the tests' bench, then hands over to benchmarks/."""

import subprocess

from bench_tool.cli import Bench, lock
from bench_tool.layout import Layout
from bench_tool.locking import locked
from bench_tool.testing import clear_left_over

SITE = "benchmark.localhost"


def main(layout: Layout, arguments: list[str]) -> int:
	"""Runs the benchmarks on a site of their own; tests of this checkout wait meanwhile. The result is their exit status."""
	site = layout.site("test")
	paths = ":".join(str(layout.root / folder) for folder in ("tests", "dev", "."))
	env = site.environment() | {
		"FRAPPE_BENCH": str(site.bench),
		"FRAPPE_SITE": SITE,
		"PYTHONPATH": paths,
	}
	busy = "a test run or another benchmark is using the tests' bench: waiting for it"
	with locked(layout.bench / "test.lock", busy, inherited=True):
		with lock(layout):
			bench = Bench(layout)
			clear_left_over(bench)
			bench.up(["test"])
		command = [layout.python, "-W", "ignore", "-m", "benchmarks", *arguments]
		return subprocess.run(command, cwd=layout.root, env=env, close_fds=False).returncode
