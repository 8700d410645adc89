"""The Python side of the bench: virtual environment, packages, the restored Frappe, and how the apps get on the path."""

import os
import subprocess
import sys
from pathlib import Path

from bench_tool.console import Problem, run, say, step
from bench_tool.layout import APP, Layout
from bench_tool.stamps import Stamps, digest

UV = "uv>=0.5,<1"


def ensure(layout: Layout, stamps: Stamps) -> None:
	"""Brings packages and Frappe up to date with the checkout."""
	ensure_virtual_environment(layout, stamps)
	ensure_packages(layout, stamps)
	ensure_frappe(layout, stamps)
	link_apps(layout)


def requirement_files(layout: Layout) -> list[Path]:
	"""Frappe's packages, the tests', and those of the Hub simulator, which demo and tests run."""
	files = [
		layout.runtime / "requirements.txt",
		layout.runtime / "requirements-test.txt",
		layout.root / "inbox_hub_simulator" / "requirements.txt",
	]
	return [file for file in files if file.exists()]


def ensure_virtual_environment(layout: Layout, stamps: Stamps) -> None:
	"""Makes the environment anew if it is missing, was moved, or its Python is gone."""
	if stamps.is_current("virtual-environment", str(layout.env)) and works(layout.python):
		return
	base = getattr(sys, "_base_executable", None) or sys.executable
	with (
		step(f"virtual environment (Python {sys.version.split()[0]})"),
		stamps.renewing("virtual-environment", str(layout.env)),
	):
		stamps.forget("python")
		run(
			layout,
			[base, "-m", "venv", "--clear", layout.env],
			"making the virtual environment",
			log="python",
		)


def works(python: Path) -> bool:
	return (
		python.exists() and subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0
	)


def ensure_packages(layout: Layout, stamps: Stamps) -> None:
	files = requirement_files(layout)
	value = digest(*files)
	if stamps.is_current("python", value):
		return
	log = "python"
	with step("Python packages"), stamps.renewing("python", value):
		arguments = [part for file in files for part in ("-r", str(file))]
		try:
			run(layout, [layout.python, "-m", "pip", "install", "-q", UV], "installing uv", log=log)
			uv = [layout.env / "bin" / "uv", "pip", "install", "-q", "--python", layout.python]
			run(layout, [*uv, *arguments], "installing the Python packages with uv", log=log)
		except Problem as problem:  # uv does not know pip's configuration (a mirror, a proxy)
			say(f"  {problem}: trying pip")
			run(
				layout,
				[layout.python, "-m", "pip", "install", "-q", *arguments],
				"installing the Python packages",
				log=log,
			)


def ensure_frappe(layout: Layout, stamps: Stamps) -> None:
	value = digest(layout.runtime / "restore.py")
	if stamps.is_current("frappe", value) and (layout.frappe / "frappe" / "__init__.py").exists():
		return
	with step("Frappe, restored from its wheel"), stamps.renewing("frappe", value):
		run(
			layout,
			[layout.python, layout.runtime / "restore.py", layout.frappe, layout.cache],
			"restoring Frappe",
			log="frappe",
		)


def link_apps(layout: Layout) -> None:
	"""Lays the app out as Frappe expects it (apps/APP/APP) and puts all apps on the environment's path."""
	own = layout.apps / APP
	own.mkdir(parents=True, exist_ok=True)
	for name in (APP, "pyproject.toml"):
		link(layout.root / name, own / name)
	for folder in layout.neighbours:
		link(folder, layout.apps / folder.name)
	wanted = {"frappe", APP, *(folder.name for folder in layout.neighbours)}
	for entry in layout.apps.iterdir():
		if entry.is_symlink() and entry.name not in wanted:
			entry.unlink()
	lines = [str(layout.apps / name) for name in ("frappe", *app_names(layout))]
	lines += [str(layout.runtime), "import optional_imports"]
	write(site_packages(layout) / "frappe_bench.pth", "\n".join(lines) + "\n")


def app_names(layout: Layout) -> list[str]:
	"""The apps of the checkout that Frappe can install today."""
	return [APP, *(folder.name for folder in layout.neighbours)] if layout.app_is_installable else []


def site_packages(layout: Layout) -> Path:
	return next((layout.env / "lib").glob("python3.*")) / "site-packages"


def link(target: Path, name: Path) -> None:
	"""A relative link, so that a checkout can be moved; in place of whatever has that name."""
	relative = os.path.relpath(target, name.parent)
	if name.is_symlink() and os.readlink(name) == relative:
		return
	if name.is_symlink() or name.is_file():
		name.unlink()
	name.parent.mkdir(parents=True, exist_ok=True)
	name.symlink_to(relative)


def write(file: Path, text: str) -> bool:
	"""Writes a file if its content changes; True if it did."""
	if file.exists() and file.read_text() == text:
		return False
	file.parent.mkdir(parents=True, exist_ok=True)
	new = file.with_name(file.name + ".new")
	new.write_text(text)
	new.replace(file)
	return True
