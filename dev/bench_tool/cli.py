"""The commands of dev/bench."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from bench_tool import database, desk, environment, packages, processes, sites
from bench_tool.console import Problem, say
from bench_tool.layout import ADMIN_PASSWORD, BUILD, Layout, Site
from bench_tool.locking import locked
from bench_tool.ports import Ports, answers
from bench_tool.services import Services, frappe_command, log_files
from bench_tool.stamps import Stamps

HELP = """\
dev/bench COMMAND

  up [--site demo|test|both]     everything installed, built, migrated and running (default: the demo's site)
  down                           ends every process of this bench
  status                         what runs where
  restart [PROCESS…]             starts processes again (default: those that run the app's code)
  run [--site S] COMMAND…        a command of Frappe's bench CLI, e.g. run migrate, run execute METHOD --kwargs '{…}'
  python [--site S] SCRIPT…      runs a script with the site connected, commits at its end (also: - for stdin, -c CODE)
  console [--site S]             an interactive Python with the site connected
  logs [PROCESS] [-f]            the last lines of the logs, or one log, or one log as it grows
  url [--site S]                 the address of the Desk
  reset [--site demo|test|both]  makes a site anew; its data is lost
  destroy                        down, then removes all of .bench/

  S is demo (the default), test, or the name of a site. run, python and console bring the bench up if it is down.
  run --developer switches developer mode on for that one command, so that it may write the app's JSON files."""


class Bench:
	"""One checkout's bench: what the commands work on."""

	def __init__(self, layout: Layout) -> None:
		self.layout = layout
		self.stamps = Stamps(layout.run / "stamps")
		self.ports = Ports(layout.run / "ports.json")
		self.services = Services(layout, self.ports)

	def up(self, keys: Sequence[str]) -> None:
		"""Makes everything true that a running bench needs; does nothing where it is true already."""
		layout, ports = self.layout, self.ports
		self.end_left_over_build()
		packages.ensure(packages.BENCH)
		wanted = [layout.site(key) for key in keys]
		names = list(dict.fromkeys(name for site in wanted for name in self.services.names(site)))
		for name in names:
			self.services.settle_port(name)
		environment.ensure(layout, self.stamps)
		for key in ("demo", "test"):
			sites.configure(layout, layout.site(key), ports)
		desk.ensure(layout, self.stamps, ports)
		database.ensure_data(layout)
		stores = [
			name
			for name in names
			if name.removeprefix("test-") not in ("web", "worker", "scheduler", "realtime")
		]
		if not self.stamps.exists("pristine"):  # it is made in the demo's bench folder
			stores = list(dict.fromkeys([*stores, "redis-cache", "redis-queue"]))
		for name in stores:
			self.services.settle_port(name)
			self.services.ensure(name)
		for site in wanted:
			sites.ensure(layout, self.stamps, ports, site)
		for name in names:
			if name not in stores:
				self.services.ensure(name)

	def end_left_over_build(self) -> None:
		"""A command that was killed may have left npm, pip or a migration at work; it held the lock that we hold."""
		if processes.stop(self.layout.bench, BUILD, 5):
			say("  an interrupted build was still at work: ended")

	def down(self) -> None:
		self.services.stop(self.services.running())


def main(arguments: list[str], root: Path | None = None) -> int:
	"""Runs one command; the result is the exit status."""
	layout = Layout(root or Path(__file__).resolve().parents[2])
	name, *rest = arguments or ["help"]
	if name in ("help", "-h", "--help"):
		print(HELP)
		return 0
	try:
		if name not in COMMANDS:
			raise Problem(f"dev/bench has no command {name!r}; it has {', '.join(COMMANDS)}")
		return COMMANDS[name](layout, rest)
	except Problem as problem:
		say(f"dev/bench {name}: {problem}")
		return 1
	except KeyboardInterrupt:
		return 130


def lock(layout: Layout):
	"""Held while the bench is changed."""
	return locked(
		layout.bench / "lock", "another dev/bench command is at work in this checkout: waiting for it"
	)


def keys_of(name: str) -> list[str]:
	if name not in ("demo", "test", "both"):
		raise Problem(f"--site takes demo, test or both, not {name!r}")
	return ["demo", "test"] if name == "both" else [name]


def take_site(arguments: list[str], default: str = "demo") -> tuple[str, list[str]]:
	"""The value of a leading --site, and the other arguments."""
	if arguments and arguments[0].startswith("--site="):
		return arguments[0].partition("=")[2], arguments[1:]
	if len(arguments) > 1 and arguments[0] == "--site":
		return arguments[1], arguments[2:]
	return default, arguments


def site_of(layout: Layout, name: str) -> tuple[Site, str]:
	"""The bench folder in which a site lies, and the site's name."""
	if name in ("demo", "test"):
		return layout.site(name), layout.site(name).name
	return layout.site("test" if name == layout.site("test").name else "demo"), name


def up(layout: Layout, arguments: list[str]) -> int:
	name, rest = take_site(arguments)
	refuse(rest)
	with lock(layout):
		bench = Bench(layout)
		bench.up(keys_of(name))
	if name != "test":
		say(f"{address(bench, layout.site('demo'))}  (Administrator / {ADMIN_PASSWORD})")
	return 0


def down(layout: Layout, arguments: list[str]) -> int:
	refuse(arguments)
	with lock(layout):
		Bench(layout).down()
	return 0


def status(layout: Layout, arguments: list[str]) -> int:
	"""One line a process; exit status 3 if not all of the demo's run."""
	refuse(arguments)
	bench = Bench(layout)
	living = processes.living(layout.bench)
	names = bench.services.names()
	missing = False
	for name in [*names, *sorted({process.service for process in living} - set(names))]:
		own = [process for process in living if process.service == name]
		main_process = processes.main_process(own)
		port = bench.ports.numbers.get(name)
		if not own:
			state = "down"
			missing = missing or not name.startswith("test-")
		elif not main_process and name in names:
			state = "orphans of a killed process: dev/bench up"
			missing = True
		elif port and not answers(port):
			state = "runs, but does not answer: dev/bench restart " + name
			missing = True
		else:
			state = "runs"
		pids = ",".join(str(process.pid) for process in ([main_process] if main_process else own))
		print(f"{name:17} {port or '':>6}  {pids:>8}  {state}")
	if not missing:
		print(f"{address(bench, layout.site('demo'))}  (Administrator / {ADMIN_PASSWORD})")
	return 3 if missing else 0


def restart(layout: Layout, arguments: list[str]) -> int:
	with lock(layout):
		bench = Bench(layout)
		names = arguments or ["web", "worker", "scheduler", "realtime"]
		if unknown := set(names) - set(bench.services.names()):
			raise Problem(
				f"no process {', '.join(sorted(unknown))}; there are {', '.join(bench.services.names())}"
			)
		bench.services.stop(names)
		bench.up(["demo"] if not all(name.startswith("test-") for name in names) else ["test"])
	return 0


def run(layout: Layout, arguments: list[str]) -> int:
	developer = "--developer" in arguments[:3]
	name, rest = take_site([argument for argument in arguments if argument != "--developer"])
	if not rest:
		raise Problem("run needs a command, e.g. dev/bench run list-apps")
	owner, site_name = site_of(layout, name)
	bench_for(owner)
	if rest[0] == "build":
		with lock(layout):
			bench = Bench(layout)
			bench.stamps.forget("desk-frappe")
			desk.ensure(layout, bench.stamps, bench.ports)
		return 0
	command = [*frappe_command(owner), "--site", site_name, *rest]
	if developer:
		command = [str(layout.python), str(layout.runtime / "developer.py"), *command[3:]]
	return hand_over(owner, command)


def python(layout: Layout, arguments: list[str]) -> int:
	name, rest = take_site(arguments)
	if not rest:
		raise Problem("python needs a script, - or -c CODE")
	owner, site_name = site_of(layout, name)
	bench_for(owner)
	return hand_over(owner, [str(layout.python), str(layout.runtime / "connected.py"), site_name, *rest])


def console(layout: Layout, arguments: list[str]) -> int:
	name, rest = take_site(arguments)
	return run(layout, ["--site", name, "console", *rest])


def bench_for(owner: Site) -> None:
	"""Brings the bench up for a site if its database or Redis is down."""
	with lock(owner.layout):
		bench = Bench(owner.layout)
		stores = [name for name in bench.services.names(owner) if name == "mariadb" or "redis" in name]
		if not set(stores) <= set(bench.services.running()) or not bench.stamps.exists(f"site-{owner.key}"):
			bench.up([owner.key])


def hand_over(owner: Site, command: list[str]) -> int:
	"""Runs a program in the sites folder with this terminal."""
	environment = {**owner.environment(), "BENCH_CALLER": os.getcwd()}
	return subprocess.run(command, cwd=owner.sites, env=environment).returncode


def logs(layout: Layout, arguments: list[str]) -> int:
	names = [argument for argument in arguments if argument != "-f"]
	files = [layout.log(name) for name in names] or log_files(layout)
	for file in files:
		if not file.exists():
			known = ", ".join(known.stem for known in log_files(layout))
			raise Problem(f"no log of {file.stem}; there are logs of {known or 'nothing yet'}")
	lines = "200" if names else "15"
	return subprocess.run(["tail", "-n", lines, *(["-F"] if "-f" in arguments else []), *files]).returncode


def url(layout: Layout, arguments: list[str]) -> int:
	name, rest = take_site(arguments)
	refuse(rest)
	print(address(Bench(layout), site_of(layout, name)[0]))
	return 0


def address(bench: Bench, site: Site) -> str:
	return f"http://{site.name}:{bench.ports[site.prefix + 'web']}/app"


def reset(layout: Layout, arguments: list[str]) -> int:
	name, rest = take_site(arguments)
	refuse(rest)
	with lock(layout):
		bench = Bench(layout)
		for key in keys_of(name):
			bench.services.stop(
				[f"{layout.site(key).prefix}{kind}" for kind in ("web", "worker", "scheduler")]
			)
			empty_redis(bench, layout.site(key))
			bench.stamps.forget(f"created-{key}")
		bench.up(keys_of(name))
	return 0


def empty_redis(bench: Bench, site: Site) -> None:
	"""Jobs and cached rows of the old site mean nothing to the new one."""
	for name in (f"{site.prefix}redis-cache", f"{site.prefix}redis-queue"):
		if processes.of_service(bench.layout.bench, name):
			cli = packages.which("redis-cli") or "redis-cli"
			subprocess.run(
				[cli, "-h", "127.0.0.1", "-p", str(bench.ports[name]), "flushall"], capture_output=True
			)


def destroy(layout: Layout, arguments: list[str]) -> int:
	refuse(arguments)
	if not layout.bench.exists():
		return 0
	with lock(layout):
		Bench(layout).down()
		shutil.rmtree(layout.bench)
	return 0


def test(layout: Layout, arguments: list[str]) -> int:
	from bench_tool.testing import main as run_tests

	return run_tests(layout, arguments)


def benchmark(layout: Layout, arguments: list[str]) -> int:
	from bench_tool.benchmarking import main as run_benchmarks

	return run_benchmarks(layout, arguments)


def lint(layout: Layout, arguments: list[str]) -> int:
	from bench_tool.linting import main as run_lint

	return run_lint(layout, arguments)


def refuse(arguments: list[str]) -> None:
	if arguments:
		raise Problem(f"unexpected {' '.join(arguments)}; see dev/bench help")


COMMANDS: dict[str, Callable[[Layout, list[str]], int]] = {
	"up": up,
	"down": down,
	"status": status,
	"restart": restart,
	"run": run,
	"python": python,
	"console": console,
	"logs": logs,
	"url": url,
	"reset": reset,
	"destroy": destroy,
	"test": test,
	"benchmark": benchmark,
	"lint": lint,
}
