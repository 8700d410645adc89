"""Whoever uses the Desk in Spanish reads Spanish everywhere."""

import ast
import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import NamedTuple

import pytest

APP = Path(__file__).parents[2] / "xappiens_whatsapp"
SPANISH = APP / "translations" / "es.csv"
JS_CALL = re.compile(r"\b__\(\s*")
JS_STRING = re.compile(r"""(?P<quote>["'])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""")
JS_CONTEXT = re.compile(r"""\s*,\s*null\s*,\s*(["'])(?P<context>[^"']*)\1""")
JS_VARIABLES = {"doc.state", "status"}  # what `__()` is given that is no literal: options of a Select


class Text(NamedTuple):
	"""A source text and where it is. One with a context may be translated with it or without."""

	text: str
	context: str
	place: str


def python_texts() -> Iterator[Text]:
	for file in sorted(APP.rglob("*.py")):
		for node in ast.walk(ast.parse(file.read_text())):
			if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_"):
				continue
			if node.args and isinstance(node.args[0], ast.Constant):
				yield Text(node.args[0].value, "", f"{file.name}:{node.lineno}")


def javascript_texts() -> Iterator[Text]:
	for file in javascript_files():
		source = file.read_text()
		for call in JS_CALL.finditer(source):
			if found := JS_STRING.match(source, call.end()):
				context = JS_CONTEXT.match(source, found.end())
				yield Text(
					json.loads(f'"{found["text"]}"'),
					context["context"] if context else "",
					place_of(file, source, call),
				)


def javascript_variables() -> Iterator[tuple[str, str]]:
	for file in javascript_files():
		source = file.read_text()
		for call in JS_CALL.finditer(source):
			if not JS_STRING.match(source, call.end()):
				yield source[call.end() : source.index(")", call.end())], place_of(file, source, call)


def javascript_files() -> list[Path]:
	return [
		file
		for file in sorted(APP.rglob("*.js"))
		if "dist" not in file.parts and "node_modules" not in file.parts
	]


def place_of(file: Path, source: str, call: re.Match[str]) -> str:
	return f"{file.name}:{source.count(chr(10), 0, call.start()) + 1}"


def doctype_texts() -> Iterator[Text]:
	for file in sorted(APP.glob("doctype/*/*.json")):
		doctype = json.loads(file.read_text())
		yield Text(doctype["name"], "", file.name)
		yield from (Text(row["role"], "", file.name) for row in doctype["permissions"])
		for field in doctype["fields"]:
			options = field.get("options", "").split("\n") if field["fieldtype"] == "Select" else []
			for text in (field.get("label"), field.get("description"), *options):
				if text:
					yield Text(text, doctype["name"], f"{doctype['name']}.{field['fieldname']}")


def workspace_texts() -> Iterator[Text]:
	for file in sorted(APP.glob("workspace/*/*.json")):
		workspace = json.loads(file.read_text())
		rows = [workspace, *workspace["shortcuts"], *workspace["links"]]
		for text in {row[key] for row in rows for key in ("label", "format") if row.get(key)}:
			yield Text(text, "", file.name)


def source_texts() -> list[Text]:
	return [*python_texts(), *javascript_texts(), *doctype_texts(), *workspace_texts()]


def spanish() -> dict[tuple[str, str], str]:
	"""(text, context) to its translation."""
	with SPANISH.open(newline="") as file:
		return {(row[0], row[2] if len(row) > 2 else ""): row[1] for row in csv.reader(file) if row}


def placeholders(text: str) -> set[str]:
	return {name for _literal, name, _spec, _conversion in Formatter().parse(text) if name is not None}


def test_each_source_text_has_a_spanish_row() -> None:
	rows = spanish()
	missing = {
		f"{text!r} ({place})"
		for text, context, place in source_texts()
		if not rows.get((text, "")) and not (context and rows.get((text, context)))
	}
	assert not missing, "\n".join(sorted(missing))


def test_the_search_finds_texts_of_every_kind() -> None:
	found = {text.text for text in source_texts()}
	assert {
		"Only a WhatsApp Manager may do this.",  # Python
		"Send Test Message",  # JavaScript
		"Webhook Secret",  # a label
		"16 to 255 characters, the same at Inbox Hub.",  # a description
		"QR Code Required",  # an option
		"WhatsApp Webhook Event",  # a DocType
		"Monitoring",  # the workspace
	} <= found


def test_javascript_translates_literals_so_that_they_can_be_found() -> None:
	unknown = [f"{what} ({place})" for what, place in javascript_variables() if what not in JS_VARIABLES]
	assert not unknown


def test_no_row_is_left_of_a_text_that_is_gone() -> None:
	texts = {text.text for text in source_texts()}
	assert not [text for text, _context in spanish() if text not in texts]


def test_each_row_is_there_once() -> None:
	with SPANISH.open(newline="") as file:
		keys = [(row[0], row[2] if len(row) > 2 else "") for row in csv.reader(file) if row]
	assert len(keys) == len(set(keys))


def test_translations_keep_the_placeholders() -> None:
	assert not [
		text
		for (text, _), translation in spanish().items()
		if placeholders(text) != placeholders(translation)
	]


def test_words_that_frappe_translates_itself_are_not_changed_for_the_rest_of_the_site() -> None:
	frappe = pytest.importorskip("frappe")
	own = Path(frappe.__file__).parent / "translations" / "es.csv"
	if not own.exists():
		pytest.skip("this Frappe keeps its translations elsewhere")
	with own.open(newline="") as file:
		frappes = {
			row[0]: row[1] for row in csv.reader(file) if len(row) == 2 or (len(row) == 3 and not row[2])
		}
	changed = [
		f"{text}: {translation} instead of {frappes[text]}"
		for (text, context), translation in spanish().items()
		if not context and frappes.get(text, translation) != translation
	]
	assert not changed, "\n".join(changed)


def test_no_spanish_is_written_in_what_the_desk_shows() -> None:
	sources = [*javascript_files(), *APP.glob("doctype/*/*.json"), *APP.glob("workspace/*/*.json")]
	assert not [file.name for file in sources if re.search("[áéíóúñ¿¡]", file.read_text(), re.IGNORECASE)]
