"""Messages, reactions and receipts: the Hub's spellings of each, and the record it becomes.

The same model reads a row of a list and the message inside a webhook; what only the surroundings know (which chat was
asked for, which event came) is given as a hint and believed last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import AliasPath

from . import jids, records
from .errors import PayloadError
from .rows import TEXT_KEYS, alias, real_name, required_address
from .values import (
	MAX_NOTE_LENGTH,
	Count,
	Flag,
	HubModel,
	Instant,
	Label,
	Note,
	Text,
	WebAddress,
	as_address,
	as_flag,
	as_integer,
	as_number,
	as_text,
	said,
	settle_id,
)

# whatsapp-web.js: <fromMe>_<chat>_<id>, followed by _in or _out, or in groups by the participant.
_SERIALIZED = re.compile(r"(true|false)_([^_\s]+@[^_\s]+)_(.+?)(?:_in|_out|_[^_\s]+@[^_\s]+)?", re.DOTALL)
# Ids of WhatsApp have 16 digits and more; a short number is the Hub's own row number.
_ROW_NUMBER = re.compile(r"[0-9]{1,11}")

_KINDS = {
	"": "",
	"text": "text",
	"chat": "text",
	"conversation": "text",
	"extendedtext": "text",
	"image": "image",
	"video": "video",
	"audio": "audio",
	"ptt": "voice",
	"voice": "voice",
	"document": "document",
	"documentwithcaption": "document",
	"sticker": "sticker",
	"location": "location",
	"livelocation": "location",
	"contact": "contact",
	"contacts": "contact",
	"vcard": "contact",
	"multivcard": "contact",
	"poll": "poll",
	"pollcreation": "poll",
	"buttonsresponse": "buttons",
	"buttons": "buttons",
	"listresponse": "list",
	"list": "list",
}
_MEDIA_KINDS = frozenset(("image", "video", "audio", "voice", "document", "sticker"))
_DELETED_KINDS = frozenset(("revoked", "deleted"))

# Of the two scales in use the documents mean whatsapp-web.js's; 5 is "played" on Baileys' own (docs/hub.md).
_ACK_STATUS = {-1: "Failed", 0: "Pending", 1: "Sent", 2: "Delivered", 3: "Read", 4: "Read", 5: "Read"}
_STATUS = {
	"pending": "Pending",
	"server": "Sent",
	"sent": "Sent",
	"delivered": "Delivered",
	"device": "Delivered",
	"read": "Read",
	"played": "Read",
	"failed": "Failed",
	"error": "Failed",
	"received": "Delivered",
}


@dataclass(frozen=True, slots=True)
class Identity:
	"""What the id of a message says, in whichever shape it came."""

	message_id: str = ""
	hub_id: int | None = None
	chat: str = ""
	from_me: bool | None = None
	participant: str = ""


_NOTHING = Identity()


def read_identity(value: object) -> Identity:
	"""Return what a message's id says: a bare id, a serialised one, an id object, a Baileys key, or a row number."""
	if value is None:
		return _NOTHING
	if isinstance(value, dict):
		parts = said(value)
		inner = read_identity(parts.get("_serialized"))
		bare = parts.get("id")
		from_me = as_flag(parts.get("fromMe"))
		return Identity(
			message_id=settle_id(bare) if isinstance(bare, str) else inner.message_id,
			chat=as_address(parts.get("remote") or parts.get("remoteJid")) or inner.chat,
			from_me=inner.from_me if from_me is None else from_me,
			participant=as_address(parts.get("participant")),
		)
	if isinstance(value, str) and value.strip():
		match = _SERIALIZED.fullmatch(value)
		if match:
			return Identity(
				message_id=settle_id(match[3]), chat=as_address(match[2]), from_me=match[1] == "true"
			)
		if not _ROW_NUMBER.fullmatch(value):
			return Identity(message_id=settle_id(value))
	return Identity(hub_id=as_integer(value))


def read_status(value: object) -> str:
	"""Return Pending, Sent, Delivered, Read or Failed for a status word, an ACK_ name or an ack number; "" if unknown."""
	number = as_integer(value)
	if number is not None:
		return _ACK_STATUS.get(number, "")
	return _STATUS.get(as_text(value).strip().lower().removeprefix("ack_"), "")


class MediaRow(HubModel):
	mimetype: Label = alias("mimetype", "mimeType", "mime_type", default="")
	file_name: Label = alias("filename", "fileName", "file_name", "originalName", default="")
	size: Count = alias("filesize", "size", "fileSize", "fileLength")
	url: WebAddress = alias("url", "media_url", "mediaUrl", default="")
	caption: Text = ""


class MessageRow(HubModel):
	whatsapp_id: Any = alias("whatsappMessageId")
	message_id: Any = alias("messageId", "message_id")
	id: Any = None
	key: Any = None
	chat: Any = alias("chatId", "remoteJid", "jid")
	sender_from: Any = alias("from")
	sender: Any = None
	participant: Any = alias("participant", "author")
	recipient: Any = alias("to", "recipient", "recipients")
	from_me: Flag = alias("fromMe")
	direction: Label = ""
	type: Label = alias("type", "messageType", default="")
	content: Any = alias(*TEXT_KEYS)
	timestamp: Instant = alias("timestamp", "messageTimestamp", "sentAt", "createdAt")
	status: Any = alias("status", "ackStatus")
	ack: Any = None
	is_read: Flag = alias("isRead")
	push_name: Label = alias(
		"pushName",
		"notifyName",
		"senderName",
		AliasPath("contact", "name"),
		AliasPath("_data", "notifyName"),
		default="",
	)
	error: Note = alias("error", "errorMessage", "reason", default="")
	is_forwarded: Flag = alias("isForwarded")
	is_starred: Flag = alias("isStarred")
	is_story: Flag = alias("isStatus")
	is_voice: Flag = alias("ptt", "isVoice")
	is_edited: Flag = alias("isEdited", "edited")
	is_deleted: Flag = alias("isDeleted", "isRevoked", "deleted")
	has_media: Flag = alias("has_attachment", "hasMedia")
	media_key: Text = alias("mediaKey", default="")
	media: Any = alias("media", "attachment", "mediaData")
	media_url: WebAddress = alias("mediaUrl", "media_url", default="")
	caption: Text = ""
	mimetype: Label = alias("mimetype", "mimeType", default="")
	location: Any = None
	latitude: Any = alias("latitude", "lat", "degreesLatitude")
	longitude: Any = alias("longitude", "lng", "degreesLongitude")
	quoted_id: Any = alias("quotedMsgId", "quotedMessageId")
	quoted: Any = alias("quotedMsg", "quotedMessage")
	reaction: Any = alias("reactionMessage")

	def identity(self) -> Identity:
		"""Return everything that the message's ids say together, the most explicit first."""
		ids = (self.whatsapp_id, self.message_id, self.id, self.key)
		parts = [read_identity(value) for value in ids if value is not None]
		return Identity(
			message_id=next((part.message_id for part in parts if part.message_id), ""),
			hub_id=next((part.hub_id for part in reversed(parts) if part.hub_id is not None), None),
			chat=next((part.chat for part in parts if part.chat), ""),
			from_me=next((part.from_me for part in parts if part.from_me is not None), None),
			participant=next((part.participant for part in parts if part.participant), ""),
		)

	def names_chat(self) -> bool:
		"""Whether the object itself says which chat it belongs to (a receipt does not)."""
		return bool(self.chat or self.identity().chat or self.sender_from or self._recipient())

	def record(self, *, chat_jid: str = "", from_me: bool | None = None) -> records.Message:
		"""Return the message. `chat_jid` and `from_me` are what the surroundings say, believed where the row is silent.

		Raises PayloadError at "chatId" if nobody can tell the chat.
		"""
		identity = self.identity()
		mine = self._is_mine(identity, from_me)
		chat = self._chat(identity, mine, chat_jid)
		kind, is_deleted = self._kind(), bool(self.is_deleted) or self.type.lower() in _DELETED_KINDS
		media = self._media(kind)
		sender = "" if mine else self._sender(identity, chat)
		return records.Message(
			message_id=identity.message_id,
			chat_jid=chat,
			from_me=mine,
			kind=media.kind if media else kind or self._kind_of_content(),
			text=self._text(),
			timestamp_ms=self.timestamp,
			status=self._status(mine),
			sender_jid=sender,
			recipient_jid=as_address(self._recipient()),
			push_name=real_name(self.push_name, sender),
			hub_id=identity.hub_id,
			error=self.error,
			is_forwarded=bool(self.is_forwarded),
			is_starred=bool(self.is_starred),
			is_story=bool(self.is_story) or jids.is_status(chat),
			media=media,
			location=self._location(),
			quoted=self._quoted(),
			is_edited=bool(self.is_edited),
			is_deleted=is_deleted,
		)

	def _is_mine(self, identity: Identity, hint: bool | None) -> bool:
		for said_so in (self.from_me, identity.from_me):
			if said_so is not None:
				return said_so
		if self.direction:
			return self.direction.lower() in ("outgoing", "outbound", "out")
		# Pushes of incoming messages never carry a direction (V2, V3); one's own messages always do in lists.
		return bool(hint)

	def _chat(self, identity: Identity, mine: bool, hint: str) -> str:
		other = self._recipient() if mine else self.sender_from or self.sender
		return required_address((self.chat, identity.chat, hint, other), "chatId")

	def _recipient(self) -> object:
		return self.recipient[0] if isinstance(self.recipient, list) else self.recipient

	def _sender(self, identity: Identity, chat: str) -> str:
		candidates = (self.participant, identity.participant, self.sender, self.sender_from, chat)
		people = (as_address(candidate) for candidate in candidates)
		return next((jid for jid in people if jids.is_user(jid) or jids.is_lid(jid)), "")

	def _status(self, mine: bool) -> str:
		status = read_status(self.status) or read_status(self.ack)
		if mine:
			return status
		# Of what others wrote, only whether it was read here is news.
		return "Read" if status == "Read" or self.is_read else "Delivered"

	def _kind(self) -> str:
		word = re.sub(r"[_\-\s]", "", self.type.lower()).removesuffix("message")
		kind = _KINDS.get(word, "other")
		return "voice" if kind == "audio" and self.is_voice else kind

	def _kind_of_content(self) -> str:
		return "location" if self._location() else "text"

	def _text(self) -> str:
		if isinstance(self.content, dict):
			# The shape in which media are sent comes back in some lists.
			inner = said(self.content)
			return next(
				(as_text(inner[key]) for key in ("text", "caption", "conversation") if key in inner), ""
			)
		return as_text(self.content)

	def _media(self, kind: str) -> records.Media | None:
		row = MediaRow.read(self.media) if isinstance(self.media, dict) and said(self.media) else None
		mimetype = (row.mimetype if row else "") or self.mimetype
		url = (row.url if row else "") or self.media_url
		has_media = bool(row or url or self.has_media or self.media_key or kind in _MEDIA_KINDS)
		if not has_media or kind in ("location", "contact", "poll", "buttons", "list"):
			return None
		return records.Media(
			kind=kind if kind in _MEDIA_KINDS else _kind_of_file(mimetype),
			mimetype=mimetype,
			file_name=row.file_name if row else "",
			size=row.size if row else None,
			url=url,
			caption=(row.caption if row else "") or self.caption or self._text(),
		)

	def _location(self) -> records.Location | None:
		place = said(self.location) if isinstance(self.location, dict) else {}
		latitude = _first_number(place, ("degreesLatitude", "latitude", "lat"), self.latitude)
		longitude = _first_number(place, ("degreesLongitude", "longitude", "lng"), self.longitude)
		if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
			return None
		names = [as_text(place[key]) for key in ("name", "description", "address") if key in place]
		return records.Location(latitude, longitude, ", ".join(name for name in names if name))

	def _quoted(self) -> records.Quoted | None:
		row = MessageRow.read(self.quoted) if isinstance(self.quoted, dict) else None
		message_id = read_identity(self.quoted_id).message_id or (row.identity().message_id if row else "")
		text = row._text()[:MAX_NOTE_LENGTH] if row else ""
		return records.Quoted(message_id, text) if message_id else None


def _first_number(place: dict, keys: tuple[str, ...], otherwise: object) -> float | None:
	return as_number(next((place[key] for key in keys if key in place), otherwise))


def _kind_of_file(mimetype: str) -> str:
	family = mimetype.lower().partition("/")[0]
	return family if family in ("image", "video", "audio") else "document"


class ReactionRow(HubModel):
	key: Any = alias("key", "msgId")
	emoji: Label = alias("text", "reaction", "emoji", default="")
	timestamp: Instant = alias("senderTimestampMs", "timestamp")


def read_reaction(raw: dict, surroundings: MessageRow, path: str, *, chat_jid: str = "") -> records.Reaction:
	"""Return the reaction in `raw` (Baileys' reactionMessage). `surroundings` is the message that carries it.

	`key` names the message reacted *to*, and its `fromMe` who wrote that; who reacts is said by the surroundings.
	Raises PayloadError below `path` if it is not said what was reacted to.
	"""
	row = ReactionRow.read(raw, path)
	target = read_identity(row.key)
	if not target.message_id:
		raise PayloadError(f"{path}.key.id", "missing")
	carrier = surroundings.identity()
	chat = required_address(
		(target.chat, surroundings.chat, carrier.chat, chat_jid, surroundings.sender_from),
		f"{path}.key.remoteJid",
	)
	mine = surroundings._is_mine(carrier, None)
	return records.Reaction(
		message_id=target.message_id,
		chat_jid=chat,
		sender_jid="" if mine else surroundings._sender(carrier, chat),
		from_me=mine,
		emoji=row.emoji,
		timestamp_ms=row.timestamp or surroundings.timestamp,
	)


class ReceiptRow(HubModel):
	status: Any = alias("status", "ackStatus")
	ack: Any = None
	timestamp: Instant = None
	error: Note = alias("error", "reason", "errorMessage", default="")


def read_receipt(raw: dict, path: str, *, status: str = "") -> records.Receipt:
	"""Return how far a message got. `status` is what the event's name says, believed where the object is silent.

	Raises PayloadError below `path` if it is not said which message, or how far.
	"""
	message, row = MessageRow.read(raw, path), ReceiptRow.read(raw, path)
	identity = message.identity()
	reached = read_status(row.status) or read_status(row.ack) or status
	if not identity.message_id and identity.hub_id is None:
		raise PayloadError(f"{path}.messageId".lstrip("."), "missing")
	if not reached:
		raise PayloadError(f"{path}.status".lstrip("."), "missing or unknown")
	return records.Receipt(
		message_id=identity.message_id,
		status=reached,
		timestamp_ms=row.timestamp,
		chat_jid=as_address(message.chat) or identity.chat,
		hub_id=identity.hub_id,
		error=row.error if reached == "Failed" else "",
	)
