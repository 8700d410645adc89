"""Registering the webhook, changing its secret and trying it out, against the simulated Hub and a real gunicorn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import frappe
import pytest
import requests

from support import factories, webhooks
from support.factories import SECRET, SESSION
from support.linked import connect_site, count, link_session
from xappiens_whatsapp import refusals
from xappiens_whatsapp.api import webhook_setup
from xappiens_whatsapp.inbox_hub.errors import HubUnavailable, InboxHubError, SignatureError

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Client, Web

SETUP = "xappiens_whatsapp.api.webhook_setup."
QUIET = {"rate": 0, "contacts": 2, "chats": 2, "messages": 1}
FUNCTIONS = ("register_webhook", "change_webhook_secret", "test_webhook", "get_refusals")


def secret(fieldname: str = "webhook_secret") -> str | None:
	frappe.db.rollback()
	frappe.clear_document_cache("WhatsApp Settings", "WhatsApp Settings")
	return frappe.get_doc("WhatsApp Settings").get_password(fieldname, raise_exception=False)


def status_of(web: Web, signed_with: str) -> int:
	body = webhooks.as_bytes(webhooks.received())
	return webhooks.post(web, body, X_Webhook_Signature=webhooks.signature(body, signed_with)).status_code


def call(client: Client, function: str, **arguments: Any) -> dict:
	answer = client.call(SETUP + function, **arguments)
	assert answer.status_code == 200, answer.text
	return answer.json()["message"]


@pytest.mark.simulator(**QUIET)
def test_a_changed_secret_loses_no_event_and_the_old_one_opens_for_a_day(
	simulator: Simulator, web: Web
) -> None:
	connect_site(simulator, web)
	link_session(simulator)

	answer = call(web.login(), "change_webhook_secret")

	new = secret()
	assert new not in (None, SECRET)
	assert len(new) >= 40
	assert new not in str(answer)
	assert secret("webhook_secret_previous") == SECRET
	until = frappe.utils.get_datetime(answer["valid_until"])
	assert 23 < (until - frappe.utils.now_datetime()).total_seconds() / 3600 <= 24
	assert len(simulator.state()["webhooks"]) == 1
	simulator.incoming(SESSION, text="signed anew")
	simulator.wait_for_deliveries()
	assert count("Message", content="signed anew") == 1
	assert (status_of(web, new), status_of(web, SECRET), status_of(web, "any other secret")) == (
		200,
		200,
		401,
	)
	versions = frappe.get_all("Version", filters={"ref_doctype": "WhatsApp Settings"}, pluck="data")
	assert not [data for data in versions if new in data or SECRET in data]


@pytest.mark.simulator(**QUIET)
@pytest.mark.parametrize(
	("fault", "error", "also_valid"),
	[
		(
			{"status": {"path": "/api/webhooks", "status": 400, "code": "VALIDATION_ERROR"}},
			InboxHubError,
			False,
		),
		({"nginx": {"status": 502}}, HubUnavailable, True),
	],
	ids=["refused", "unknown"],
)
def test_a_secret_that_the_hub_does_not_take_leaves_the_old_one_in_force(
	simulator: Simulator, fault: dict, error: type[Exception], also_valid: bool
) -> None:
	connect_site(simulator, api_retry_attempts=0)
	simulator.faults(**fault)

	with pytest.raises(error):
		webhook_setup.change_webhook_secret()

	assert secret() == SECRET
	# Where nobody knows whether the Hub took the new one, that is accepted as well.
	assert bool(secret("webhook_secret_previous")) is also_valid
	assert bool(frappe.get_doc("WhatsApp Settings").webhook_secret_previous_until) is also_valid


@pytest.mark.simulator(**QUIET)
def test_a_session_with_a_webhook_of_its_own_gets_the_new_secret_too(simulator: Simulator, web: Web) -> None:
	connect_site(simulator)
	frappe.db.set_single_value("WhatsApp Settings", "webhook_url_override", web.url + webhooks.PATH)
	frappe.db.commit()
	link_session(simulator)
	answer = webhook_setup.register_session_webhook(SESSION)
	frappe.db.commit()
	assert answer == {"success": True, "url": web.url + webhooks.PATH, "session": SESSION}
	simulator.incoming(SESSION, text="by the session's own")
	simulator.wait_for_deliveries()
	assert count("Message", content="by the session's own") == 1

	changed = webhook_setup.change_webhook_secret(hours=1)

	assert (changed["sessions"], changed["failed"]) == ([SESSION], [])
	assert "CRM Webhook" not in str(simulator.state()["webhooks"]), "the account had none, and got one"
	simulator.incoming(SESSION, text="signed anew")
	simulator.wait_for_deliveries()
	assert count("Message", content="signed anew") == 1
	assert refusals.counted(SignatureError.MISMATCH) == 0


@pytest.mark.simulator(**QUIET)
def test_the_self_test_comes_here_and_leaves_an_ignored_event(simulator: Simulator, web: Web) -> None:
	connect_site(simulator, web)
	answer = call(web.login(), "test_webhook")
	assert (answer["ok"], answer["reason"], answer["status"]) == (True, "ok", 200)
	assert "inner network" in answer["message"]
	assert [row.status for row in frappe.get_all(webhooks.EVENT, fields=["status"])] == ["Ignored"]


def test_the_self_test_tells_what_is_wrong(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
	factories.set_up(webhook_url_override=web.url + webhooks.PATH)
	frappe.db.commit()

	frappe.get_doc("WhatsApp Settings").db_set("webhook_url_override", web.url + "/no/such/path")
	assert webhook_setup.test_webhook()["reason"] == "not_found"

	frappe.get_doc("WhatsApp Settings").db_set("webhook_url_override", web.url + webhooks.PATH)
	frappe.db.commit()
	sign = webhook_setup.webhook_self_test.sign
	monkeypatch.setattr(webhook_setup.webhook_self_test, "sign", lambda body, key: sign(body + b" ", key))
	assert webhook_setup.test_webhook()["reason"] == "changed"
	# As if another site had answered: it counts its refusals elsewhere.
	monkeypatch.setattr(refusals, "counted", lambda reason: 0)
	assert webhook_setup.test_webhook()["reason"] == "other_site"
	monkeypatch.undo()
	real = webhook_setup.webhook_self_test.post
	monkeypatch.setattr(
		webhook_setup.webhook_self_test, "post", lambda url, body, key: real(url, body + b" ", key)
	)
	assert webhook_setup.test_webhook()["reason"] == "other_site"

	factories.set_up(webhook_secret="")
	answer = webhook_setup.test_webhook()
	assert (answer["ok"], answer["reason"]) == (False, "no_secret")


def test_refusals_are_shown_by_hour_and_reason(web: Web) -> None:
	factories.set_up()
	frappe.db.commit()
	for _time in range(2):
		webhooks.post(web, webhooks.received(), X_Webhook_Signature="sha256=00")
	body = b"no JSON"
	webhooks.post(web, body)
	web.client().get(webhooks.PATH)

	shown = call(web.login(), "get_refusals")

	assert {(row["reason"], row["number"]) for row in shown["rows"]} == {
		("signature malformed", 2),
		("not a JSON object", 1),
		("not a POST", 1),
	}
	hour = frappe.utils.get_datetime(shown["rows"][0]["hour"])
	assert abs((frappe.utils.now_datetime() - hour).total_seconds()) < 2 * 3600


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_managers_set_the_webhook_up(web: Web, function: str) -> None:
	factories.set_up()
	users = {
		role: factories.make_user(f"setup-{number}", role)
		for number, role in enumerate(("WhatsApp User", "WhatsApp Manager"))
	}
	frappe.db.commit()
	plain = web.login(users["WhatsApp User"]).call(SETUP + function)
	assert (plain.status_code, secret()) == (403, SECRET)
	assert web.client().call(SETUP + function).status_code == 403
	if function == "get_refusals":
		assert web.login(users["WhatsApp Manager"]).call(SETUP + function).status_code == 200


def test_a_session_webhook_is_for_managers_too(web: Web) -> None:
	factories.set_up()
	factories.make_session(session_db_id=7)
	user = factories.make_user("setup-user", "WhatsApp User")
	frappe.db.commit()
	answer = web.login(user).call(SETUP + "register_session_webhook", session=SESSION)
	assert answer.status_code == 403


def test_what_changes_something_is_not_done_by_a_get(web: Web) -> None:
	factories.set_up()
	frappe.db.commit()
	client = web.login()
	for function in ("register_webhook", "change_webhook_secret", "test_webhook"):
		answer: requests.Response = client.get(f"/api/method/{SETUP}{function}")
		assert answer.status_code == 403
	assert secret() == SECRET
