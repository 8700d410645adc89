"""Registering webhooks, and what is delivered to them."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.unit

SECRET = "a-secret-of-the-tests-0123456789"
ELEVEN = (
	"message.received", "message.sent", "message.delivered", "message.read", "message.failed", "session.connected",
	"session.disconnected", "session.qr", "contact.updated", "chat.archived", "chat.unarchived",
)  # fmt: skip
SEND = "/api/messages/demo_session/send"


def webhook_body(**fields: Any) -> dict[str, Any]:
	return {
		"name": "CRM Webhook",
		"url": "https://crm.example/hook",
		"method": "POST",
		"events": ["message.received"],
		"secret": SECRET,
		**fields,
	}


@pytest.mark.parametrize(
	("field", "value"),
	[
		("name", ""),
		("url", "crm.example/hook"),
		("url", "javascript:alert(1)"),
		("events", ["message.unheard"]),
		("events", []),
		("secret", "fifteen-letters"),
		("secret", "x" * 256),
		("method", "GET"),
		("timeout", 0),
	],
)
def test_registering_with_a_wrong_field_is_400_and_names_it(hub: Any, field: str, value: Any) -> None:
	hub.login()
	answer = hub.post("/api/webhooks", webhook_body(**{field: value}))
	assert answer.status_code == 400
	assert field in answer.json()["details"]
	assert hub.state()["webhooks"] == []


def test_a_name_twice_is_409_by_either_route(hub: Any) -> None:
	hub.login()
	assert hub.post("/api/webhooks", webhook_body()).status_code == 201
	for path in ("/api/webhooks", "/api/webhooks/organizations/1"):
		answer = hub.post(path, webhook_body())
		assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
	assert len(hub.state()["webhooks"]) == 1


def test_registering_by_the_users_document_wants_key_and_token(hub: Any) -> None:
	assert hub.post("/api/webhooks", webhook_body()).json()["code"] == "MISSING_TOKEN"
	token = hub.login()
	only_token = {"Authorization": f"Bearer {token}"}
	answer = hub.client.post("/api/webhooks", json=webhook_body(), headers=only_token)
	assert (answer.status_code, answer.json()["code"]) == (401, "MISSING_API_KEY")


def test_another_organisation_is_403(hub: Any) -> None:
	hub.login()
	answer = hub.post("/api/webhooks/organizations/9", webhook_body())
	assert (answer.status_code, answer.json()["code"]) == (403, "AUTHORIZATION_FAILED")


def test_a_webhook_is_listed_changed_and_deleted_and_never_tells_its_secret(hub: Any) -> None:
	hub.login()
	made = hub.post("/api/webhooks/organizations/1", webhook_body()).json()["data"]["webhook"]
	path = f"/api/webhooks/{made['id']}"
	listed = hub.data("/api/webhooks/organizations/1")
	assert [row["name"] for row in listed["webhooks"]] == ["CRM Webhook"]
	assert listed["pagination"]["total"] == 1
	changed = hub.call("PUT", path, {"url": "https://crm.example/other", "events": list(ELEVEN)})
	assert changed.json()["data"]["webhook"]["url"] == "https://crm.example/other"
	assert hub.post(f"{path}/toggle").json()["data"]["webhook"]["isActive"] is False
	assert SECRET not in hub.get(path).text + hub.get("/api/webhooks/organizations/1").text
	assert hub.call("DELETE", path).status_code == 200
	assert hub.get(path).status_code == 404


def test_an_event_is_signed_over_its_exact_bytes_and_carries_the_headers(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "message.received", secret=SECRET)
	hub.sim("incoming", session="demo_session", text='¡Hola! 👩🏽‍💻 <b> & \u2028 " \\')
	hub.settle()
	got = receiver.received[0]
	expected = "sha256=" + hmac.new(SECRET.encode(), got.body, hashlib.sha256).hexdigest()
	assert got.headers["x-webhook-signature"] == expected
	assert got.headers["content-type"] == "application/json"
	assert got.headers["x-webhook-event"] == "message.received"
	assert got.headers["x-webhook-session"] == "demo_session"
	assert abs(int(got.headers["x-webhook-timestamp"]) - time.time() * 1000) < 60_000
	assert "👩🏽‍💻".encode() in got.body and b"\\ud83d" not in got.body
	assert b'": ' not in got.body and b", " not in got.body


def test_a_webhook_without_secret_is_not_signed(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "message.received")
	hub.sim("incoming", session="demo_session")
	hub.settle()
	assert "x-webhook-signature" not in receiver.received[0].headers


def test_only_subscribed_events_go_out(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "chat.archived", secret=SECRET)
	hub.sim("incoming", session="demo_session")
	hub.sim("archive", session="demo_session", chat="34600000002", archived=True)
	hub.sim("archive", session="demo_session", chat="34600000002", archived=False)
	hub.settle()
	assert receiver.events() == ["chat.archived"]


def test_each_of_the_eleven_events_happens(hub: Any, receiver: Any, wait: Callable[..., Any]) -> None:
	hub.subscribe(receiver.url, *ELEVEN, secret=SECRET)
	hub.sim("incoming", session="demo_session")
	hub.post(SEND, {"to": "34600000002", "message": "Hola"})
	wait(lambda: "message.read" in receiver.events())
	hub.sim("faults", message_failed={"times": 1})
	hub.post(SEND, {"to": "34600000002", "message": "Adiós"})
	hub.sim("contact", session="demo_session", contact_id="34600000002", name="Otra")
	hub.sim("archive", session="demo_session", chat="34600000002", archived=True)
	hub.sim("archive", session="demo_session", chat="34600000002", archived=False)
	hub.sim("disconnect", session="demo_session", reason="logout")
	hub.post("/api/sessions/demo_session/connect")
	wait(lambda: hub.status() == "qr_code")
	hub.sim("scan", session="demo_session")
	wait(lambda: set(receiver.events()) == set(ELEVEN))


def test_events_of_one_webhook_arrive_in_order_also_when_the_first_must_be_tried_again(
	hub: Any, receiver: Any
) -> None:
	receiver.answers = [500, 503]
	hub.subscribe(receiver.url, "message.received", secret=SECRET)
	hub.sim("incoming", session="demo_session", text="Número", count=5)
	hub.settle()
	texts = [each.json["data"]["body"] for each in receiver.received]
	assert texts == ["Número 1"] * 3 + [f"Número {number}" for number in range(2, 6)]


def test_a_delivery_is_tried_three_times_with_the_same_bytes_then_given_up(hub: Any, receiver: Any) -> None:
	receiver.answers = [500] * 3
	hub.subscribe(receiver.url, "message.received", secret=SECRET)
	hub.sim("incoming", session="demo_session")
	hub.settle()
	assert len(receiver.received) == 3
	assert len({each.body for each in receiver.received}) == 1
	delivery = hub.deliveries()[0]
	assert (delivery["delivered"], delivery["last_status"], len(delivery["attempts"])) == (False, 500, 3)


def test_retries_follow_the_webhooks_own_configuration(hub: Any, receiver: Any) -> None:
	receiver.answers = [401] * 9
	hub.subscribe(receiver.url, "message.received", secret=SECRET, retryConfig={"attempts": 2, "delay": 0})
	hub.sim("incoming", session="demo_session")
	hub.settle()
	assert len(receiver.received) == 2


def test_a_receiver_that_is_not_there_is_told_as_an_error_not_an_exception(hub: Any) -> None:
	hub.subscribe("http://127.0.0.1:9/hook", "message.received", secret=SECRET)
	hub.sim("incoming", session="demo_session")
	hub.settle()
	delivery = hub.deliveries()[0]
	assert delivery["last_status"] is None
	assert "ConnectError" in delivery["attempts"][0]["error"]


def test_custom_headers_are_sent(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "message.received", headers={"X-Tenant": "demo"})
	hub.sim("incoming", session="demo_session")
	hub.settle()
	assert receiver.received[0].headers["x-tenant"] == "demo"


def test_a_paused_or_inactive_webhook_gets_nothing(hub: Any, receiver: Any) -> None:
	webhook_id = hub.subscribe(receiver.url, "message.received")
	hub.post(f"/api/webhooks/{webhook_id}/pause")
	hub.sim("incoming", session="demo_session")
	hub.settle()
	assert receiver.received == []


def test_the_webhook_of_a_session_gets_the_events_of_that_session_only(
	make_hub: Callable[..., Any], receiver: Any
) -> None:
	hub = make_hub(session=["other_session:connected"])
	body = {
		"sessionId": "demo_session",
		"webhookUrl": receiver.url,
		"webhookSecret": SECRET,
		"webhookEvents": ["message.received"],
	}
	assert hub.post("/api/sessions", body).status_code == 201
	hub.sim("incoming", session="other_session")
	hub.sim("incoming", session="demo_session")
	hub.settle()
	assert [each.headers["x-webhook-session"] for each in receiver.received] == ["demo_session"]


def test_the_webhook_of_a_session_can_be_set_later_by_its_number_only(hub: Any, receiver: Any) -> None:
	body = {"webhookUrl": receiver.url, "webhookSecret": SECRET}
	assert hub.call("PUT", "/api/sessions/demo_session/webhook", body).status_code == 404
	assert hub.call("PUT", "/api/sessions/2/webhook", body).status_code == 200
	hub.sim("archive", session="demo_session", chat="34600000002")
	hub.settle()
	assert receiver.events() == ["chat.archived"]


def test_the_built_in_push_sends_received_messages_only_and_once(
	make_hub: Callable[..., Any], receiver: Any
) -> None:
	hub = make_hub(
		session=["demo_session:connected"], frappe_url=receiver.url, frappe_secret=SECRET, webhook_attempts=3
	)
	hub.sim("incoming", session="demo_session")
	assert hub.post("/api/sessions/2/frappe/configure", {"sendToFrappe": True}).status_code == 200
	receiver.answers = [500]
	hub.sim("incoming", session="demo_session", text="Hola")
	hub.post(SEND, {"to": "34600000002", "message": "Eco"})
	hub.settle()
	assert [each.json["data"]["message"]["content"] for each in receiver.received] == ["Hola"]
	assert "x-webhook-timestamp" not in receiver.received[0].headers
	assert "x-webhook-signature" in receiver.received[0].headers


def test_the_echo_of_a_send_and_its_receipts_name_its_message_id(hub: Any, receiver: Any, wait: Any) -> None:
	hub.subscribe(receiver.url, "message.sent", "message.delivered", "message.read", "message.ack")
	sent = hub.post(SEND, {"to": "34600000002", "message": "Hola"}).json()["data"]["messageId"]
	wait(lambda: receiver.events().count("message.ack") == 2)
	hub.settle()
	by_event = {each.headers["x-webhook-event"]: each.json["data"] for each in receiver.received}
	assert by_event["message.sent"]["id"]["id"] == by_event["message.read"]["id"]["id"] == sent
	assert by_event["message.ack"] == by_event["message.ack"] | {"messageId": sent, "ack": 3}


def test_a_missed_message_is_stored_and_not_told(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, *ELEVEN, "contact.created", "conversation.created")
	made = hub.sim("incoming", session="demo_session", chat="34600000099", webhook=False)["messages"][0]
	hub.settle()
	assert receiver.received == []
	listed = hub.data("/api/messages/demo_session/34600000099@s.whatsapp.net")["messages"]
	assert [row["whatsappMessageId"] for row in listed] == [made["message_id"]]


def test_a_test_delivery_tells_what_came_back(hub: Any, receiver: Any) -> None:
	webhook_id = hub.subscribe(receiver.url, "message.received", secret=SECRET)
	receiver.answers = [403]
	payload = {"testPayload": {"event": "message.received", "data": {"body": "prueba"}}}
	answer = hub.post(f"/api/webhooks/{webhook_id}/test", payload).json()["data"]
	assert (answer["delivered"], answer["statusCode"]) == (False, 403)


def test_the_signature_helper_tells_right_from_wrong(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "message.received", secret=SECRET)
	body = b'{"event":"message.received"}'
	right = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
	for signature, valid in ((right, True), (right[:-1] + "x", False), ("", False)):
		answer = hub.client.post(
			"/api/webhooks/test/signature", content=body, headers={"X-Webhook-Signature": signature}
		)
		assert answer.json()["valid"] is valid


def test_any_event_can_be_posted_byte_for_byte(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "session.qr", secret=SECRET)
	hub.sim("event", session="unknown_session", event="odd.event", body='{"a" : [1,2,]}', attempts=1)
	hub.settle()
	got = receiver.received[0]
	assert got.body == b'{"a" : [1,2,]}'
	assert got.headers["x-webhook-signature"].startswith("sha256=")


def test_held_events_are_released_several_times_and_shuffled_until_answered(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "message.received", secret=SECRET)
	hub.sim("hold")
	hub.sim("incoming", session="demo_session", text="M", count=40)
	assert hub.state()["held_events"] == 40 and receiver.received == []
	receiver.answers = [500] * 30
	count = hub.sim(
		"release", copies_from=3, copies_to=5, shuffle=True, connections=8, attempts=50, delay_ms=1
	)["deliveries"]
	hub.settle()
	assert 120 <= count <= 200
	assert len(receiver.received) == count + 30
	assert all(delivery["delivered"] for delivery in hub.deliveries())
	texts = [each.json["data"]["body"] for each in receiver.received]
	assert len(set(texts)) == 40 and texts != sorted(texts)
	hub.sim("incoming", session="demo_session", text="after")
	hub.settle()
	assert receiver.received[-1].json["data"]["body"] == "after"


def test_text_that_is_no_valid_unicode_is_posted_and_listed_as_javascript_would(
	hub: Any, receiver: Any
) -> None:
	hub.subscribe(receiver.url, "message.received", secret=SECRET)
	hub.client.post(
		"/__sim__/incoming",
		content=b'{"session": "demo_session", "text": "half \\ud83d and \\u0000"}',
		headers={"Content-Type": "application/json"},
	)
	hub.settle()
	assert b'"half \\ud83d and \\u0000"' in receiver.received[0].body
	assert b"half \\ud83d and" in hub.get("/api/messages/demo_session", limit=1).content


@pytest.mark.parametrize("shuffle", [False, True])
def test_released_events_keep_their_order_unless_shuffled(hub: Any, receiver: Any, shuffle: bool) -> None:
	hub.subscribe(receiver.url, "message.received", secret=SECRET)
	hub.sim("hold")
	made = hub.sim("incoming", session="demo_session", text="M", count=30)["messages"]
	hub.sim("release", shuffle=shuffle, connections=1)
	hub.settle()
	texts = [each.json["data"]["body"] for each in receiver.received]
	assert (texts == [message["text"] for message in made]) is not shuffle
