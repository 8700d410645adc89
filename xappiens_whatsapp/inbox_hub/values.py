"""Single values of the Hub's JSON: what is said, in one form, or nothing.

The Hub mixes types freely (a flag may be `true`, 1 or "true"; a number may come in digits), so these functions do not
raise for a value that is merely useless: they return what "not said" looks like. Only an address or id that a record
cannot do without is worth an error, and that is decided by the record.
"""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationError, model_validator

from . import clock, jids
from .errors import PayloadError

MAX_ID_LENGTH = 140  # the width of a Data field
MAX_LABEL_LENGTH = 140
MAX_NOTE_LENGTH = 1000
MAX_LABELS = 50
MAX_COUNT = 2**31 - 1  # the width of an Int field
_MAX_INTEGER = 2**53  # beyond it JavaScript, the Hub's language, has no exact integers
_TRUE_TEXTS = frozenset(("true", "1", "yes"))
_FALSE_TEXTS = frozenset(("false", "0", "no"))
_NOT_SAID: tuple[Any, ...] = (None, "", [], {})


def clean(text: str) -> str:
	"""Return `text` without NUL characters, lone surrogates replaced: what a database can store."""
	if "\x00" in text:
		text = text.replace("\x00", "")
	try:
		text.encode()
	except UnicodeEncodeError:
		text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
	return text


def as_text(value: object) -> str:
	"""A text, or a number written out; "" for anything else."""
	if isinstance(value, str):
		return clean(value)
	if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_INTEGER:
		return str(value)
	return ""


def as_label(value: object) -> str:
	"""A text of one line (names, file names): surrounding blanks and line breaks removed, cut to what a field holds."""
	return " ".join(as_text(value).split())[:MAX_LABEL_LENGTH].rstrip()


def as_note(value: object) -> str:
	"""A text of some lines (what somebody says of themselves, why something failed), cut at a sensible length."""
	return as_text(value).strip()[:MAX_NOTE_LENGTH].rstrip()


def as_flag(value: object) -> bool | None:
	"""True or False in any of JSON's spellings, None if it is neither. A positive number is True (`pinned: 1729443600`)."""
	if isinstance(value, bool):
		return value
	if isinstance(value, int | float):
		return value > 0 if value >= 0 else None
	if isinstance(value, str):
		text = value.strip().lower()
		return True if text in _TRUE_TEXTS else False if text in _FALSE_TEXTS else None
	return None


def as_count(value: object) -> int | None:
	"""A whole number from 0 on, None for anything else (WhatsApp's -1 for "marked as unread" among it)."""
	number = as_integer(value)
	return min(number, MAX_COUNT) if number is not None and number >= 0 else None


def as_integer(value: object) -> int | None:
	"""A whole number, also in digits; None for anything else."""
	if isinstance(value, bool):
		return None
	if isinstance(value, str):
		text = value.strip()
		if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 16:
			return None
		value = int(text)
	if isinstance(value, float):
		if not math.isfinite(value) or value != int(value):
			return None
		value = int(value)
	return value if isinstance(value, int) and abs(value) < _MAX_INTEGER else None


def as_number(value: object) -> float | None:
	"""A finite number, also in digits; None for anything else."""
	if isinstance(value, bool) or not isinstance(value, int | float | str):
		return None
	try:
		number = float(value)
	except (ValueError, OverflowError):
		return None
	return number if math.isfinite(number) else None


def as_instant(value: object) -> int | None:
	"""Epoch milliseconds, None if it is not a believable time: a message is not lost over its clock."""
	try:
		return clock.parse_instant(value)
	except PayloadError:
		return None


def as_far_instant(value: object) -> int | None:
	"""Like `as_instant`, for what may lie years ahead."""
	try:
		return clock.parse_instant(value, ahead_ms=clock.FAR_AHEAD_MS)
	except PayloadError:
		return None


def as_address(value: object) -> str:
	"""A normalised JID, "" if it is none. Accepts a text, a number as integer, and whatsapp-web.js's id objects."""
	if isinstance(value, dict):
		value = _address_in(value)
	if value is None:
		return ""
	if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _MAX_INTEGER:
		value = str(value)
	try:
		return jids.normalise(value)  # type: ignore[arg-type]  # refuses what is not a text
	except PayloadError:
		return ""


def _address_in(value: dict) -> object:
	if isinstance(value.get("user"), str) and isinstance(value.get("server"), str):
		return f"{value['user']}@{value['server']}"
	return next((value[key] for key in ("_serialized", "id", "jid", "user", "phone") if value.get(key)), None)


def as_web_address(value: object) -> str:
	"""An http(s) address, "" for anything else (Baileys writes `imgUrl: "changed"`)."""
	text = as_text(value).strip()
	try:
		return text if urlsplit(text).scheme in ("http", "https") else ""
	except ValueError:
		return ""


def as_labels(value: object) -> tuple[str, ...] | None:
	"""Names of labels from a list of texts or of objects with a name; None if it is no list."""
	if not isinstance(value, list | tuple):
		return None
	names = [as_label(item.get("name") if isinstance(item, dict) else item) for item in value]
	return tuple(name for name in names if name)[:MAX_LABELS]


def settle_id(text: str) -> str:
	"""Return an id that fits the database and is as distinct as `text`.

	What is too long or holds characters that cannot be stored is replaced by a hash over all of it: two ids never
	become one, and a receipt finds its message by the same replacement.
	"""
	if len(text) <= MAX_ID_LENGTH and clean(text) == text:
		return text
	digest = hashlib.sha256(text.encode("utf-16", "surrogatepass")).hexdigest()
	return f"HASH-{digest[:40]}"


def said(raw: dict) -> dict:
	"""Return `raw` without the keys that say nothing, so that an alias further down gets its turn."""
	return {key: value for key, value in raw.items() if value not in _NOT_SAID}


class Completed(dict):
	"""A row of the Hub with keys added for people who read it. The parser reads `original`, what the Hub itself said, or
	takes `record`, what the completion has made of that."""

	def __init__(self, row: dict, original: dict, record: object = None) -> None:
		super().__init__(row)
		self.original = original
		self.record = record


Text = Annotated[str, PlainValidator(as_text)]
Label = Annotated[str, PlainValidator(as_label)]
Note = Annotated[str, PlainValidator(as_note)]
Flag = Annotated[bool | None, PlainValidator(as_flag)]
Count = Annotated[int | None, PlainValidator(as_count)]
Integer = Annotated[int | None, PlainValidator(as_integer)]
Instant = Annotated[int | None, PlainValidator(as_instant)]
FarInstant = Annotated[int | None, PlainValidator(as_far_instant)]
Address = Annotated[str, PlainValidator(as_address)]
WebAddress = Annotated[str, PlainValidator(as_web_address)]
Labels = Annotated[tuple[str, ...] | None, PlainValidator(as_labels)]


class HubModel(BaseModel):
	"""A JSON object of the Hub: unknown keys ignored, null and empty values as if they were not there."""

	model_config = ConfigDict(extra="ignore", frozen=True)

	@model_validator(mode="before")
	@classmethod
	def _drop_what_is_not_said(cls, raw: object) -> object:
		return said(raw) if isinstance(raw, dict) else raw

	@classmethod
	def read(cls, raw: object, path: str = ""):
		"""Return the model of `raw`. Raises PayloadError (below `path`) if it is no object."""
		if not isinstance(raw, dict):
			raise PayloadError(path, "expected an object")
		try:
			return cls.model_validate(raw.original if isinstance(raw, Completed) else raw)
		except ValidationError as error:
			first = error.errors(include_input=False, include_url=False, include_context=False)[0]
			where = ".".join((path, *map(str, first["loc"]))).lstrip(".")
			raise PayloadError(where, "a value of the wrong kind") from None
