"""How rows of lists look in each of the three shapes: keys, spellings and pagination of `docs/hub.md`.

`seed` is the user's document, `full` the vendor's long reference, `crm` the one of November 2025.
"""

from __future__ import annotations

from typing import Any

from .answers import iso
from .data import Contact, Message
from .jids import index_of_jid
from .sessions import Session
from .store import Chat

Row = dict[str, Any]


def spelled(jid: str, shape: str) -> str:
	"""The JID as lists of that shape write it: `full` has some chats as `@c.us`."""
	index = index_of_jid(jid)
	if shape == "full" and index is not None and index % 8 == 2:
		return jid.replace("@s.whatsapp.net", "@c.us")
	return jid


def contact_row(contact: Contact, shape: str) -> Row:
	"""A row of the contact list."""
	if shape == "seed":
		return {
			"id": contact.jid,
			"name": contact.name,
			"phone": contact.phone,
			"isUser": not contact.is_group,
			"isGroup": contact.is_group,
		}
	return {
		"id": contact.jid,
		"name": contact.name,
		"verifiedName": contact.verified_name,
		"notify": contact.notify,
		"imgUrl": contact.image_url,
		"isUser": not contact.is_group,
		"isGroup": contact.is_group,
		"isWAContact": not contact.is_group,
	}


def contact_info(contact: Contact, shape: str) -> Row:
	"""The one contact of `/info/{contactId}`."""
	profile = {"description": contact.about, "website": None, "email": None} if contact.is_business else None
	return {
		**contact_row(contact, shape),
		"isBusiness": contact.is_business,
		"isBlocked": contact.is_blocked,
		"isMyContact": contact.is_my_contact,
		"businessProfile": profile,
		"status": contact.about,
		"lastSeen": None,
	}


def chat_row(chat: Chat, shape: str) -> Row:
	"""A row of the chat list."""
	last = chat.last
	if shape == "seed":
		return {
			"chatId": chat.jid,
			"name": chat.name,
			"lastMessage": last
			and {"content": last.text, "timestamp": iso(last.timestamp_ms), "fromMe": last.from_me},
			"unreadCount": chat.unread,
			"isGroup": chat.is_group,
		}
	row: Row = {
		"chatId": spelled(chat.jid, shape),
		"name": chat.name,
		"contactName": chat.name,
		"isGroup": chat.is_group,
		"lastMessage": last
		and {"body": last.text, "timestamp": last.timestamp_ms // 1000, "fromMe": last.from_me},
		"unreadCount": chat.unread,
		"messageCount": chat.total,
		"totalMessages": chat.total,
		"profilePicture": chat.image_url,
	}
	if shape == "crm":
		row |= {
			"isArchived": chat.archived,
			"pinned": chat.pinned,
			"isMuted": chat.mute_expiration_ms is not None,
			"muteExpiration": chat.mute_expiration_ms,
			"isReadOnly": chat.read_only,
			"isBroadcast": chat.is_broadcast,
		}
		if last is None:
			del row["lastMessage"]
	return row


def message_row(
	message: Message, shape: str, own: str, in_chat: bool = False, crm_message_ids: bool = False
) -> Row:
	"""A row of a message list.

	Args:
		own: JID of the session's account.
		in_chat: listed by `/{chatId}`, where `full` leaves out from, to and type.
		crm_message_ids: `crm` has no WhatsApp id in lists unless this is set.
	"""
	chat = spelled(message.chat, shape)
	row: Row
	if shape == "crm":
		row = {
			"id": message.hub_id,
			"chatId": chat,
			"fromMe": message.from_me,
			"body": message.text,
			"type": message.kind,
			"status": message.status,
			"timestamp": iso(message.timestamp_ms),
			"mediaUrl": message.media["url"] if message.media else None,
			"hasReactions": bool(message.reactions),
		}
		if crm_message_ids:
			row["whatsappMessageId"] = message.message_id
	else:
		row = {
			"id": message.hub_id,
			"whatsappMessageId": message.message_id,
			"chatId": chat,
			"from": own if message.from_me else message.sender or message.chat,
			"to": message.chat if message.from_me else own,
			"fromMe": message.from_me,
			"type": message.kind,
			"content": message.text,
			"timestamp": iso(message.timestamp_ms),
			"status": message.status,
			"isRead": message.is_read,
		}
		if message.media:
			row |= {"hasMedia": True, "media": message.media}
		if shape == "full" and in_chat:
			for key in ("from", "to", "type"):
				del row[key]
	if shape != "full" and message.chat.endswith("@g.us") and message.sender:
		row["participant"] = message.sender
	return row | _rare_keys(message)


def _rare_keys(message: Message) -> Row:
	said: Row = {}
	if message.quoted_id:
		said["quotedMessageId"] = message.quoted_id
	if message.push_name:
		said["pushName"] = message.push_name
	if message.location:
		said["location"] = message.location
	if message.is_forwarded:
		said["isForwarded"] = True
	if message.is_starred:
		said["isStarred"] = True
	if message.is_deleted:
		said["isDeleted"] = True
	if message.error:
		said["error"] = message.error
	return said


def sent_answer(message: Message, to: str, kind: str, spoken: Any, shape: str) -> Row:
	"""`data` of the answer to a send."""
	instant = iso(message.timestamp_ms)
	if shape == "crm":
		return {
			"message": {
				"id": message.hub_id,
				"whatsappMessageId": message.message_id,
				"chatId": message.chat,
				"fromMe": True,
				"body": message.text,
				"type": kind,
				"status": "sent",
				"timestamp": instant,
			}
		}
	answer: Row = {"messageId": message.message_id, "to": to}
	if shape == "full":
		answer |= {"message": spoken, "type": kind}
	return {**answer, "status": "sent", "timestamp": instant}


def session_row(session: Session, shape: str) -> Row:
	"""A row of the session list, and the session itself."""
	row: Row = {
		"id": session.hub_id,
		"sessionId": session.session_id,
		"sessionName": session.name,
		"status": session.status,
		"phoneNumber": session.phone,
		"isConnected": session.is_connected,
		"hasQR": session.qr is not None,
		"lastActivity": iso(session.activity_ms),
		"createdAt": iso(session.created_ms),
	}
	if shape == "seed":
		row |= {
			"updatedAt": iso(session.updated_ms),
			"userId": 2,
			"organizationId": 1,
			"phoneNumberId": f"{session.phone}:71@s.whatsapp.net" if session.phone else None,
			"qrCode": session.qr,
			"qrCodeGeneratedAt": iso(session.qr_at_ms) if session.qr_at_ms else None,
			"qrCodeExpiresAt": iso(session.qr_expires_ms) if session.qr_expires_ms else None,
		}
	return row


def session_status(session: Session, shape: str) -> Row:
	"""`data` of `/status`."""
	row: Row = {
		"id": session.hub_id,
		"sessionId": session.session_id,
		"status": session.status,
		"phoneNumber": session.phone,
		"lastActivity": iso(session.activity_ms),
		"isConnected": session.is_connected,
		"hasQR": session.qr is not None,
	}
	if shape == "full":
		del row["id"]
	return row


def created_answer(session: Session, variant: str, webhook_url: str | None) -> Row:
	"""`data` of the answer to creating a session."""
	base: Row = {"id": session.hub_id, "sessionId": session.session_id}
	if variant == "live":
		base |= {
			"sessionName": session.name,
			"status": session.status,
			"phoneNumber": session.phone,
			"sendToFrappe": session.send_to_frappe,
		}
		return {"session": base}
	if variant == "crm":
		return {**base, "status": session.status, "qrCode": session.qr}
	if variant == "guia":
		return {**base, "webhookUrl": webhook_url, "status": "pending"}
	unpaired: Row = {"phoneNumber": session.phone, "createdAt": iso(session.created_ms)}
	if variant == "metodos":
		del base["id"]
		return {**base, "status": "qr", "qrCode": session.qr, **unpaired}
	return {**base, "sessionName": session.name, "status": "pending", "qrCode": None, **unpaired}
