"""The user's guide (docs/guia.md) as a test reads it: its fenced blocks, tables and lists, each under its heading. Its
short English counterpart has blocks, too."""

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guia.md"
IN_ENGLISH = GUIDE.with_name("guide.md")
FENCE = re.compile(
	r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
	"""A fenced block: its language ("" for plain text), the heading it stands under, its line in the guide."""

	language: str
	heading: str
	text: str
	line: int

	def __str__(self) -> str:
		return f"{self.language} in line {self.line}: {self.heading}"


def blocks(language: str | None = None, document: Path = GUIDE) -> list[Block]:
	"""The blocks of a document, in order; those of one language if it is given."""
	text, titles = document.read_text(), headings(document)
	found = [
		Block(
			fence["language"],
			next(title[1] for title in reversed(titles) if title.start() < fence.start()),
			textwrap.dedent(fence["text"]),
			text.count("\n", 0, fence.start()) + 1,
		)
		for fence in FENCE.finditer(text)
	]
	return [block for block in found if language in (None, block.language)]


def headings(document: Path = GUIDE) -> list[re.Match[str]]:
	"""The headings of a document, in order; a comment in a block is none."""
	text = document.read_text()
	fences = [range(*match.span()) for match in FENCE.finditer(text)]
	return [match for match in HEADING.finditer(text) if not any(match.start() in fence for fence in fences)]


def section(heading: str) -> str:
	"""The text from a heading (the first with these words) to the next one of any level."""
	titles = headings()
	place = [title[1] for title in titles].index(heading)
	return GUIDE.read_text()[titles[place].end() : titles[place + 1].start()]


def table(heading: str) -> list[list[str]]:
	"""The cells of the table that follows a heading, without its first two lines."""
	lines = [line for line in section(heading).splitlines() if line.startswith("|")]
	return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def code(cell: str) -> list[str]:
	"""What stands in backticks."""
	return CODE.findall(cell)


def commands(block: Block) -> list[list[str]]:
	"""The commands of a bash block, each as a list of words. Console input (`>>> …`) is left out."""
	found: list[list[str]] = []
	text = ""
	for line in block.text.splitlines():
		if line.startswith(">>> "):
			continue
		text += line + "\n"
		if line.endswith("\\"):
			continue
		try:
			words = shlex.split(text.replace("\\\n", " "), comments=True)
		except ValueError:  # the quotation goes on in the next line
			continue
		found += [words] if words else []
		text = ""
	assert not text.strip(), f"{block}: a quotation is not closed"
	return found


def console_input(block: Block) -> str:
	"""What a bash block types into a Python console."""
	return "".join(f"{line[4:]}\n" for line in block.text.splitlines() if line.startswith(">>> "))


def printed(block: Block) -> Any:
	"""What a Python block says that its last `print` prints: a dict, a text, or None if it says nothing."""
	_before, found, after = block.text.rpartition("\nprint(")
	comment = "\n".join(_comment_lines(after)) if found else ""
	return ast.literal_eval(comment) if comment.startswith("{") else comment or None


def _comment_lines(text: str) -> Iterator[str]:
	for line in text.splitlines()[1:]:
		if not line.startswith("#"):
			return
		yield line.removeprefix("#").removeprefix(" ")


def differences(documented: Any, actual: Any, path: str = "$") -> list[str]:
	"""Where an answer lacks a key that the guide shows, or has another type there. It may have more keys."""
	if isinstance(documented, dict):
		if not isinstance(actual, dict):
			return [f"{path} is {actual!r}"]
		return [
			found
			for key, value in documented.items()
			for found in (
				differences(value, actual[key], f"{path}.{key}")
				if key in actual
				else [f"{path}.{key} is missing"]
			)
		]
	if isinstance(documented, list):
		if not isinstance(actual, list) or (documented and not actual):
			return [f"{path} is {actual!r}"]
		return differences(documented[0], actual[0], f"{path}[0]") if documented else []
	return [] if type(documented) is type(actual) else [f"{path} is {actual!r}, not like {documented!r}"]
