"""The login at the Hub: one token for all workers, one login at a time, none that cannot succeed.

The Hub allows five logins in a quarter of an hour. So the token lives in Redis, whoever needs a new one takes a lock
while the others wait for the result, and a refused login is remembered until the credentials change or 15 minutes have
passed. All keys carry a fingerprint of the credentials: corrected ones start with a clean slate.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from redis import Redis

from .answers import login_refused, rate_limited
from .config import HubConfig, Secret
from .errors import (
	AuthenticationFailed,
	HubUnavailable,
	InboxHubError,
	InvalidRequest,
	NotFound,
	PayloadError,
	RateLimited,
)
from .shared import shared_state, text_of
from .text import _
from .values import as_number

REFUSED_SECONDS = 900
# After a login that failed for another reason the next one waits, or 200 waiting threads would each try in turn.
PAUSE_SECONDS = 2.0
# If neither the token nor the answer tells: the shortest lifetime that a document of the Hub mentions (C2).
DEFAULT_LIFETIME = 3600.0
_MAX_LIFETIME = 90 * 86_400.0
# A token is renewed when a tenth of its life is left, at most an hour before it ends.
_EARLY_SHARE = 0.1
_EARLY_MOST = 3600.0
_POLL_SECONDS = 0.05
_LOGIN_LIMIT_WAIT = 300.0

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?) *(ms|s|m|h|d|)")
_UNITS = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86_400}
_DELETE_IF_TOKEN = """
local stored = redis.call('GET', KEYS[1])
if stored and cjson.decode(stored).access == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
_DELETE_IF_EQUAL = (
	"if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
)


@dataclass(frozen=True, slots=True)
class Token:
	"""An access token. `renew_at` and `expires_at` are epoch seconds."""

	access: Secret
	renew_at: float
	expires_at: float


class Authenticator:
	"""Gives every call its token.

	`redis` is the Redis that all workers share, `prefix` the beginning of the site's keys in it. `login` asks the Hub:
	it returns the answer's JSON or raises an InboxHubError.
	"""

	def __init__(self, redis: Redis, prefix: str, config: HubConfig, login: Callable[[], dict]) -> None:
		self._redis = redis
		self._prefix = f"{prefix}auth:{config.fingerprint}:"
		self._login = login
		# Longer than a login can take: to connect, to send and to read.
		self._lease = config.connect_timeout + 2 * config.read_timeout + 5
		self._delete_if_token = redis.register_script(_DELETE_IF_TOKEN)
		self._delete_if_equal = redis.register_script(_DELETE_IF_EQUAL)

	def token(self) -> Token:
		"""Return a token that is valid now, after a login by this or another worker if need be.

		Raises AuthenticationFailed (also without asking, while a refusal is remembered), RateLimited or HubUnavailable.
		"""
		deadline = time.monotonic() + self._lease
		while True:
			token, now = self._load(), time.time()
			if token and now < token.renew_at:
				return token
			usable = token if token and now < token.expires_at else None
			if usable is None:
				self._raise_if_hopeless()
			elif self._is_paused():
				return usable
			owner = uuid.uuid4().hex
			if self._lock(owner):
				try:
					# Between the look and the lock somebody else may have finished, well or badly.
					fresh = self._load()
					if fresh and fresh != token:
						return fresh
					if usable is None:
						self._raise_if_hopeless()
					return self._renew(usable)
				finally:
					self._unlock(owner)
			if usable:
				return usable
			if time.monotonic() > deadline:
				raise HubUnavailable(
					_("The login at Inbox Hub takes too long. Try again in a minute."), nothing_sent=True
				)
			time.sleep(_POLL_SECONDS)

	def discard(self, token: Token) -> None:
		"""Forget a token that the Hub refused, unless somebody has replaced it already."""
		with shared_state():
			self._delete_if_token(keys=[self._prefix + "token"], args=[token.access.reveal()])

	def remember_refusal(self, error: AuthenticationFailed) -> None:
		"""Try no login with these credentials for 15 minutes."""
		refusal = {
			"fault": error.fault,
			"status": error.status,
			"code": error.code,
			"hub_text": error.hub_text,
		}
		with shared_state():
			self._redis.set(self._prefix + "refused", json.dumps(refusal), ex=REFUSED_SECONDS)

	def _renew(self, usable: Token | None) -> Token:
		"""Log in, holding the lock. A token that is still good survives a login that could not be made."""
		failure: InboxHubError
		try:
			token = read_login(self._login(), now=time.time())
		except RateLimited as error:
			self._pause(error.retry_after or _LOGIN_LIMIT_WAIT)
			failure = error
		except (AuthenticationFailed, InvalidRequest) as error:
			failure = login_refused(error)
			self.remember_refusal(failure)
		except (HubUnavailable, NotFound, PayloadError) as error:
			self._pause(PAUSE_SECONDS)
			failure = error.with_traceback(None)
		else:
			self._store(token)
			return token
		if usable and not isinstance(failure, AuthenticationFailed):
			return usable
		raise failure

	def _raise_if_hopeless(self) -> None:
		with shared_state():
			refused = text_of(self._redis.get(self._prefix + "refused"))
			seconds = self._redis.pttl(self._prefix + "refused") / 1000
		if refused:
			details = json.loads(refused)
			raise AuthenticationFailed(
				_(
					"Inbox Hub refused the login. Check API Key, API Email and API Password in WhatsApp Settings. "
					"Unless they change, the next login is tried in {0} minutes."
				).format(max(1, round(seconds / 60))),
				**details,
			)
		if wait := self._pause_left():
			raise rate_limited(wait, code="LOGIN_PAUSED")

	def _load(self) -> Token | None:
		with shared_state():
			stored = text_of(self._redis.get(self._prefix + "token"))
		if not stored:
			return None
		values = json.loads(stored)
		return Token(Secret(values["access"]), values["renew_at"], values["expires_at"])

	def _store(self, token: Token) -> None:
		lifetime_ms = max(1, int((token.expires_at - time.time()) * 1000))
		with shared_state():
			self._redis.set(self._prefix + "token", _as_json(token), px=lifetime_ms)
			self._redis.delete(self._prefix + "refused", self._prefix + "pause")

	def _lock(self, owner: str) -> bool:
		with shared_state():
			return bool(self._redis.set(self._prefix + "lock", owner, nx=True, px=int(self._lease * 1000)))

	def _unlock(self, owner: str) -> None:
		with shared_state():
			self._delete_if_equal(keys=[self._prefix + "lock"], args=[owner])

	def _pause(self, seconds: float) -> None:
		with shared_state():
			self._redis.set(self._prefix + "pause", "1", px=max(1, int(seconds * 1000)))

	def _is_paused(self) -> bool:
		return self._pause_left() > 0

	def _pause_left(self) -> float:
		with shared_state():
			return max(0.0, self._redis.pttl(self._prefix + "pause") / 1000)


def _as_json(token: Token) -> str:
	return json.dumps(
		{"access": token.access.reveal(), "renew_at": token.renew_at, "expires_at": token.expires_at}
	)


def read_login(body: dict, *, now: float) -> Token:
	"""Return the token in the answer to a login. `now` is in epoch seconds.

	Its life is taken from the token itself, else from `expiresIn` ("24h", "3600", 3600), else an hour is assumed.
	Raises PayloadError if there is no token.
	"""
	data = body.get("data")
	data = data if isinstance(data, dict) else body
	access = data.get("accessToken") or data.get("token")
	if not isinstance(access, str) or not access.isascii() or not access.isprintable():
		raise PayloadError("data.accessToken", "missing or no token")
	lifetime = _lifetime_of(access, now) or duration_of(data.get("expiresIn")) or DEFAULT_LIFETIME
	lifetime = min(lifetime, _MAX_LIFETIME)
	early = min(lifetime * _EARLY_SHARE, _EARLY_MOST)
	return Token(Secret(access), renew_at=now + lifetime - early, expires_at=now + lifetime)


def duration_of(value: object) -> float | None:
	"""Return the seconds that "24h", "15m", "30s", "7d", "3600" or 3600 mean; None for anything else."""
	if isinstance(value, str):
		match = _DURATION.fullmatch(value.strip().lower())
		return float(match[1]) * _UNITS[match[2]] if match else None
	number = as_number(value)
	return number if number and number > 0 else None


def _lifetime_of(access: str, now: float) -> float | None:
	try:
		# Not verified: the token is the Hub's own, we only want to know when it ends.
		claims = jwt.decode(access, options={"verify_signature": False, "verify_exp": False})
	except jwt.PyJWTError:
		return None
	expires_at, issued_at = as_number(claims.get("exp")), as_number(claims.get("iat"))
	if expires_at is None:
		return None
	# From one instant of the Hub's clock to another, where it names both: then our clocks need not agree.
	lifetime = expires_at - (issued_at if issued_at is not None else now)
	return lifetime if lifetime > 0 else None
