"""One call to the Hub, before it is made: what it asks for, which budget it uses, whether it may be made twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from .errors import InvalidRequest
from .text import _

_REPEATABLE_METHODS = frozenset(("GET", "PUT", "DELETE"))
# These POSTs bring about a state; asked twice they bring about the same one.
_REPEATABLE_POST = re.compile(r"/api/sessions/[^/]+/(?:connect|disconnect|restart|sync|repair-conversations)")
_SEND = re.compile(r"/api/messages/[^/]+/(?:send|retry)")
_SESSION = re.compile(r"/api/(?:sessions|messages|contacts)/([^/]+)(?:/.*)?")
_NO_SESSIONS = frozenset(("stats", "frappe", "unread"))
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")


class Outgoing(dict):
	"""A body on its way to the Hub: a secret or a message's text within it shows itself in no traceback."""

	def __repr__(self) -> str:
		return f"{{{', '.join(f'{key}: …' for key in self)}}}"

	__str__ = __repr__


@dataclass(frozen=True, slots=True)
class Call:
	"""A request. Build it with `make_call`.

	`path` is complete and percent-encoded. `budget` names whose 30 calls a minute it counts among: a session, or ""
	for calls about the account. What is sent stays out of `repr`, which ends up in tracebacks.
	"""

	method: str
	path: str
	params: Mapping[str, Any] | None = field(default=None, repr=False)
	json: Any = field(default=None, repr=False)
	budget: str = ""
	is_public: bool = False  # no credentials needed, so none are sent

	@property
	def session_in_path(self) -> str:
		"""The session's id or number that the path names, "" if it names none."""
		match = _SESSION.fullmatch(self.path)
		spelled = unquote(match[1]) if match else ""
		return "" if spelled in _NO_SESSIONS else spelled

	def with_budget(self, budget: str) -> Call:
		"""The same call, counted among those of `budget`."""
		return replace(self, budget=budget)

	@property
	def is_send(self) -> bool:
		"""Whether somebody's phone may ring: such a call is never made twice."""
		return self.method == "POST" and _SEND.fullmatch(self.path) is not None

	@property
	def is_repeatable(self) -> bool:
		"""Whether making the call twice is the same as making it once."""
		if self.is_public or self.method in _REPEATABLE_METHODS:
			return True
		return self.method == "POST" and _REPEATABLE_POST.fullmatch(self.path) is not None


def make_call(
	method: str,
	endpoint: str,
	*,
	parts: Mapping[str, object] | None = None,
	params: Mapping[str, Any] | None = None,
	json: Any = None,
	budget: str = "",
	is_public: bool = False,
) -> Call:
	"""Return the call of `method` ("GET") to `endpoint` ("/api/messages/{sessionId}/{chatId}").

	Each `{name}` that `parts` knows is replaced by its value as one percent-encoded path segment (an address contains
	`@` and `:`); other braces are left alone. Query parameters that are None are left out, flags become true and false.
	Raises InvalidRequest if the endpoint is no path: nothing but the configured host ever sees the credentials.
	"""
	path = endpoint
	for name, value in (parts or {}).items():
		path = path.replace("{" + name + "}", quote(str(value), safe=""))
	if not _PATH.fullmatch(path) or path.startswith("//") or "/../" in f"{path}/":
		raise InvalidRequest(
			_("{0} is not a path of Inbox Hub. It must begin with /api.").format(repr(endpoint))
		)
	query = {name: _query_value(value) for name, value in (params or {}).items() if value is not None}
	return Call(method, path, query or None, json, budget, is_public)


def _query_value(value: object) -> object:
	return str(value).lower() if isinstance(value, bool) else value
