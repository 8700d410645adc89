"""Requests in quick succession, made with as little work on this side as can be: both sides share the machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SECONDS = 60.0


@dataclass(slots=True)
class Answers:
	"""What a number of requests came to: seconds in all, seconds of each, and what was not answered 200."""

	seconds: float = 0.0
	each: list[float] = field(default_factory=list)
	failures: list[bytes] = field(default_factory=list)

	def add(self, other: Answers) -> None:
		self.seconds += other.seconds
		self.each += other.each
		self.failures += other.failures

	@property
	def a_second(self) -> float:
		return len(self.each) / self.seconds


def request(
	path: str, host: str, method: str = "GET", body: bytes = b"", headers: Sequence[str] = ()
) -> bytes:
	"""An HTTP request, ready to be sent, after which the server closes the connection, as between nginx and gunicorn."""
	lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
	if body:
		lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
	return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def send(requests: Sequence[bytes], port: int, connections: int) -> Answers:
	"""Send all requests to a port of this machine, so many at a time."""
	answers = Answers()
	waiting = iter(requests)
	lock = threading.Lock()

	def work() -> None:
		while True:
			with lock:
				content = next(waiting, None)
			if content is None:
				return
			seconds, failure = exchange(content, port)
			with lock:
				answers.each.append(seconds)
				if failure:
					answers.failures.append(failure)

	begun = time.perf_counter()
	run_together(work, connections)
	answers.seconds = time.perf_counter() - begun
	return answers


def exchange(content: bytes, port: int) -> tuple[float, bytes]:
	"""Seconds from the connection to the end of the answer; and the answer if it is not 200."""
	begun = time.perf_counter()
	with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
		connection.sendall(content)
		answer = bytearray()
		while part := connection.recv(65536):
			answer += part
	seconds = time.perf_counter() - begun
	return seconds, b"" if answer.startswith(b"HTTP/1.1 200") else bytes(answer) or b"no answer"


def run_together(work: Callable[[], None], number: int) -> None:
	"""Run a function in so many threads and wait for all of them."""
	threads = [threading.Thread(target=work) for _number in range(number)]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()
