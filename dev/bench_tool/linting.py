"""dev/lint: ruff for Python, Biome for JavaScript and CSS, and a look for what must not be in the repository.

The tools are installed in .bench/lint, in the versions that dev/style pins."""

import shutil
import subprocess
import sys

from bench_tool import packages
from bench_tool.cli import lock
from bench_tool.console import run, say, step
from bench_tool.layout import Layout
from bench_tool.leaks import find_leaks
from bench_tool.stamps import Stamps, digest


def main(layout: Layout, arguments: list[str]) -> int:
	"""0 if nothing was found. `--fix` mends what the tools can mend first."""
	fix = "--fix" in arguments
	packages.ensure(packages.NODE)
	with lock(layout):
		ensure_tools(layout)
	ruff = layout.bench / "lint" / "env" / "bin" / "ruff"
	biome = layout.bench / "lint" / "node_modules" / ".bin" / "biome"
	style = ["--no-errors-on-unmatched"]
	commands = [
		[ruff, "check", "--quiet", *(["--fix"] if fix else []), "."],
		[ruff, "format", "--quiet", *([] if fix else ["--check", "--diff"]), "."],
		[biome, "check", *(["--write"] if fix else []), *style, "."],
	]
	failed = [
		" ".join((command[0].name, command[1]))
		for command in commands
		if subprocess.run(command, cwd=layout.root).returncode
	]
	leaks = find_leaks(layout.root)
	for leak in leaks:
		print(leak)
	if leaks:
		failed.append("what belongs to one machine or person")
	say(
		f"dev/lint: not clean: {', '.join(failed)} (dev/lint --fix mends style)"
		if failed
		else "dev/lint: clean"
	)
	return 1 if failed else 0


def ensure_tools(layout: Layout) -> None:
	folder, stamps = layout.bench / "lint", Stamps(layout.run / "stamps")
	value = digest(
		layout.dev / "style" / "requirements.txt", layout.dev / "style" / "package-lock.json", str(folder)
	)
	if stamps.is_current("lint", value) and folder.exists():
		return
	log = "lint"
	with step("ruff and Biome"), stamps.renewing("lint", value):
		shutil.rmtree(folder, ignore_errors=True)
		folder.mkdir(parents=True)
		run(layout, [sys.executable, "-m", "venv", folder / "env"], "making the environment of ruff", log=log)
		requirements = layout.dev / "style" / "requirements.txt"
		run(
			layout,
			[folder / "env" / "bin" / "pip", "install", "-q", "-r", requirements],
			"installing ruff",
			log=log,
		)
		for name in ("package.json", "package-lock.json"):
			shutil.copy(layout.dev / "style" / name, folder / name)
		npm = packages.which("npm") or "npm"
		run(
			layout,
			[npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
			"installing Biome",
			log=log,
			cwd=folder,
		)
