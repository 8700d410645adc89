"""Every event in every family of payloads, over HTTP: what is stored is the same, whatever shape it came in.

V1 is the envelope with data like whatsapp-web.js, V2 the nested message, V3 the external integrators' shape, V4 has no
`data`, V5 has the message or payload at the top and the event in the header only (docs/hub.md, "Webhooks").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import frappe
import pytest

from support import factories, webhooks
from support.factories import SESSION
from support.webhooks import NOON, PERSON, event, jid_of
from xappiens_whatsapp.store import messages

if TYPE_CHECKING:
	from support.web import Web

Shape = tuple[str, dict[str, Any]]  # X-Webhook-Event, "" for none; and the body
Shapes = Mapping[str, Shape]

ID = "3EB0AAAA00000000F1"
JID, OWN = jid_of(PERSON), jid_of(factories.NUMBER)
ISO = "2025-12-19T12:00:00.000Z"  # NOON
LATER, LATER_ISO = NOON + 50, "2025-12-19T12:00:50.000Z"
DOCTYPES = ("Webhook Event", "Message", "Message Reaction", "Conversation", "Contact")


def in_families(name: str, **said: Any) -> dict[str, Shape]:
	"""An event of which every family says the same."""
	return {
		"V1, V3": ("", event(name, **said)),
		"V2": ("", {"event": name, "data": {"sessionId": SESSION, "session_db_id": 12, **said}}),
		"V4": ("", {"event": name, "sessionId": SESSION, **said}),
		"V5": (name, {"sessionId": SESSION, "payload": said}),
		"V5, session in the payload": (name, {"payload": {"sessionId": SESSION, **said}}),
		"in capitals, with its time": ("", {**event(name.upper(), **said), "timestamp": LATER_ISO}),
	}


def named(shapes: Shapes, *aliases: str) -> dict[str, Shape]:
	"""The first of the shapes under other names."""
	body = next(iter(shapes.values()))[1]
	return {alias: ("", {**body, "event": alias}) for alias in aliases}


def id_object(*, mine: bool) -> dict[str, Any]:
	"""How whatsapp-web.js names a message."""
	remote, way = f"{PERSON}@c.us", "out" if mine else "in"
	serialized = f"{str(mine).lower()}_{remote}_{ID}_{way}"
	return {"fromMe": mine, "remote": remote, "id": ID, "_serialized": serialized}


def received() -> dict[str, Shape]:
	from_web = {
		"id": id_object(mine=False),
		"body": "¡Hola! 😊",
		"type": "chat",
		"timestamp": NOON,
		"from": f"{PERSON}@c.us",
		"to": f"{factories.NUMBER}@c.us",
		"fromMe": False,
		"hasMedia": False,
		"isForwarded": False,
		"isStarred": False,
		"isStatus": False,
		"quotedMsgId": None,
	}
	old = {
		key: value for key, value in from_web.items() if key not in ("isForwarded", "isStarred", "isStatus")
	}
	nested = {
		"whatsappMessageId": ID,
		"content": "¡Hola! 😊",
		"chatId": JID,
		"from": JID,
		"to": SESSION,
		"timestamp": NOON,
		"type": "text",
		"has_attachment": False,
		"media": None,
	}
	external = {
		"messageId": ID,
		"from": PERSON,
		"to": SESSION,
		"message": "¡Hola! 😊",
		"type": "text",
		"timestamp": ISO,
		"contact": {"name": PERSON, "phone": PERSON},
	}
	shapes = {
		"V1": ("", {**event("message.received", **from_web), "timestamp": ISO}),
		"V1, to the session's id": ("", event("message.received", **{**old, "to": "demo_session@c.us"})),
		"V2": ("", {"event": "message.received", "data": {"sessionId": SESSION, "message": nested}}),
		"V2, to the session's number": (
			"message.received",
			{
				"event": "message.received",
				"data": {"session_db_id": 12, "message": {**nested, "to": factories.NUMBER}},
			},
		),
		"V2 with V3's text": ("", event("message.received", **external)),
		"V3": ("", {**event("message", **external), "timestamp": ISO}),
		"V4": ("", {"event": "message.received", "sessionId": SESSION, **nested}),
		"V5": ("message.received", {"sessionId": SESSION, "message": nested}),
		"V5, payload": ("message.received", {"sessionId": SESSION, "payload": nested}),
	}
	return {**shapes, **named(shapes, "message", "message.new", "message_create")}


def photo() -> dict[str, Shape]:
	media = {
		"filename": "photo.jpg",
		"filesize": 245678,
		"mimetype": "image/jpeg",
		"url": "https://media.example/x",
	}
	said = {"from": JID, "chatId": JID, "timestamp": NOON, "type": "image"}
	nested = {
		"whatsappMessageId": ID,
		"content": "La factura",
		"has_attachment": True,
		"media": media,
		**said,
	}
	return {
		"V1": ("", event("message.received", id=ID, body="La factura", hasMedia=True, media=media, **said)),
		"V2": ("", {"event": "message.received", "data": {"sessionId": SESSION, "message": nested}}),
		"V3": ("", event("message", messageId=ID, message="La factura", media=media, **said)),
		"V4": ("", {"event": "message.received", "sessionId": SESSION, **nested}),
		"V5": ("message.received", {"sessionId": SESSION, "message": nested}),
	}


def typed_on_the_phone() -> dict[str, Shape]:
	said = {"body": "Ya va", "timestamp": NOON, "from": f"{factories.NUMBER}@c.us", "to": f"{PERSON}@c.us"}
	nested = {
		"whatsappMessageId": ID,
		"content": "Ya va",
		"chatId": JID,
		"from": OWN,
		"to": JID,
		"timestamp": NOON,
	}
	return {
		"V1": ("", event("message.sent", id=id_object(mine=True), fromMe=True, **said)),
		"V2": ("", {"event": "message.sent", "data": {"sessionId": SESSION, "message": nested}}),
		"V3": ("", event("message.sent", messageId=ID, message="Ya va", to=PERSON, timestamp=ISO)),
		"V4": ("", {"event": "message.sent", "sessionId": SESSION, "fromMe": True, **nested}),
		"V5": ("message.sent", {"sessionId": SESSION, "message": {**nested, "fromMe": True}}),
		"as whatsapp-web.js announces it": ("", event("message_create", id=id_object(mine=True), **said)),
	}


def confirmed() -> dict[str, Shape]:
	"""message.sent in its short forms: for a message that the Hub was asked to send."""
	return {
		**in_families("message.sent", messageId=ID, timestamp=LATER),
		"id": ("", event("message.sent", id=ID, timestamp=LATER)),
		"id in a message": ("", event("message.sent", message={"messageId": ID}, timestamp=LATER)),
	}


def receipt(name: str, status: str, *acks: int, **more: Any) -> dict[str, Shape]:
	return {
		**in_families(name, messageId=ID, timestamp=LATER, **more),
		"with its status": ("", event(name, messageId=ID, status=status, timestamp=LATER_ISO, **more)),
		"id object": ("", event(name, id=id_object(mine=True), timestamp=LATER, **more)),
		"message object": (
			"",
			event(name, message={"messageId": ID, "status": status, "timestamp": LATER, **more}),
		),
		"id and status on two floors": (
			"",
			event(name, messageId=ID, timestamp=LATER, message={"status": status, **more}),
		),
		"message_status": ("", event("message_status", messageId=ID, status=status, timestamp=LATER, **more)),
		**{
			f"{alias} {ack}": ("", event(alias, messageId=ID, ack=ack, timestamp=LATER, **more))
			for ack in acks
			for alias in ("message.ack", "message_ack")
		},
	}


def connected() -> dict[str, Shape]:
	shapes = in_families("session.connected", phoneNumber=factories.NUMBER, timestamp=LATER_ISO)
	said = {"phoneNumber": f"{factories.NUMBER}:71@s.whatsapp.net", "timestamp": LATER, "status": "CONNECTED"}
	return {
		**shapes,
		"with its status": ("", event("session.connected", **said)),
		**{
			alias: ("", event(alias, **said))
			for alias in ("session_status", "session.status", "connection_update")
		},
	}


def disconnected() -> dict[str, Shape]:
	said = {"reason": "logout", "timestamp": LATER, "status": "disconnected"}
	return {
		**in_families("session.disconnected", reason="logout", timestamp=LATER_ISO),
		**{alias: ("", event(alias, **said)) for alias in ("session.disconnected", "session_status")},
	}


def scan_me() -> dict[str, Shape]:
	said = {
		"qrCode": "data:image/png;base64,AAAA",
		"expiresAt": "2025-12-19T12:01:50.000Z",
		"timestamp": LATER,
	}
	return {
		**in_families("session.qr", **said),
		"bare base64": ("", event("session.qr", **{**said, "qrCode": "AAAA"})),
		"session_status": ("", event("session_status", status="qr_code", **said)),
	}


def contact() -> dict[str, Shape]:
	said = {"id": JID, "phone": PERSON, "name": "María Muñoz", "imgUrl": "https://media.example/maria.jpg"}
	shapes = {
		**in_families("contact.updated", contact=said),
		"flat": ("", event("contact.updated", **said)),
		"payload": ("contact.updated", {"sessionId": SESSION, "payload": said}),
		"@c.us": ("", event("contact.updated", contact={**said, "id": f"{PERSON}@c.us"})),
	}
	return {**shapes, **named(shapes, "contact.created", "contact_update")}


def archived(name: str, flag: bool) -> dict[str, Shape]:
	return {
		**in_families(name, chatId=JID, isArchived=flag),
		"no flag": ("", event(name, chatId=f"{PERSON}@c.us")),
		"chat object": ("", event(name, chat={"id": JID, "archived": flag})),
	}


def reaction() -> dict[str, Shape]:
	said = {
		"key": {"remoteJid": JID, "fromMe": True, "id": ID},
		"text": "👍",
		"senderTimestampMs": f"{LATER}000",
	}
	nested = {"whatsappMessageId": "3EB0REACTION", "chatId": JID, "from": JID, "reactionMessage": said}
	other_word = {key: value for key, value in said.items() if key != "text"} | {"reaction": "👍"}
	return {
		"in the message": ("", event("message.received", message=nested)),
		"in data": ("", event("message.received", **{"from": JID, "chatId": JID, "reactionMessage": said})),
		"at the top": ("", {**event("message.received", **{"from": JID}), "reactionMessage": said}),
		"V4": ("", {"event": "message.received", "sessionId": SESSION, **nested}),
		"V5": ("message.received", {"sessionId": SESSION, "message": nested}),
		"called reaction": ("", event("message", message={**nested, "reactionMessage": other_word})),
	}


def message(**changed: Any) -> dict[str, Any]:
	"""The stored message, unless `changed`: written by the other person at noon."""
	return {
		"message_id": ID,
		"content": "¡Hola! 😊",
		"message_type": "text",
		"direction": "Incoming",
		"status": "Delivered",
		"error_message": "",
		"from_number": PERSON,
		"to_number": "",
		"participant": "",
		"timestamp_ms": NOON * 1000,
		"media_url": "",
		"media_file_name": "",
		"media_size": 0,
		"sent_at": None,
		"delivered_at": None,
		"read_at": None,
		**changed,
	}


def own_message(**changed: Any) -> dict[str, Any]:
	own = {"content": "Ya va", "direction": "Outgoing", "status": "Sent", "sent_at": "13:00:00"}
	return message(**{**own, "from_number": "", "to_number": PERSON, **changed})


def chat(**changed: Any) -> dict[str, Any]:
	return {
		"chat_id": JID,
		"contact_name": f"+{PERSON}",
		"unread_count": 1,
		"last_message": "¡Hola! 😊",
		"last_message_timestamp_ms": NOON * 1000,
		"is_archived": 0,
		**changed,
	}


def person(**changed: Any) -> dict[str, Any]:
	return {
		"contact_id": JID,
		"phone_number": PERSON,
		"contact_name": f"+{PERSON}",
		"profile_pic_url": "",
		**changed,
	}


def session(**changed: Any) -> dict[str, Any]:
	return {"status": "Connected", "phone_number": None, "error_message": None, "qr_code": None, **changed}


OWN_CHAT = chat(unread_count=0, last_message="Ya va")
NEW_MESSAGE = {"Message": [message()], "Conversation": [chat()], "Contact": [person()]}
OUR_MESSAGE = {"Message": [own_message()], "Conversation": [OWN_CHAT], "Contact": [person()]}


def with_receipt(**changed: Any) -> dict[str, list]:
	return {**OUR_MESSAGE, "Message": [own_message(**changed)]}


REACHED = "13:00:50"
UNTOUCHED = {
	**dict.fromkeys(("phone_number", "error_message", "qr_code", "qr_expires_at")),
	**dict.fromkeys(("is_connected", "status_timestamp_ms", "qr_timestamp_ms"), 0),
}

# What the event is, its shapes, whether our message is there before, and what is to be there afterwards.
TABLE: dict[str, tuple[Callable[[], Shapes], bool, dict[str, list[dict[str, Any]]]]] = {
	"message.received": (received, False, NEW_MESSAGE),
	"message.received, a photo": (
		photo,
		False,
		{
			"Message": [
				message(
					content="La factura",
					message_type="image",
					media_url="https://media.example/x",
					media_file_name="photo.jpg",
					media_size=245678,
				)
			],
			"Conversation": [chat(last_message="La factura")],
			"Contact": [person()],
		},
	),
	"message.sent, on the phone": (typed_on_the_phone, False, OUR_MESSAGE),
	"message.sent, confirmed": (confirmed, True, with_receipt(sent_at=REACHED)),
	"message.delivered": (
		lambda: receipt("message.delivered", "delivered", 2),
		True,
		with_receipt(status="Delivered", delivered_at=REACHED),
	),
	"message.read": (
		lambda: receipt("message.read", "read", 3, 4),
		True,
		with_receipt(status="Read", read_at=REACHED),
	),
	"message.failed": (
		lambda: receipt("message.failed", "failed", -1, error="not on WhatsApp"),
		True,
		with_receipt(status="Failed", error_message="not on WhatsApp"),
	),
	"message.ack, sent": (
		lambda: {"1": ("", event("message.ack", messageId=ID, ack=1, timestamp=LATER))},
		True,
		with_receipt(sent_at=REACHED),
	),
	"message.ack, pending": (
		lambda: {"0": ("", event("message.ack", messageId=ID, ack=0, timestamp=LATER))},
		True,
		OUR_MESSAGE,
	),
	"message.received, a reaction": (
		reaction,
		True,
		{**OUR_MESSAGE, "Message Reaction": [{"emoji": "👍", "from_jid": JID, "timestamp_ms": LATER * 1000}]},
	),
	"session.connected": (connected, False, {"Session": [session(phone_number=factories.NUMBER)]}),
	"session.disconnected": (
		disconnected,
		False,
		{"Session": [session(status="Disconnected", error_message="logout")]},
	),
	"session.qr": (
		scan_me,
		False,
		{"Session": [session(status="QR Code Required", qr_code="data:image/png;base64,AAAA")]},
	),
	"contact.updated": (
		contact,
		False,
		{"Contact": [person(contact_name="María Muñoz", profile_pic_url="https://media.example/maria.jpg")]},
	),
	"chat.archived": (
		lambda: archived("chat.archived", True),
		True,
		{**OUR_MESSAGE, "Conversation": [{**OWN_CHAT, "is_archived": 1}]},
	),
	"chat.unarchived": (lambda: archived("chat.unarchived", False), True, OUR_MESSAGE),
}


def start(*, with_message: bool) -> None:
	"""A session on which nothing has happened yet, except that our message was sent where one is wanted."""
	for doctype in DOCTYPES:
		frappe.db.delete(f"WhatsApp {doctype}")
	status = "Connected" if with_message else "Connecting"
	frappe.db.set_value("WhatsApp Session", SESSION, {**UNTOUCHED, "session_db_id": 12, "status": status})
	if with_message:
		messages.receive(
			SESSION, factories.message_record("Ya va", PERSON, message_id=ID, from_me=True, status="Sent")
		)
	frappe.db.commit()


@pytest.fixture(autouse=True)
def site_with_session() -> None:
	factories.set_up()
	factories.make_session()


def stored(expected: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
	"""The rows of the DocTypes that are expected, with the columns that are expected; times as the clock shows them."""
	frappe.db.rollback()
	columns = {"Session": session(), "Message Reaction": {"emoji": "", "from_jid": "", "timestamp_ms": 0}}
	return {
		doctype: [
			{column: as_shown(value) for column, value in row.items()}
			for row in frappe.get_all(f"WhatsApp {doctype}", fields=list(columns.get(doctype) or rows[0]))
		]
		for doctype, rows in expected.items()
	}


def as_shown(value: Any) -> Any:
	return value.strftime("%H:%M:%S") if hasattr(value, "strftime") else value


@pytest.mark.parametrize("name", TABLE)
def test_event_is_stored_the_same_in_each_family(web: Web, name: str) -> None:
	shapes, with_message, expected = TABLE[name]
	found, statuses = {}, {}
	for shape, (header, body) in shapes().items():
		start(with_message=with_message)
		answer = webhooks.post(web, body, **({"X_Webhook_Event": header} if header else {}))
		statuses[shape] = (answer.status_code, answer.json().get("status"))
		found[shape] = stored(expected)
	assert statuses == dict.fromkeys(statuses, (200, "Processed"))
	for shape, rows in found.items():
		assert rows == expected, shape


def test_the_eleven_events_of_the_guide_are_all_in_the_table() -> None:
	from xappiens_whatsapp.api.webhook_setup import WEBHOOK_EVENTS

	assert len(WEBHOOK_EVENTS) == 11
	assert {name.partition(",")[0] for name in TABLE} == {*WEBHOOK_EVENTS, "message.ack"}


@pytest.mark.parametrize(
	"name", ["group_update", "presence_update", "battery_update", "conversation.created", "no.such.event"]
)
def test_event_that_nobody_handles_is_kept_as_ignored(web: Web, name: str) -> None:
	start(with_message=False)
	webhooks.deliver(web, event(name, chatId=JID, message="Hola"), status="Ignored")
	assert webhooks.statuses() == {"Ignored": 1}
	assert frappe.db.count("WhatsApp Conversation") == frappe.db.count("WhatsApp Message") == 0
