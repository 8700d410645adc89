"""Faults that can be switched on, at start (`--fault F1`) and while running (`POST /__sim__/faults`).

Every fault takes, beside what `CATALOGUE` says, these parameters: `path` (prefix, or a pattern with `*`), `method`,
`session`, `times` (how many calls it hits, default all) and `skip` (how many matching calls it lets pass first).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

COMMON = frozenset({"path", "method", "session", "times", "skip"})

# name -> what it does, and its own parameters with their defaults
CATALOGUE: dict[str, tuple[str, dict[str, Any]]] = {
	"F1": ("GET chats answers 500 with the SQL text of a missing column", {}),
	"F2": ("GET contacts answers, then the session is disconnected", {"reason": "conflict", "reconnect_after": None}),
	"F3": ("sending is refused: null columns for bare digits, validation for a JID", {}),
	"F4": ("connect answers 500 CONNECTION_ERROR; with `stage: qr` /qr answers 500", {"stage": "connect"}),
	"F5": ("GET status answers 404 although the session exists", {}),
	"F6": ("connected sessions say connected but isConnected is false, and nothing works on them", {}),
	"F7": ("media without caption answers 400 although it goes out", {}),
	"latency": ("answers wait", {"ms": 500}),
	"status": ("an error status", {"status": 500, "code": "INTERNAL_ERROR", "text": "Error interno", "headers": {}}),
	"rate_limited": ("429", {"code": "RATE_LIMIT_EXCEEDED", "retry_after": None, "reset_in": None}),
	"drop": ("the connection breaks: `before` anything is done, `after` it is done, in the `middle` of the answer", {"when": "before"}),
	"nginx": ("the HTML page of a proxy", {"status": 502}),
	"success_false": ("200 with success: false", {"text": "No se pudo completar", "code": "WHATSAPP_ERROR"}),
	"empty_body": ("no body", {"status": 200}),
	"not_object": ("a list where an object was promised", {"body": []}),
	"truncated": ("JSON that ends in the middle", {}),
	"redirect": ("a redirection", {"status": 302, "location": "https://elsewhere.example/api"}),
	"slow": ("it is done at once, the answer comes later", {"seconds": 5.0}),
	"no_rate_headers": ("no rate-limit headers", {}),
	"ignore_page": ("lists always give the first page", {}),
	"repeat_page": ("lists give each page once more: 1, 1, 2, 3 ...", {}),
	"shrink": ("between two pages a list loses its first rows", {"by": 3}),
	"no_totals": ("lists without total and pages", {}),
	"wrong_total": ("lists with another total", {"total": 0}),
	"cap_limit": ("lists give fewer rows a page than asked, without saying so", {"limit": 20}),
	"broken_row": ("one row of a list is nonsense", {"index": 3, "row": None, "page": None}),
	"shuffled_rows": ("rows of a page in another order", {}),
	"message_failed": ("a message is accepted and fails later", {"error": "recipient not on WhatsApp"}),
	"webhooks_lost": ("events are not delivered", {"event": None}),
	"webhooks_twice": ("events are delivered several times", {"copies": 2, "event": None}),
	"webhooks_late": ("events are delivered later, past newer ones", {"seconds": 1.0, "event": None}),
	"webhooks_unsigned": ("events are delivered without signature", {"event": None}),
}  # fmt: skip

# Shorthands for what is often wanted: name -> (fault, parameters)
SHORTHANDS: dict[str, tuple[str, dict[str, Any]]] = {
	"slow_send": ("slow", {"path": "/api/messages/*/send", "method": "POST"}),
	"send_drop": ("drop", {"path": "/api/messages/*/send", "method": "POST", "when": "after"}),
}


def describe_faults() -> str:
	"""One line a fault: name, what it does, its own parameters with their defaults."""
	lines = [f"every fault takes: {', '.join(sorted(COMMON))}"]
	for name, (does, parameters) in CATALOGUE.items():
		shown = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
		lines.append(f"{name:18} {does}" + (f" [{shown}]" if shown else ""))
	for name, (kind, preset) in SHORTHANDS.items():
		lines.append(f"{name:18} {kind} with {preset}")
	lines.append("expire_tokens      once: no token given out so far is valid any more")
	return "\n".join(lines)


@dataclass(slots=True)
class Fault:
	"""A fault that is on."""

	name: str
	kind: str
	parameters: dict[str, Any]
	path: str = ""
	method: str = ""
	session: str = ""
	times: int | None = None
	skip: int = 0
	hits: int = 0
	state: dict[str, Any] = field(default_factory=dict)

	def matches(self, path: str, method: str, session: str) -> bool:
		if self.times is not None and self.hits >= self.times:
			return False
		if self.method and self.method.upper() != method:
			return False
		if self.session and self.session != session:
			return False
		if "*" in self.path:
			return fnmatchcase(path, self.path)
		return path.startswith(self.path)


class Faults:
	"""Which faults are on."""

	def __init__(self) -> None:
		self._active: dict[str, Fault] = {}

	def switch(self, name: str, parameters: Mapping[str, Any] | bool | None) -> None:
		"""Turn a fault on with its parameters (True: defaults) or off (False or None).

		Several faults of one kind may be on under names like `status:chats`.

		Raises:
			ValueError: an unknown fault or parameter.
		"""
		label = name.partition(":")[0]
		kind, preset = SHORTHANDS.get(label, (label, {}))
		if kind not in CATALOGUE:
			raise ValueError(
				f"There is no fault {label!r}. There are: {', '.join([*CATALOGUE, *SHORTHANDS])}."
			)
		if parameters is False or parameters is None:
			self._active.pop(name, None)
			return
		given = {**preset, **(parameters if isinstance(parameters, Mapping) else {})}
		defaults = CATALOGUE[kind][1]
		unknown = set(given) - COMMON - set(defaults)
		if unknown:
			raise ValueError(f"{label} has no parameter {', '.join(sorted(unknown))}.")
		self._active[name] = Fault(
			name,
			kind,
			{**defaults, **{key: value for key, value in given.items() if key in defaults}},
			**{key: value for key, value in given.items() if key in COMMON},
		)

	def clear(self) -> None:
		self._active.clear()

	def take(
		self, kind: str, path: str = "", method: str = "", session: str = "", **particulars: Any
	) -> Fault | None:
		"""The fault of that kind that hits this call, counted; None if there is none.

		`particulars` are what a parameter must be if the fault has chosen a value for it (`event`, `page`, `stage`).
		"""
		for fault in self._active.values():
			if fault.kind != kind or not fault.matches(path, method, session):
				continue
			if all(fault.parameters[name] in (None, value) for name, value in particulars.items()):
				if fault.skip > 0:
					fault.skip -= 1
					continue
				fault.hits += 1
				return fault
		return None

	def is_on(self, kind: str) -> bool:
		return any(fault.kind == kind for fault in self._active.values())

	def snapshot(self) -> dict[str, Any]:
		"""Active faults with their parameters and how often they hit."""
		return {
			name: {**fault.parameters, "path": fault.path, "times": fault.times, "hits": fault.hits}
			for name, fault in self._active.items()
		}
