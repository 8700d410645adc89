"""Programs that the system must have; on Debian and its kin they are installed when that is possible."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from bench_tool.console import Problem, step

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
OLDEST_NODE = 18


@dataclass(frozen=True)
class Program:
	"""A program under any of its names, and the Debian package that brings it."""

	names: tuple[str, ...]
	package: str


# mariadb-server-core is the server without the system's own service: a MariaDB of the machine stays as it is.
BENCH = (
	Program(("mariadbd",), "mariadb-server-core"),
	Program(("mariadb-install-db",), "mariadb-server-core"),
	Program(("mariadb",), "mariadb-client"),
	Program(("mariadb-dump",), "mariadb-client"),
	Program(("redis-server",), "redis-server"),
	Program(("redis-cli",), "redis-tools"),
	Program(("node",), "nodejs"),
	Program(("npm",), "npm"),
)
BROWSER = (Program(("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"), "chromium"),)
NODE = (Program(("node",), "nodejs"), Program(("npm",), "npm"))


def which(*names: str) -> str | None:
	"""The path of the first of these programs that exists; looks in /usr/sbin too, where servers are."""
	return next((found for name in names if (found := shutil.which(name, path=PATH))), None)


def ensure(programs: Iterable[Program]) -> None:
	"""Makes sure that all these programs exist, with apt-get if this user may.

	Raises Problem with the one command that a person has to type otherwise."""
	missing = missing_packages(programs)
	if missing:
		install(missing)
		if missing := missing_packages(programs):
			raise Problem(f"still missing after the installation: {' '.join(missing)}")
	if any("node" in program.names for program in programs):
		check_node()


def missing_packages(programs: Iterable[Program]) -> list[str]:
	return sorted({program.package for program in programs if not which(*program.names)})


def install(packages: list[str]) -> None:
	names = " ".join(packages)
	prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
	apt = which("apt-get")
	may = not prefix or (
		which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
	)
	if not apt or not may:
		raise Problem(
			f"missing on this machine: {names}. As root: apt-get install --no-install-recommends {names}"
		)
	with step(f"system packages {names}"):
		for arguments in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *packages]):
			result = subprocess.run(
				[*prefix, "env", "DEBIAN_FRONTEND=noninteractive", apt, *arguments],
				stdin=subprocess.DEVNULL,
				stdout=subprocess.PIPE,
				stderr=subprocess.STDOUT,
				text=True,
			)
			if result.returncode:
				reason = (result.stdout.strip().splitlines() or ["no output"])[-1]
				raise Problem(f"apt-get {arguments[0]} failed: {reason}. As root: apt-get install {names}")


def check_node() -> None:
	"""Raises Problem when Node is older than the Desk's build needs."""
	answer = subprocess.run([which("node") or "node", "--version"], capture_output=True, text=True).stdout
	version = re.match(r"v(\d+)", answer)
	if not version or int(version[1]) < OLDEST_NODE:
		raise Problem(
			f"Node {OLDEST_NODE} or newer is needed, `node --version` says {answer.strip() or 'nothing'}"
		)
