"""What an answer of the Hub means, and what may be done about it.

All decisions are here: `understand` turns an answer into its dict or into one typed error, by the Hub's `code` first,
then by its words, then by the HTTP status (docs/hub.md, "Errors"); `may_repeat` says whether a call is made again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from .calls import Call
from .errors import (
	AuthenticationFailed,
	Conflict,
	HubUnavailable,
	InboxHubError,
	InvalidRequest,
	Misconfigured,
	NotFound,
	OutcomeUnknown,
	PayloadError,
	RateLimited,
	SessionNotConnected,
)
from .limits import retry_after_of
from .text import _
from .values import clean

MAX_TEXT = 500

_KIND_BY_CODE: dict[str, type[InboxHubError]] = {
	"SESSION_NOT_CONNECTED": SessionNotConnected,
	"SESSION_DISCONNECTED": SessionNotConnected,
	"MISSING_TOKEN": AuthenticationFailed,
	"INVALID_TOKEN": AuthenticationFailed,
	"TOKEN_EXPIRED": AuthenticationFailed,
	"MISSING_API_KEY": AuthenticationFailed,
	"INVALID_API_KEY": AuthenticationFailed,
	"AUTHENTICATION_FAILED": AuthenticationFailed,
	"AUTHORIZATION_FAILED": AuthenticationFailed,
	"RATE_LIMIT_EXCEEDED": RateLimited,
	"MESSAGE_RATE_LIMIT_EXCEEDED": RateLimited,
	"VALIDATION_ERROR": InvalidRequest,
	"SESSION_NOT_FOUND": NotFound,
	"CONTACT_NOT_FOUND": NotFound,
	"CONFLICT": Conflict,
	"CONNECTION_ERROR": HubUnavailable,
	"QR_GENERATION_ERROR": HubUnavailable,
	"WHATSAPP_ERROR": HubUnavailable,
	"INTERNAL_ERROR": HubUnavailable,
}
# Not every answer has a code, and VALIDATION_ERROR is also said of a session that is not connected.
_KIND_BY_WORDS: tuple[tuple[re.Pattern[str], type[InboxHubError]], ...] = (
	(
		re.compile(
			r"debe estar conectada|must be connected|session (?:is )?not connected|sesi[oó]n no (?:est[aá] )?conectada"
		),
		SessionNotConnected,
	),
	(re.compile(r"demasiadas solicitudes|too many requests"), RateLimited),
	(re.compile(r"session already exists|already exists|ya existe"), Conflict),
)
_KIND_BY_STATUS: dict[int, type[InboxHubError]] = {
	401: AuthenticationFailed,
	403: AuthenticationFailed,
	404: NotFound,
	405: NotFound,
	408: HubUnavailable,
	409: Conflict,
	410: NotFound,
	425: HubUnavailable,
	429: RateLimited,
}
_FAULT_BY_CODE = {
	"MISSING_TOKEN": AuthenticationFailed.TOKEN,
	"INVALID_TOKEN": AuthenticationFailed.TOKEN,
	"TOKEN_EXPIRED": AuthenticationFailed.TOKEN,
	"MISSING_API_KEY": AuthenticationFailed.KEY,
	"INVALID_API_KEY": AuthenticationFailed.KEY,
	"AUTHORIZATION_FAILED": AuthenticationFailed.PERMISSION,
}
# Answers to a send that look like a refusal although the message may be on its way: the Hub complains of the row it
# writes afterwards (fault F3), or of a missing text after the file went out (fault F7).
_SENT_NEVERTHELESS = re.compile(r"cannot be null|content is required")
_CHATS_FAULT = re.compile(r"Message\.isDeleted.*does not exist", re.DOTALL | re.IGNORECASE)
_REQUEST_ID_HEADERS = ("x-request-id", "x-correlation-id", "cf-ray")
_JWT = re.compile(r"eyJ[\w-]{4,}\.[\w-]+\.[\w-]*")
_TAGS = re.compile(r"<(style|script)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_MASK = "***"


@dataclass(frozen=True, slots=True)
class Answer:
	"""A complete HTTP answer. Header names are in lower case."""

	status: int
	headers: Mapping[str, str] = field(repr=False)
	body: bytes = field(repr=False)
	request_id: str = ""  # the one we sent


def understand(call: Call, answer: Answer, secrets: Iterable[str] = ()) -> dict:
	"""Return the Hub's JSON, or raise the one typed error that the answer is.

	An empty answer to a change is `{"success": True, "data": {}}`. `secrets` are masked in what the error quotes.
	Raises any InboxHubError but Disabled and SignatureError.
	"""
	body, is_json = _decode(answer.body)
	if 200 <= answer.status < 300:
		if isinstance(body, dict) and body.get("success") is not False:
			return body
		if not isinstance(body, dict):
			if not answer.body.strip() and call.method != "GET" and not call.is_send:
				return {"success": True, "data": {}}
			raise _foreign_success(call, answer, is_json, secrets)
	raise _error_of(call, answer, body, is_json, secrets)


def may_repeat(call: Call, error: InboxHubError) -> bool:
	"""Whether `call` may be made again by itself after `error`: it may help, and nothing can happen twice."""
	if isinstance(error, RateLimited):
		return True  # it was not carried out
	if isinstance(error, HubUnavailable) and error.is_retryable:
		if error.code == "QR_GENERATION_ERROR" or is_chats_fault(error):
			return False  # "not ready yet", which the caller polls for, and a fault that does not pass
		return call.is_repeatable or error.nothing_sent
	return False


def is_token_fault(error: InboxHubError) -> bool:
	"""Whether a new login may help."""
	return isinstance(error, AuthenticationFailed) and error.fault == AuthenticationFailed.TOKEN


def is_chats_fault(error: InboxHubError) -> bool:
	"""Whether the Hub failed with its own query for chats (fault F1): chats must be derived from messages instead."""
	return isinstance(error, HubUnavailable) and _CHATS_FAULT.search(error.hub_text) is not None


def outcome_unknown(**details: Any) -> OutcomeUnknown:
	"""The error for a call that was cut off after it may have been carried out."""
	return OutcomeUnknown(
		_(
			"Inbox Hub did not confirm it, so it may or may not have happened. Check in WhatsApp before trying again."
		),
		**details,
	)


def mask(text: str, secrets: Iterable[str]) -> str:
	"""Return `text` with every one of `secrets` and everything that looks like a token replaced by asterisks."""
	for secret in sorted((secret for secret in secrets if secret), key=len, reverse=True):
		text = text.replace(secret, _MASK)
	return _JWT.sub(_MASK, text)


def _decode(body: bytes) -> tuple[object, bool]:
	try:
		return json.loads(body), True
	except (ValueError, RecursionError):
		return None, False


def _error_of(
	call: Call, answer: Answer, body: object, is_json: bool, secrets: Iterable[str]
) -> InboxHubError:
	code, full_text = _code_and_text(answer, body)
	details = _details(answer, code, full_text, secrets)
	if call.is_send and _SENT_NEVERTHELESS.search(full_text):
		return outcome_unknown(**details)
	kind = _KIND_BY_CODE.get(code)
	if kind in (None, InvalidRequest):
		words = full_text.lower()
		kind = next((kind for pattern, kind in _KIND_BY_WORDS if pattern.search(words)), kind)
	if kind is None and code.endswith("_NOT_FOUND"):
		kind = NotFound
	if kind is None:
		kind = _kind_by_status(answer)
	# Of other changes the Hub itself may say that they failed; of a send nobody is believed.
	if kind is HubUnavailable and not call.is_repeatable and (call.is_send or not is_json):
		return outcome_unknown(**details)
	return _build(kind, code, answer, details)


def _foreign_success(call: Call, answer: Answer, is_json: bool, secrets: Iterable[str]) -> InboxHubError:
	"""The error for a 2xx that is not the object it should be."""
	code = "NOT_AN_OBJECT" if is_json else "NOT_JSON" if answer.body.strip() else "EMPTY_ANSWER"
	details = _details(answer, code, _text_of_page(answer), secrets)
	if not call.is_repeatable:
		return outcome_unknown(**details)
	if is_json:
		return PayloadError("$", "expected an object", **details)
	return HubUnavailable(
		_(
			"What answers is not Inbox Hub, or not all of it. Check API Base URL in WhatsApp Settings if this lasts."
		),
		**details,
	)


def _details(answer: Answer, code: str, text: str, secrets: Iterable[str]) -> dict[str, Any]:
	request_ids = (answer.headers.get(name) for name in _REQUEST_ID_HEADERS)
	return {
		"status": answer.status,
		"code": code,
		"hub_text": mask(text, secrets)[:MAX_TEXT],
		"request_id": clean(next(filter(None, request_ids), answer.request_id))[:100],
	}


def _kind_by_status(answer: Answer) -> type[InboxHubError]:
	if answer.status < 200 or 300 <= answer.status < 400:
		return Misconfigured
	if answer.status >= 500:
		return HubUnavailable
	# success:false with 200 and no code we know is a refusal, too.
	return _KIND_BY_STATUS.get(answer.status, InvalidRequest)


def _build(kind: type[InboxHubError], code: str, answer: Answer, details: dict) -> InboxHubError:
	text = details["hub_text"]
	if kind is AuthenticationFailed:
		fault = _fault(code, answer.status, text)
		return AuthenticationFailed(_authentication_advice(fault), fault=fault, **details)
	if kind is RateLimited:
		return rate_limited(retry_after_of(answer.headers), **details)
	if kind is HubUnavailable:
		return HubUnavailable(
			_(
				"Inbox Hub does not work right now (HTTP {0}). It is tried again later; if this lasts, ask its operator."
			).format(answer.status),
			retry_after=retry_after_of(answer.headers, default=0),
			**details,
		)
	if kind is Misconfigured:
		return Misconfigured(
			_(
				"The server answered with a redirect (HTTP {0}) instead of Inbox Hub. "
				"Correct API Base URL in WhatsApp Settings, beginning with https."
			).format(answer.status),
			**details,
		)
	if kind is SessionNotConnected:
		return SessionNotConnected(
			_(
				"the session is not linked to a phone at Inbox Hub. Open it in WhatsApp Session and connect it."
			),
			**details,
		)
	if kind is NotFound:
		return NotFound(
			_("Inbox Hub does not know what was asked for: {0}").format(text or answer.status), **details
		)
	if kind is Conflict:
		return Conflict(_("Inbox Hub has this already: {0}").format(text or answer.status), **details)
	return InvalidRequest(
		_("Inbox Hub refused the request: {0}. Correct it and try again.").format(text or answer.status),
		**details,
	)


def rate_limited(seconds: float, **details: Any) -> RateLimited:
	"""The error for a call that has to wait `seconds`, whoever said so."""
	return RateLimited(
		_("Too many calls to Inbox Hub. Try again in {0} seconds.").format(max(1, round(seconds))),
		retry_after=seconds,
		**details,
	)


def _fault(code: str, status: int, text: str) -> str:
	if code in _FAULT_BY_CODE:
		return _FAULT_BY_CODE[code]
	if status == 403:
		return AuthenticationFailed.PERMISSION
	# An unspecific 401: the key is meant only if it says so, the token is what wears out.
	return (
		AuthenticationFailed.KEY
		if re.search(r"api[ _-]?key", text, re.IGNORECASE)
		else AuthenticationFailed.TOKEN
	)


def _authentication_advice(fault: str) -> str:
	if fault == AuthenticationFailed.KEY:
		return _("Inbox Hub does not accept the API key. Check API Key in WhatsApp Settings.")
	if fault == AuthenticationFailed.LOGIN:
		return _(
			"Inbox Hub does not accept the login. Check API Email and API Password in WhatsApp Settings."
		)
	if fault == AuthenticationFailed.PERMISSION:
		return _("the account at Inbox Hub may not do this. Ask the Hub's operator for the permission.")
	return _(
		"Inbox Hub does not accept the token of the login. Check API Email and API Password in WhatsApp Settings."
	)


def login_refused(error: InboxHubError) -> AuthenticationFailed:
	"""The error for a login that the Hub answered with `error`."""
	fault = AuthenticationFailed.LOGIN
	return AuthenticationFailed(
		_authentication_advice(fault),
		fault=fault,
		status=error.status,
		code=error.code,
		hub_text=error.hub_text,
		request_id=error.request_id,
	)


def _code_and_text(answer: Answer, body: object) -> tuple[str, str]:
	if not isinstance(body, dict):
		return "", _text_of_page(answer)
	code, text = body.get("code"), ""
	for candidate in (body.get("error"), body.get("message")):
		if isinstance(candidate, dict):
			code = code or candidate.get("code")
			candidate = candidate.get("message")
		text = text or (candidate if isinstance(candidate, str) else "")
	details = body.get("details")
	if details and isinstance(details, dict | list):
		text = f"{text} {json.dumps(details, ensure_ascii=False)}"
	return (clean(code).strip().upper()[:100] if isinstance(code, str) else ""), _one_line(text)


def _text_of_page(answer: Answer) -> str:
	return _one_line(unescape(_TAGS.sub(" ", answer.body[:20_000].decode("utf-8", "replace"))))


def _one_line(text: str) -> str:
	return " ".join(clean(text).split())
