"""What posting to one's own webhook tells apart. Only what happens before anything is sent, and what is read of an answer."""

import http.client
import socket
import ssl
from pathlib import Path

import pytest

from support.bare_server import bare_server
from xappiens_whatsapp.inbox_hub import webhook_self_test
from xappiens_whatsapp.inbox_hub.signature import sign

BODY, SECRET = b'{"event":"whatsapp.self_test"}', "a secret of the tests, long enough"
OURS = b'{"success": true, "received": true, "duplicate": false, "status": "Ignored"}'


def answer(status: int, content: bytes, headers: str = "") -> bytes:
	reason = http.client.responses.get(status, "Unknown")
	head = f"HTTP/1.1 {status} {reason}\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
	return head.encode() + content


def attempt(said: bytes) -> webhook_self_test.Attempt:
	with bare_server(lambda connection: connection.sendall(said)) as server:
		return webhook_self_test.post(server.url + "/webhook", BODY, SECRET)


@pytest.mark.parametrize(
	("status", "content", "reason"),
	[
		(200, OURS, "accepted"),
		(200, b"<html>Welcome</html>", "not_ours"),
		(200, b'{"message": "pong"}', "not_ours"),
		(200, b"[" * 100_000, "not_ours"),
		(204, b"", "not_ours"),
		(302, b"", "redirected"),
		(400, b"", "not_ours"),
		(401, b'{"success": false, "error": "unauthorized"}', "unauthorized"),
		(403, b"", "forbidden"),
		(404, b"<html>", "not_found"),
		(405, b"", "not_post"),
		(413, b"", "too_large"),
		(417, b"{}", "no_app"),
		(429, b"", "too_many"),
		(500, b"", "server_error"),
		(502, b"<html>nginx", "gateway"),
		(503, b"<html>nginx", "gateway"),
		(503, b'{"success": false, "error": "try_again"}', "not_stored"),
		(504, b"", "gateway"),
	],
)
def test_each_answer_has_its_reason(status: int, content: bytes, reason: str) -> None:
	made = attempt(answer(status, content))
	assert (made.reason, made.status, made.is_private) == (reason, status, True)


def test_the_request_is_that_of_the_hub_and_no_redirect_is_followed() -> None:
	seen: list[bytes] = []

	def redirect(connection: socket.socket) -> None:
		connection.sendall(answer(307, b"", "Location: /elsewhere\r\n"))

	with bare_server(redirect) as server:
		webhook_self_test.post(server.url + "/webhook", BODY, SECRET)
		seen = [line for line in server.requests]
	assert seen == ["POST /webhook HTTP/1.1"]


def test_it_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
	sent: dict = {}

	def post(url: str, **options: object) -> None:
		sent.update(options)
		raise ValueError

	monkeypatch.setattr(webhook_self_test.requests, "post", post)
	webhook_self_test.post("http://127.0.0.1/webhook", BODY, SECRET)
	assert sent["data"] == BODY
	assert sent["headers"]["X-Webhook-Signature"] == sign(BODY, SECRET)
	assert sent["allow_redirects"] is False


@pytest.mark.parametrize(
	("url", "reason"),
	[
		("", "bad_address"),
		("ftp://crm.example/x", "bad_address"),
		("http://[", "bad_address"),
		("http://127.0.0.1:99999/x", "bad_address"),
		("http://no-such-host.invalid/x", "unknown_host"),
	],
)
def test_an_address_that_leads_nowhere_is_told(url: str, reason: str) -> None:
	assert webhook_self_test.post(url, BODY, SECRET).reason == reason


def test_a_closed_port_a_silent_server_and_a_broken_answer_are_told_apart(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	with socket.create_server(("127.0.0.1", 0)) as listener:
		port = listener.getsockname()[1]
	assert webhook_self_test.post(f"http://127.0.0.1:{port}/x", BODY, SECRET).reason == "refused"
	assert attempt(b"").reason == "broken"
	assert attempt(b"no HTTP at all\r\n\r\n").reason == "broken"
	monkeypatch.setattr(webhook_self_test, "TIMEOUT", (5, 0.2))
	with socket.create_server(("127.0.0.1", 0)) as silent:
		url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
		assert webhook_self_test.post(url, BODY, SECRET).reason == "timeout"


def test_a_server_that_speaks_no_tls_is_told(tmp_path: Path) -> None:
	with bare_server(lambda connection: connection.sendall(answer(400, b""))) as server:
		url = server.url.replace("http://", "https://")
		assert webhook_self_test.post(url, BODY, SECRET).reason == "tls"
	assert ssl.OPENSSL_VERSION
