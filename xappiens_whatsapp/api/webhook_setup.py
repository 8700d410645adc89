"""Setting the webhook up: registering it at Inbox Hub, changing its secret, trying it out. All of it is for managers."""

import json
import secrets
from collections.abc import Sequence
from typing import Any

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import add_to_date, get_datetime

from xappiens_whatsapp import permissions, refusals
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.api.errors import show_hub_errors
from xappiens_whatsapp.inbox_hub import clock, payloads, webhook_self_test
from xappiens_whatsapp.inbox_hub.errors import HubUnavailable, InboxHubError, OutcomeUnknown, SignatureError
from xappiens_whatsapp.store import events, sessions, times

SETTINGS = "WhatsApp Settings"
WEBHOOK_NAME = "CRM Webhook"
WEBHOOK_EVENTS = (
	"message.received",
	"message.sent",
	"message.delivered",
	"message.read",
	"message.failed",
	"session.connected",
	"session.disconnected",
	"session.qr",
	"contact.updated",
	"chat.archived",
	"chat.unarchived",
)
BOTH_VALID_HOURS = 24  # after a change the old secret is accepted so long
MOST_HOURS = 24 * 30


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def register_webhook() -> dict[str, Any]:
	"""Have Inbox Hub post its events to this site. Doing it twice makes one webhook. For managers.

	Returns:
		`success`, `url`, `name`, `events`.
	"""
	permissions.check_manager()
	settings = _settings()
	return _register(settings, _secret(settings))


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def register_session_webhook(session: str) -> dict[str, Any]:
	"""Have Inbox Hub post the events of one session to this site, where the account's webhook does not (route R4).

	Args:
		session: the name of a WhatsApp Session that Inbox Hub knows already.

	Returns:
		`success`, `url`, `session`.

	Raises:
		frappe.PermissionError: the user does not manage WhatsApp.
	"""
	permissions.check_manager()
	doc = sessions.get(session)
	doc.check_permission("write")
	settings = _settings()
	_register_session(doc.session_id, settings, _secret(settings))
	return {"success": True, "url": settings.webhook_url, "session": doc.name}


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def change_webhook_secret(hours: int = BOTH_VALID_HOURS) -> dict[str, Any]:
	"""Make a new random webhook secret and register it at Inbox Hub. No event is lost on the way.

	Both secrets are accepted before Inbox Hub hears of the new one. If it does not take it, the old one stays the secret.

	Args:
		hours: how long the old secret is accepted, 1 to 720.

	Returns:
		`success`, `url`, `valid_until` (of the old secret; None if there was none), `sessions` (whose own webhooks were
		registered anew) and `failed` (those for which that did not work: name and why).

	Raises:
		frappe.PermissionError: the user does not manage WhatsApp.
		InboxHubError: nothing was changed, or it is not known whether Inbox Hub has changed it; the old secret is in force.
	"""
	permissions.check_manager()
	if not 1 <= hours <= MOST_HOURS:
		frappe.throw(
			_("The old secret can be valid for 1 to {0} hours. It was {1}.").format(MOST_HOURS, hours)
		)
	settings = _settings()
	old, before = _password(settings, "webhook_secret"), _password(settings, "webhook_secret_previous")
	before_until = settings.webhook_secret_previous_until
	new, until = secrets.token_urlsafe(32), add_to_date(times.now(), hours=hours)
	_save_secrets(new, old, until if old else None)
	try:
		own = frappe.get_all(sessions.DOCTYPE, filters={"webhook_registered_at": ("is", "set")}, pluck="name")
		if settings.webhook_registered_at or not own:
			_register(settings, new)
	except Exception as error:
		if isinstance(error, HubUnavailable | OutcomeUnknown):
			_save_secrets(old, new, until)  # Inbox Hub may have taken it
		else:
			_save_secrets(old, before, before_until)
		raise
	return {
		"success": True,
		"url": settings.webhook_url,
		"valid_until": until if old else None,
		**_register_sessions(own, settings, new),
	}


@frappe.whitelist(methods=["POST"])
def test_webhook() -> dict[str, Any]:
	"""Sign an event and post it to this site's own webhook address, as Inbox Hub does. For managers.

	Returns:
		`ok`, `reason` (one of `webhook_self_test.Attempt`; also no_secret, other_site, changed), `message`, which says what
		to do, `status` (of HTTP) and `url`.
	"""
	permissions.check_manager()
	settings = _settings()
	url, secret = settings.webhook_url, _password(settings, "webhook_secret")
	if not secret:
		return _result("no_secret", url)
	content = {
		"event": webhook_self_test.EVENT,
		"timestamp": clock.to_iso(clock.now_ms()),
		"data": {"nonce": secrets.token_hex(16)},
	}
	body = json.dumps(content)
	refused_before = refusals.counted(SignatureError.MISMATCH)
	attempt = webhook_self_test.post(url, body.encode(), secret)
	reason = attempt.reason
	if reason == "accepted":
		frappe.db.rollback()  # see what the request has committed
		key = events.key_of(payloads.understand_event(content, {}), body, {})
		reason = "ok" if frappe.db.exists(events.DOCTYPE, {"key_hash": key}) else "other_site"
	elif reason == "unauthorized":
		came_here = refusals.counted(SignatureError.MISMATCH) > refused_before
		reason = "changed" if came_here else "other_site"
	return _result(reason, url, attempt)


@frappe.whitelist()
def get_refusals() -> dict[str, Any]:
	"""How many webhooks were refused of late, and why. For managers.

	Returns:
		`hours` (how far back it goes) and `rows` with `hour`, `reason` and `number`, the latest first.
	"""
	permissions.check_manager()
	rows = [
		{"hour": count.hour, "reason": refusals.label(count.reason), "number": count.number}
		for count in refusals.recent()
	]
	return {"hours": refusals.KEPT_HOURS, "rows": rows}


def _settings() -> Document:
	settings = frappe.get_doc(SETTINGS)
	settings.set_webhook_url()
	return settings


def _secret(settings: Document) -> str:
	if secret := _password(settings, "webhook_secret"):
		return secret
	frappe.throw(
		_("Webhook Secret is empty. Press Change Webhook Secret, which makes a random one, and try again.")
	)


def _password(settings: Document, fieldname: str) -> str:
	return settings.get_password(fieldname, raise_exception=False) or ""


def _save_secrets(secret: str, previous: str, until: Any) -> None:
	"""Store both secrets, and commit: what is to be accepted must be known to all processes before Inbox Hub uses it."""
	settings = frappe.get_doc(SETTINGS)
	settings.webhook_secret = secret
	settings.webhook_secret_previous = previous if until and get_datetime(until) > times.now() else ""
	settings.webhook_secret_previous_until = until if settings.webhook_secret_previous else None
	settings.save()
	frappe.db.commit()
	# Between Frappe's own clearing and the commit another process may have read and kept the settings of before.
	frappe.clear_document_cache(SETTINGS, SETTINGS)


def _register(settings: Document, secret: str) -> dict[str, Any]:
	answer = WhatsAppAPIClient().register_webhook(
		settings.webhook_url, list(WEBHOOK_EVENTS), secret, name=WEBHOOK_NAME
	)
	frappe.db.set_single_value(SETTINGS, "webhook_registered_at", times.now())
	return {
		"success": bool(answer.get("success", True)),
		"url": settings.webhook_url,
		"name": WEBHOOK_NAME,
		"events": list(WEBHOOK_EVENTS),
	}


def _register_session(session_id: str, settings: Document, secret: str) -> None:
	WhatsAppAPIClient(session_id).set_session_webhook(settings.webhook_url, secret)
	frappe.db.set_value(
		sessions.DOCTYPE, session_id, "webhook_registered_at", times.now(), update_modified=False
	)


def _register_sessions(names: Sequence[str], settings: Document, secret: str) -> dict[str, Any]:
	"""Register the sessions that have webhooks of their own. One that fails costs the others nothing."""
	done, failed = [], []
	for name in names:
		try:
			_register_session(name, settings, secret)
			done.append(name)
		except InboxHubError as error:
			failed.append({"session": name, "error": str(error)})
	return {"sessions": done, "failed": failed}


def _result(reason: str, url: str, attempt: webhook_self_test.Attempt | None = None) -> dict[str, Any]:
	message = _self_test_messages()[reason].format(status=attempt.status if attempt else None)
	if reason == "ok" and attempt and attempt.is_private:
		message += " " + _("The address is one of an inner network: Inbox Hub must be in it, too.")
	if reason == "ok" and url.startswith("http://"):
		message += " " + _("Over http:// everybody on the way can read the messages. Use https://.")
	return {
		"ok": reason == "ok",
		"reason": reason,
		"message": message,
		"status": attempt.status if attempt else None,
		"url": url,
	}


def _self_test_messages() -> dict[str, str]:
	return {
		"ok": _("The event came to this site, its signature was right, and it was stored."),
		"no_secret": _("Webhook Secret is empty: nothing would be accepted. Press Change Webhook Secret."),
		"bad_address": _("The Webhook URL is no address. Correct Webhook URL Override, or clear it."),
		"unknown_host": _(
			"The host of the Webhook URL is not known to DNS. Correct the host name of this site (host_name in its site "
			"configuration) or Webhook URL Override."
		),
		"refused": _(
			"Nothing listens at the address. Check that the web server runs and that the port is right."
		),
		"timeout": _(
			"No answer within some seconds. A firewall may swallow the request, or all web workers are busy: have at least "
			"two."
		),
		"tls": _(
			"The certificate is not valid for this host, or has expired. Inbox Hub would not trust it either. Renew it."
		),
		"broken": _("The connection was closed without an answer. Look at the log of the web server."),
		"redirected": _(
			"The address leads elsewhere (status {status}), and a redirected POST loses its body. Enter the final address "
			"as Webhook URL Override, often it is the one with https://."
		),
		"changed": _(
			"The event came here, but its signature was wrong (status {status}): something on the way changes the body, or "
			"the secret was changed just now. Let the proxy pass the body on byte by byte."
		),
		"other_site": _(
			"Another site or copy answered (status {status}): the event did not come here. Check where the host name leads, "
			"and that the web server passes the right site on."
		),
		"forbidden": _(
			"The web server or a firewall refuses the request (status {status}). Let POST requests to this path through."
		),
		"not_found": _(
			"Status {status}: the web server or Frappe does not know this host or path. The host name must be that of this "
			"site."
		),
		"not_post": _("Status {status}: something on the way does not let POST requests through."),
		"too_large": _("Status {status}: something on the way lets no body of this size through."),
		"no_app": _("Status {status}: a Frappe site answers on which this app is not installed."),
		"too_many": _(
			"Status {status}: the web server limits requests. Allow the Hub's bursts on this path."
		),
		"gateway": _(
			"The web server runs, but Frappe behind it does not answer (status {status}). Restart the bench."
		),
		"not_stored": _(
			"The event came here but could not be stored (status {status}). The Error Log says why."
		),
		"server_error": _("The server failed (status {status}). Look at its logs."),
		"not_ours": _(
			"Something else than this app answers at the address (status {status}). Check the Webhook URL and the web "
			"server's configuration."
		),
	}
