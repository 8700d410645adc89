"""One call of the API while it is being answered, and what is remembered of it afterwards."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

_SESSION_IN_PATH = re.compile(r"^/api/(?:sessions|messages|contacts)/([^/]+)")
_NOT_SESSIONS = frozenset({"stats", "frappe", "unread"})
_SECRET_FIELDS = ("password", "currentPassword", "newPassword", "refreshToken")


@dataclass(slots=True)
class Call:
	"""A call. `headers` are those its answer gets beside its own."""

	method: str
	path: str
	query: dict[str, str]
	request_headers: dict[str, str]
	body: bytes
	address: str
	session: str = ""
	at: float = field(default_factory=time.time)
	headers: dict[str, str] = field(default_factory=dict)
	status: int | None = None
	dropped: bool = False

	@classmethod
	def of(cls, scope: dict[str, Any], body: bytes) -> Call:
		"""From an ASGI scope and the whole body."""
		query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
		client = scope.get("client") or ("unknown", 0)
		return cls(
			method=scope["method"],
			path=scope["path"],
			query={name: values[-1] for name, values in query.items()},
			request_headers={
				name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
			},
			body=body,
			address=client[0],
		)

	@property
	def session_in_path(self) -> str:
		"""The session id as the path spells it, "" if it names none."""
		match = _SESSION_IN_PATH.match(self.path)
		return match[1] if match and match[1] not in _NOT_SESSIONS else ""

	def json(self) -> Any:
		"""The body as JSON, as text if it is none, None if there is none."""
		if not self.body:
			return None
		try:
			return json.loads(self.body)
		except ValueError:
			return self.body.decode("utf-8", "replace")

	def record(self, key_is_right: bool, token_is_right: bool) -> dict[str, Any]:
		"""What `/__sim__/requests` tells: no secret, only whether it was the right one."""
		headers = dict(self.request_headers)
		if "x-api-key" in headers:
			headers["x-api-key"] = "right" if key_is_right else "wrong"
		if "authorization" in headers:
			headers["authorization"] = "right" if token_is_right else "wrong"
		body = self.json()
		if isinstance(body, dict):
			body = {name: "(hidden)" if name in _SECRET_FIELDS else value for name, value in body.items()}
		return {
			"at": self.at,
			"method": self.method,
			"path": self.path,
			"query": self.query,
			"headers": headers,
			"body": body,
			"status": self.status,
			"dropped": self.dropped,
			"session": self.session,
			"seconds": round(time.time() - self.at, 4),
		}
