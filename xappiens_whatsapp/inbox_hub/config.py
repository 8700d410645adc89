"""Where the Hub is, who we are there, and how patient a call is."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import Misconfigured
from .text import _

_HEADER_SAFE = re.compile(r"[\x21-\x7e]*")


class Secret:
	"""A text that shows itself to nobody by accident: tracebacks and logs print `***`."""

	__slots__ = ("_text",)

	def __init__(self, text: str | None) -> None:
		self._text = text or ""

	def reveal(self) -> str:
		"""Return the text. To be called where it leaves for the Hub, and not kept."""
		return self._text

	def __bool__(self) -> bool:
		return bool(self._text)

	def __eq__(self, other: object) -> bool:
		return isinstance(other, Secret) and other._text == self._text

	def __hash__(self) -> int:
		return hash(self._text)

	def __repr__(self) -> str:
		return "***"


@dataclass(frozen=True, slots=True)
class HubConfig:
	"""The settings of a connection. Times are in seconds; `retries` counts the tries after the first.

	Raises Misconfigured if the address or the API key cannot be used.
	"""

	base_url: str
	api_key: Secret
	email: str = ""
	password: Secret = field(default_factory=lambda: Secret(""))
	read_timeout: float = 30.0
	connect_timeout: float = 10.0
	retries: int = 3

	def __post_init__(self) -> None:
		object.__setattr__(self, "base_url", _clean_base_url(self.base_url))
		if not self.api_key:
			raise Misconfigured(_("API Key is missing in WhatsApp Settings. Enter the key of Inbox Hub."))
		if not _HEADER_SAFE.fullmatch(self.api_key.reveal()):
			raise Misconfigured(
				_("API Key in WhatsApp Settings holds blanks or other characters that no key has.")
			)
		if bool(self.email) != bool(self.password):
			raise Misconfigured(
				_("API Email and API Password belong together: fill both in WhatsApp Settings, or none.")
			)

	@property
	def has_login(self) -> bool:
		"""Whether calls carry a token beside the key (docs/hub.md, C1)."""
		return bool(self.email)

	@property
	def fingerprint(self) -> str:
		"""A short hash of host and credentials: what is remembered about them ends when one of them changes."""
		parts = (self.base_url, self.email, self.password.reveal(), self.api_key.reveal())
		return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]

	@property
	def account(self) -> str:
		"""A short hash of host and key: whose calls are counted together."""
		return hashlib.sha256(f"{self.base_url}\0{self.api_key.reveal()}".encode()).hexdigest()[:20]

	@property
	def secrets(self) -> tuple[str, ...]:
		"""What must never be quoted."""
		return tuple(secret.reveal() for secret in (self.api_key, self.password) if secret)


def _clean_base_url(url: str) -> str:
	"""Return scheme, host and path without a trailing slash, and without `/api`, with which every endpoint begins."""
	try:
		parts = urlsplit(url.strip())
		is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
	except ValueError:
		is_address = False
	if not is_address or parts.username or parts.query or parts.fragment:
		raise Misconfigured(
			_(
				"API Base URL in WhatsApp Settings is not an address like https://inbox-hub.example. Correct it."
			)
		)
	path = parts.path.rstrip("/").removesuffix("/api")
	return f"{parts.scheme}://{parts.netloc}{path}"
