"""What is wrong between this app and the Hub, told apart, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import payloads
from .errors import (
	AuthenticationFailed,
	Disabled,
	HubUnavailable,
	InboxHubError,
	Misconfigured,
	NotFound,
	PayloadError,
	RateLimited,
)
from .text import _

if TYPE_CHECKING:
	from .client import InboxHubClient

_REASON_BY_CODE = {
	"TLS": "tls_error",
	"UNREACHABLE": "host_unreachable",
	"TIMEOUT": "host_unreachable",
	"REDIS_UNAVAILABLE": "redis_unavailable",
}
_REASON_BY_FAULT = {
	AuthenticationFailed.KEY: "wrong_key",
	AuthenticationFailed.LOGIN: "wrong_login",
	AuthenticationFailed.TOKEN: "wrong_login",
	AuthenticationFailed.PERMISSION: "not_allowed",
}


def diagnose(client: InboxHubClient) -> dict[str, Any]:
	"""Try the connection step by step and return `{"ok": bool, "reason": str, "message": str}`; raises nothing of the Hub's.

	`reason` is "ok" or one of disabled, not_configured, host_unreachable, tls_error, not_a_hub, wrong_key, wrong_login,
	not_allowed, session_unknown, session_not_connected, rate_limited, redis_unavailable, hub_failed. `message` is
	translated and says what to do. At most three calls; a client without a session does not look for one.
	"""
	try:
		_check_host(client)
		client.get_sessions(page=1, limit=1)
		return (
			_check_session(client)
			if client.session_id
			else _result("ok", _("Inbox Hub answers. All is well."))
		)
	except InboxHubError as error:
		return _result(_reason(error), str(error))


def _check_host(client: InboxHubClient) -> None:
	try:
		client.health()
	except NotFound:
		# Some proxies let only /api through: then the next call tells.
		return


def _check_session(client: InboxHubClient) -> dict[str, Any]:
	try:
		session = payloads.parse_session(client.get_session_status())
	except NotFound:
		return _result(
			"session_unknown",
			_(
				"Inbox Hub does not know the session {0}. Connect it in WhatsApp Session, which creates it there."
			).format(client.session_id),
		)
	if session.status != "Connected":
		return _result(
			"session_not_connected",
			_(
				"Inbox Hub answers, but the session {0} is not linked to a phone. Connect it in WhatsApp Session."
			).format(client.session_id),
		)
	return _result(
		"ok", _("Inbox Hub answers, and the session {0} is connected. All is well.").format(client.session_id)
	)


def _reason(error: InboxHubError) -> str:
	if isinstance(error, Disabled):
		return "disabled"
	if isinstance(error, AuthenticationFailed):
		return _REASON_BY_FAULT[error.fault]
	if isinstance(error, RateLimited):
		return "rate_limited"
	if error.code in _REASON_BY_CODE:
		return _REASON_BY_CODE[error.code]
	if isinstance(error, Misconfigured) and error.status is None:
		return "not_configured"
	if isinstance(error, Misconfigured | PayloadError) or error.code in ("NOT_JSON", "EMPTY_ANSWER"):
		return "not_a_hub"
	return "host_unreachable" if isinstance(error, HubUnavailable) and error.nothing_sent else "hub_failed"


def _result(reason: str, message: str) -> dict[str, Any]:
	return {"ok": reason == "ok", "reason": reason, "message": message}
