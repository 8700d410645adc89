"""Where everything is. All that the bench makes lies below `.bench/` of its checkout."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

APP = "xappiens_whatsapp"
MARK = "BENCH_SERVICE"  # in the environment of every process of a bench: its folder and the process's name
BUILD = "build"  # the name of all that runs to its end while the bench is made
TIME_ZONE = "Europe/Madrid"  # not the machine's (UTC for every process of the bench), so that time bugs show
ADMIN_PASSWORD = "admin"


@dataclass(frozen=True)
class Layout:
	"""The paths of one checkout."""

	root: Path

	@property
	def dev(self) -> Path:
		return self.root / "dev"

	@property
	def runtime(self) -> Path:
		return self.dev / "runtime"

	@property
	def bench(self) -> Path:
		return self.root / ".bench"

	@property
	def env(self) -> Path:
		return self.bench / "env"

	@property
	def python(self) -> Path:
		return self.env / "bin" / "python"

	@property
	def apps(self) -> Path:
		return self.bench / "apps"

	@property
	def frappe(self) -> Path:
		return self.apps / "frappe"

	@property
	def assets(self) -> Path:
		return self.bench / "sites" / "assets"

	@property
	def logs(self) -> Path:
		return self.bench / "logs"

	@property
	def run(self) -> Path:
		return self.bench / "run"

	@property
	def mariadb(self) -> Path:
		return self.bench / "mariadb"

	@property
	def cache(self) -> Path:
		return self.bench / "cache"

	@property
	def neighbours(self) -> list[Path]:
		"""Apps that exist for the tests only; each is a folder as `bench get-app` would clone it."""
		return sorted(folder for folder in self.root.glob("tests/apps/*") if (folder / folder.name).is_dir())

	@property
	def app_is_installable(self) -> bool:
		package = self.root / APP
		return (package / "hooks.py").exists() and (package / "modules.txt").exists()

	def site(self, key: str) -> "Site":
		return Site(self, key)

	def log(self, name: str) -> Path:
		return self.logs / f"{name}.log"

	def clean_environment(self) -> dict[str, str]:
		"""The caller's environment without what would make a program of the bench behave otherwise than in
		another shell, and with the bench's own programs first."""
		foreign = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CI", "DEV_SERVER"}
		env = {
			name: value
			for name, value in os.environ.items()
			if name not in foreign and not name.startswith(("FRAPPE_", "BENCH_"))
		}
		env["PATH"] = f"{self.env / 'bin'}:{env.get('PATH', os.defpath)}:/usr/sbin:/sbin"
		env["TZ"] = "UTC"
		return env


@dataclass(frozen=True)
class Site:
	"""One of the two sites.

	Each has a bench folder of its own: `.bench/` for the demo's, `.bench/test/` for the tests' (whose `env` and
	`apps` are links to the first). The sites of one bench folder share their Redis, so also their job queues, and
	the demo's worker must never run a job of the tests."""

	layout: Layout
	key: str

	@property
	def name(self) -> str:
		return f"{self.key}.localhost"

	@property
	def bench(self) -> Path:
		return self.layout.bench / "test" if self.key == "test" else self.layout.bench

	@property
	def sites(self) -> Path:
		return self.bench / "sites"

	@property
	def folder(self) -> Path:
		return self.sites / self.name

	@property
	def prefix(self) -> str:
		"""What the names of this site's services and ports begin with."""
		return "test-" if self.key == "test" else ""

	@property
	def apps(self) -> list[str]:
		"""The apps that the site has, in the order of installation."""
		own = [APP] if self.layout.app_is_installable else []
		return own + (
			[folder.name for folder in self.layout.neighbours] if own and self.key == "test" else []
		)

	def environment(self) -> Mapping[str, str]:
		return self.layout.clean_environment() | {"FRAPPE_BENCH_ROOT": str(self.bench), "DEV_SERVER": "1"}
