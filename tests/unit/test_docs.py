"""What the documents name exists: files, headings, commands, modules."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench_tool import cli, packages

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
	*(ROOT / name for name in ("README.md", "dev/README.md", "inbox_hub_simulator/README.md")),
	*sorted((ROOT / "docs").glob("*.md")),
]
README = (ROOT / "README.md").read_text()
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LARGEST_PICTURE = 300_000  # bytes


def links(document: Path) -> Iterator[tuple[Path, str]]:
	"""The file and the heading of each link to something in the repository."""
	for target in LINK.findall(FENCE.sub("", document.read_text())):
		if "://" not in target:
			file, _, heading = target.partition("#")
			yield (document.parent / file).resolve() if file else document, heading


def anchors(document: Path) -> set[str]:
	"""The headings of a document as GitHub spells them in links."""
	titles = HEADING.findall(FENCE.sub("", document.read_text()))
	return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_links_point_to_files_and_headings_that_exist(document: Path) -> None:
	for file, heading in links(document):
		assert file.exists(), f"{document.name} links to {file}, which does not exist"
		assert not heading or heading in anchors(file), f"{document.name} links to #{heading} of {file.name}"


def test_readme_leads_to_every_document() -> None:
	assert {file for file, _heading in links(ROOT / "README.md")} >= set(DOCUMENTS) - {ROOT / "README.md"}


def test_picture_of_the_readme_is_small() -> None:
	pictures = [file for file, _heading in links(ROOT / "README.md") if file.suffix == ".png"]
	assert pictures
	assert all(file.stat().st_size <= LARGEST_PICTURE for file in pictures)


def test_commands_of_the_readme_exist() -> None:
	programs = set(re.findall(r"\./(dev/\w+)", README))
	assert {"dev/demo", "dev/test", "dev/lint", "dev/bench", "dev/benchmark"} == programs
	assert set(re.findall(r"\./dev/bench (\w+)", README)) <= {"help", *cli.COMMANDS}
	assert set(re.findall(r"make (\w+)`", README)) == set(
		re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
	)


@pytest.mark.parametrize("file", [ROOT / "README.md", ROOT / "dev" / "README.md"], ids=["front", "dev"])
def test_bench_commands_of_the_documents_exist(file: Path) -> None:
	named = re.findall(r"^(?:\./)?dev/bench (\w+)", file.read_text(), re.MULTILINE)
	assert set(named) <= {"help", *cli.COMMANDS}


def test_options_of_the_readme_exist() -> None:
	options = re.findall(r"\./dev/demo (--\w+)", README)
	assert options
	assert all(f'"{option}"' in (ROOT / "dev" / "demo_tool" / "main.py").read_text() for option in options)


def test_readme_says_where_the_benchs_frappe_comes_from() -> None:
	restore = (ROOT / "dev" / "runtime" / "restore.py").read_text()
	name, version = re.search(r'REQUIREMENT = "(\w+)==([\d.]+)"', restore).groups()
	assert f"`{name}` {version}" in README


def test_readme_names_the_packages_that_are_installed() -> None:
	named = re.search(r"apt-get \(`([^`]+)`, for tests `(\w+)`\)", README)
	of_the_bench = {program.package for program in packages.BENCH}
	of_python = set(
		re.search(r"no-install-recommends \\\n\s*(.+) >/dev/null", (ROOT / "dev" / "bench").read_text())[
			1
		].split()
	)
	assert set(named[1].split()) == of_the_bench | of_python
	assert {named[2]} == {program.package for program in packages.BROWSER}


def test_architecture_names_every_module() -> None:
	"""The map is the living twin of the house: a new module gets its place on it."""
	text = (ROOT / "docs" / "architecture.md").read_text()
	house = text[text.index("## 3. The house") : text.index("### 3.1")]
	package = ROOT / "xappiens_whatsapp"
	modules = [
		file
		for folder in (".", "api", "inbox_hub", "store", "sync")
		for file in (package / folder).glob("*.py")
		if file.name != "__init__.py"
	]
	assert [str(file.relative_to(ROOT)) for file in modules if file.name not in house] == []
	named = set(re.findall(r"\b(\w+\.py)\b", house))
	assert named - {file.name for file in modules} - {"__init__.py"} == set()
