"""What the Hub says, in one form.

Whatever variant an answer or a webhook comes in (`docs/hub.md`), `payloads.py` turns it into these records. They are
plain values: comparable, hashable, free of the Hub's spelling and of the database's.

Conventions of every field:

- a JID is normalised (`jids.py`): `34600000001@s.whatsapp.net`, never `@c.us`, never a device suffix;
- an instant is an integer of epoch milliseconds in UTC (`clock.py`);
- text is free of NUL and lone surrogates; an unknown text is `""`;
- `None` means *the Hub did not say*. It is not `False`: what is not said never overwrites what is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .errors import PayloadError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Media:
	"""A file that belongs to a message. `kind` is one of image, video, audio, voice, document, sticker."""

	kind: str
	mimetype: str = ""
	file_name: str = ""
	size: int | None = None  # bytes
	url: str = ""  # temporary and of any length
	caption: str = ""


@dataclass(frozen=True, slots=True)
class Location:
	latitude: float
	longitude: float
	description: str = ""


@dataclass(frozen=True, slots=True)
class Quoted:
	"""The message that another one answers."""

	message_id: str
	text: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
	"""Somebody's emoji on a message. An empty `emoji` takes an earlier one away."""

	message_id: str  # of the message reacted to
	chat_jid: str
	sender_jid: str  # who reacted; "" when it was the session's own account
	from_me: bool
	emoji: str
	timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Contact:
	jid: str
	phone_number: str = ""  # digits with country code; "" for groups and for @lid, whose digits are no phone
	name: str = ""  # "" when the Hub only repeats the number
	push_name: str = ""
	short_name: str = ""
	verified_name: str = ""
	about: str = ""
	photo_url: str = ""
	is_group: bool = False
	is_user: bool | None = None
	is_my_contact: bool | None = None
	is_wa_contact: bool | None = None
	is_blocked: bool | None = None
	is_business: bool | None = None
	is_verified: bool | None = None
	labels: tuple[str, ...] | None = None
	first_seen_ms: int | None = None
	last_seen_ms: int | None = None
	timestamp_ms: int | None = None  # when the Hub said so; None in a list

	@property
	def display_name(self) -> str:
		"""The best name known, "" if there is none."""
		return self.name or self.verified_name or self.push_name or self.short_name


@dataclass(frozen=True, slots=True)
class LastMessage:
	text: str
	timestamp_ms: int | None = None
	from_me: bool | None = None


@dataclass(frozen=True, slots=True)
class Chat:
	jid: str
	phone_number: str = ""
	name: str = ""  # "" when the Hub only repeats the number
	is_group: bool = False
	is_broadcast: bool = False
	is_archived: bool | None = None
	is_pinned: bool | None = None
	is_muted: bool | None = None
	mute_expiration_ms: int | None = None
	is_read_only: bool | None = None
	unread_count: int | None = None
	message_count: int | None = None
	first_message_ms: int | None = None
	last_message: LastMessage | None = None
	photo_url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
	"""One message of one chat.

	`kind` is one of text, image, video, audio, voice, document, sticker, location, contact, poll, buttons, list,
	other. `status` is one of Pending, Sent, Delivered, Read, Failed, or "" when the Hub did not say.
	"""

	message_id: str  # WhatsApp's id, "" when the Hub gave none (its own row id is `hub_id`)
	chat_jid: str
	from_me: bool
	kind: str = "text"
	text: str = ""
	timestamp_ms: int | None = None
	status: str = ""
	sender_jid: str = ""  # in a group the participant; "" for one's own messages
	recipient_jid: str = ""
	push_name: str = ""  # how the sender calls themselves
	hub_id: int | None = None
	error: str = ""
	is_forwarded: bool = False
	is_starred: bool = False
	is_story: bool = False  # status@broadcast: belongs to no conversation
	media: Media | None = None
	location: Location | None = None
	quoted: Quoted | None = None
	is_edited: bool = False
	is_deleted: bool = False
	edited_at_ms: int | None = None  # None in a list

	@property
	def has_conversation(self) -> bool:
		"""False for stories, broadcasts and newsletters: they make no conversation."""
		return not self.is_story and not self.chat_jid.endswith(("@broadcast", "@newsletter"))


@dataclass(frozen=True, slots=True)
class Receipt:
	"""How far a message got. `status` is one of Pending, Sent, Delivered, Read, Failed."""

	message_id: str
	status: str
	timestamp_ms: int | None = None
	chat_jid: str = ""
	error: str = ""
	hub_id: int | None = None  # the Hub's row id, where it names the message by that


@dataclass(frozen=True, slots=True)
class Change:
	"""A message was edited or deleted, and only its id is said: nothing of its chat."""

	message_id: str
	is_deleted: bool
	text: str = ""
	timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class QRCode:
	data_url: str  # complete: data:image/png;base64,...
	expires_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
	"""`status` is a value of WhatsApp Session's status field, or "" for a value of the Hub nobody knows."""

	session_id: str
	hub_id: int | None = None  # the Hub's numeric id of the session
	name: str = ""
	status: str = ""
	raw_status: str = ""
	phone_number: str = ""
	last_activity_ms: int | None = None
	timestamp_ms: int | None = None  # when the Hub said so
	reason: str = ""  # why it was disconnected
	qr: QRCode | None = None


@dataclass(frozen=True, slots=True)
class ChatFlag:
	"""A chat was archived or taken out of the archive."""

	chat_jid: str
	is_archived: bool
	timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SentMessage:
	"""The Hub's answer to a send."""

	message_id: str  # WhatsApp's id, "" if the Hub gave none
	status: str = "Sent"
	timestamp_ms: int | None = None
	hub_id: int | None = None


@dataclass(frozen=True, slots=True)
class RecordError:
	"""A row of a page that could not be understood. `path` says where, `reason` what was wrong; no content."""

	path: str
	reason: str


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
	"""One page of a list. `received` counts what the Hub sent, understood or not.

	`reactions` are the rows of a list of messages that are no messages but somebody's emoji on one.
	"""

	records: tuple[T, ...]
	received: int
	errors: tuple[RecordError, ...] = ()
	total: int | None = None
	page: int | None = None
	pages: int | None = None
	reactions: tuple[Reaction, ...] = ()


Payload = Message | Change | Reaction | Receipt | Session | Contact | Chat | ChatFlag


@dataclass(frozen=True, slots=True)
class Event:
	"""A webhook, understood. `payload` is None for events this app has no use for.

	`name` is the event's canonical name (`message` is message.received, `message_ack` is message.ack, ...).
	"""

	name: str
	raw_name: str
	session_id: str
	session_hub_id: int | None = None
	timestamp_ms: int | None = None
	payload: Payload | None = None
	message_id: str = ""
	session_in_body: bool = True  # False: only a header, which is not signed, names the session
	problem: PayloadError | None = field(
		default=None, compare=False
	)  # why there is no payload where there should be
