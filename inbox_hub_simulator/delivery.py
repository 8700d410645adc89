"""Posting events: signed, tried again, in order, in the background."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import random
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx

from .answers import compact_json
from .families import build
from .happenings import Happening
from .webhooks import Webhook

if TYPE_CHECKING:
	from .hub import Hub

REMEMBERED_DELIVERIES = 50_000
UNORDERED_AT_ONCE = 8
FRAPPE_TIMEOUT_MS = 7000
FRAPPE_PUSH_ID = 0


def sign(body: bytes, secret: str) -> str:
	"""`X-Webhook-Signature`: HMAC-SHA256 over exactly the bytes that are posted."""
	return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(slots=True)
class Delivery:
	"""One event on its way to one webhook. `attempts` tell at, status (None: no answer), error, seconds."""

	delivery_id: int
	webhook: Webhook
	event: str
	session_id: str
	body: bytes
	headers: dict[str, str]
	attempts_left: int
	delay_ms: int
	created: float = field(default_factory=time.time)
	attempts: list[dict[str, Any]] = field(default_factory=list)
	delivered: bool = False
	is_done: bool = False

	def shown(self) -> dict[str, Any]:
		"""For `/__sim__/deliveries`."""
		return {
			"id": self.delivery_id,
			"webhook": self.webhook.webhook_id,
			"url": self.webhook.url,
			"event": self.event,
			"session": self.session_id,
			"body": self.body.decode(),
			"headers": self.headers,
			"at": self.created,
			"attempts": self.attempts,
			"last_status": self.attempts[-1]["status"] if self.attempts else None,
			"delivered": self.delivered,
			"done": self.is_done,
		}


class Dispatcher:
	"""Takes what happens and posts it. Each webhook has a queue of its own."""

	def __init__(self, hub: Hub) -> None:
		self._hub = hub
		self._ids = itertools.count(1)
		self._queues: dict[int, asyncio.Queue[Delivery]] = {}
		self._workers: list[asyncio.Task[None]] = []
		self._client: httpx.AsyncClient | None = None
		self._held: list[Delivery] | None = None
		self._pending = 0
		self._idle = asyncio.Event()
		self._idle.set()
		self.deliveries: deque[Delivery] = deque(maxlen=REMEMBERED_DELIVERIES)

	def emit(self, happening: Happening) -> None:
		"""Queue an event for every webhook that wants it."""
		session_id = happening.session.session_id
		for webhook in self._hub.webhooks.wanting(happening.event, session_id):
			event, body = build(self._hub.options.event_family, happening)
			self.post(webhook, event, session_id, body)
		if self._hub.options.frappe_url and happening.session.send_to_frappe:
			if happening.event == "message.received":
				event, body = build("v2", happening)
				self.post(self._frappe_push(), event, session_id, body)

	def _frappe_push(self) -> Webhook:
		options = self._hub.options
		return Webhook(
			FRAPPE_PUSH_ID,
			"Frappe",
			options.frappe_url or "",
			("message.received",),
			options.frappe_secret,
			attempts=1,
			timeout=FRAPPE_TIMEOUT_MS,
			is_frappe_push=True,
		)

	def post(
		self,
		webhook: Webhook,
		event: str,
		session_id: str,
		body: dict[str, Any] | bytes,
		attempts: int | None = None,
		headers: dict[str, str] | None = None,
	) -> list[Delivery]:
		"""Queue one body. Faults may lose it, double it, delay it or leave it unsigned."""
		faults = self._hub.faults
		if faults.take("webhooks_lost", session=session_id, event=event):
			return []
		twice = faults.take("webhooks_twice", session=session_id, event=event)
		late = faults.take("webhooks_late", session=session_id, event=event)
		signed = not faults.take("webhooks_unsigned", session=session_id, event=event)
		raw = body if isinstance(body, bytes) else compact_json(body)
		made = []
		for _ in range(twice.parameters["copies"] if twice else 1):
			delivery = self._delivery(webhook, event, session_id, raw, attempts, signed, headers or {})
			made.append(delivery)
			if self._held is not None:
				self._held.append(delivery)
				continue
			self.deliveries.append(delivery)
			self._begin()
			if late:
				self._hub.spawn(self._post_later(delivery, late.parameters["seconds"]))
			else:
				self._queue(webhook).put_nowait(delivery)
		return made

	def _delivery(
		self,
		webhook: Webhook,
		event: str,
		session_id: str,
		body: bytes,
		attempts: int | None,
		signed: bool,
		extra_headers: dict[str, str],
	) -> Delivery:
		options = self._hub.options
		headers = {
			**webhook.headers,
			"Content-Type": "application/json",
			"User-Agent": "InboxHub-Webhook/1.0",
			"X-Webhook-Event": event,
			"X-Webhook-Session": session_id,
		}
		if not webhook.is_frappe_push:
			headers["X-Webhook-Timestamp"] = str(int(time.time() * 1000))
		if webhook.secret and signed:
			headers["X-Webhook-Signature"] = sign(body, webhook.secret)
		headers |= extra_headers
		chosen = webhook.attempts if attempts is None else attempts
		return Delivery(
			next(self._ids),
			webhook,
			event,
			session_id,
			body,
			headers,
			attempts_left=options.webhook_attempts if chosen is None else chosen,
			delay_ms=options.webhook_delay_ms if webhook.delay is None else webhook.delay,
		)

	def _queue(self, webhook: Webhook) -> asyncio.Queue[Delivery]:
		if webhook.webhook_id not in self._queues:
			queue: asyncio.Queue[Delivery] = asyncio.Queue()
			self._queues[webhook.webhook_id] = queue
			workers = 1 if self._hub.options.delivery_order == "ordered" else UNORDERED_AT_ONCE
			for _ in range(workers):
				self._workers.append(asyncio.get_running_loop().create_task(self._work(queue)))
		return self._queues[webhook.webhook_id]

	async def _work(self, queue: asyncio.Queue[Delivery]) -> None:
		while True:
			await self.deliver(await queue.get())

	async def _post_later(self, delivery: Delivery, seconds: float) -> None:
		await asyncio.sleep(seconds)
		await self.deliver(delivery)

	async def deliver(self, delivery: Delivery) -> None:
		"""Post until it is answered 2xx or the attempts are used up."""
		try:
			while delivery.attempts_left > 0 and not delivery.delivered:
				if delivery.attempts:
					await asyncio.sleep(delivery.delay_ms / 1000)
				delivery.attempts_left -= 1
				await self._attempt(delivery)
		finally:
			delivery.is_done = True
			self._end()

	async def _attempt(self, delivery: Delivery) -> None:
		if self._client is None:
			limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
			self._client = httpx.AsyncClient(limits=limits, trust_env=False, follow_redirects=False)
		started = time.time()
		status: int | None = None
		error = ""
		try:
			answer = await self._client.request(
				delivery.webhook.method,
				delivery.webhook.url,
				content=delivery.body,
				headers=delivery.headers,
				timeout=delivery.webhook.timeout / 1000,
			)
			status = answer.status_code
		except (httpx.HTTPError, httpx.InvalidURL) as failure:
			error = f"{type(failure).__name__}: {failure}"
		delivery.delivered = status is not None and 200 <= status < 300
		seconds = round(time.time() - started, 4)
		delivery.attempts.append({"at": started, "status": status, "error": error, "seconds": seconds})

	def _begin(self) -> None:
		self._pending += 1
		self._idle.clear()

	def _end(self) -> None:
		self._pending -= 1
		if self._pending == 0:
			self._idle.set()

	def hold(self) -> None:
		"""Keep events from now on, until `release`."""
		self._held = self._held or []

	@property
	def held_count(self) -> int:
		return len(self._held or ())

	def release(
		self,
		chance: random.Random,
		copies: tuple[int, int],
		shuffle: bool,
		connections: int,
		attempts: int,
		delay_ms: int,
	) -> int:
		"""Deliver what was kept, each event `copies` (from, to) times over `connections` at once.

		Returns how many deliveries that makes. They are on their way until `wait_until_idle`.
		"""
		waiting: deque[Delivery] = deque()
		for kept in self._held or ():
			for _ in range(chance.randint(*copies)):
				copy = replace(
					kept,
					delivery_id=next(self._ids),
					attempts=[],
					attempts_left=attempts,
					delay_ms=delay_ms,
					created=time.time(),
				)
				waiting.append(copy)
		self._held = None
		if shuffle:
			mixed = list(waiting)
			chance.shuffle(mixed)
			waiting = deque(mixed)
		self.deliveries.extend(waiting)
		count = len(waiting)
		for _ in range(count):
			self._begin()
		for _ in range(connections):
			self._hub.spawn(self._drain(waiting))
		return count

	async def _drain(self, waiting: deque[Delivery]) -> None:
		while waiting:
			await self.deliver(waiting.popleft())

	@property
	def pending(self) -> int:
		"""Deliveries that are neither answered nor given up."""
		return self._pending

	async def wait_until_idle(self, seconds: float) -> bool:
		"""Wait until nothing is on its way. Returns False if it took longer."""
		try:
			await asyncio.wait_for(self._idle.wait(), seconds)
		except asyncio.TimeoutError:
			return False
		return True

	async def stop(self) -> None:
		"""Drop what is on its way."""
		for worker in self._workers:
			worker.cancel()
		await asyncio.gather(*self._workers, return_exceptions=True)
		if self._client is not None:
			await self._client.aclose()
