"""A simulator inside the test's process, and a receiver of webhooks on a real port."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from inbox_hub_simulator.app import create_app
from inbox_hub_simulator.options import API_KEY, EMAIL, PASSWORD, Options

SESSION = "demo_session"
DEADLINE_SECONDS = 10.0


def eventually(condition: Callable[[], Any]) -> Any:
	"""The first true value of `condition`; the test fails if there is none before the deadline."""
	deadline = time.monotonic() + DEADLINE_SECONDS
	while time.monotonic() < deadline:
		if value := condition():
			return value
		time.sleep(0.01)
	raise AssertionError(f"not within {DEADLINE_SECONDS} s: {condition}")


class Hub:
	"""The simulator seen by a client with the right key, and its control API."""

	def __init__(self, client: TestClient) -> None:
		self.client = client
		self.headers = {"X-API-Key": API_KEY}

	def call(self, method: str, path: str, json: Any = None, **more: Any) -> Response:
		headers = self.headers | more.pop("headers", {})
		return self.client.request(method, path, json=json, headers=headers, **more)

	def get(self, path: str, **query: Any) -> Response:
		return self.call("GET", path, params=query)

	def post(self, path: str, body: Any = None, **more: Any) -> Response:
		return self.call("POST", path, body, **more)

	def data(self, path: str, **query: Any) -> Any:
		answer = self.get(path, **query)
		assert answer.status_code == 200, answer.text
		return answer.json()["data"]

	def pages(self, path: str, key: str, limit: int = 100) -> list[dict[str, Any]]:
		"""All rows of a list, read page by page until an empty one."""
		rows: list[dict[str, Any]] = []
		page = 1
		while found := self.data(path, page=page, limit=limit)[key]:
			rows += found
			page += 1
		return rows

	def login(self) -> str:
		answer = self.client.post("/api/auth/login", json={"identifier": EMAIL, "password": PASSWORD})
		assert answer.status_code == 200, answer.text
		token: str = answer.json()["data"]["accessToken"]
		self.headers["Authorization"] = f"Bearer {token}"
		return token

	def sim(self, call: str, **body: Any) -> Any:
		"""A control call that must work."""
		answer = self.client.post(f"/__sim__/{call}", json=body)
		assert answer.status_code == 200, answer.text
		return answer.json()

	def state(self) -> Any:
		return self.client.get("/__sim__/state").json()

	def deliveries(self, event: str = "") -> list[dict[str, Any]]:
		found: list[dict[str, Any]] = self.client.get("/__sim__/deliveries", params={"event": event}).json()[
			"deliveries"
		]
		return found

	def settle(self) -> None:
		"""Until no delivery is on its way."""
		assert self.sim("deliveries/wait", timeout=DEADLINE_SECONDS)["idle"]

	def status(self) -> str:
		status: str = self.state()["sessions"][SESSION]["status"]
		return status

	def subscribe(self, url: str, *events: str, **fields: Any) -> int:
		self.login()
		body = {"name": "CRM Webhook", "url": url, "method": "POST", "events": list(events), **fields}
		answer = self.post("/api/webhooks", body)
		assert answer.status_code == 201, answer.text
		webhook_id: int = answer.json()["data"]["webhook"]["id"]
		return webhook_id


@pytest.fixture
def make_hub() -> Iterator[Callable[..., Hub]]:
	"""Makes simulators with options; without a limit and without waiting unless told otherwise."""
	open_clients: list[TestClient] = []

	def make(**options: Any) -> Hub:
		quick = {
			"connect_delay_ms": 0,
			"receipt_delay_ms": 0,
			"webhook_delay_ms": 0,
			"rate": 0,
			"send_rate": 0,
		}
		client = TestClient(create_app(Options().changed(quick | options)))
		client.__enter__()
		open_clients.append(client)
		return Hub(client)

	yield make
	for client in open_clients:
		client.__exit__(None, None, None)


@pytest.fixture
def hub(make_hub: Callable[..., Hub]) -> Hub:
	"""A simulator with one connected session."""
	return make_hub(session=[f"{SESSION}:connected"])


@dataclass
class Received:
	body: bytes
	headers: dict[str, str]

	@property
	def json(self) -> Any:
		return json.loads(self.body)


@dataclass
class Receiver:
	"""What came to the receiver's port. `answers` are the statuses of the next posts, 200 after them."""

	url: str = ""
	received: list[Received] = field(default_factory=list)
	answers: list[int] = field(default_factory=list)

	def events(self) -> list[str]:
		return [each.headers["x-webhook-event"] for each in self.received]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
	state = Receiver()
	lock = threading.Lock()

	class Handler(BaseHTTPRequestHandler):
		def do_POST(self) -> None:
			body = self.rfile.read(int(self.headers["Content-Length"]))
			headers = {name.lower(): value for name, value in self.headers.items()}
			with lock:
				state.received.append(Received(body, headers))
				status = state.answers.pop(0) if state.answers else 200
			self.send_response(status)
			self.end_headers()

		def log_message(self, format: str, *args: Any) -> None:
			pass

	server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
	thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
	thread.start()
	state.url = f"http://127.0.0.1:{server.server_port}/hook"
	yield state
	server.shutdown()
	server.server_close()
	thread.join()


@pytest.fixture
def wait() -> Callable[[Callable[[], Any]], Any]:
	return eventually
