"""The webhook's signature: HMAC-SHA256 over the request's body, byte for byte as it came.

The Hub sends `X-Webhook-Signature: sha256=<hex>`; one of its documents also lets bare hex pass (docs/hub.md,
"Signature"). Neither a time nor an address is signed: a repeated request is told apart by what it says, not here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from .errors import SignatureError

_PREFIX = "sha256="
_SIGNATURE = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})")


def sign(body: bytes, secret: str) -> str:
	"""Return the header's value for `body`: "sha256=" and 64 lower-case hex digits. The key is the secret in UTF-8."""
	return _PREFIX + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(body: bytes, header: str | None, secrets: Sequence[str]) -> None:
	"""Return if `header` signs `body` with one of `secrets` (the current one, and the previous one while it is valid).

	Raises SignatureError with the reason otherwise; without any secret everything is refused. Takes the same time
	whichever secret matches and however much of the signature is right.
	"""
	usable = [secret for secret in secrets if secret]
	if not usable:
		raise SignatureError(SignatureError.NO_SECRET)
	if not header or not header.strip():
		raise SignatureError(SignatureError.MISSING)
	match = _SIGNATURE.fullmatch(header.strip())
	if match is None:
		raise SignatureError(SignatureError.MALFORMED)
	given = _PREFIX + match.group(1).lower()
	matches = [hmac.compare_digest(sign(body, secret), given) for secret in usable]
	if not any(matches):
		raise SignatureError(SignatureError.MISMATCH)
