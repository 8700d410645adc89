"""Having the Hub post its events to this app, once however often it is asked to (docs/hub.md, C3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import payloads
from .calls import Outgoing, make_call
from .errors import Conflict, InboxHubError, InvalidRequest, NotFound, PayloadError
from .text import _
from .values import as_integer

if TYPE_CHECKING:
	from .client import InboxHubClient

SECRET_LENGTH = (16, 255)
_PAGE_SIZE = 100
# An account with more webhooks than this is not what this app is made for; a Hub that ignores `page` is.
_MAX_PAGES = 20


def register_webhook(
	client: InboxHubClient, url: str, events: Sequence[str], secret: str, name: str
) -> dict[str, Any]:
	"""Register `url` for `events`, or bring the webhook that posts there up to date. Returns the Hub's answer.

	The user document's path is tried first (R1), the organisation's (R2) where the Hub does not have it. Raises
	InvalidRequest (secret not 16 to 255 characters, no events), Conflict (another URL uses the name), and what the
	client raises.
	"""
	check_secret(secret)
	if not events:
		raise InvalidRequest(_("A webhook needs at least one event. Name the events it is to be told of."))
	organization = client.find_organization_id()
	wanted = Outgoing({"name": name, "url": url, "method": "POST", "events": list(events), "secret": secret})
	for webhook in list_webhooks(client, organization):
		if webhook.get("url") == url and webhook.get("id") is not None:
			# The secret is not shown, so it cannot be compared: it is set again.
			change = Outgoing({**wanted, "name": webhook.get("name") or name, "isActive": True})
			change.pop("method")
			return client.request(
				make_call("PUT", "/api/webhooks/{id}", parts={"id": webhook["id"]}, json=change)
			)
	return _create(client, wanted, organization)


def list_webhooks(client: InboxHubClient, organization: int | None) -> list[dict[str, Any]]:
	"""Return all webhooks of the account as the Hub describes them; none if this Hub cannot list them."""
	endpoint = f"/api/webhooks/organizations/{organization}" if organization else "/api/webhooks"
	found: dict[object, dict] = {}
	for page in range(1, _MAX_PAGES + 1):
		try:
			body = client.request(make_call("GET", endpoint, params={"page": page, "limit": _PAGE_SIZE}))
			rows, _path = payloads.find_rows(body, "webhooks")
		except (NotFound, PayloadError):
			break
		new = [row for row in rows if isinstance(row, dict) and _key(row) not in found]
		found.update((_key(row), row) for row in new)
		if len(rows) < _PAGE_SIZE or not new:
			break
	return list(found.values())


def check_secret(secret: str) -> None:
	"""Raise InvalidRequest unless the Hub would take the secret (C22)."""
	least, most = SECRET_LENGTH
	if not least <= len(secret) <= most:
		raise InvalidRequest(
			_("Webhook Secret must have {0} to {1} characters. Change it in WhatsApp Settings.").format(
				least, most
			)
		)


def _create(client: InboxHubClient, wanted: dict[str, Any], organization: int | None) -> dict[str, Any]:
	try:
		return _post(client, "/api/webhooks", wanted)
	except NotFound as error:
		missing: InboxHubError = error
	if not organization:
		raise missing
	return _post(client, f"/api/webhooks/organizations/{organization}", wanted)


def _post(client: InboxHubClient, endpoint: str, wanted: dict[str, Any]) -> dict[str, Any]:
	try:
		return client.request(make_call("POST", endpoint, json=wanted))
	except Conflict as error:
		details = {"status": error.status, "code": error.code, "hub_text": error.hub_text}
	raise Conflict(
		_(
			"Inbox Hub has a webhook named {0} that posts to another address. Choose another name, or delete it there."
		).format(wanted["name"]),
		**details,
	)


def _key(row: dict) -> object:
	number = as_integer(row.get("id"))
	return number if number is not None else (str(row.get("name")), str(row.get("url")))
