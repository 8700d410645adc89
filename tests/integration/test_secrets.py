"""Secrets stay where they belong, also when everything goes wrong.

Each secret is a sentinel. After a run through the app in which every kind of call failed at least once, none of them may
be found in a table, a log, Redis or an HTTP answer; the login's token only under its own key in the queue's Redis.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import frappe
import pytest
import requests
from frappe.utils.background_jobs import get_redis_conn

from inbox_hub_simulator.control import Simulator
from support import sentinels
from support.factories import SESSION
from support.linked import connect_site, link_session
from xappiens_whatsapp.api.base import WhatsAppAPIClient, diagnose
from xappiens_whatsapp.inbox_hub import signature
from xappiens_whatsapp.inbox_hub.errors import InboxHubError

if TYPE_CHECKING:
	from support.web import Client, Web
	from support.worker import Worker

API_KEY = "sentinel-api-key-5f1b0d"
PASSWORD = "sentinel-password-9c3e7a"
WEBHOOK_SECRET = "sentinel-webhook-secret-27d4"
PREVIOUS_SECRET = "sentinel-previous-secret-81ab"
SESSION_SECRET = "sentinel-session-secret-63f0"
WRONG = "sentinel-wrong-secret-0b9d"
HANDLER = "/api/method/xappiens_whatsapp.api.webhook.handle_webhook"
METHODS = "xappiens_whatsapp.api.session."
SETUP = "xappiens_whatsapp.api.webhook_setup."
SYNC = "xappiens_whatsapp.api.sync.sync_session_complete"

# A Hub that repeats in its error what it was sent is the worst case.
ECHO = f"denied for {API_KEY} {PASSWORD}"
FAULTS = (
	{"status": {"path": "/api/webhooks", "status": 400, "text": f"bad secret {WEBHOOK_SECRET}"}},
	{
		"status": {
			"path": "/api/sessions",
			"status": 400,
			"text": f"bad secret {SESSION_SECRET}",
			"method": "POST",
		}
	},
	{
		"status": {
			"path": "/api/sessions",
			"status": 400,
			"text": f"bad secret {SESSION_SECRET}",
			"method": "PUT",
		}
	},
	{"status": {"status": 400, "code": "VALIDATION_ERROR", "text": ECHO}},
	{"status": {"status": 401, "code": "INVALID_API_KEY", "text": ECHO}},
	{"status": {"status": 403, "code": "AUTHORIZATION_FAILED", "text": ECHO}},
	{"status": {"status": 500, "code": "INTERNAL_ERROR", "text": ECHO}},
	{"success_false": {"text": ECHO}},
	{"rate_limited": {"retry_after": 0}},
	{"nginx": {"status": 502}},
	{"drop": {"when": "after"}},
	{"truncated": True},
	{"not_object": True},
	{"redirect": True},
)


@pytest.mark.simulator(
	api_key=API_KEY, password=PASSWORD, rate=0, contacts=3, chats=3, messages=2, login_limit=0
)
def test_no_secret_is_found_anywhere_after_everything_went_wrong(
	simulator: Simulator, web: Web, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
	logs = sentinels.log_sizes()
	connect_site(
		Simulator.at(simulator.url),  # which knows the credentials of the mark
		web,
		webhook_secret=WEBHOOK_SECRET,
		webhook_secret_previous=PREVIOUS_SECRET,
		webhook_secret_previous_until="2099-01-01 00:00:00",
		api_retry_attempts=0,
	)
	link_session(simulator)
	manager, answers = web.login(), []

	_use_the_app(manager, answers)
	simulator.incoming(SESSION, text="Hola")
	simulator.wait_for_deliveries()
	for faults in FAULTS:
		simulator.clear_faults()
		simulator.faults(**faults)
		_forget_pauses()
		_use_the_app(manager, answers)
		_use_the_client()
	simulator.clear_faults()
	simulator.expire_tokens()
	_use_the_app(manager, answers)
	token = _stored_token()
	_post_unsigned(web, answers)
	simulator.faults(status={"path": f"/api/messages/{SESSION}", "status": 400, "text": ECHO})
	answers.append(manager.call(SYNC, session_name=SESSION).text)
	_with_wrong_credentials(manager, answers)
	_save_settings(enabled=0)
	worker.drain()

	secrets = (sentinels.MARK, token)
	assert token and len(token) > 40
	assert list(_in_tables(secrets)) == []
	assert list(sentinels.in_logs(logs)) == []
	assert list(_in_redis(secrets)) == []
	assert [answer[:200] for answer in answers if any(secret in answer for secret in secrets)] == []
	assert not any(secret in caplog.text for secret in secrets)
	assert len(answers) > 50


def _use_the_app(manager: Client, answers: list[str]) -> None:
	for name, arguments in (
		("test_connection", {"session": SESSION}),
		("get_session_status", {"session": SESSION}),
		("get_qr_code", {"session": SESSION}),
	):
		answers.append(manager.call(METHODS + name, **arguments).text)
	for name, arguments in (
		("register_webhook", {}),
		("register_session_webhook", {"session": SESSION}),
		("test_webhook", {}),
	):
		answers.append(manager.call(SETUP + name, **arguments).text)
	answers.append(manager.get("/api/resource/WhatsApp Settings/WhatsApp Settings").text)
	answers.append(
		manager.get(
			"/api/method/frappe.desk.form.load.getdoc?doctype=WhatsApp+Settings&name=WhatsApp+Settings"
		).text
	)


def _use_the_client() -> None:
	"""As a script would, which writes what it meets into the Error Log with all variables of all frames."""
	client = WhatsAppAPIClient(SESSION)
	for act in (
		client.get_session_chats,
		lambda: client.send_message("34600000002", "Hola"),
		lambda: client.create_session("second_session", "Second", webhookSecret=SESSION_SECRET),
		lambda: client.set_session_webhook("https://crm.example/x", SESSION_SECRET),
	):
		try:
			act()
		except InboxHubError as error:
			frappe.log_error(title="A script met an error", message=frappe.get_traceback(with_context=True))
			assert sentinels.MARK not in f"{error} {vars(error)}"
	assert sentinels.MARK not in str(diagnose(client))
	frappe.db.commit()


def _post_unsigned(web: Web, answers: list[str]) -> None:
	"""Webhooks that are refused, the secret within them or not."""
	body = b'{"event":"message.received","sessionId":"demo_session","data":{}}'
	for header in (
		None,
		"",
		"sha256=0",
		WEBHOOK_SECRET,
		signature.sign(body, WRONG),
		signature.sign(body, PREVIOUS_SECRET),
	):
		headers = {
			"Content-Type": "application/json",
			**({"X-Webhook-Signature": header} if header is not None else {}),
		}
		answers.append(requests.post(web.url + HANDLER, data=body, headers=headers, timeout=30).text)


def _with_wrong_credentials(manager: Client, answers: list[str]) -> None:
	for change in ({"api_password": WRONG}, {"api_key": WRONG}, {"api_base_url": "https://127.0.0.1:1"}):
		_save_settings(**change)
		_use_the_app(manager, answers)
		_use_the_client()


def _save_settings(**values: object) -> None:
	settings = frappe.get_single("WhatsApp Settings")
	settings.update(values)
	settings.save()
	frappe.db.commit()


def _forget_pauses() -> None:
	"""What a fault before made the client remember, or the next one would not be met."""
	redis = get_redis_conn()
	for key in redis.scan_iter(match="*xappiens_whatsapp*"):
		if not key.endswith(b":token"):
			redis.delete(key)


def _stored_token() -> str:
	redis = get_redis_conn()
	(key,) = redis.scan_iter(match="*xappiens_whatsapp*:token")
	return frappe.parse_json(redis.get(key).decode())["access"]


def _in_tables(secrets: tuple[str, ...]) -> Iterator[str]:
	frappe.db.rollback()
	columns = frappe.db.sql(
		"""SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = DATABASE() AND table_name != '__Auth'
		AND data_type IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'json')"""
	)
	for table, column in columns:
		for secret in secrets:
			if frappe.db.sql(f"SELECT 1 FROM `{table}` WHERE `{column}` LIKE %s LIMIT 1", (f"%{secret}%",)):
				yield f"{table}.{column}: {secret}"


def _in_redis(secrets: tuple[str, ...]) -> Iterator[str]:
	for redis in (get_redis_conn(), frappe.cache):
		for key in redis.scan_iter(match="*"):
			value = b""
			with suppress(Exception):  # a key may end between the look and the dump
				value = redis.dump(key) or b""
			shown = key + sentinels.plain_value(redis, key) + value
			if key.endswith(b":token"):
				shown = shown.replace(secrets[1].encode(), b"")
			yield from (f"{key!r}: {secret}" for secret in secrets if secret.encode() in shown)
