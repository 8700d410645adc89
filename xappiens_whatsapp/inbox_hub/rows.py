"""Contacts, chats, sessions and QR codes: the Hub's spellings of each, and the record it becomes.

The aliases are listed in the order in which they are believed (docs/hub.md, "Objects").
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import AliasChoices, AliasPath, Field

from . import jids, records
from .errors import PayloadError
from .values import (
	Address,
	Count,
	FarInstant,
	Flag,
	HubModel,
	Instant,
	Integer,
	Label,
	Labels,
	Note,
	Text,
	WebAddress,
	as_address,
	as_integer,
	as_text,
	settle_id,
)

# Measured on the live Hub; its documents say 2 and 5 minutes (docs/hub.md, C6).
QR_LIFETIME_MS = 60_000

TEXT_KEYS = ("content", "body", "text", "text_content", "caption", "message", "description")

_SESSION_STATUS = {
	"connected": "Connected",
	"connecting": "Connecting",
	"qr_code": "QR Code Required",
	"qr": "QR Code Required",
	"qr_required": "QR Code Required",
	"qr_code_required": "QR Code Required",
	"pending": "QR Code Required",
	"disconnected": "Disconnected",
	"error": "Error",
	"rate_limited": "Error",
	"timeout": "Error",
}
_PHOTO = AliasChoices(
	"imgUrl", "profilePicUrl", "profilePicURL", "profilePictureUrl", "profilePicture", "photo_url"
)
_NUMBER_PUNCTUATION = re.compile(r"[\s().+\-]")
_DATA_URL = re.compile(r"data:(image/[a-z0-9.+-]+);base64,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


def alias(*names: str | AliasPath, default: Any = None) -> Any:
	"""A field that is read from the first of `names` that says something."""
	return Field(default=default, validation_alias=AliasChoices(*names))


def real_name(name: str, jid: str) -> str:
	"""Return `name`, or "" if it only repeats the address: the Hub puts the number where it knows no name."""
	if not name:
		return ""
	local = jid.partition("@")[0]
	compact = _NUMBER_PUNCTUATION.sub("", name.partition("@")[0]).partition(":")[0].removeprefix("00")
	return "" if compact == local else name


def required_address(candidates: tuple[object, ...], path: str) -> str:
	"""Return the first candidate that is an address, normalised. Raises PayloadError at `path`."""
	for candidate in candidates:
		jid = as_address(candidate)
		if jid:
			return jid
	raise PayloadError(path, "not an address" if any(candidates) else "missing")


class ContactRow(HubModel):
	id: Any = None
	contact_id: Any = alias("contactId", "jid", "waId")
	phone: Any = alias("phone", "number", "phoneNumber", "msisdn")
	name: Label = alias("name", "formattedName", "contactName", default="")
	push_name: Label = alias("pushname", "pushName", "notify", default="")
	short_name: Label = alias("shortName", default="")
	verified_name: Label = alias("verifiedName", default="")
	about: Note = alias("about", "statusMessage", "status", default="")
	photo_url: WebAddress = Field(default="", validation_alias=_PHOTO)
	is_group: Flag = alias("isGroup")
	is_user: Flag = alias("isUser")
	is_my_contact: Flag = alias("isMyContact")
	is_wa_contact: Flag = alias("isWAContact", "isWaContact")
	is_blocked: Flag = alias("isBlocked")
	is_business: Flag = alias("isBusiness", "isEnterprise")
	is_verified: Flag = alias("isVerified")
	labels: Labels = alias("labels", "tags")
	first_seen: Instant = alias("firstSeen")
	last_seen: Instant = alias("lastSeen")

	def record(self) -> records.Contact:
		"""Return the contact. Raises PayloadError at "id" if nobody can tell whose it is."""
		# A numeric id is the Hub's own row number, not a phone number.
		own_id = None if isinstance(self.id, int | float) else self.id
		jid = required_address((own_id, self.contact_id, self.phone), "id")
		return records.Contact(
			jid=jid,
			phone_number=jids.phone_of(jid),
			name=real_name(self.name, jid),
			push_name=real_name(self.push_name, jid),
			short_name=real_name(self.short_name, jid),
			verified_name=real_name(self.verified_name, jid),
			about=self.about,
			photo_url=self.photo_url,
			is_group=jids.is_group(jid),
			is_user=self.is_user,
			is_my_contact=self.is_my_contact,
			is_wa_contact=self.is_wa_contact,
			is_blocked=self.is_blocked,
			is_business=self.is_business,
			is_verified=self.is_verified,
			labels=self.labels,
			first_seen_ms=self.first_seen,
			last_seen_ms=self.last_seen,
		)


class LastMessageRow(HubModel):
	text: Text = alias(*TEXT_KEYS, default="")
	timestamp: Instant = alias("timestamp", "messageTimestamp", "sentAt", "createdAt")
	from_me: Flag = alias("fromMe", AliasPath("id", "fromMe"), AliasPath("key", "fromMe"))


class ChatRow(HubModel):
	id: Any = alias("chatId", "id", "jid", "waId", "remoteJid")
	name: Label = alias("name", "contactName", "subject", default="")
	contact_name: Label = alias("contactName", default="")
	is_broadcast: Flag = alias("isBroadcast")
	is_archived: Flag = alias("isArchived", "archived")
	is_pinned: Flag = alias("isPinned", "pinned")
	is_muted: Flag = alias("isMuted", "muted")
	mute_expiration: FarInstant = alias("muteExpiration", "muteEndTime")
	is_read_only: Flag = alias("isReadOnly", "readOnly")
	unread_count: Count = alias("unreadCount")
	message_count: Count = alias("messageCount", "totalMessages")
	first_message: Instant = alias("firstMessageTime")
	last_message: Any = alias("lastMessage", "last_message", "lastMessageData")
	last_message_text: Text = alias("lastMessageText", default="")
	last_message_at: Instant = alias("lastMessageAt")
	photo_url: WebAddress = Field(default="", validation_alias=_PHOTO)

	def record(self) -> records.Chat:
		"""Return the chat. Raises PayloadError at "chatId" if nobody can tell which it is."""
		jid = required_address((self.id,), "chatId")
		return records.Chat(
			jid=jid,
			phone_number=jids.phone_of(jid),
			name=real_name(self.name, jid) or real_name(self.contact_name, jid),
			is_group=jids.is_group(jid),
			is_broadcast=jids.is_broadcast(jid) or bool(self.is_broadcast),
			is_archived=self.is_archived,
			is_pinned=self.is_pinned,
			is_muted=self.is_muted,
			mute_expiration_ms=self.mute_expiration,
			is_read_only=self.is_read_only,
			unread_count=self.unread_count,
			message_count=self.message_count,
			first_message_ms=self.first_message,
			last_message=self._last_message(),
			photo_url=self.photo_url,
		)

	def _last_message(self) -> records.LastMessage | None:
		row = LastMessageRow.read(self.last_message) if isinstance(self.last_message, dict) else None
		text = (row.text if row else as_text(self.last_message)) or self.last_message_text
		timestamp = (row.timestamp if row else None) or self.last_message_at
		if not text and timestamp is None:
			return None
		return records.LastMessage(text=text, timestamp_ms=timestamp, from_me=row.from_me if row else None)


class SessionRow(HubModel):
	id: Any = None
	session_id: Text = alias("sessionId", "session_id", default="")
	hub_id: Integer = alias("session_db_id", "sessionDbId")
	name: Label = alias("sessionName", "name", default="")
	status: Label = alias("status", "state", default="")
	is_connected: Flag = alias("isConnected")
	phone: Address = alias("phoneNumber", "msisdn", "phone", "phoneNumberId", default="")
	last_activity: Instant = alias("lastActivity", "lastSeen")
	timestamp: Instant = None
	reason: Note = ""
	qr_code: Text = alias("qrCode", "qr", "qr_code", default="")
	qr_expires_at: Instant = alias("qrCodeExpiresAt", "expiresAt")
	qr_generated_at: Instant = alias("qrCodeGeneratedAt")

	def record(self) -> records.Session:
		"""Return the session. Raises PayloadError at "sessionId" if it is named neither by text nor by number."""
		numeric = as_integer(self.id) if self.session_id or not isinstance(self.id, str) else None
		hub_id = self.hub_id if self.hub_id is not None else numeric
		session_id = self.session_id or (as_text(self.id) if isinstance(self.id, str) else "")
		if not session_id and hub_id is None:
			raise PayloadError("sessionId", "missing")
		# A session is not lost over its picture; whoever needs the picture calls qr().
		qr = self.qr() if is_image(self.qr_code) else None
		return records.Session(
			session_id=settle_id(session_id),
			hub_id=hub_id,
			name=self.name,
			status=self._status() or ("QR Code Required" if qr else ""),
			raw_status=self.status,
			phone_number=jids.phone_of(self.phone),
			last_activity_ms=self.last_activity,
			timestamp_ms=self.timestamp,
			reason=self.reason,
			qr=qr,
		)

	def _status(self) -> str:
		status = session_status(self.status)
		# After a restart of the Hub `status` is what its database remembers; `isConnected` is what is (fault F6).
		if self.is_connected:
			return "Connected"
		if self.is_connected is False and status in ("Connected", ""):
			return "Disconnected"
		return status

	def qr(self) -> records.QRCode:
		"""Return the QR code. Raises PayloadError at "qrCode" if there is none or it is no image."""
		expires_at = self.qr_expires_at
		if expires_at is None and self.qr_generated_at is not None:
			expires_at = self.qr_generated_at + QR_LIFETIME_MS
		return records.QRCode(data_url=image_url(self.qr_code), expires_at_ms=expires_at)


def session_status(text: str) -> str:
	"""Return the value of WhatsApp Session's status field for the Hub's word, "" for a word nobody knows."""
	return _SESSION_STATUS.get(text.strip().lower().replace(" ", "_").replace("-", "_"), "")


def image_url(text: str) -> str:
	"""Return an image as a data URL with exactly one prefix, from a data URL or bare base64.

	Raises PayloadError at "qrCode" if it is neither.
	"""
	if not is_image(text):
		raise PayloadError("qrCode", "not an image" if text else "missing")
	prefixes = _DATA_URL.findall(text)
	return f"data:{prefixes[-1].lower() if prefixes else 'image/png'};base64,{_image_data(text)}"


def is_image(text: str) -> bool:
	"""Whether `text` is an image as a data URL or in bare base64."""
	return _BASE64.fullmatch(_image_data(text)) is not None


def _image_data(text: str) -> str:
	return re.sub(r"[\r\n]", "", _DATA_URL.sub("", text)).strip()
