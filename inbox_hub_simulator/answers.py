"""The Hub's envelope, its errors, and JSON as it writes it (`docs/hub.md`): compact, non-ASCII as it is."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from fastapi import Response


def compact_json(value: Any) -> bytes:
	"""What `JSON.stringify` would give, in UTF-8. Lone surrogates stay escaped, as in JavaScript."""
	text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
	return text.encode("utf-8", "backslashreplace")


def iso(instant_ms: int) -> str:
	"""Epoch milliseconds as ISO 8601 in UTC with `Z` and milliseconds."""
	seconds, milliseconds = divmod(int(instant_ms), 1000)
	moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
	return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


class HubResponse(Response):
	"""An answer of the Hub."""

	media_type = "application/json; charset=utf-8"

	def render(self, content: Any) -> bytes:
		return compact_json(content)


class HubError(Exception):
	"""An error answer.

	Args:
		status: HTTP status.
		code: the Hub's own code, e.g. `VALIDATION_ERROR`.
		text: Spanish text for people.
		details: which field is wrong and why.
		headers: further headers of the answer.
	"""

	def __init__(
		self,
		status: int,
		code: str,
		text: str,
		details: dict[str, str] | None = None,
		headers: dict[str, str] | None = None,
	) -> None:
		super().__init__(f"{status} {code}: {text}")
		self.status = status
		self.code = code
		self.text = text
		self.details = details
		self.headers = headers or {}


def invalid(field: str, why: str) -> HubError:
	"""The error for one wrong field of a request."""
	return HubError(400, "VALIDATION_ERROR", "Datos de entrada inválidos", {field: why})


def ok(data: Any = None, message: str | None = None, status: int = 200) -> HubResponse:
	"""A successful answer: `{"success": true, "message"?, "data"}`."""
	body: dict[str, Any] = {"success": True}
	if message is not None:
		body["message"] = message
	if data is not None:
		body["data"] = data
	return HubResponse(body, status_code=status)


def failed(error: HubError, now_ms: int) -> HubResponse:
	"""The answer for an error: with `details` if a field is at fault, else with `timestamp`."""
	body: dict[str, Any] = {"success": False, "error": error.text, "code": error.code}
	if error.details:
		body["details"] = error.details
	else:
		body["timestamp"] = iso(now_ms)
	return HubResponse(body, status_code=error.status, headers=error.headers)
