"""The connection to the Hub: one call in, its JSON or one typed error out.

A call gets its token, waits for its turn, goes out and is understood; what may be repeated is. Nothing is repeated that
could happen twice: see `answers.may_repeat`. Credentials go to the configured host only; redirects are not followed.
"""

from __future__ import annotations

import logging
import os
import random
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy

import requests
from redis import Redis
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from .answers import Answer, is_token_fault, may_repeat, outcome_unknown, understand
from .auth import Authenticator, Token
from .calls import Call, make_call
from .config import HubConfig, Secret
from .errors import HubUnavailable, InboxHubError, Misconfigured, RateLimited
from .pacing import Lane, Pacer, Patience
from .text import _

logger = logging.getLogger(__name__)

BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
# Ten times the largest page ever seen; what is longer is not an answer of the Hub.
MAX_ANSWER_BYTES = 20 * 1024 * 1024
_CHUNK = 64 * 1024
_SECRET_KEYS = frozenset(
	("secret", "webhookSecret", "password", "newPassword", "currentPassword", "refreshToken")
)

_threads = threading.local()


@dataclass(frozen=True, slots=True)
class _Broken:
	"""An exchange that ended without an answer."""

	kind: str  # unreachable, tls, timeout, broken, invalid, oversized
	nothing_sent: bool = False


class _Credentials(AuthBase):
	# Put on at the last moment, so that no variable on the way holds them; and so that no .netrc replaces them.
	def __init__(self, api_key: Secret | None, token: Token | None) -> None:
		self._api_key = api_key
		self._token = token

	def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
		if self._api_key:
			request.headers["X-API-Key"] = self._api_key.reveal()
		if self._token:
			request.headers["Authorization"] = f"Bearer {self._token.access.reveal()}"
		return request


class HubTransport:
	"""Makes calls on behalf of one configuration.

	`redis` is the Redis that all workers of a site share, `prefix` the beginning of the site's keys in it. `lane` and
	`patience_seconds` (None: as long as it takes) hold for all calls. `calls` counts the requests made, repetitions
	included and logins not; `seconds_waited` what was slept for turns and between tries.
	"""

	def __init__(
		self,
		config: HubConfig,
		redis: Redis,
		prefix: str = "",
		*,
		lane: Lane = "background",
		patience_seconds: float | None = None,
		sleep: Callable[[float], None] = time.sleep,
	) -> None:
		self.config = config
		self.lane = lane
		self.patience_seconds = patience_seconds
		self.calls = 0
		self.seconds_waited = 0.0
		self._sleep = sleep
		self._pacer = Pacer(redis, f"{prefix}{config.account}:")
		self._authenticator = Authenticator(redis, prefix, config, self._log_in)

	def request(self, call: Call) -> dict:
		"""Make `call` and return the Hub's JSON.

		Raises any InboxHubError of `answers.understand`, RateLimited if the call's turn does not come in time, and
		OutcomeUnknown if the connection broke while something was being changed.
		"""
		patience = Patience(self.patience_seconds, self._sleep)
		try:
			return self._request(call, patience)
		finally:
			self.seconds_waited += patience.waited

	def _request(self, call: Call, patience: Patience) -> dict:
		renewed, tries = False, 0
		while True:
			token = self._token(patience) if self.config.has_login and not call.is_public else None
			if not call.is_public:
				self._pacer.wait_for_turn(call, self.lane, patience)
			self.calls += 1
			outcome = self._try(call, token)
			if isinstance(outcome, dict):
				return outcome
			error = outcome
			if token and is_token_fault(error):
				self._authenticator.discard(token)
				if not renewed:
					renewed = True
					continue
				# The Hub refuses what it has just issued: each further login would end the same way.
				self._authenticator.remember_refusal(error)
			tries += 1
			if tries > self.config.retries or not may_repeat(call, error):
				raise error
			if not isinstance(error, RateLimited):
				delay = max(_backoff(tries), getattr(error, "retry_after", 0))
				if not patience.allows(delay):
					raise error
				patience.wait(delay)
			logger.warning("%s %s: %s, trying again", call.method, _shape(call.path), type(error).__name__)

	def _token(self, patience: Patience) -> Token:
		"""Return the token, waiting for a login that cannot be made just now. Of the call itself nothing has left yet."""
		tries = 0
		while True:
			tries += 1
			try:
				return self._authenticator.token()
			except (RateLimited, HubUnavailable) as caught:
				error = caught
			delay = error.retry_after or _backoff(tries)
			if tries > self.config.retries or not error.is_retryable or not patience.allows(delay):
				raise error
			patience.wait(delay)

	def _try(self, call: Call, token: Token | None) -> dict | InboxHubError:
		request_id = uuid.uuid4().hex
		credentials = _Credentials(None if call.is_public else self.config.api_key, token)
		outcome = self._exchange(call, credentials, request_id)
		if isinstance(outcome, _Broken):
			return _error_of(outcome, call, request_id)
		if not call.is_public:
			self._pacer.learn(call, outcome.headers)
		try:
			return understand(call, outcome, self._secrets_of(call, token))
		except InboxHubError as error:
			if isinstance(error, RateLimited) and not call.is_public:
				self._pacer.block(call, error.retry_after, outcome.headers)
			# Without the frames it came through: they hold the Hub's answer unmasked.
			return error.with_traceback(None)

	def _exchange(self, call: Call, credentials: _Credentials, request_id: str) -> Answer | _Broken:
		"""Send the request and read all of its answer. Raises nothing: the library's frames hold the credentials."""
		# What must not happen twice gets a connection of its own: on an idle one that the Hub is just closing nobody
		# could tell whether the request arrived.
		session = _connection() if call.is_repeatable else _new_connection()
		try:
			with session.request(
				call.method,
				self.config.base_url + call.path,
				params=call.params,
				json=call.json,
				headers={"Accept": "application/json", "X-Request-Id": request_id},
				auth=credentials,
				timeout=(self.config.connect_timeout, self.config.read_timeout),
				allow_redirects=False,
				stream=True,
			) as response:
				body = _read(response, time.monotonic() + self.config.read_timeout)
				if body is None:
					return _Broken("oversized")
				headers = {name.lower(): value for name, value in response.headers.items()}
				return Answer(response.status_code, headers, body, request_id)
		except (requests.RequestException, UnicodeError) as error:
			return _why_broken(error)
		finally:
			if not call.is_repeatable:
				session.close()

	def _log_in(self) -> dict:
		call = make_call(
			"POST",
			"/api/auth/login",
			json={"identifier": self.config.email, "password": self.config.password.reveal()},
			is_public=True,
		)
		outcome = self._try(call, None)
		if isinstance(outcome, dict):
			return outcome
		raise outcome

	def _secrets_of(self, call: Call, token: Token | None) -> Iterator[str]:
		yield from self.config.secrets
		if token:
			yield token.access.reveal()
		if isinstance(call.json, dict):
			yield from (
				value for key, value in call.json.items() if key in _SECRET_KEYS and isinstance(value, str)
			)


def _connection() -> requests.Session:
	"""This thread's kept connection. A forked worker does not share its parent's socket."""
	if getattr(_threads, "process", None) != os.getpid():
		_threads.session, _threads.process = _new_connection(), os.getpid()
	return _threads.session


def _new_connection() -> requests.Session:
	session = requests.Session()
	session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
	return session


def _read(response: requests.Response, deadline: float) -> bytes | None:
	"""Return the body, None if it is too long. Raises requests.Timeout if it trickles in for too long."""
	body = bytearray()
	for chunk in response.iter_content(_CHUNK):
		body += chunk
		if len(body) > MAX_ANSWER_BYTES:
			return None
		if time.monotonic() > deadline:
			raise requests.ReadTimeout
	return bytes(body)


def _why_broken(error: Exception) -> _Broken:
	causes = list(_causes(error))
	if any(isinstance(cause, NewConnectionError) for cause in causes) or isinstance(
		error, requests.ConnectTimeout
	):
		return _Broken("unreachable", nothing_sent=True)
	if isinstance(error, requests.exceptions.SSLError):
		# A certificate is judged before anything is said; another TLS error may come later.
		return _Broken(
			"tls", nothing_sent=any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
		)
	if isinstance(error, requests.Timeout):
		return _Broken("timeout")
	if isinstance(error, requests.ConnectionError | requests.exceptions.ChunkedEncodingError):
		return _Broken("broken")
	if isinstance(error, requests.exceptions.ContentDecodingError):
		return _Broken("broken")
	# Everything else is refused by the library itself, before it connects.
	return _Broken("invalid", nothing_sent=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
	seen: set[int] = set()
	waiting = [error]
	while waiting:
		cause = waiting.pop()
		if isinstance(cause, BaseException) and id(cause) not in seen:
			seen.add(id(cause))
			yield cause
			waiting += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


def _error_of(broken: _Broken, call: Call, request_id: str) -> InboxHubError:
	details = {"code": broken.kind.upper(), "request_id": request_id}
	if not broken.nothing_sent and not call.is_repeatable:
		return outcome_unknown(**details)
	if broken.kind == "tls":
		return Misconfigured(
			_(
				"No secure connection to Inbox Hub: its certificate is not valid for this address. Check API Base URL."
			),
			nothing_sent=broken.nothing_sent,
			**details,
		)
	if broken.kind == "invalid":
		return Misconfigured(
			_("The request could not be made. Check API Base URL and API Key in WhatsApp Settings."),
			nothing_sent=True,
			**details,
		)
	explanations = {
		"unreachable": _(
			"Inbox Hub cannot be reached. Check API Base URL in WhatsApp Settings and the network."
		),
		"timeout": _("Inbox Hub did not answer in time. It is tried again later; API Timeout can be raised."),
		"broken": _("The connection to Inbox Hub broke off. It is tried again later."),
		"oversized": _("The answer of Inbox Hub is too long. Ask its operator."),
	}
	return HubUnavailable(explanations[broken.kind], nothing_sent=broken.nothing_sent, **details)


def _backoff(tries: int) -> float:
	"""Seconds before the next try: doubled each time, and spread, so that many workers do not come back together."""
	return min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2 ** (tries - 1)) * random.uniform(0.5, 1.0)


def _shape(path: str) -> str:
	"""A path for the log, without the people in it: each segment of an address is shortened to its kind."""
	return "/".join("…" if "%40" in part or part.isdigit() else part for part in path.split("/"))
