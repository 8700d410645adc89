"""Connections that are refused, break off or never end: what was sent, and what is tried again."""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
import requests
import responses

from support.bare_server import bare_server
from support.hub import CREATE, GET, GET_URL, SEND, SEND_URL
from xappiens_whatsapp.inbox_hub import errors, http
from xappiens_whatsapp.inbox_hub.http import HubTransport

MakeTransport = Callable[..., HubTransport]


def refused_address() -> str:
	with socket.create_server(("127.0.0.1", 0)) as listener:
		return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("call", [GET, SEND, CREATE])
@pytest.mark.parametrize("address", [refused_address, lambda: "http://nobody.invalid"])
def test_where_nobody_listens_nothing_was_sent_and_all_may_be_tried_again(
	make_transport: MakeTransport, call, address
) -> None:
	transport = make_transport(base_url=address(), retries=2)
	with pytest.raises(errors.HubUnavailable) as caught:
		transport.request(call)
	assert caught.value.nothing_sent and caught.value.code == "UNREACHABLE" and transport.calls == 3


def test_a_connection_that_is_not_made_in_time_has_sent_nothing(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.post(SEND_URL, body=requests.ConnectTimeout())
	hub.post(SEND_URL, json={"data": {"messageId": "A1"}})
	assert make_transport().request(SEND)["data"]["messageId"] == "A1"


def close(connection: socket.socket) -> None:
	"""Ends the connection without an answer."""


def stay_silent(connection: socket.socket) -> None:
	connection.settimeout(10)
	with suppress(OSError):
		connection.recv(1)


def break_off(connection: socket.socket) -> None:
	connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"data":')


def lie(connection: socket.socket) -> None:
	connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")


def speak_another_language(connection: socket.socket) -> None:
	connection.sendall(b"SSH-2.0-OpenSSH\r\n")


def trickle(connection: socket.socket) -> None:
	connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
	with suppress(OSError):
		for _piece in range(200):
			connection.sendall(b" " * http._CHUNK)
			time.sleep(0.02)


@pytest.mark.parametrize("answer", [close, stay_silent, break_off, lie, speak_another_language, trickle])
def test_a_send_that_is_cut_off_is_made_once_and_its_outcome_unknown(
	make_transport: MakeTransport, answer
) -> None:
	with bare_server(answer) as server:
		with pytest.raises(errors.OutcomeUnknown) as caught:
			make_transport(base_url=server.url, read_timeout=0.3).request(SEND)
		assert server.requests == [f"POST {SEND.path} HTTP/1.1"]
	assert len(caught.value.request_id) == 32


@pytest.mark.parametrize("answer", [close, stay_silent, break_off, lie, trickle])
def test_a_safe_call_that_is_cut_off_is_made_again(make_transport: MakeTransport, answer) -> None:
	with bare_server(answer) as server:
		with pytest.raises(errors.HubUnavailable) as caught:
			make_transport(base_url=server.url, read_timeout=0.3, retries=1).request(GET)
		assert len(server.requests) == 2
	assert caught.value.code in ("BROKEN", "TIMEOUT") and not caught.value.nothing_sent


def test_a_send_does_not_use_a_connection_that_lay_idle(make_transport: MakeTransport) -> None:
	second_requests = []

	def answer_and_stay(connection: socket.socket) -> None:
		connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		connection.settimeout(10)
		with suppress(OSError):
			second_requests.append(connection.recv(65_536))

	with bare_server(answer_and_stay) as server:
		transport = make_transport(base_url=server.url)
		transport.request(GET)
		assert transport.request(SEND) == {}
		assert [line.split()[0] for line in server.requests] == ["GET", "POST"]
	assert not any(second_requests)


def test_an_answer_without_end_is_not_read_to_the_end(
	make_transport: MakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 100_000)

	def flood(connection: socket.socket) -> None:
		connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
		with suppress(OSError):
			while True:
				connection.sendall(b" " * 65_536)

	with bare_server(flood) as server:
		with pytest.raises(errors.HubUnavailable) as caught:
			make_transport(base_url=server.url, retries=0).request(GET)
	assert caught.value.code == "OVERSIZED"


def test_a_certificate_that_is_not_valid_is_told_and_not_tried_again(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	refusal = ssl.SSLCertVerificationError("self-signed certificate")
	hub.post(SEND_URL, body=requests.exceptions.SSLError(refusal))
	with pytest.raises(errors.Misconfigured) as caught:
		make_transport().request(SEND)
	assert (caught.value.code, caught.value.nothing_sent, len(hub.calls)) == ("TLS", True, 1)


def test_tls_with_a_server_that_has_none_is_told(make_transport: MakeTransport) -> None:
	with bare_server(speak_another_language) as server:
		address = server.url.replace("http:", "https:")
		with pytest.raises(errors.Misconfigured) as caught:
			make_transport(base_url=address).request(GET)
		assert caught.value.code == "TLS"
		with pytest.raises(errors.OutcomeUnknown):
			make_transport(base_url=address).request(SEND)


def test_a_request_that_the_library_refuses_is_told(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(GET_URL, body=requests.exceptions.InvalidURL("x"))
	with pytest.raises(errors.Misconfigured) as caught:
		make_transport().request(GET)
	assert caught.value.code == "INVALID" and len(hub.calls) == 1


def test_a_forked_worker_does_not_share_its_parents_connection(monkeypatch: pytest.MonkeyPatch) -> None:
	mine = http._connection()
	assert http._connection() is mine
	monkeypatch.setattr(http.os, "getpid", lambda: -1)
	assert http._connection() is not mine
