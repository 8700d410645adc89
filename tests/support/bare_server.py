"""A server that answers as no library would: half, slowly, or not at all."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class BareServer:
	"""`url` is where it listens; `requests` holds the first line of each request that came, `bodies` what was posted."""

	url: str
	requests: list[str] = field(default_factory=list)
	bodies: list[bytes] = field(default_factory=list)


@contextmanager
def bare_server(answer: Callable[[socket.socket], None]) -> Iterator[BareServer]:
	"""Accept connections on a free port; read each request, then let `answer` do with the connection what it likes."""
	with socket.create_server(("127.0.0.1", 0)) as listener:
		server = BareServer(f"http://127.0.0.1:{listener.getsockname()[1]}")
		threading.Thread(target=_serve, args=(listener, server, answer), daemon=True).start()
		yield server
		listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, server: BareServer, answer: Callable[[socket.socket], None]) -> None:
	while True:
		try:
			connection, _address = listener.accept()
		except OSError:
			return
		threading.Thread(target=_answer, args=(connection, server, answer), daemon=True).start()


def _answer(connection: socket.socket, server: BareServer, answer: Callable[[socket.socket], None]) -> None:
	with connection:
		if request := _read_request(connection):
			head, _end, body = request.partition(b"\r\n\r\n")
			server.requests.append(head.decode("latin-1").partition("\r\n")[0])
			server.bodies.append(body)
			answer(connection)


def _read_request(connection: socket.socket) -> bytes:
	"""One whole request; the body may come in a segment of its own. b"" if the other side has closed."""
	request = b""
	while not _is_whole(request):
		if not (more := connection.recv(65_536)):
			return b""
		request += more
	return request


def _is_whole(request: bytes) -> bool:
	if request and not re.match(rb"[A-Z]+ ", request):
		return True  # no HTTP: somebody wants to speak TLS
	head, end, body = request.partition(b"\r\n\r\n")
	length = re.search(rb"(?i)^content-length: *([0-9]+)", head, re.MULTILINE)
	return bool(end) and len(body) >= int(length[1] if length else 0)
