"""The five payload families: what each says of the same fact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.unit

FAMILIES = ("v1", "v2", "v3", "v4", "v5")
ALL_EVENTS = [
	"message.received", "message.sent", "message.delivered", "message.read", "message.failed", "message.ack",
	"session.connected", "session.disconnected", "session.qr", "contact.updated", "chat.archived", "chat.unarchived",
]  # fmt: skip
GROUP = "120363000000000004@g.us"


@pytest.fixture
def body_of(make_hub: Callable[..., Any], receiver: Any) -> Callable[..., Any]:
	"""The event's name and the body that a family makes of one control call."""
	hub = make_hub(session=["demo_session:connected"], login_limit=0)

	def body(family: str, call: str, **fields: Any) -> tuple[str, Any]:
		hub.sim("reset", events=family)
		hub.subscribe(receiver.url, *ALL_EVENTS)
		receiver.received.clear()
		hub.sim(call, session="demo_session", **fields)
		hub.settle()
		got = receiver.received[0]
		return got.headers["x-webhook-event"], got.json

	return body


def test_a_received_text_in_every_family(body_of: Callable[..., Any]) -> None:
	said = {
		family: body_of(family, "incoming", text="Hola", message_id="3EB0AAAA00000000F1", push_name="Demo")
		for family in FAMILIES
	}
	event, v1 = said["v1"]
	assert event == v1["event"] == "message.received" and v1["sessionId"] == "demo_session"
	assert v1["data"]["id"] == {
		"fromMe": False,
		"remote": "34600000002@c.us",
		"id": "3EB0AAAA00000000F1",
		"_serialized": "false_34600000002@c.us_3EB0AAAA00000000F1_in",
	}
	assert (v1["data"]["body"], v1["data"]["type"], v1["data"]["fromMe"]) == ("Hola", "chat", False)
	_, v2 = said["v2"]
	assert set(v2) == {"event", "data"}
	assert (v2["data"]["sessionId"], v2["data"]["session_db_id"]) == ("demo_session", 2)
	message = v2["data"]["message"]
	assert (message["content"], message["chatId"]) == ("Hola", "34600000002@s.whatsapp.net")
	assert (message["media"], message["has_attachment"], message["to"]) == (None, False, "demo_session")
	assert "fromMe" not in message
	event, v3 = said["v3"]
	assert event == v3["event"] == "message"
	assert (v3["data"]["message"], v3["data"]["from"]) == ("Hola", "34600000002")
	assert v3["data"]["contact"] == {"name": "Demo", "phone": "34600000002"}
	_, v4 = said["v4"]
	assert "data" not in v4 and (v4["event"], v4["content"]) == ("message.received", "Hola")
	_, v5 = said["v5"]
	assert "event" not in v5 and "data" not in v5 and v5["message"]["content"] == "Hola"


def test_a_group_message_names_its_sender_in_every_family(body_of: Callable[..., Any]) -> None:
	for family in FAMILIES:
		_, body = body_of(family, "incoming", chat=GROUP, sender="34600000005", text="Hola")
		data = body.get("data", body)
		message = data if family in ("v1", "v3", "v4") else (data.get("message") or body["message"])
		chat = message["id"]["remote"] if family == "v1" else message["chatId"]
		sender = message.get("author") or message.get("participant") or message["from"]
		assert (chat, sender.partition("@")[0]) == (GROUP, "34600000005"), family


def test_media_is_an_object_with_a_long_link(body_of: Callable[..., Any]) -> None:
	for family in ("v1", "v2"):
		_, body = body_of(family, "incoming", type="image", text="Foto")
		message = body["data"] if family == "v1" else body["data"]["message"]
		assert set(message["media"]) == {"filename", "filesize", "mimetype", "url"}
		assert len(message["media"]["url"]) > 140


def test_a_reaction_names_the_message_reacted_to(body_of: Callable[..., Any]) -> None:
	for family in FAMILIES:
		event, body = body_of(family, "reaction", message_id="3AAA00000000F2", emoji="❤️", chat="34600000002")
		data = body.get("data", {})
		places = (data.get("message") or {}, data, body)
		found = next(place["reactionMessage"] for place in places if "reactionMessage" in place)
		assert found["key"]["id"] == "3AAA00000000F2" and found["text"] == "❤️"
		assert found["senderTimestampMs"].isdigit()
		assert event in ("message.received", "message")


def test_a_reaction_in_a_group_names_who_reacted_in_every_family(body_of: Callable[..., Any]) -> None:
	for family in FAMILIES:
		_, body = body_of(family, "reaction", message_id="3AAA00000000F2", chat=GROUP, sender="34600000005")
		data = body.get("data", body)
		message = data if family in ("v1", "v3", "v4") else data["message"]
		assert (message.get("author") or message["from"]).partition("@")[0] == "34600000005", family
		place = message if "reactionMessage" in message else body
		assert place["reactionMessage"]["key"]["remoteJid"] == GROUP


@pytest.mark.parametrize(("status", "ack"), [("delivered", 2), ("read", 3), ("failed", -1)])
def test_a_receipt_says_its_status_in_every_family(
	body_of: Callable[..., Any], status: str, ack: int
) -> None:
	for family in FAMILIES:
		event, body = body_of(family, "receipt", message_id="3EB0AAAA00000000F1", ack=ack)
		data = body.get("data") or body.get("payload") or body
		said = data.get("message", data)
		said_id = said["id"]["id"] if family == "v1" else said["messageId"]
		assert (said_id, said["status"]) == ("3EB0AAAA00000000F1", status)
		assert event == ("message_status" if family == "v3" else f"message.{status}")


def test_session_events_in_every_family(body_of: Callable[..., Any]) -> None:
	for family in FAMILIES:
		event, body = body_of(family, "disconnect", reason="conflict")
		data = body.get("data") or body.get("payload") or body
		assert data["reason"] == "conflict"
		assert event == ("session_status" if family == "v3" else "session.disconnected")
		assert ("status" in data) == (family in ("v2", "v3", "v5"))


def test_a_qr_event_has_image_and_expiry(
	make_hub: Callable[..., Any], receiver: Any, wait: Callable[..., Any]
) -> None:
	hub = make_hub(session=["demo_session"])
	hub.subscribe(receiver.url, "session.qr", "session.connected")
	hub.post("/api/sessions/demo_session/connect")
	wait(lambda: receiver.events() == ["session.qr"])
	data = receiver.received[0].json["data"]
	assert data["qrCode"].startswith("data:image/png;base64,") and data["expiresAt"].endswith("Z")
	hub.sim("scan", session="demo_session")
	wait(lambda: receiver.events() == ["session.qr", "session.connected"])
	connected = receiver.received[1].json["data"]
	assert connected["phoneNumber"] == "34600000001" and "status" not in connected


def test_contact_and_archive_events_say_what_the_handlers_read(body_of: Callable[..., Any]) -> None:
	_, contact = body_of("v2", "contact", contact_id="34600000002", name="Nuevo nombre")
	assert contact["event"] == "contact.updated"
	assert contact["data"]["contact"]["name"] == "Nuevo nombre"
	assert contact["data"]["contact"]["phone"] == "34600000002"
	_, archived = body_of("v1", "archive", chat="34600000002", archived=True)
	assert archived["data"] == {"chatId": "34600000002@s.whatsapp.net", "isArchived": True}


def test_a_message_typed_on_the_phone_is_a_message_sent(body_of: Callable[..., Any]) -> None:
	event, body = body_of("v1", "phone_message", chat="34600000002", text="Desde el móvil")
	assert event == "message.sent"
	assert body["data"]["id"]["_serialized"].startswith("true_") and body["data"]["fromMe"] is True
	assert body["data"]["id"]["_serialized"].endswith("_out") and "type" not in body["data"]


def test_a_story_says_that_it_is_one(body_of: Callable[..., Any]) -> None:
	_, body = body_of("v1", "incoming", chat="status@broadcast", sender="34600000002", text="Mi estado")
	assert body["data"]["isStatus"] is True and body["data"]["id"]["remote"] == "status@broadcast"


def test_the_family_follows_the_shape_unless_chosen(make_hub: Callable[..., Any], receiver: Any) -> None:
	hub = make_hub(session=["demo_session:connected"], shape="crm")
	hub.subscribe(receiver.url, "message.received")
	hub.sim("incoming", session="demo_session")
	hub.settle()
	assert "session_db_id" in receiver.received[0].json["data"]
