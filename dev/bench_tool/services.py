"""What runs in a bench: MariaDB, which both sites share, and for each site two Redis, gunicorn, an RQ worker, the
scheduler and the realtime server. All listen on 127.0.0.1 only."""

import http.client
import os
import subprocess
from pathlib import Path

from bench_tool import database, processes
from bench_tool.console import Problem, last_line, say
from bench_tool.layout import Layout, Site
from bench_tool.packages import which
from bench_tool.ports import Ports, answers, is_taken
from bench_tool.processes import Service
from bench_tool.stamps import digest, tree

STORES = ("redis-cache", "redis-queue")
WORKERS = ("web", "worker", "scheduler", "realtime")


class Services:
	"""The services of one checkout by name."""

	def __init__(self, layout: Layout, ports: Ports) -> None:
		self.layout = layout
		self.ports = ports

	def names(self, site: Site | None = None) -> list[str]:
		"""Names in the order in which they are started; the tests start gunicorn, workers and the realtime server
		themselves, as they have to kill and replace them."""
		if site is None:
			return ["mariadb", *STORES, *WORKERS, *(f"test-{name}" for name in STORES)]
		return ["mariadb", *(site.prefix + name for name in (STORES if site.prefix else STORES + WORKERS))]

	def running(self) -> list[str]:
		"""Names of services of which any process is left, those started by a test run included."""
		return sorted({process.service for process in processes.living(self.layout.bench)})

	def get(self, name: str) -> Service:
		if name == "mariadb":
			return mariadb(self.layout, self.ports["mariadb"])
		site = self.layout.site("test" if name.startswith("test-") else "demo")
		kind = name.removeprefix("test-")
		if kind in STORES:
			return redis(site, kind, self.ports[name])
		return {"web": web, "worker": worker, "scheduler": scheduler, "realtime": realtime}[kind](
			site, self.ports[site.prefix + "web"], self.ports[site.prefix + "realtime"]
		)

	def settle_port(self, name: str) -> None:
		"""Gives a service that is about to start another port if its own is taken by somebody else."""
		if name not in self.ports.numbers or processes.of_service(self.layout.bench, name):
			return
		if is_taken(self.ports[name]):
			self.ports.replace(name)

	def ensure(self, name: str) -> bool:
		"""Makes sure that a service runs, does its work and has today's code; True if it was (re)started."""
		bench = self.layout.bench
		service = self.get(name)
		found = processes.of_service(bench, name)
		main = processes.main_process(found)
		if main and main.identity == service.identity and service.is_healthy():
			return False
		if found:
			say(f"  {name} is replaced" if main else f"  {name} left processes behind: they are ended")
			processes.stop(bench, name, service.stop_seconds)
		processes.start(bench, service)
		say(f"  {name} runs" + (f" on 127.0.0.1:{service.port}" if service.port else ""))
		if name.endswith("web"):
			self.report_broken_app(name)
		return True

	def report_broken_app(self, name: str) -> None:
		"""gunicorn runs whatever the app is like; what the app breaks is said, not hidden."""
		site = self.layout.site("test" if name.startswith("test-") else "demo")
		status = ping(site, self.ports[name])
		if status != 200:
			say(f"  {name} answers {status}: {last_line(self.layout.log(name))} (dev/bench logs {name})")

	def stop(self, names: list[str]) -> None:
		"""Ends services in the opposite of the order in which they start; whatever a test run left goes first."""
		known = self.names()
		for name in sorted(names, key=lambda name: -known.index(name) if name in known else -len(known)):
			seconds = self.get(name).stop_seconds if name in known else 5.0
			if processes.stop(self.layout.bench, name, seconds):
				say(f"  {name} stopped")


def mariadb(layout: Layout, port: int) -> Service:
	return Service(
		name="mariadb",
		command=(
			which("mariadbd") or "mariadbd",
			"--no-defaults",
			*(["--user=root"] if os.geteuid() == 0 else []),
			f"--datadir={layout.mariadb}",
			"--socket=mariadb.sock",  # relative to the data folder: a socket's path must be short
			"--bind-address=127.0.0.1",
			f"--port={port}",
			"--character-set-server=utf8mb4",
			"--collation-server=utf8mb4_unicode_ci",
			"--skip-name-resolve",
			"--innodb-buffer-pool-size=256M",
			"--innodb-flush-log-at-trx-commit=2",
			"--innodb-print-all-deadlocks=ON",  # a lost race is then explained in the log
			"--table-definition-cache=4000",
			"--table-open-cache=4000",
			"--max-connections=400",
			"--skip-log-bin",
		),
		cwd=layout.bench,
		env=layout.clean_environment(),
		log=layout.log("mariadb"),
		is_healthy=lambda: database.is_ours(layout, port),
		port=port,
		stop_seconds=40.0,
	)


def redis(site: Site, kind: str, port: int) -> Service:
	name = site.prefix + kind
	folder = site.layout.bench / "redis" / name
	folder.mkdir(parents=True, exist_ok=True)
	# the queue holds jobs and tokens, which a restart must not lose; the cache is a cache
	keeping = ["--appendonly", "yes"] if kind == "redis-queue" else ["--appendonly", "no"]

	def is_healthy() -> bool:
		command = [which("redis-cli") or "redis-cli", "-h", "127.0.0.1", "-p", str(port), "ping"]
		return subprocess.run(command, capture_output=True).stdout.strip() == b"PONG"

	return Service(
		name=name,
		# a process title would overwrite the environment by which the process is found
		command=(
			which("redis-server") or "redis-server",
			*("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--set-proc-title", "no"),
			*("--save", "", "--databases", "1", "--loglevel", "notice", *keeping),
		),
		cwd=folder,
		env=site.layout.clean_environment(),
		log=site.layout.log(name),
		is_healthy=is_healthy,
		port=port,
	)


def web(site: Site, port: int, realtime_port: int) -> Service:
	command = (
		str(site.layout.env / "bin" / "gunicorn"),
		*("--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", "--worker-class", "gthread"),
		*(
			"--timeout",
			"120",
			"--graceful-timeout",
			"5",
			"--preload",
			"--pythonpath",
			str(site.layout.runtime),
		),
		"frappe_wsgi:application",
	)
	return python_service(
		site, "web", command, lambda: ping(site, port) is not None, port, version=str(realtime_port)
	)


def ping(site: Site, port: int) -> int | None:
	"""The HTTP status with which Frappe answers for a site; None if nobody answers."""
	connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
	try:
		connection.request("GET", "/api/method/ping", headers={"X-Frappe-Site-Name": site.name})
		return connection.getresponse().status
	except (OSError, http.client.HTTPException):
		return None
	finally:
		connection.close()


def worker(site: Site, port: int, realtime_port: int) -> Service:
	command = (*frappe_command(site), "worker", "--queue", "short,default,long")
	return python_service(site, "worker", command, lambda: True)


def scheduler(site: Site, port: int, realtime_port: int) -> Service:
	return python_service(site, "scheduler", (*frappe_command(site), "schedule"), lambda: True)


def realtime(site: Site, port: int, realtime_port: int) -> Service:
	command = (str(site.layout.python), str(site.layout.runtime / "socketio_server.py"))
	return python_service(
		site, "realtime", command, lambda: answers(realtime_port), realtime_port, version=str(port)
	)


def python_service(
	site: Site, kind: str, command: tuple[str, ...], is_healthy, port: int | None = None, version: str = ""
) -> Service:
	"""A service that runs the code of Frappe and the app: it is replaced when either changed."""
	layout = site.layout
	code = [
		file
		for folder in (layout.root / "xappiens_whatsapp", layout.runtime)
		for file in tree(folder, [".py"])
	]
	# the realtime server reads the ports of the others once, when it starts
	configuration = site.sites / "common_site_config.json"
	stamps = [
		configuration,
		*(file for name in ("python", "frappe") if (file := layout.run / "stamps" / name).exists()),
	]
	return Service(
		name=site.prefix + kind,
		command=command,
		cwd=site.sites,
		env=site.environment(),
		log=layout.log(site.prefix + kind),
		is_healthy=is_healthy,
		port=port,
		version=digest(version, *map(str, code), *code, *stamps),
	)


def frappe_command(site: Site, *arguments: str) -> tuple[str, ...]:
	"""The `bench` of Frappe, as far as Frappe itself brings it."""
	return (str(site.layout.python), "-m", "frappe.utils.bench_helper", "frappe", *arguments)


def require_running(layout: Layout, name: str) -> None:
	if not processes.of_service(layout.bench, name):
		raise Problem(f"{name} is not running: dev/bench up")


def log_files(layout: Layout) -> list[Path]:
	return sorted(layout.logs.glob("*.log"))
