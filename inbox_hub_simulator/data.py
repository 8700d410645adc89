"""The generated world: contacts, chats and messages computed from (seed, index) whenever somebody asks.

Nothing is kept, so 200 000 contacts or a million messages cost no memory. Contact `i` and chat `i` have the same JID.
Message `m` of chat `c` (0 is the oldest) is the one of rank `(messages - 1 - m) * chats + c` from the newest of all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any

from . import texts
from .jids import index_of_jid, is_group, jid_of_index, kind_of_index, phone_of

DAY_MS = 86_400_000
STATUSES_OF_OWN = ("read", "read", "delivered", "sent", "played")


@dataclass(slots=True)
class Contact:
	jid: str
	name: str | None = None
	verified_name: str | None = None
	notify: str | None = None
	image_url: str | None = None
	is_business: bool = False
	is_blocked: bool = False
	is_my_contact: bool = True
	about: str | None = None

	@property
	def phone(self) -> str | None:
		return phone_of(self.jid)

	@property
	def is_group(self) -> bool:
		return is_group(self.jid)


@dataclass(slots=True)
class Message:
	message_id: str
	hub_id: int
	chat: str
	from_me: bool
	text: str
	timestamp_ms: int
	kind: str = "text"
	sender: str = ""  # JID of who wrote it, "" for the session's own account
	push_name: str | None = None
	status: str = "received"
	is_read: bool = True
	media: dict[str, Any] | None = None
	location: dict[str, Any] | None = None
	quoted_id: str | None = None
	is_forwarded: bool = False
	is_starred: bool = False
	is_deleted: bool = False
	reactions: dict[str, str] = field(default_factory=dict)  # who -> emoji
	error: str | None = None
	retries: int = 0


class World:
	"""What the Hub knew before anybody looked.

	Args:
		seed: see `Options.seed`; with `Options.distinct` the session is part of it.
		contacts, chats, messages: amounts; messages of each chat.
		anchor: ISO instant of the newest message.
		hub_id_base: the Hub's own row ids of messages start after it.
	"""

	def __init__(
		self, seed: str, contacts: int, chats: int, messages: int, anchor: str, hub_id_base: int = 0
	) -> None:
		self.seed = seed
		self.contacts = contacts
		self.chats = chats
		self.messages = messages
		self.anchor_ms = int(datetime.fromisoformat(anchor.replace("Z", "+00:00")).timestamp()) * 1000
		self.hub_id_base = hub_id_base
		total = max(1, chats * messages)
		self.gap_ms = max(20, min(3600, 90 * 86_400 // total)) * 1000
		# Group members come from the users among the first contacts
		self._people = [i for i in range(min(60, max(contacts, chats))) if kind_of_index(i) == "user"] or [0]

	def _bytes(self, *of: object) -> bytes:
		return blake2b(":".join(map(str, (self.seed, *of))).encode(), digest_size=16).digest()

	def knows_contact(self, jid: str) -> bool:
		index = index_of_jid(jid)
		return index is not None and index < self.contacts

	def knows_chat(self, jid: str) -> bool:
		index = index_of_jid(jid)
		return index is not None and index < self.chats

	def contact(self, index: int) -> Contact:
		"""The contact at `index`, whether it is in the list or only in a chat."""
		jid = jid_of_index(index)
		b = self._bytes("contact", index)
		if is_group(jid):
			return Contact(jid, name=texts.group_name(b), is_my_contact=False)
		full = texts.person_name(b)
		contact = Contact(jid, name=full, notify=full.split(" ")[0], is_my_contact=b[6] % 5 != 0)
		if index % 11 == 3:
			contact.name = jid.partition("@")[0]
		elif index % 13 == 5:
			contact.name = None
		if index % 10 == 7:
			contact.verified_name = contact.name = texts.business_name(b)
			contact.is_business = True
		if b[7] % 3 == 0:
			contact.image_url = texts.media_url(b, "photo.jpg")
		if b[8] % 4 == 0:
			contact.about = texts.ABOUTS[b[9] % len(texts.ABOUTS)]
		contact.is_blocked = b[10] % 40 == 0
		return contact

	def timestamp_ms(self, chat: int, position: int) -> int:
		"""When message `position` of `chat` was written; some neighbours share their second."""
		if position % 10 == 3 and position + 1 < self.messages:
			position += 1
		return self.anchor_ms - ((self.messages - 1 - position) * self.chats + chat) * self.gap_ms

	def message_id(self, chat: int, position: int) -> str:
		"""Looks like a real id (3EB0 and 18 hex digits) and can be turned back by `locate`."""
		check = blake2b(f"{self.seed}:id:{chat}:{position}".encode(), digest_size=4).digest()
		body = (chat << 20 | position) ^ self._mask(check)
		return f"3EB0{check.hex()}{body:010x}".upper()

	def _mask(self, check: bytes) -> int:
		return int.from_bytes(blake2b(self.seed.encode() + check, digest_size=5).digest(), "big")

	def locate(self, message_id: str) -> tuple[int, int] | None:
		"""Chat and position of a generated message, None if the id is none of them."""
		try:
			check, body = bytes.fromhex(message_id[4:12]), int(message_id[12:22], 16)
		except ValueError:
			return None
		if len(check) != 4:
			return None
		chat, position = divmod(body ^ self._mask(check), 1 << 20)
		if chat >= self.chats or position >= self.messages:
			return None
		return (chat, position) if self.message_id(chat, position) == message_id else None

	def message(self, chat: int, position: int) -> Message:
		"""Message `position` of `chat`, 0 being the oldest."""
		b = self._bytes("message", chat, position)
		jid = jid_of_index(chat)
		from_me = b[2] % 3 == 0
		kind = "text" if b[0] < 180 else texts.KINDS[b[1] % len(texts.KINDS)]
		message = Message(
			message_id=self.message_id(chat, position),
			hub_id=self.hub_id_base + chat * self.messages + position + 1,
			chat=jid,
			from_me=from_me,
			kind=kind,
			text=texts.message_text(b, kind),
			timestamp_ms=self.timestamp_ms(chat, position),
			is_forwarded=b[4] < 10,
			is_starred=b[5] < 5,
		)
		if from_me:
			message.status = STATUSES_OF_OWN[b[6] % len(STATUSES_OF_OWN)]
		else:
			writer = chat
			if is_group(jid):
				writer = self._people[(chat * 7 + b[7] % 5) % len(self._people)]
				message.push_name = self.contact(writer).notify
			message.sender = jid_of_index(writer)
		if b[3] < 25 and position:
			message.quoted_id = self.message_id(chat, position - 1)
		if kind in texts.FILES:
			message.media = texts.media(b, kind)
		elif kind == "location":
			message.location = {
				"degreesLatitude": round(40 + b[8] / 100, 6),
				"degreesLongitude": round(-3 - b[9] / 100, 6),
				"name": "Plaza de España",
			}
		return message

	def unread(self, chat: int) -> int:
		"""Unread messages of a chat nobody has opened yet."""
		return 0 if self.is_archived(chat) else min(chat % 4, self.messages)

	def is_archived(self, chat: int) -> bool:
		return chat % 17 == 16

	def is_pinned(self, chat: int) -> bool:
		return chat % 19 == 1

	def mute_expiration_ms(self, chat: int) -> int | None:
		return self.anchor_ms + 3650 * DAY_MS if chat % 12 == 8 else None
