"""Posting to one's own webhook as Inbox Hub would, and telling what came back apart.

What is in the answer is looked at, never shown: the address is whatever somebody entered.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from .signature import sign

EVENT = "whatsapp.self_test"  # nobody handles it: it is kept as Ignored
TIMEOUT = (5.0, 10.0)  # seconds to connect, to answer
_LARGEST_ANSWER = 10_000  # bytes that are looked at
_BY_STATUS = {
	401: "unauthorized",
	403: "forbidden",
	404: "not_found",
	405: "not_post",
	413: "too_large",
	417: "no_app",
	429: "too_many",
	502: "gateway",
	504: "gateway",
}


@dataclass(frozen=True, slots=True)
class Attempt:
	"""What came of it.

	`reason` is "accepted" or one of bad_address, unknown_host, refused, timeout, tls, broken, redirected, unauthorized,
	forbidden, not_found, not_post, too_large, no_app, too_many, gateway, not_stored, server_error, not_ours.
	`status` is the HTTP status, None if there was no answer. `is_private`: the host has an address of an inner network.
	"""

	reason: str
	status: int | None = None
	is_private: bool = False


def post(url: str, body: bytes, secret: str) -> Attempt:
	"""POST a signed event to `url`, once, following no redirect. Raises nothing: what goes wrong is the answer."""
	try:
		parts = urlsplit(url)
		host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
	except ValueError:
		return Attempt("bad_address")
	if parts.scheme not in ("http", "https") or not host:
		return Attempt("bad_address")
	try:
		addresses = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
	except (OSError, UnicodeError):
		return Attempt("unknown_host")
	is_private = any(not ipaddress.ip_address(address.partition("%")[0]).is_global for address in addresses)

	headers = {
		"Content-Type": "application/json",
		"X-Webhook-Signature": sign(body, secret),
		"X-Webhook-Event": EVENT,
	}
	try:
		with requests.post(
			url,
			data=body,
			headers=headers,
			timeout=TIMEOUT,
			allow_redirects=False,
			stream=True,
			auth=_without_credentials,
		) as answer:
			reason = _reason(answer.status_code, answer.raw.read(_LARGEST_ANSWER, decode_content=True))
			return Attempt(reason, answer.status_code, is_private)
	except requests.exceptions.SSLError:
		return Attempt("tls", None, is_private)
	except requests.exceptions.Timeout:
		return Attempt("timeout", None, is_private)
	except requests.exceptions.ConnectionError as error:
		return Attempt("refused" if _was_refused(error) else "broken", None, is_private)
	except (requests.exceptions.RequestException, OSError, ValueError):
		return Attempt("broken", None, is_private)


def _reason(status: int, content: bytes) -> str:
	try:
		said = json.loads(content)
	except (ValueError, RecursionError):
		said = None
	is_ours = isinstance(said, dict) and "success" in said
	if status == 200:
		return "accepted" if is_ours and said.get("received") is True else "not_ours"
	if status == 503:
		return "not_stored" if is_ours else "gateway"
	if 300 <= status < 400:
		return "redirected"
	if status in _BY_STATUS:
		return _BY_STATUS[status]
	return "server_error" if status >= 500 else "not_ours"


def _was_refused(error: BaseException | None) -> bool:
	"""Whether nobody listens there; the reason is hidden in the causes and arguments of the errors around it."""
	while error is not None:
		if isinstance(error, ConnectionRefusedError):
			return True
		nested = getattr(error, "reason", None) or next(
			(part for part in error.args if isinstance(part, BaseException)), None
		)
		error = nested if isinstance(nested, BaseException) else error.__cause__
	return False


def _without_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
	"""What a .netrc of the server holds for this host is not for its webhook."""
	return request
