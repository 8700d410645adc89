"""The Hub's tokens: JWT signed with a secret of its own."""

from __future__ import annotations

import itertools
import time
from typing import Any

import jwt

from .options import ORGANIZATION_ID, USER_ID, Options

_SIGNING_SECRET = "simulator-signing-secret-that-is-long-enough"
_ALGORITHM = "HS256"
REFRESH_LIFETIME = 7 * 86_400


class Tokens:
	"""Issues and checks tokens.

	A token belongs to a generation; `expire_all` begins a new one, and every token given out before is worth nothing.
	"""

	def __init__(self) -> None:
		self._generation = 0
		self._serial = itertools.count(1)

	def issue(self, options: Options, purpose: str = "access") -> str:
		"""A signed token; `purpose` is access or refresh."""
		now = int(time.time())
		lifetime = options.token_lifetime if purpose == "access" else REFRESH_LIFETIME
		claims = {
			"userId": USER_ID,
			"email": options.email,
			"organizationId": ORGANIZATION_ID,
			"purpose": purpose,
			"generation": self._generation,
			"jti": str(next(self._serial)),
			"iat": now,
			"exp": now + lifetime,
		}
		return jwt.encode(claims, _SIGNING_SECRET, algorithm=_ALGORITHM)

	def is_valid(self, token: str, purpose: str = "access") -> bool:
		"""Whether the signature, the expiry, the purpose and the generation are right."""
		try:
			claims: dict[str, Any] = jwt.decode(
				token, _SIGNING_SECRET, algorithms=[_ALGORITHM], options={"verify_iat": False}
			)
		except jwt.InvalidTokenError:
			return False
		return claims.get("purpose") == purpose and claims.get("generation") == self._generation

	def expire_all(self) -> None:
		"""No token given out so far is valid any more."""
		self._generation += 1


def spoken_lifetime(seconds: int) -> str:
	"""`expiresIn` as the Hub writes it: `24h`, `90s`."""
	return f"{seconds // 3600}h" if seconds % 3600 == 0 and seconds else f"{seconds}s"
