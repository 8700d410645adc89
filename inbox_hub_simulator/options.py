"""Everything that can be chosen at start (`--send-rate 5`) or by `POST /__sim__/reset` (`{"send_rate": 5}`)."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

API_KEY = "simulator-api-key"
EMAIL = "api@crm.example"
PASSWORD = "simulator-password"
ORGANIZATION_ID = 1
USER_ID = 2

SHAPES = ("seed", "full", "crm")
FAMILIES = ("v1", "v2", "v3", "v4", "v5")
CREATE_VARIANTS = ("live", "crm", "full", "metodos", "guia")


def option(default: Any, explanation: str, kind: type = str, choices: tuple[str, ...] = ()) -> Any:
	"""A field of `Options` that explains itself on the command line. A tuple is comma separated and repeatable."""
	metadata = {"explanation": explanation, "kind": kind, "choices": choices}
	return field(default=default, metadata=metadata)


@dataclass(slots=True)
class Options:
	"""How this Hub behaves. The defaults carry the main job: link a number, sync it, write and receive."""

	# data
	contacts: int = option(150, "rows of the contact list, groups included", int)
	chats: int = option(25, "conversations; one broadcast is listed beside them", int)
	messages: int = option(50, "messages of each chat", int)
	seed: int = option(1, "other seed, other names, texts and message ids", int)
	distinct: bool = option(
		False, "each session has message ids of its own; else all have the same data", bool
	)
	anchor: str = option("2025-10-15T10:30:00Z", "instant of the newest message of the history")
	# spelling
	shape: str = option("seed", "keys and pagination of the answers", choices=SHAPES)
	events: str | None = option(
		None, "payload family of webhooks (seed: v1, full: v1, crm: v2)", choices=FAMILIES
	)
	create: str | None = option(
		None,
		"answer to creating a session (seed: live, full: full, crm: crm)",
		choices=CREATE_VARIANTS,
	)
	crm_message_ids: bool = option(False, "shape crm: message lists carry whatsappMessageId", bool)
	ids: str = option(
		"any", "which session id /api/sessions/* takes in its path", choices=("any", "numeric", "string")
	)
	chat_messages: str = option(
		"both", "how one chat's messages are listed; the other way is 404", choices=("both", "path", "filter")
	)
	offline_lists: str | None = option(
		None,
		"lists of a session that is not connected (seed: refuse, full and crm: serve)",
		choices=("refuse", "serve"),
	)
	# credentials
	auth: str = option("any", "API key alone, or token and key", choices=("any", "jwt+key"))
	api_key: str = option(API_KEY, "the right API key")
	email: str = option(EMAIL, "the right e-mail")
	password: str = option(PASSWORD, "the right password")
	token_lifetime: int = option(86_400, "seconds a token lives", int)
	login_limit: int = option(5, "logins in 15 minutes and address, 0 = unlimited", int)
	# limits
	rate: int = option(30, "calls a minute and session, 0 = unlimited", int)
	send_rate: int = option(10, "messages sent a minute and session, 0 = unlimited", int)
	general_limit: int | None = option(
		None, "calls in 15 minutes, 0 = unlimited (default 1000; unlimited if --rate is 0)", int
	)
	rate_window: float = option(60.0, "seconds of the window that --rate and --send-rate count in", float)
	# time
	latency_ms: int = option(0, "each answer waits so long", int)
	connect_delay_ms: int = option(300, "from connect to the QR, and from the scan to connected", int)
	qr_lifetime: float = option(60.0, "seconds a QR lives", float)
	scan_after: float | None = option(None, "somebody scans each QR so many seconds after it is shown", float)
	trickle: float | None = option(None, "an incoming message every so many seconds in each session", float)
	receipt_delay_ms: int = option(300, "from sent to delivered, and from delivered to read", int)
	# webhooks
	webhook_attempts: int = option(3, "deliveries tried of a webhook without a retryConfig", int)
	webhook_delay_ms: int = option(1000, "between two attempts", int)
	delivery_order: str = option(
		"ordered", "one delivery of a webhook at a time, or many", choices=("ordered", "unordered")
	)
	frappe_url: str | None = option(
		None, "the Hub's own FRAPPE_WEBHOOK_URL: built-in push of received messages"
	)
	frappe_secret: str | None = option(None, "the Hub's own FRAPPE_WEBHOOK_SECRET")
	# at start
	fault: tuple[str, ...] = option((), "faults that are on from the start: F1..F7 or others", tuple)
	session: tuple[str, ...] = option(
		(), "sessions that exist from the start: demo_session[:connected]", tuple
	)

	@property
	def event_family(self) -> str:
		return self.events or ("v2" if self.shape == "crm" else "v1")

	@property
	def create_variant(self) -> str:
		return self.create or {"seed": "live", "full": "full", "crm": "crm"}[self.shape]

	@property
	def refuses_offline_lists(self) -> bool:
		return (self.offline_lists or ("refuse" if self.shape == "seed" else "serve")) == "refuse"

	@property
	def effective_general_limit(self) -> int:
		if self.general_limit is not None:
			return self.general_limit
		return 1000 if self.rate else 0

	def changed(self, values: Mapping[str, Any]) -> Options:
		"""A copy with some options changed.

		Args:
			values: names as on the command line, with `-` or `_`.

		Raises:
			ValueError: an unknown name or a value that is not allowed, named in the message.
		"""
		known = {each.name: each for each in fields(self)}
		changes = {}
		for spelled, value in values.items():
			name = spelled.replace("-", "_").removeprefix("__")
			if name not in known:
				raise ValueError(f"There is no option {spelled!r}. There are: {', '.join(sorted(known))}.")
			changes[name] = _converted(name, value, known[name].metadata)
		return replace(self, **changes)


def _converted(name: str, value: Any, metadata: Mapping[str, Any]) -> Any:
	if value is None:
		return None
	if metadata["choices"] and value not in metadata["choices"]:
		raise ValueError(f"{name} must be one of {', '.join(metadata['choices'])}, not {value!r}.")
	if metadata["kind"] is tuple:
		pieces = value if isinstance(value, (list, tuple)) else [value]
		return tuple(part for piece in pieces for part in str(piece).split(",") if part)
	try:
		return metadata["kind"](value)
	except (TypeError, ValueError) as error:
		raise ValueError(f"{name}: {value!r} is not of type {metadata['kind'].__name__}.") from error


def add_arguments(parser: argparse.ArgumentParser) -> None:
	"""Give `parser` one option for each field of `Options`."""
	defaults = Options()
	for each in fields(Options):
		flag = "--" + each.name.replace("_", "-")
		metadata = each.metadata
		default = getattr(defaults, each.name)
		shown = "" if default is None else f" (default {default})"
		if metadata["kind"] is bool:
			parser.add_argument(flag, action="store_true", help=metadata["explanation"])
		elif metadata["kind"] is tuple:
			parser.add_argument(flag, action="append", default=[], help=metadata["explanation"])
		else:
			parser.add_argument(
				flag,
				type=metadata["kind"],
				default=default,
				choices=metadata["choices"] or None,
				help=metadata["explanation"] + shown,
			)


def from_arguments(arguments: argparse.Namespace) -> Options:
	"""The options of a parsed command line."""
	return Options().changed({each.name: getattr(arguments, each.name) for each in fields(Options)})
