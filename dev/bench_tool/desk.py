"""The browser side: Frappe's Node packages, the built Desk, and the bundles of the apps."""

import shutil
import subprocess

from bench_tool.console import run, step
from bench_tool.environment import app_names, link, write
from bench_tool.layout import Layout
from bench_tool.packages import which
from bench_tool.ports import Ports
from bench_tool.stamps import Stamps, digest, tree


def ensure(layout: Layout, stamps: Stamps, ports: Ports) -> None:
	"""Builds what is out of date and makes every app's public folder reachable below /assets."""
	layout.assets.mkdir(parents=True, exist_ok=True)
	for name in ("assets.json", "assets-rtl.json"):
		if not (layout.assets / name).exists():
			write(layout.assets / name, "{}")
	ensure_node_packages(layout, stamps)
	ensure_built(layout, stamps, ports, "frappe", digest(layout.dev / "desk", layout.runtime / "restore.py"))
	for app in app_names(layout):
		public = layout.apps / app / app / "public"
		if not public.exists():
			continue
		link(public, layout.assets / app)
		bundles = [file for file in tree(public) if ".bundle." in file.name]
		if bundles or stamps.exists(f"desk-{app}"):
			ensure_built(
				layout, stamps, ports, app, digest(layout.dev / "desk", public) if bundles else "none"
			)


def ensure_node_packages(layout: Layout, stamps: Stamps) -> None:
	value = digest(layout.dev / "desk" / "package.json", layout.dev / "desk" / "package-lock.json")
	if stamps.is_current("node", value) and (layout.frappe / "node_modules").exists():
		return
	with step("Node packages"), stamps.renewing("node", value):
		for name in ("package.json", "package-lock.json"):
			shutil.copy(layout.dev / "desk" / name, layout.frappe / name)
		run(
			layout,
			[which("npm") or "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
			"installing the Desk's Node packages",
			log="desk",
			cwd=layout.frappe,
		)


def ensure_built(layout: Layout, stamps: Stamps, ports: Ports, app: str, value: str) -> None:
	public = layout.apps / app / app / "public"
	if stamps.is_current(f"desk-{app}", value) and ((public / "dist").exists() or value == "none"):
		return
	with step(f"Desk bundles of {app}"), stamps.renewing(f"desk-{app}", value):
		run(
			layout,
			[which("node") or "node", layout.dev / "desk" / "build.mjs", app],
			f"building the Desk bundles of {app}",
			log="desk",
			cwd=layout.bench,
			env=layout.clean_environment() | {"BENCH": str(layout.bench)},
		)
	for name in ("redis-cache", "test-redis-cache"):  # Frappe keeps the list of bundles there
		subprocess.run(
			[
				which("redis-cli") or "redis-cli",
				"-h",
				"127.0.0.1",
				"-p",
				str(ports[name]),
				"del",
				"assets_json",
			],
			capture_output=True,
		)
