"""Which secrets open the webhook's door, and that what came through it while WhatsApp was switched off is not lost."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date, now_datetime
from frappe.utils.background_jobs import get_redis_conn
from frappe.utils.password import set_encrypted_password
from redis.exceptions import RedisError
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from support import factories
from support.worker import waiting_jobs
from xappiens_whatsapp import jobs, refusals
from xappiens_whatsapp.api import webhook
from xappiens_whatsapp.inbox_hub import clock, payloads
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


def test_in_developer_mode_verification_can_be_switched_off(web: Web) -> None:
	config = Path(frappe.get_site_path("site_config.json"))
	before = config.read_text()
	try:
		config.write_text(json.dumps({**json.loads(before), "developer_mode": 1}))
		set_up(web)
		assert post(web, incoming(), secret=None).status_code == 401, "nobody has switched it off"
		factories.set_up(webhook_verification_disabled=1)
		frappe.db.commit()
		answer = post(web, incoming(), secret=None)
	finally:
		config.write_text(before)
	assert (answer.status_code, answer.json()["status"]) == (200, "Processed")
	assert post(web, incoming("3EB0AFTER"), secret=None).status_code == 401
	assert len(stored()) == 1


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


def test_webhooks_have_the_minute_job_run_at_most_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
	"""A process remembers for a moment that it looked; what is true for all of them stands in Redis."""
	get_redis_conn().delete(f"{frappe.local.site}:xappiens_whatsapp:nudged")
	monkeypatch.setattr(jobs, "_looks_again", {})

	def made() -> int:
		return [job.kwargs["method"] for job in waiting_jobs()].count("xappiens_whatsapp.jobs.every_minute")

	jobs.nudge()
	jobs.nudge()
	assert made() == 1
	jobs._looks_again.clear()  # as in another process, or after five seconds
	jobs.nudge()
	assert made() == 1
	jobs._looks_again.clear()
	get_redis_conn().delete(f"{frappe.local.site}:xappiens_whatsapp:nudged")  # a minute has passed
	jobs.nudge()
	assert made() == 2


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


def test_event_that_cannot_be_stored_is_answered_with_503_and_stored_when_it_comes_again(web: Web) -> None:
	set_up(web)
	frappe.db.sql_ddl(f"RENAME TABLE `tab{EVENT}` TO `tab{EVENT} away`")
	try:
		answer = post(web, incoming())
	finally:
		frappe.db.sql_ddl(f"RENAME TABLE `tab{EVENT} away` TO `tab{EVENT}`")
	assert (answer.status_code, answer.json()) == (503, {"success": False, "error": "try_again"})
	assert "Traceback" not in answer.text
	assert (stored(), frappe.db.count("WhatsApp Message")) == ([], 0)
	again = post(web, incoming())
	assert (again.status_code, again.json()["status"], again.json()["duplicate"]) == (200, "Processed", False)
	assert len(stored()) == 1
	assert frappe.get_all("WhatsApp Message", pluck="content") == ["Hola"]


def test_the_same_body_for_two_sessions_that_only_the_header_names_is_two_events(web: Web) -> None:
	set_up(web)
	factories.make_session("second_session")
	frappe.db.commit()
	content = incoming()
	del content["sessionId"]
	body = json.dumps(content).encode()
	digest = hmac.new(factories.SECRET.encode(), body, hashlib.sha256).hexdigest()
	for session in (factories.SESSION, "second_session", "second_session"):
		headers = {"X-Webhook-Signature": digest, "X-Webhook-Session": session}
		assert web.client().post(webhook.PATH, data=body, headers=headers).status_code == 200
	assert len(stored()) == 2
	assert set(frappe.get_all("WhatsApp Message", pluck="session")) == {factories.SESSION, "second_session"}


def test_reasons_are_told_in_the_words_that_fit_them(caplog: pytest.LogCaptureFixture) -> None:
	with caplog.at_level("ERROR", logger=frappe.logger().name):
		frappe.logger().propagate = True
		for reason in refusals.REASONS:
			refusals.count(reason)
			refusals.count(reason)
	lines = caplog.messages
	assert len(lines) == len(refusals.REASONS)
	about_signatures = [line for line in lines if line.startswith("Webhook signature verification failed: ")]
	assert len(about_signatures) == len(refusals.SIGNATURE_REASONS)
	assert all(line.startswith("Webhook refused: ") for line in lines if line not in about_signatures)


def test_a_time_far_from_our_clock_is_told_of_and_refuses_nothing(
	web: Web, caplog: pytest.LogCaptureFixture
) -> None:
	with caplog.at_level("ERROR", logger=frappe.logger().name):
		frappe.logger().propagate = True
		for header in (None, "", "soon", str(clock.now_ms()), str(clock.now_ms() - 60_000)):
			refusals.look_at_time(header)
		assert caplog.messages == []
		for _time in range(2):
			refusals.look_at_time(str(clock.now_ms() - 3_600_000))
	(line,) = caplog.messages
	assert line.startswith("Webhook timestamp is 3600 seconds from")

	set_up(web)
	body = json.dumps(incoming()).encode()
	digest = hmac.new(factories.SECRET.encode(), body, hashlib.sha256).hexdigest()
	headers = {"X-Webhook-Signature": digest, "X-Webhook-Timestamp": "1500000000000"}
	assert web.client().post(webhook.PATH, data=body, headers=headers).json()["status"] == "Processed"


def test_a_refusal_needs_no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
	def no_redis() -> None:
		raise RedisError("gone")

	monkeypatch.setattr(refusals, "get_redis_conn", no_redis)
	refusals.count(refusals.TOO_LARGE)
	refusals.look_at_time("1500000000000")


def test_what_could_not_be_stored_is_told_without_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
	text = incoming()["data"]["body"]

	def fails(*arguments: object) -> None:
		raise frappe.db.OperationalError(1021, f"the disk is full of {text}")

	monkeypatch.setattr(events, "store", fails)
	event = payloads.understand_event(incoming(), {})
	assert webhook.store_event(event, json.dumps(incoming()), {}) is None
	(log,) = frappe.get_all("Error Log", fields=["*"])
	assert text not in frappe.as_json(log)
	assert "OperationalError" in log.error


def test_secret_that_was_changed_a_moment_ago_opens_in_every_process_and_the_old_one_does_not(
	web: Web,
) -> None:
	set_up(web)
	for _worker in range(4):
		assert post(web, incoming()).status_code == 200
	for number in range(3):
		secret = f"another secret of the tests {number}"
		factories.set_up(webhook_secret=secret)
		frappe.db.commit()
		answers = [
			post(web, incoming(), secret=key).status_code
			for key in (secret, factories.SECRET)
			for _ in range(4)
		]
		assert answers == [200] * 4 + [401] * 4


def test_a_secret_that_was_set_past_the_settings_opens_at_once(web: Web) -> None:
	set_up(web)
	for _worker in range(4):
		assert post(web, incoming()).status_code == 200
	new = "set by a script, long enough"
	set_encrypted_password("WhatsApp Settings", "WhatsApp Settings", new, "webhook_secret")
	frappe.db.commit()
	assert [post(web, incoming(), secret=new).status_code for _worker in range(4)] == [200] * 4


@pytest.mark.parametrize("value", ["Bearer nobody-knows-it", "token a:b", "Basic YTpi", "nonsense"])
def test_an_authorization_header_neither_opens_the_door_nor_closes_it(web: Web, value: str) -> None:
	set_up(web)
	body = json.dumps(incoming()).encode()
	digest = hmac.new(factories.SECRET.encode(), body, hashlib.sha256).hexdigest()
	answers = [
		web.client().post(webhook.PATH, data=body, headers={"Authorization": value, **signed})
		for signed in ({}, {"X-Webhook-Signature": digest})
	]
	assert [answer.status_code for answer in answers] == [401, 200]
	assert answers[0].json() == {"success": False, "error": "unauthorized"}
