"""Breaking connections. uvicorn hides the socket from the application; its protocol class knows it."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.BaseTransport] = {}


class RememberingProtocol(H11Protocol):
	"""uvicorn's HTTP protocol; it remembers the connection of each client address."""

	def connection_made(self, transport: asyncio.BaseTransport) -> None:
		self._peer = transport.get_extra_info("peername")[:2]
		_open[self._peer] = transport
		super().connection_made(transport)  # type: ignore[arg-type]

	def connection_lost(self, exc: Exception | None) -> None:
		_open.pop(self._peer, None)
		super().connection_lost(exc)


class ConnectionDropped(Exception):
	"""The connection was to break, and there is none (the application runs inside a test client)."""


def drop(scope: dict[str, Any]) -> None:
	"""Break the connection of a request, whatever was written of its answer.

	Raises:
		ConnectionDropped: no connection of this server.
	"""
	host, port = (scope.get("client") or ("", 0))[:2]
	transport = _open.get((host, port))
	if not isinstance(transport, asyncio.Transport):
		raise ConnectionDropped(scope["path"])
	transport.abort()
