"""What can go wrong between this app and Inbox Hub, as exceptions.

Every error says what happened and what to do next, in the language of the person. Where the user's document promises a
heading ("Authentication failed", "Session not connected", "Webhook signature verification failed") the text starts with
it, untranslated, so that it can be searched for. No error carries a secret: `answers.py` masks the Hub's own words.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .text import _


class InboxHubError(Exception):
	"""The root of all errors of this package.

	Arguments: `explanation`, translated, with the next step; `status`, the HTTP status or None if there was no answer;
	`code`, the Hub's error code or one of this app's; `hub_text`, the Hub's words, shortened and masked;
	`request_id`, what to look for in the Hub's log.
	"""

	heading: ClassVar[str] = ""
	# Whether the same call may succeed later with nothing changed. Whether it may be *made* twice depends on the call,
	# too: answers.may_repeat() is the one place that decides.
	is_retryable: ClassVar[bool] = False

	def __init__(
		self,
		explanation: str = "",
		*,
		status: int | None = None,
		code: str = "",
		hub_text: str = "",
		request_id: str = "",
	) -> None:
		self.explanation = explanation
		self.status = status
		self.code = code
		self.hub_text = hub_text
		self.request_id = request_id
		super().__init__(explanation)

	def __str__(self) -> str:
		return ": ".join(part for part in (self.heading, self.explanation) if part) or type(self).__name__


class AuthenticationFailed(InboxHubError):
	"""The Hub refused the API key, the login or the token, or does not allow the account what it asked for.

	`fault` says which: one of the constants below.
	"""

	heading = "Authentication failed"

	KEY = "key"
	LOGIN = "login"
	TOKEN = "token"
	PERMISSION = "permission"

	def __init__(self, explanation: str = "", *, fault: str, **details: Any) -> None:
		super().__init__(explanation, **details)
		self.fault = fault


class SessionNotConnected(InboxHubError):
	"""The session exists but is not linked to a phone right now."""

	heading = "Session not connected"


class RateLimited(InboxHubError):
	"""Too many calls: the Hub said so (429), or this app's own budget did before asking. Nothing was done.

	`retry_after` is the number of seconds to wait before the next try.
	"""

	is_retryable = True

	def __init__(self, explanation: str = "", *, retry_after: float, **details: Any) -> None:
		super().__init__(explanation, **details)
		self.retry_after = retry_after


class HubUnavailable(InboxHubError):
	"""No usable answer: no connection, a timeout, a 5xx, or a page that is not the Hub's.

	`nothing_sent` is True if the call cannot have reached the Hub, so that even a send may be tried again.
	`retry_after` is the number of seconds the Hub asked for, 0 if it did not.
	"""

	is_retryable = True

	def __init__(
		self, explanation: str = "", *, nothing_sent: bool = False, retry_after: float = 0, **details: Any
	) -> None:
		super().__init__(explanation, **details)
		self.nothing_sent = nothing_sent
		self.retry_after = retry_after


class Misconfigured(HubUnavailable):
	"""No usable answer, and none to be expected before somebody corrects the settings or the certificate."""

	is_retryable = False


class OutcomeUnknown(InboxHubError):
	"""The call may or may not have been carried out. It must not be repeated by itself."""


class InvalidRequest(InboxHubError):
	"""The Hub, or this app before asking, found the request wrong."""


class Conflict(InvalidRequest):
	"""What was to be created is there already (a session, a webhook): look it up."""


class NotFound(InboxHubError):
	"""The Hub does not know the session, contact, chat or endpoint."""


class Disabled(InboxHubError):
	"""WhatsApp is switched off in WhatsApp Settings: nothing was asked."""


class PayloadError(InboxHubError):
	"""Something the Hub sent cannot be understood.

	`path` says where (`contacts[3].id`), `reason` what was wrong with it. Neither repeats the content.
	"""

	def __init__(self, path: str, reason: str, **details: Any) -> None:
		super().__init__(**details)
		self.path = path
		self.reason = reason

	def __str__(self) -> str:
		# Put into words only when somebody reads them: most are caught by the parser, for values that may be missing.
		text = _("Inbox Hub sent something that cannot be understood, at {0}: {1}")
		return text.format(self.path or "$", self.reason)

	def under(self, parent: str) -> PayloadError:
		"""The same error seen from outside, its path beginning with `parent`."""
		return PayloadError(f"{parent}.{self.path}" if self.path else parent, self.reason)


class SignatureError(InboxHubError):
	"""A webhook was not signed with a secret of ours. `reason` is one of the constants below."""

	heading = "Webhook signature verification failed"

	NO_SECRET = "no secret configured"
	MISSING = "signature missing"
	MALFORMED = "signature malformed"
	MISMATCH = "signature does not match"

	def __init__(self, reason: str) -> None:
		self.reason = reason
		explanations = {
			self.NO_SECRET: _(
				"no webhook secret is set. Set one in WhatsApp Settings and register the webhook."
			),
			self.MISSING: _("the request carries no signature. Register the webhook with its secret again."),
			self.MALFORMED: _("the signature is not an HMAC-SHA256. Check who sends these requests."),
			self.MISMATCH: _(
				"the secret in WhatsApp Settings and the one at Inbox Hub differ. Register it again."
			),
		}
		super().__init__(explanations[reason])
