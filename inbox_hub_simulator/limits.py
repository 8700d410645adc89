"""Counting calls as the Hub does: fixed windows that begin with the first call."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from .answers import HubError
from .options import Options

QUARTER_HOUR = 900
# What the headers say when nothing is limited: far more than anybody can call
UNLIMITED = 1_000_000


@dataclass(slots=True)
class Verdict:
	"""What a window says of one call. `reset_at` in epoch seconds."""

	allowed: bool
	limit: int
	remaining: int
	reset_at: float


@dataclass(slots=True)
class Window:
	"""`limit` calls (0 = any number) in `seconds`."""

	limit: int
	seconds: float
	started: float = 0.0
	calls: int = 0

	def take(self, now: float) -> Verdict:
		"""Count one call."""
		if now - self.started >= self.seconds:
			self.started, self.calls = now, 0
		self.calls += 1
		limit = self.limit or UNLIMITED
		return Verdict(self.calls <= limit, limit, max(0, limit - self.calls), self.started + self.seconds)


class Limits:
	"""All windows of the Hub. Each method counts one call, puts the headers of `docs/hub.md` into `headers`, and
	raises `HubError` 429 if it was one too many."""

	def __init__(self, options: Options) -> None:
		self._options = options
		self._windows: dict[str, Window] = {}

	def _take(self, key: str, limit: int, seconds: float) -> Verdict:
		return self._windows.setdefault(key, Window(limit, seconds)).take(time.time())

	def general(self, headers: dict[str, str]) -> None:
		"""Any call below /api, counted for the one user there is."""
		limit = self._options.effective_general_limit
		self._quarter_hour("general", limit, headers, "RATE_LIMIT_EXCEEDED")

	def login(self, address: str, headers: dict[str, str]) -> None:
		"""A login, right or wrong, counted for the address it comes from."""
		self._quarter_hour(f"login {address}", self._options.login_limit, headers, "RATE_LIMIT_EXCEEDED")

	def _quarter_hour(self, key: str, limit: int, headers: dict[str, str], code: str) -> None:
		verdict = self._take(key, limit, QUARTER_HOUR)
		headers["RateLimit-Policy"] = f"{verdict.limit};w={QUARTER_HOUR}"
		headers["RateLimit-Limit"] = str(verdict.limit)
		headers["RateLimit-Remaining"] = str(verdict.remaining)
		headers["RateLimit-Reset"] = str(max(0, math.ceil(verdict.reset_at - time.time())))
		if not verdict.allowed:
			raise too_many(code)

	def session(self, session_id: str, headers: dict[str, str]) -> None:
		"""A WhatsApp operation of a session (`""`: of none in particular)."""
		verdict = self._take(f"session {session_id}", self._options.rate, self._options.rate_window)
		_minute_headers(verdict, headers)
		if not verdict.allowed:
			raise too_many("RATE_LIMIT_EXCEEDED")

	def sending(self, session_id: str, headers: dict[str, str]) -> None:
		"""A message of a session, beside the operation that it is."""
		verdict = self._take(f"send {session_id}", self._options.send_rate, self._options.rate_window)
		if not verdict.allowed:
			_minute_headers(verdict, headers)
			raise too_many("MESSAGE_RATE_LIMIT_EXCEEDED")

	def snapshot(self) -> dict[str, dict[str, float]]:
		"""Calls counted in each window, for `/__sim__/state`."""
		return {
			key: {"limit": window.limit, "calls": window.calls, "resets_at": window.started + window.seconds}
			for key, window in self._windows.items()
		}


def _minute_headers(verdict: Verdict, headers: dict[str, str]) -> None:
	headers["X-RateLimit-Limit"] = str(verdict.limit)
	headers["X-RateLimit-Remaining"] = str(verdict.remaining)
	headers["X-RateLimit-Reset"] = str(math.ceil(verdict.reset_at))


def too_many(code: str, headers: dict[str, str] | None = None) -> HubError:
	"""The 429 of the Hub, in its words."""
	if code == "MESSAGE_RATE_LIMIT_EXCEEDED":
		text = "Demasiadas solicitudes: has superado el límite de mensajes por minuto, intenta más tarde"
	else:
		text = "Demasiadas solicitudes, intenta de nuevo más tarde"
	return HubError(429, code, text, headers=headers)
