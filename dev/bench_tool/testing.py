"""dev/test: brings up what the tests need, then hands over to pytest."""

import hashlib
import itertools
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_tool import environment, packages
from bench_tool.cli import Bench, lock
from bench_tool.console import Problem, run, say, step
from bench_tool.layout import Layout
from bench_tool.locking import locked
from bench_tool.stamps import Stamps

KINDS = ("unit", "integration", "browser")
TORTURE = "tests/integration/test_webhook_torture.py"
RUNNING = "tests-running"  # a stamp that is there while pytest is at work, and after it was killed
COVERED_PERCENT = 95  # of the branches of what dev/coverage.ini names, by the unit tests


def main(layout: Layout, arguments: list[str]) -> int:
	"""Runs pytest on all tests or on those that the arguments name; the result is pytest's exit status.

	`--no-gate` leaves out the demand for coverage, which is made of complete runs only; `--torture` runs the long form of
	one test and nothing else."""
	gate = "--no-gate" not in arguments
	arguments = [argument for argument in arguments if argument != "--no-gate"]
	if any(argument.startswith("--torture") for argument in arguments) and not paths(layout, arguments):
		# before the option, which would take it for its seed
		arguments = [str(layout.root / TORTURE), *arguments]
	kinds = wanted_kinds(layout, arguments)
	if "FRAPPE_BENCH" in os.environ:
		return on_another_bench(layout, arguments)
	options = coverage_options(layout, gate) if kinds == set(KINDS) and not paths(layout, arguments) else []
	site = layout.site("test")
	env = site.environment() | {"FRAPPE_BENCH": str(site.bench), "FRAPPE_SITE": site.name}
	if kinds == {"unit"}:
		with lock(layout):
			environment.ensure(layout, Stamps(layout.run / "stamps"))
		return pytest(layout, layout.python, arguments, env)
	busy = "another test run is using the tests' site: waiting for it"
	with locked(layout.bench / "test.lock", busy, inherited=True):
		with lock(layout):
			stamps = prepare(layout, kinds)
		stamps.remember(RUNNING, "")
		status = pytest(layout, layout.python, [*options, *arguments], env)
		if status >= 0:  # it came to its end, and put back what it changed
			stamps.forget(RUNNING)
		return status


def prepare(layout: Layout, kinds: set[str]) -> Stamps:
	"""Brings up what tests on a site need."""
	if "browser" in kinds:
		packages.ensure(packages.BROWSER)
	bench = Bench(layout)
	clear_left_over(bench)
	bench.up(["test"])
	return bench.stamps


def clear_left_over(bench: Bench) -> None:
	"""A test run that was killed may have left gunicorn, workers or rows behind; no other run is on now."""
	known = set(bench.services.names())
	bench.services.stop([name for name in bench.services.running() if name not in known])
	if bench.stamps.exists(RUNNING):
		bench.stamps.forget("created-test")  # the site is made anew


def wanted_kinds(layout: Layout, arguments: Sequence[str]) -> set[str]:
	"""The kinds of tests that may run; all of them where the arguments do not tell."""
	if (named := paths(layout, arguments)) and all(
		path.is_relative_to(layout.root / "tests") for path in named
	):
		kinds = {(path.relative_to(layout.root / "tests").parts or ("",))[0] for path in named}
		return kinds if kinds <= set(KINDS) else set(KINDS)
	for option, value in itertools.pairwise(arguments):
		if option == "-m" and value in KINDS:
			return {value}
	return set(KINDS)


def paths(layout: Layout, arguments: Sequence[str]) -> list[Path]:
	"""The files and folders among pytest's arguments."""
	named = [Path(argument.split("::")[0]) for argument in arguments if not argument.startswith("-")]
	return [path.resolve() for path in named if path.exists()]


def coverage_options(layout: Layout, gate: bool) -> list[str]:
	os.environ["COVERAGE_FILE"] = str(layout.bench / "coverage" / "data")
	(layout.bench / "coverage").mkdir(parents=True, exist_ok=True)
	options = ["--cov", f"--cov-config={layout.dev / 'coverage.ini'}", "--cov-report=term:skip-covered"]
	return [*options, f"--cov-fail-under={COVERED_PERCENT}"] if gate else options


def pytest(layout: Layout, python: Path, arguments: Sequence[str], env: Mapping[str, str]) -> int:
	settings = {name: os.environ[name] for name in ("COVERAGE_FILE",) if name in os.environ}
	command = [python, "-m", "pytest", *arguments]
	# a lock that this process holds is held by pytest too, should this process be killed
	return subprocess.run(command, cwd=layout.root, env={**env, **settings}, close_fds=False).returncode


def on_another_bench(layout: Layout, arguments: Sequence[str]) -> int:
	"""The same tests on a site of a bench that is not ours.

	The tests' packages go to a folder of this checkout, which is looked into after the bench's own packages."""
	bench = Path(os.environ["FRAPPE_BENCH"]).resolve()
	site = os.environ.get("FRAPPE_SITE", "")
	if not (bench / "sites" / site / "site_config.json").exists() or not site:
		raise Problem(f"there is no site {site!r} in {bench}/sites: set FRAPPE_BENCH and FRAPPE_SITE")
	python = bench / "env" / "bin" / "python"
	with lock(layout):
		folder = test_packages(layout, python)
	env = {
		**{name: value for name, value in os.environ.items() if name != "CI"},
		"FRAPPE_BENCH": str(bench),
		"FRAPPE_SITE": site,
		"PYTHONPATH": str(layout.dev / "search_path"),
		"BENCH_TEST_PACKAGES": str(folder),
		"TZ": "UTC",
	}
	return pytest(layout, python, arguments, env)


def test_packages(layout: Layout, python: Path) -> Path:
	"""A folder with the tests' packages for one Python environment, in versions that agree with what it has."""
	files = [file for file in environment.requirement_files(layout) if file.name != "requirements.txt"]
	files += [file for file in environment.requirement_files(layout) if "simulator" in str(file)]
	frozen = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True)
	if frozen.returncode:
		raise Problem(f"{python} has no pip: {python} -m ensurepip")
	# what was installed from a folder (the apps) constrains nothing
	pins = "\n".join(line for line in frozen.stdout.splitlines() if "==" in line and " @ " not in line)
	key = hashlib.sha256("\0".join([str(python), pins, *(file.read_text() for file in files)]).encode())
	folder = layout.bench / "test-packages" / key.hexdigest()[:16]
	if not (folder / "complete").exists():
		folder.mkdir(parents=True, exist_ok=True)
		(folder / "constraints.txt").write_text(pins + "\n")
		arguments = [part for file in files for part in ("-r", str(file))]
		with step(f"the tests' packages, in {folder.relative_to(layout.root)}"):
			target = ["--target", folder, "-c", folder / "constraints.txt"]
			run(
				layout,
				[python, "-m", "pip", "install", "-q", "--upgrade", *target, *arguments],
				"installing the tests' packages",
				log="test-packages",
			)
		(folder / "complete").touch()
	if packages.missing_packages(packages.BROWSER):
		say("  no Chromium on this machine: the browser tests will fail (apt-get install chromium)")
	return folder
