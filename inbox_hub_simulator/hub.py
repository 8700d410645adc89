"""The whole state of one simulated Hub."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from .calls import Call
from .delivery import Dispatcher
from .faults import Faults
from .limits import Limits
from .options import Options
from .sessions import Sessions
from .tokens import Tokens
from .trickle import trickle
from .webhooks import Webhooks

if TYPE_CHECKING:
	from .happenings import Happening

REMEMBERED_REQUESTS = 50_000


class Hub:
	"""One Hub: options, sessions, webhooks, limits, faults, and the record of what was asked of it.

	Everything runs on one event loop, so there are no locks.
	"""

	def __init__(self, options: Options) -> None:
		self.start_options = options
		self.tokens = Tokens()
		self._tasks: set[asyncio.Task[None]] = set()
		self._set_up(options)

	def _set_up(self, options: Options) -> None:
		self.options = options
		self.started = time.time()
		self.limits = Limits(options)
		self.sessions = Sessions(self)
		self.faults = Faults()
		for name in options.fault:
			self.switch_fault(name, True)
		self.webhooks = Webhooks()
		self.dispatcher = Dispatcher(self)
		self.requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_REQUESTS)

	async def start(self) -> None:
		"""Make the sessions of the options. Needs the running event loop."""
		for description in self.options.session:
			session_id, _, status = description.partition(":")
			session = self.sessions.create(session_id, name=session_id)
			if status == "connected":
				self.sessions.connect_now(session)
		self.sessions.set_stale(self.faults.is_on("F6"))
		if self.options.trickle:
			self.spawn(trickle(self, self.options.trickle))

	async def stop(self) -> None:
		"""End everything that runs in the background."""
		tasks = list(self._tasks)
		for task in tasks:
			task.cancel()
		await asyncio.gather(*tasks, return_exceptions=True)
		await self.dispatcher.stop()

	async def reset(self, options: Options) -> None:
		"""Forget everything and begin again. Tokens stay valid."""
		await self.stop()
		self._set_up(options)
		await self.start()

	def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
		"""Run something in the background until it ends or the Hub stops."""
		task = asyncio.get_running_loop().create_task(work)
		self._tasks.add(task)
		task.add_done_callback(self._tasks.discard)
		return task

	def emit(self, happening: Happening) -> None:
		"""Tell whoever subscribed."""
		self.dispatcher.emit(happening)

	def switch_fault(self, name: str, parameters: dict[str, Any] | bool | None) -> None:
		"""Turn a fault on or off; `expire_tokens` happens once instead of staying on.

		Raises:
			ValueError: an unknown fault or parameter.
		"""
		if name == "expire_tokens":
			if parameters:
				self.tokens.expire_all()
			return
		self.faults.switch(name, parameters)
		if name.partition(":")[0] == "F6":
			self.sessions.set_stale(self.faults.is_on("F6"))

	def key_is_right(self, call: Call) -> bool:
		return call.request_headers.get("x-api-key") == self.options.api_key

	def token_is_right(self, call: Call) -> bool:
		scheme, _, token = call.request_headers.get("authorization", "").partition(" ")
		return scheme.lower() == "bearer" and self.tokens.is_valid(token.strip())

	def remember(self, call: Call) -> None:
		"""Keep a call for `/__sim__/requests`."""
		self.requests.append(call.record(self.key_is_right(call), self.token_is_right(call)))
