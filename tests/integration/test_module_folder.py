"""The app keeps its DocTypes one folder above where Frappe expects a module's files (docs/architecture.md 3.1)."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import frappe
from frappe.model.base_document import get_controller

from support import bench
from xappiens_whatsapp.install import DOCTYPES, MODULE

PACKAGE = Path(frappe.get_app_path("xappiens_whatsapp"))
LONG_PATH = "xappiens_whatsapp.xappiens_whatsapp.doctype"
INSIDE_ITSELF = (
	"xappiens_whatsapp.xappiens_whatsapp.xappiens_whatsapp"  # what a walk comes upon, and cannot import
)
# `xappiens_whatsapp.doctype` that is not the end of the long path
SHORT_PATH = re.compile(r"(?<!xappiens_whatsapp\.)\bxappiens_whatsapp\.doctype\b")

WALK = """
import importlib, itertools, json, pkgutil, sys
import xappiens_whatsapp

found = pkgutil.walk_packages(xappiens_whatsapp.__path__, "xappiens_whatsapp.")
names = [module.name for module in itertools.islice(found, 2000)]
for name in names:
	if name != sys.argv[1]:
		importlib.import_module(name)
json.dump(names, sys.stdout)
"""


def walk() -> list[str]:
	"""What a walk over the whole app finds, each imported; in a process of its own, since it imports all twice."""
	result = subprocess.run(
		[str(bench.python()), "-c", WALK, INSIDE_ITSELF],
		cwd=bench.sites(),
		env=bench.environment(),
		capture_output=True,
		text=True,
		timeout=120,
	)
	assert result.returncode == 0, result.stderr
	return json.loads(result.stdout)


def sources() -> Iterator[Path]:
	for file in sorted(PACKAGE.rglob("*")):
		if file.suffix in (".py", ".js", ".json", ".txt", ".html") and "__pycache__" not in file.parts:
			yield file


def imported(tree: ast.AST) -> Iterator[str]:
	"""Every module that a file imports, by its absolute name as far as it is written."""
	for node in ast.walk(tree):
		if isinstance(node, ast.Import):
			yield from (alias.name for alias in node.names)
		elif isinstance(node, ast.ImportFrom):
			yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def test_walk_over_the_app_ends_and_every_module_can_be_imported() -> None:
	names = walk()
	assert f"{LONG_PATH}.whatsapp_message.whatsapp_message" in names
	assert len(names) == len(set(names)) < 2000
	assert INSIDE_ITSELF in names, "there is nothing that could make the walk endless any more"
	assert not [name for name in names if name.startswith(INSIDE_ITSELF + ".")]


def test_nothing_imports_or_names_a_controller_by_the_short_path() -> None:
	named = [str(file.relative_to(PACKAGE)) for file in sources() if SHORT_PATH.search(file.read_text())]
	assert named == []
	by_import = [
		f"{file.relative_to(PACKAGE)}: {module}"
		for file in sources()
		if file.suffix == ".py"
		for module in imported(ast.parse(file.read_text()))
		if re.match(r"(xappiens_whatsapp|\.+)\.?doctype\b", module)
	]
	assert by_import == []


def test_frappe_finds_every_controller_by_the_long_path_and_its_files_in_the_module_folder() -> None:
	for doctype in DOCTYPES:
		folder = frappe.scrub(doctype)
		assert get_controller(doctype).__module__ == f"{LONG_PATH}.{folder}.{folder}"
		assert (Path(frappe.get_module_path(MODULE, "doctype", folder)) / f"{folder}.json").is_file()
	assert Path(frappe.get_module_path(MODULE)).resolve() == PACKAGE.resolve()


def test_tests_are_not_shipped_with_the_doctypes() -> None:
	"""Frappe's own test runner would import them by the short path."""
	assert sorted(PACKAGE.rglob("test_*.py")) == []
