"""The bodies of webhooks in the five payload families of `docs/hub.md`.

v1: envelope with data like whatsapp-web.js. v2: nested message, session inside `data`. v3: the external integrators'
shape. v4: flat, no `data`. v5: `message` or `payload` at the top, the event in the header only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .answers import iso
from .data import Contact, Message
from .happenings import ACKS, SPOKEN_BY_V3, Happening
from .jids import is_group, phone_of
from .sessions import Session

Body = dict[str, Any]


def build(family: str, happening: Happening) -> tuple[str, Body]:
	"""The event's name as the family speaks it, and the body to be signed and posted."""
	event = SPOKEN_BY_V3.get(happening.event, happening.event) if family == "v3" else happening.event
	return event, _BUILDERS[family](event, happening)


def wweb_jid(jid: str) -> str:
	"""As whatsapp-web.js spells it: `@c.us`."""
	return jid.replace("@s.whatsapp.net", "@c.us")


def wweb_id(message: Message, own: str) -> Body:
	"""The id object of whatsapp-web.js."""
	remote = wweb_jid(message.chat)
	flag, suffix = ("true", "out") if message.from_me else ("false", "in")
	identity: Body = {
		"fromMe": message.from_me,
		"remote": remote,
		"id": message.message_id,
		"_serialized": f"{flag}_{remote}_{message.message_id}_{suffix}",
	}
	if is_group(message.chat):
		identity["participant"] = wweb_jid(message.sender or own)
	return identity


def contact_payload(contact: Contact) -> Body:
	return {
		"id": contact.jid,
		"phone": contact.phone,
		"name": contact.name,
		"notify": contact.notify,
		"imgUrl": contact.image_url,
	}


def reaction_payload(happening: Happening) -> Body:
	"""`key` names the message reacted to; `key.fromMe` says who wrote that one."""
	reaction = happening.reaction
	assert reaction is not None
	key: Body = {
		"remoteJid": reaction.target.chat,
		"fromMe": reaction.target.from_me,
		"id": reaction.target.message_id,
	}
	if is_group(reaction.target.chat) and reaction.target.sender:
		key["participant"] = reaction.target.sender
	return {"key": key, "text": reaction.emoji, "senderTimestampMs": str(happening.instant_ms)}


def session_payload(happening: Happening, with_status: bool) -> Body:
	"""What a session, contact, chat or conversation event says."""
	session, event = happening.session, happening.event
	if event == "session.qr":
		return {"qrCode": session.qr, "expiresAt": iso(session.qr_expires_ms or happening.instant_ms)}
	if event in ("session.connected", "session.disconnected"):
		said: Body = (
			{"phoneNumber": session.phone} if event == "session.connected" else {"reason": happening.reason}
		)
		if with_status:
			said["status"] = event.partition(".")[2]
		return {**said, "timestamp": iso(happening.instant_ms)}
	if happening.contact is not None:
		return {"contact": contact_payload(happening.contact)}
	said = {"chatId": happening.chat}
	if event.startswith("chat."):
		said["isArchived"] = happening.archived
	return said


def receipt_payload(happening: Happening) -> Body:
	"""A receipt with the bare message id."""
	message = happening.message
	assert message is not None
	if happening.event == "message.ack":
		return {
			"messageId": message.message_id,
			"ack": ACKS[happening.status],
			"timestamp": happening.instant_ms // 1000,
		}
	said: Body = {
		"messageId": message.message_id,
		"status": happening.status,
		"timestamp": iso(happening.instant_ms),
	}
	if happening.error:
		said["error"] = happening.error
	return said


def _is_receipt(happening: Happening) -> bool:
	return happening.message is not None and bool(happening.status)


def _v1(event: str, happening: Happening) -> Body:
	session, message = happening.session, happening.message
	own = session.jid
	data: Body
	if happening.reaction is not None:
		reaction = happening.reaction
		data = {
			"id": reaction.message_id,
			"from": wweb_jid(reaction.sender),
			"type": "reaction",
			"timestamp": happening.instant_ms // 1000,
			"reactionMessage": reaction_payload(happening),
		}
		if is_group(reaction.target.chat):
			data |= {"from": reaction.target.chat, "author": wweb_jid(reaction.sender)}
	elif _is_receipt(happening) and event != "message.ack":
		assert message is not None
		data = {**receipt_payload(happening), "id": wweb_id(message, own)}
		del data["messageId"]
	elif _is_receipt(happening):
		data = receipt_payload(happening)
	elif message is not None:
		data = _v1_message(message, own)
	else:
		data = session_payload(happening, with_status=False)
	return {
		"event": event,
		"sessionId": session.session_id,
		"timestamp": iso(happening.instant_ms),
		"data": data,
	}


def _v1_message(message: Message, own: str) -> Body:
	chat = wweb_jid(message.chat)
	data: Body = {
		"id": wweb_id(message, own),
		"body": message.text,
		"timestamp": message.timestamp_ms // 1000,
		"from": wweb_jid(own) if message.from_me else chat,
		"to": chat if message.from_me else wweb_jid(own),
		"fromMe": message.from_me,
	}
	if not message.from_me:
		data |= {
			"type": "chat" if message.kind == "text" else message.kind,
			"hasMedia": message.media is not None,
			"isForwarded": message.is_forwarded,
			"isStarred": message.is_starred,
			"isStatus": message.chat == "status@broadcast",
			"quotedMsgId": message.quoted_id,
		}
	if is_group(message.chat) and message.sender:
		data["author"] = wweb_jid(message.sender)
	return data | _extras(message)


def _extras(message: Message) -> Body:
	"""What only some messages have."""
	said: Body = {}
	if message.push_name:
		said["pushName"] = message.push_name
	if message.media is not None:
		said["media"] = message.media
	if message.location is not None:
		said["location"] = message.location
	return said


def _flat_message(message: Message, session: Session) -> Body:
	own = session.jid
	said: Body = {
		"whatsappMessageId": message.message_id,
		"content": message.text,
		"chatId": message.chat,
		"from": own if message.from_me else message.sender or message.chat,
		"to": message.chat if message.from_me else session.session_id,
		"timestamp": message.timestamp_ms // 1000,
		"type": message.kind,
		"has_attachment": message.media is not None,
		"media": None,
	}
	if message.quoted_id:
		said["quotedMessageId"] = message.quoted_id
	if is_group(message.chat) and message.sender:
		said["participant"] = message.sender
	return said | _extras(message)


def _reaction_message(happening: Happening) -> Body:
	reaction = happening.reaction
	assert reaction is not None
	return {
		"whatsappMessageId": reaction.message_id,
		"chatId": reaction.target.chat,
		"from": reaction.sender,
		"timestamp": happening.instant_ms // 1000,
		"type": "reaction",
		"reactionMessage": reaction_payload(happening),
	}


def _v2(event: str, happening: Happening) -> Body:
	session, message = happening.session, happening.message
	data: Body = {"sessionId": session.session_id, "session_db_id": session.hub_id}
	if happening.reaction is not None:
		data["message"] = _reaction_message(happening)
	elif _is_receipt(happening):
		data["message"] = receipt_payload(happening)
	elif message is not None:
		data["message"] = _flat_message(message, session)
	else:
		data |= session_payload(happening, with_status=True)
	return {"event": event, "data": data}


def _v3(event: str, happening: Happening) -> Body:
	session, message = happening.session, happening.message
	data: Body
	if happening.reaction is not None:
		data = _reaction_message(happening)
	elif _is_receipt(happening):
		data = receipt_payload(happening)
	elif message is not None:
		data = _v3_message(message, session)
	else:
		data = session_payload(happening, with_status=True)
	return {
		"event": event,
		"timestamp": iso(happening.instant_ms).replace(".000Z", "Z"),
		"sessionId": session.session_id,
		"data": data,
	}


def _v3_message(message: Message, session: Session) -> Body:
	person = message.chat if message.from_me else message.sender or message.chat
	number = phone_of(person) or person
	contact = session.store.contact(person)
	said: Body = {
		"messageId": message.message_id,
		"from": session.session_id if message.from_me else number,
		"to": number if message.from_me else session.session_id,
		"message": message.text,
		"type": message.kind,
		"timestamp": iso(message.timestamp_ms).replace(".000Z", "Z"),
		"contact": {"name": message.push_name or (contact.name if contact else None), "phone": number},
	}
	if message.from_me:
		said["fromMe"] = True
	if is_group(message.chat):
		said["chatId"] = message.chat
	return said | {key: value for key, value in _extras(message).items() if key != "pushName"}


def _v4(event: str, happening: Happening) -> Body:
	session, message = happening.session, happening.message
	body: Body = {"event": event, "sessionId": session.session_id}
	if happening.reaction is not None:
		body |= _reaction_message(happening)
	elif _is_receipt(happening):
		body |= receipt_payload(happening)
	elif message is not None:
		body |= _flat_message(message, session) | {"fromMe": message.from_me}
	else:
		body |= session_payload(happening, with_status=False)
		body["timestamp"] = iso(happening.instant_ms)
	return body


def _v5(event: str, happening: Happening) -> Body:
	session, message = happening.session, happening.message
	body: Body = {"sessionId": session.session_id, "timestamp": iso(happening.instant_ms)}
	if happening.reaction is not None:
		body["message"] = {"from": happening.reaction.sender, "chatId": happening.reaction.target.chat}
		body["reactionMessage"] = reaction_payload(happening)
	elif _is_receipt(happening):
		body["payload"] = receipt_payload(happening)
	elif message is not None:
		body["message"] = _flat_message(message, session) | {"fromMe": message.from_me}
	else:
		body["payload"] = session_payload(happening, with_status=True)
	return body


_BUILDERS: dict[str, Callable[[str, Happening], Body]] = {
	"v1": _v1,
	"v2": _v2,
	"v3": _v3,
	"v4": _v4,
	"v5": _v5,
}
