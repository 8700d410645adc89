"""Sending, as strict as the Hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.unit

SEND = "/api/messages/demo_session/send"
VCARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Demo\nEND:VCARD"


def live_count(hub: Any) -> int:
	count: int = hub.state()["sessions"]["demo_session"]["expected"]["live_messages"]
	return count


@pytest.mark.parametrize(
	("shape", "status", "keys"),
	[
		("seed", 200, {"messageId", "to", "status", "timestamp"}),
		("full", 200, {"messageId", "to", "message", "type", "status", "timestamp"}),
		("crm", 201, {"message"}),
	],
)
def test_each_shape_answers_a_send_with_its_own_keys(
	make_hub: Callable[..., Any], shape: str, status: int, keys: set[str]
) -> None:
	hub = make_hub(session=["demo_session:connected"], shape=shape)
	answer = hub.post(SEND, {"to": "34600000002", "message": "Hola"})
	assert answer.status_code == status
	assert set(answer.json()["data"]) == keys


@pytest.mark.parametrize(
	"to", ["34600000002", "34600000002@s.whatsapp.net", "34600000002@c.us", "120363000000000004@g.us"]
)
def test_a_sent_message_is_in_the_list_of_its_chat(hub: Any, to: str) -> None:
	sent = hub.post(SEND, {"to": to, "message": "¡Hola! 👋"}).json()["data"]
	chat = "120363000000000004@g.us" if to.endswith("@g.us") else "34600000002@s.whatsapp.net"
	newest = hub.data(f"/api/messages/demo_session/{chat}", limit=1)["messages"][0]
	assert newest["whatsappMessageId"] == sent["messageId"]
	assert (newest["content"], newest["fromMe"]) == ("¡Hola! 👋", True)


@pytest.mark.parametrize(
	("field", "body"),
	[
		("to", {"message": "Hola"}),
		("to", {"to": "+34 600 000 002", "message": "Hola"}),
		("to", {"to": ["34600000002"], "message": "Hola"}),
		("to", {"to": "34600000002@example", "message": "Hola"}),
		("to", {"to": "12345", "message": "Hola"}),
		("message", {"to": "34600000002"}),
		("message", {"to": "34600000002", "message": ""}),
		("message", {"to": "34600000002", "message": "x" * 4097}),
		("message", {"to": "34600000002", "message": {"text": "Hola"}}),
		("type", {"to": "34600000002", "message": "Hola", "type": "telegram"}),
		("message", {"to": "34600000002", "message": "Hola", "type": "image"}),
		("message.image", {"to": "34600000002", "message": {"caption": "x"}, "type": "image"}),
		(
			"message.image",
			{
				"to": "34600000002",
				"type": "image",
				"message": {"image": {"url": "https://crm.example/a.jpg", "base64": "AAAA"}},
			},
		),
		(
			"message.image.url",
			{"to": "34600000002", "type": "image", "message": {"image": {"url": "file:///etc/passwd"}}},
		),
		(
			"message.location.latitude",
			{"to": "34600000002", "type": "location", "message": {"lat": 91, "lng": 0}},
		),
		("message.contacts", {"to": "34600000002", "type": "contact", "message": {"contacts": {}}}),
	],
)
def test_a_wrong_send_is_400_names_the_field_and_sends_nothing(
	hub: Any, field: str, body: dict[str, Any]
) -> None:
	answer = hub.post(SEND, body)
	assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
	assert field in answer.json()["details"]
	assert live_count(hub) == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"', b"\xff"])
def test_a_send_that_is_no_json_object_is_400(hub: Any, body: bytes) -> None:
	answer = hub.call("POST", SEND, content=body, headers={"Content-Type": "application/json"})
	assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")


def test_4096_characters_are_allowed_also_if_they_are_emoji(hub: Any) -> None:
	assert hub.post(SEND, {"to": "34600000002", "message": "👍" * 4096}).status_code == 200


@pytest.mark.parametrize(
	("kind", "message", "stored"),
	[
		("image", {"image": {"url": "https://crm.example/a.jpg"}, "caption": "Foto"}, "image"),
		("image", {"image": {"base64": "AAAA"}, "caption": "Foto"}, "image"),
		("audio", {"audio": {"url": "https://crm.example/a.ogg"}, "ptt": False}, "audio"),
		("audio", {"audio": {"url": "https://crm.example/a.ogg", "ptt": True}}, "ptt"),
		("document", {"document": {"url": "https://crm.example/a.pdf", "fileName": "a.pdf"}}, "document"),
		("location", {"location": {"degreesLatitude": 40.4, "degreesLongitude": -3.7}}, "location"),
		("location", {"lat": 40.4, "lng": -3.7}, "location"),
		("contact", {"contacts": {"displayName": "Demo", "contacts": [{"vcard": VCARD}]}}, "contact"),
	],
)
def test_every_documented_type_can_be_sent(hub: Any, kind: str, message: Any, stored: str) -> None:
	answer = hub.post(SEND, {"to": "34600000002", "type": kind, "message": message})
	assert answer.status_code == 200, answer.text
	newest = hub.data("/api/messages/demo_session/34600000002@s.whatsapp.net", limit=1)["messages"][0]
	assert newest["type"] == stored


def test_the_same_body_twice_is_two_messages(hub: Any) -> None:
	body = {"to": "34600000002", "message": "Hola"}
	first, second = (hub.post(SEND, body).json()["data"]["messageId"] for _ in range(2))
	assert first != second
	assert live_count(hub) == 2


def test_sending_and_reading_want_a_connected_session(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session"], shape="crm")
	send = hub.post(SEND, {"to": "34600000002", "message": "Hola"})
	read = hub.call("PUT", "/api/messages/demo_session/34600000002@s.whatsapp.net/read")
	for answer in (send, read):
		assert (answer.status_code, answer.json()["code"]) == (400, "SESSION_NOT_CONNECTED")


def test_a_message_to_a_new_number_makes_a_chat_and_a_contact(hub: Any) -> None:
	before = hub.state()["sessions"]["demo_session"]["expected"]
	hub.post(SEND, {"to": "34600000099", "message": "Hola"})
	after = hub.state()["sessions"]["demo_session"]["expected"]
	assert (after["chats"], after["contacts"]) == (before["chats"] + 1, before["contacts"] + 1)
	assert hub.data("/api/contacts/demo_session/search/34600000099")["contact"]["name"] == "34600000099"


def test_a_message_gets_its_ticks(hub: Any, wait: Callable[..., Any]) -> None:
	hub.post(SEND, {"to": "34600000002", "message": "Hola"})
	path = "/api/messages/demo_session/34600000002@s.whatsapp.net"
	wait(lambda: hub.data(path, limit=1)["messages"][0]["status"] == "read")


def test_only_a_failed_message_can_be_retried_and_three_times(hub: Any, wait: Callable[..., Any]) -> None:
	hub.sim("faults", message_failed=True)
	message_id = hub.post(SEND, {"to": "34600000002", "message": "Hola"}).json()["data"]["messageId"]
	path = f"/api/messages/{message_id}/retry"
	listed = "/api/messages/demo_session/34600000002@s.whatsapp.net"
	wait(lambda: hub.data(listed, limit=1)["messages"][0]["status"] == "failed")
	assert hub.post(path).status_code == 200
	assert hub.post(path).status_code == 400
	for _ in range(2):
		hub.sim("receipt", session="demo_session", message_id=message_id, status="failed")
		assert hub.post(path).status_code == 200
	hub.sim("receipt", session="demo_session", message_id=message_id, status="failed")
	assert hub.post(path).status_code == 400


def test_a_deleted_message_loses_its_text(hub: Any) -> None:
	listed = "/api/messages/demo_session/34600000002@s.whatsapp.net"
	row = hub.data(listed, limit=1)["messages"][0]
	assert hub.call("DELETE", f"/api/messages/{row['whatsappMessageId']}").status_code == 200
	after = hub.data(listed, limit=1)["messages"][0]
	assert (after["content"], after["isDeleted"]) == ("", True)
	assert hub.call("DELETE", "/api/messages/3EB0000000000000000000").status_code == 404
