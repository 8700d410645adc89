"""Which secrets open the webhook's door, and that what came through it while WhatsApp was switched off is not lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date, now_datetime
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from support import factories
from xappiens_whatsapp import jobs, refusals
from xappiens_whatsapp.api import webhook
from xappiens_whatsapp.inbox_hub.errors import SignatureError
from xappiens_whatsapp.store import events

if TYPE_CHECKING:
	from requests import Response

	from support.web import Web

EVENT = events.DOCTYPE
OLD_SECRET = "the secret of before, long enough"


def set_up(web: Web, **settings: object) -> None:
	factories.set_up(**settings)
	factories.make_session()
	frappe.db.commit()


def incoming(message_id: str = "3EB0DOOR") -> dict:
	return {
		"event": "message.received",
		"sessionId": factories.SESSION,
		"data": {
			"messageId": message_id,
			"from": f"{factories.NUMBER}@c.us",
			"body": "Hola",
			"type": "text",
			"timestamp": factories.NOON_MS // 1000,
		},
	}


def post(
	web: Web, content: object, secret: str | None = factories.SECRET, header: str = "X-Webhook-Signature"
) -> Response:
	body = json.dumps(content).encode()
	headers = {"Content-Type": "application/json"}
	if secret is not None:
		headers[header] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
	return web.client().post(webhook.PATH, data=body, headers=headers)


def stored() -> list[frappe._dict]:
	frappe.db.rollback()
	return frappe.get_all(EVENT, fields=["name", "event", "status", "body"], order_by="creation")


def test_unsigned_is_refused_and_counted_and_signed_is_stored_and_processed(web: Web) -> None:
	set_up(web)
	assert post(web, incoming(), secret=None).status_code == 401
	assert (stored(), refusals.counted(SignatureError.MISSING)) == ([], 1)

	answer = post(web, incoming())
	assert (answer.status_code, answer.json()["status"]) == (200, "Processed")
	assert [row.status for row in stored()] == ["Processed"]
	assert frappe.get_all("WhatsApp Message", pluck="content") == ["Hola"]


def test_either_header_and_a_bare_hex_digest_are_accepted(web: Web) -> None:
	set_up(web)
	assert post(web, incoming(), header="X-Signature").status_code == 200
	body = json.dumps(incoming("3EB0BARE")).encode()
	bare = hmac.new(factories.SECRET.encode(), body, hashlib.sha256).hexdigest()
	assert (
		web.client().post(webhook.PATH, data=body, headers={"X-Webhook-Signature": bare}).status_code == 200
	)


def test_without_a_secret_in_the_settings_nothing_is_accepted(web: Web) -> None:
	set_up(web, webhook_secret="")
	for secret in ("", factories.SECRET, None):
		assert post(web, incoming(), secret=secret).status_code == 401
	assert stored() == []


@pytest.mark.parametrize(("minutes", "status"), [(5, 200), (-5, 401)])
def test_previous_secret_opens_until_its_date(web: Web, minutes: int, status: int) -> None:
	until = add_to_date(now_datetime(), minutes=minutes)
	set_up(web, webhook_secret_previous=OLD_SECRET, webhook_secret_previous_until=until)
	assert post(web, incoming(), secret=OLD_SECRET).status_code == status
	assert post(web, incoming("3EB0NEW"), secret=factories.SECRET).status_code == 200
	assert len(stored()) == (2 if status == 200 else 1)


def test_verification_cannot_be_switched_off_where_developer_mode_is_off(web: Web) -> None:
	assert not frappe.conf.developer_mode
	set_up(web, webhook_verification_disabled=1)
	assert post(web, incoming(), secret=None).status_code == 401
	assert stored() == []


def test_order_to_frappe_in_the_body_is_kept_as_no_event_and_not_obeyed(web: Web) -> None:
	set_up(web)
	answer = post(web, {"cmd": "ping"})
	assert (answer.status_code, answer.json()["status"]) == (200, "Dead")
	assert "pong" not in answer.text
	assert [row.body for row in stored()] == ['{"cmd": "ping"}']


def test_event_that_nobody_handles_is_kept_as_ignored(web: Web) -> None:
	set_up(web)
	answer = post(web, {"event": "group.participants.updated", "sessionId": factories.SESSION, "data": {}})
	assert (answer.status_code, answer.json()["status"]) == (200, "Ignored")
	assert [(row.event, row.status) for row in stored()] == [("group.participants.updated", "Ignored")]


def test_what_came_while_switched_off_waits_and_is_processed_once_when_switched_on(web: Web) -> None:
	set_up(web, enabled=0)
	answer = post(web, incoming())
	assert (answer.status_code, answer.json()["status"]) == (200, "Waiting")
	jobs.every_minute()
	assert [row.status for row in stored()] == ["Waiting"]
	assert frappe.db.count("WhatsApp Message") == 0

	factories.set_up(enabled=1)
	frappe.db.commit()
	jobs.process_due_events()
	jobs.process_due_events()
	assert [row.status for row in stored()] == ["Processed"]
	assert frappe.db.count("WhatsApp Message") == 1


def test_event_of_a_session_that_is_not_known_yet_is_processed_once_the_session_is(web: Web) -> None:
	factories.set_up()
	frappe.db.commit()
	assert post(web, incoming()).json()["status"] == "Waiting"
	factories.make_session()
	frappe.db.commit()
	jobs.process_due_events()
	assert [row.status for row in stored()] == ["Processed"]
	assert frappe.db.count("WhatsApp Message") == 1


def test_event_that_the_database_would_not_have_is_answered_with_503_and_leaves_nothing(
	web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
	set_up(web)
	body = json.dumps(incoming()).encode()
	signature = hmac.new(factories.SECRET.encode(), body, hashlib.sha256).hexdigest()
	environment = EnvironBuilder(
		path=webhook.PATH, method="POST", data=body, headers={"X-Webhook-Signature": signature}
	).get_environ()
	monkeypatch.setattr(frappe.local, "request", Request(environment), raising=False)

	def fails(*arguments: object) -> None:
		frappe.db.set_value("WhatsApp Session", factories.SESSION, "session_name", "half done")
		raise frappe.db.OperationalError(1021, "the disk is full of Hola")

	monkeypatch.setattr(events, "store", fails)
	assert webhook.handle_webhook().status_code == 503
	assert stored() == []
	assert frappe.db.get_value("WhatsApp Session", factories.SESSION, "session_name") != "half done"
	assert len(frappe.get_all("Error Log")) == 1
