"""Which webhooks exist: those registered for the organisation, and those that belong to one session."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from .answers import iso
from .clock import now_ms
from .happenings import EVENTS, SPOKEN_BY_V3


@dataclass(slots=True)
class Webhook:
	"""Where events go. `session_id` empty: events of all sessions. `delay` and `timeout` in milliseconds."""

	webhook_id: int
	name: str
	url: str
	events: tuple[str, ...]
	secret: str | None = None
	method: str = "POST"
	headers: dict[str, str] = field(default_factory=dict)
	attempts: int | None = None
	delay: int | None = None
	timeout: int = 30_000
	session_id: str = ""
	organization_id: int = 1
	is_active: bool = True
	is_paused: bool = False
	paused_until_ms: int | None = None
	is_frappe_push: bool = False
	created_ms: int = field(default_factory=now_ms)

	def wants(self, event: str, session_id: str) -> bool:
		"""Whether an event of a session goes here."""
		if not self.is_active or (self.session_id and self.session_id != session_id):
			return False
		if self.is_paused and (self.paused_until_ms is None or now_ms() < self.paused_until_ms):
			return False
		return event in self.events or SPOKEN_BY_V3.get(event) in self.events

	def shown(self) -> dict[str, Any]:
		"""As the API tells it; never with the secret."""
		return {
			"id": self.webhook_id,
			"name": self.name,
			"url": self.url,
			"method": self.method,
			"events": list(self.events),
			"headers": self.headers,
			"retryConfig": {
				"attempts": 3 if self.attempts is None else self.attempts,
				"delay": 1000 if self.delay is None else self.delay,
			},
			"timeout": self.timeout,
			"organizationId": self.organization_id,
			"isActive": self.is_active,
			"isPaused": self.is_paused,
			"hasSecret": bool(self.secret),
			"createdAt": iso(self.created_ms),
		}


class Webhooks:
	"""All webhooks of the Hub."""

	def __init__(self) -> None:
		self._by_id: dict[int, Webhook] = {}
		self._of_sessions: dict[str, Webhook] = {}
		self._ids = itertools.count(1)

	def registered(self) -> list[Webhook]:
		"""Those of the organisation."""
		return list(self._by_id.values())

	def find(self, webhook_id: int) -> Webhook | None:
		return self._by_id.get(webhook_id)

	def find_by_name(self, name: str) -> Webhook | None:
		return next((each for each in self._by_id.values() if each.name == name), None)

	def register(self, **fields: Any) -> Webhook:
		"""A webhook of the organisation. The caller makes sure that the name is free."""
		webhook = Webhook(next(self._ids), **fields)
		self._by_id[webhook.webhook_id] = webhook
		return webhook

	def remove(self, webhook_id: int) -> None:
		self._by_id.pop(webhook_id, None)

	def set_for_session(
		self, session_id: str, url: str, secret: str | None, events: tuple[str, ...] = ()
	) -> Webhook:
		"""The webhook of one session; without `events` it gets all."""
		webhook = Webhook(
			next(self._ids), f"session {session_id}", url, events or EVENTS, secret, session_id=session_id
		)
		self._of_sessions[session_id] = webhook
		return webhook

	def forget_session(self, session_id: str) -> None:
		self._of_sessions.pop(session_id, None)

	def wanting(self, event: str, session_id: str) -> list[Webhook]:
		"""Webhooks an event of a session goes to."""
		return [webhook for webhook in self.everybody() if webhook.wants(event, session_id)]

	def everybody(self) -> list[Webhook]:
		"""Those of the organisation and those of sessions."""
		return [*self._by_id.values(), *self._of_sessions.values()]
