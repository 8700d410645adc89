"""What stands before every call: it is recorded, counted, delayed, and hit by the faults that are on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import HubError, HubResponse, compact_json, failed
from .calls import Call
from .clock import now_ms
from .faults import Fault
from .limits import too_many
from .transport import drop

if TYPE_CHECKING:
	from .hub import Hub

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

NGINX_PAGE = (
	"<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n"
	"<hr><center>nginx/1.18.0 (Ubuntu)</center>\r\n</body>\r\n</html>\r\n"
)
# Below these paths the session's own limit counts
WHATSAPP_PATHS = ("/api/sessions", "/api/messages", "/api/contacts")


@dataclass(slots=True)
class Answer:
	"""A whole answer, held back until the faults that come after it are done."""

	status: int = 500
	headers: list[tuple[bytes, bytes]] = field(default_factory=list)
	body: bytes = b""

	@classmethod
	def of(cls, response: HubResponse) -> Answer:
		return cls(response.status_code, list(response.raw_headers), bytes(response.body))

	@classmethod
	def text(cls, status: int, body: bytes, content_type: str) -> Answer:
		length = str(len(body)).encode()
		return cls(status, [(b"content-type", content_type.encode()), (b"content-length", length)], body)


class Gate:
	"""ASGI middleware around the API. The control API passes it untouched."""

	def __init__(self, app: Application, hub: Hub) -> None:
		self.app = app
		self.hub = hub

	async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
		if scope["type"] != "http" or scope["path"].startswith("/__sim__"):
			await self.app(scope, receive, send)
			return
		call = Call.of(dict(scope), await _whole_body(receive))
		session = self.hub.sessions.find(call.session_in_path)
		call.session = session.session_id if session else call.session_in_path
		scope["hub_call"] = call
		try:
			await self._handle(call, scope, receive, send)
		finally:
			self.hub.remember(call)

	async def _handle(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
		await self._wait(call)
		drop_fault = self._take("drop", call)
		if drop_fault and drop_fault.parameters["when"] == "before":
			await _break(call, scope, receive)
			return
		answer = await self._instead(call) or await self._ask(call, scope)
		call.status = answer.status
		if slow := self._take("slow", call):
			await asyncio.sleep(slow.parameters["seconds"])
		if self._take("truncated", call):
			answer = Answer.text(answer.status, answer.body[: len(answer.body) // 2], "application/json")
		if not self._take("no_rate_headers", call):
			answer.headers += [(name.encode(), value.encode()) for name, value in call.headers.items()]
		if drop_fault:
			if drop_fault.parameters["when"] == "middle":
				await _send_half(answer, send)
			await _break(call, scope, receive)
			return
		await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
		await send({"type": "http.response.body", "body": answer.body})

	def _take(self, kind: str, call: Call) -> Fault | None:
		return self.hub.faults.take(kind, call.path, call.method, call.session)

	async def _wait(self, call: Call) -> None:
		latency = self._take("latency", call)
		milliseconds = latency.parameters["ms"] if latency else self.hub.options.latency_ms
		if milliseconds:
			await asyncio.sleep(milliseconds / 1000)

	async def _instead(self, call: Call) -> Answer | None:
		"""The answer of a fault or of the general limit, None if the API itself is to answer."""
		if nginx := self._take("nginx", call):
			page = NGINX_PAGE.format(status=nginx.parameters["status"]).encode()
			return Answer.text(nginx.parameters["status"], page, "text/html")
		try:
			if call.path.startswith("/api/"):
				self.hub.limits.general(call.headers)
			if limited := self._take("rate_limited", call):
				raise _limited(limited, call)
			if fault := self._take("status", call):
				named = fault.parameters
				raise HubError(named["status"], named["code"], named["text"], headers=dict(named["headers"]))
		except HubError as error:
			return Answer.of(failed(error, now_ms()))
		if fault := self._take("success_false", call):
			body = {"success": False, "error": fault.parameters["text"], "code": fault.parameters["code"]}
			return Answer.of(HubResponse(body))
		if fault := self._take("empty_body", call):
			return Answer.text(fault.parameters["status"], b"", "application/json")
		if fault := self._take("not_object", call):
			return Answer.text(200, compact_json(fault.parameters["body"]), "application/json")
		if fault := self._take("redirect", call):
			answer = Answer.text(fault.parameters["status"], b"", "text/html")
			answer.headers.append((b"location", fault.parameters["location"].encode()))
			return answer
		return None

	async def _ask(self, call: Call, scope: Scope) -> Answer:
		answer = Answer()
		asked = False

		async def replay() -> Event:
			nonlocal asked
			if asked:
				return {"type": "http.disconnect"}
			asked = True
			return {"type": "http.request", "body": call.body, "more_body": False}

		async def capture(event: Event) -> None:
			if event["type"] == "http.response.start":
				answer.status = event["status"]
				answer.headers = list(event["headers"])
			else:
				answer.body += event.get("body", b"")

		await self.app(scope, replay, capture)
		return answer


def _limited(fault: Fault, call: Call) -> HubError:
	if call.path.startswith(WHATSAPP_PATHS) and fault.parameters["reset_in"] is not None:
		call.headers |= {
			"X-RateLimit-Limit": "30",
			"X-RateLimit-Remaining": "0",
			"X-RateLimit-Reset": str(int(now_ms() / 1000 + fault.parameters["reset_in"])),
		}
	retry_after = fault.parameters["retry_after"]
	headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
	return too_many(fault.parameters["code"], headers)


async def _whole_body(receive: Receive) -> bytes:
	body = b""
	while True:
		event = await receive()
		body += bytes(event.get("body", b""))
		if not event.get("more_body"):
			return body


async def _send_half(answer: Answer, send: Send) -> None:
	await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
	await send(
		{"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True}
	)
	await asyncio.sleep(0.02)  # the half must leave before the connection ends


async def _break(call: Call, scope: Scope, receive: Receive) -> None:
	call.dropped = True
	call.status = None
	drop(dict(scope))
	while (await receive())["type"] != "http.disconnect":
		pass
