"""The realtime server of the bench, and a browser's connection to it without a browser."""

import queue
from typing import Any

import socketio
from socketio.exceptions import TimeoutError as NoAnswer

from support import bench
from support.bench import BenchProcess


class Realtime(BenchProcess):
	"""The realtime server: the one that runs already, or one that is started for the tests."""

	def __init__(self) -> None:
		self.port = int(bench.common_config().get("socketio_port") or 9000)
		own = bench.folder() / "apps" / "frappe" / "socketio.js"
		command = (
			["node", str(own)]
			if own.exists()
			else [str(bench.python()), str(bench.ROOT / "dev" / "runtime" / "socketio_server.py")]
		)
		super().__init__("realtime", command)

	@property
	def url(self) -> str:
		return f"http://127.0.0.1:{self.port}"

	def ensure(self) -> None:
		"""Returns when the server accepts connections."""
		if not bench.answers(self.port):
			self.start()
			bench.wait_until(
				lambda: bench.answers(self.port), f"the realtime server listens (see {self.log})"
			)


class Socket:
	"""What one logged-in browser hears. Use as a context manager."""

	def __init__(self, url: str, session_id: str) -> None:
		self.url = url
		self.headers = {
			"Cookie": f"sid={session_id}",
			"Origin": url,
			"X-Frappe-Site-Name": bench.site_name(),
		}
		self.namespace = "/" + bench.site_name()
		self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
		self.client = socketio.Client(reconnection=False)
		self.client.on("*", self.hear, namespace=self.namespace)

	def hear(self, event: str, *messages: Any) -> None:
		self.heard.put((event, messages[0] if messages else None))

	def __enter__(self) -> "Socket":
		self.client.connect(
			self.url,
			headers=self.headers,
			namespaces=[self.namespace],
			transports=["websocket"],
			wait_timeout=10,
		)
		return self

	def __exit__(self, *error: object) -> None:
		self.client.disconnect()

	def subscribe(self, doctype: str, name: str | None = None) -> None:
		"""Asks for the room of a document, or of a DocType; returns when the server has decided."""
		event, arguments = ("doc_subscribe", (doctype, name)) if name else ("doctype_subscribe", doctype)
		try:
			self.client.call(event, arguments, namespace=self.namespace, timeout=5)
		except NoAnswer:
			return  # Frappe's own server answers nothing; it has decided by now

	def wait_for(self, event: str, seconds: float = 10.0) -> Any:
		"""The message of the next such event; others that come before it are passed over."""
		try:
			while True:
				name, message = self.heard.get(timeout=seconds)
				if name == event:
					return message
		except queue.Empty:
			raise AssertionError(f"no {event} was heard within {seconds:.0f} s")

	def everything_until(self, event: str, seconds: float = 10.0) -> list[tuple[str, Any]]:
		"""What was heard before an event that surely comes: how a test says that something was not heard."""
		before = []
		try:
			while True:
				name, message = self.heard.get(timeout=seconds)
				if name == event:
					return before
				before.append((name, message))
		except queue.Empty:
			raise AssertionError(f"no {event} was heard within {seconds:.0f} s")
