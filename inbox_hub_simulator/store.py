"""What one session knows: the generated world, and over it everything that happened since.

Lists are answered page by page without building the whole; only what changed is kept.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from .data import Contact, Message, World
from .jids import STATUS_BROADCAST, index_of_jid, is_group, jid_of_index

# Where the broadcast stands in the list of chats: among those whose messages a sync asks for
BROADCAST_POSITION = 5


def makes_conversation(jid: str) -> bool:
	"""False for stories, broadcasts and channels."""
	return not jid.endswith(("@broadcast", "@newsletter"))


@dataclass(slots=True)
class Chat:
	jid: str
	name: str | None
	last: Message | None
	unread: int = 0
	total: int = 0
	archived: bool = False
	pinned: bool = False
	mute_expiration_ms: int | None = None
	read_only: bool = False
	image_url: str | None = None

	@property
	def is_group(self) -> bool:
		return is_group(self.jid)

	@property
	def is_broadcast(self) -> bool:
		return self.jid.endswith("@broadcast")


class Store:
	"""Contacts, chats and messages of one session."""

	def __init__(self, world: World) -> None:
		self.world = world
		self._contacts: dict[str, Contact] = {}  # changed or new
		self._new_contacts: list[str] = []
		self._live: dict[str, list[Message]] = {}  # by chat, oldest first
		self._by_id: dict[str, Message] = {}  # live messages and changed ones of the world
		self._touched: dict[str, int] = {}  # chat -> instant of its newest live message
		self._unread: dict[str, int] = {}
		self._opened: set[str] = set()  # chats that were read
		self._archived: dict[str, bool] = {}
		self._live_count = 0
		self._outside = 0  # live messages that belong to no conversation

	# contacts

	def contact_total(self) -> int:
		return self.world.contacts + len(self._new_contacts)

	def contact(self, jid: str) -> Contact | None:
		"""The contact of that JID, listed or only known from a chat."""
		if jid in self._contacts:
			return self._contacts[jid]
		index = index_of_jid(jid)
		if index is None or index >= max(self.world.contacts, self.world.chats):
			return None
		return self.world.contact(index)

	def contacts(self, start: int = 0, stop: int | None = None) -> Iterator[Contact]:
		"""Contacts from `start` to before `stop`, in the order of the list."""
		stop = self.contact_total() if stop is None else min(stop, self.contact_total())
		for position in range(start, stop):
			if position < self.world.contacts:
				yield self._contacts.get(jid_of_index(position)) or self.world.contact(position)
			else:
				yield self._contacts[self._new_contacts[position - self.world.contacts]]

	def search_contacts(self, words: str) -> list[Contact]:
		"""Contacts whose name, verified name or id contains `words`, in any case."""
		wanted = words.casefold()
		return [
			contact
			for contact in self.contacts()
			if any(
				wanted in (text or "").casefold()
				for text in (contact.name, contact.verified_name, contact.jid)
			)
		]

	def put_contact(self, jid: str, **changes: Any) -> tuple[Contact, bool]:
		"""Change a contact or make one. Returns it and whether it is new."""
		known = self.contact(jid)
		contact = replace(known or Contact(jid), **changes)
		self._contacts[jid] = contact
		is_listed = self.world.knows_contact(jid) or jid in self._new_contacts
		if not is_listed:
			self._new_contacts.append(jid)
		return contact, not is_listed

	# chats

	def chat_total(self) -> int:
		"""Conversations; the broadcast is not one."""
		return self.world.chats + sum(not self.world.knows_chat(jid) for jid in self._touched)

	def listed_chat_total(self) -> int:
		return self.chat_total() + bool(self.world.chats)

	def _chat_order(self) -> Iterator[str]:
		position = 0
		newest_first = sorted(self._touched, key=lambda jid: -self._touched[jid])
		untouched = (jid for jid in map(jid_of_index, range(self.world.chats)) if jid not in self._touched)
		for jids in (newest_first, untouched):
			for jid in jids:
				if position == BROADCAST_POSITION and self.world.chats:
					yield STATUS_BROADCAST
				yield jid
				position += 1
		if position <= BROADCAST_POSITION and self.world.chats:
			yield STATUS_BROADCAST

	def chats(self, start: int = 0, stop: int | None = None) -> Iterator[Chat]:
		"""Chats from `start` to before `stop`, the one with the newest message first."""
		return map(self.chat, islice(self._chat_order(), start, stop))

	def chat(self, jid: str) -> Chat:
		"""The chat of that JID; an empty one if nobody ever wrote in it."""
		newest = next(self.messages(jid, 0, 1), None)
		if jid == STATUS_BROADCAST:
			return Chat(jid, "Estados", last=newest, total=self.message_total(jid))
		contact = self.contact(jid)
		chat = Chat(jid, contact.name if contact else None, last=newest, total=self.message_total(jid))
		index = index_of_jid(jid)
		if index is not None and index < self.world.chats:
			chat.unread = self.world.unread(index)
			chat.archived = self.world.is_archived(index)
			chat.pinned = self.world.is_pinned(index)
			chat.mute_expiration_ms = self.world.mute_expiration_ms(index)
		chat.image_url = contact.image_url if contact else None
		chat.unread = self._unread.get(jid, chat.unread)
		chat.archived = self._archived.get(jid, chat.archived)
		return chat

	def has_chat(self, jid: str) -> bool:
		return self.world.knows_chat(jid) or jid in self._touched

	def set_archived(self, jid: str, archived: bool) -> None:
		self._archived[jid] = archived

	def mark_read(self, jid: str) -> int:
		"""Open the chat. Returns how many messages were unread."""
		count = self.chat(jid).unread
		self._unread[jid] = 0
		self._opened.add(jid)
		for message in self._live.get(jid, ()):
			message.is_read = True
		return count

	# messages

	def message_total(self, jid: str) -> int:
		return (self.world.messages if self.world.knows_chat(jid) else 0) + len(self._live.get(jid, ()))

	def messages(self, jid: str, start: int = 0, stop: int | None = None) -> Iterator[Message]:
		"""Messages of a chat from `start` to before `stop`, the newest first."""
		live = self._live.get(jid, [])
		total = self.message_total(jid)
		index = index_of_jid(jid)
		for position in range(start, total if stop is None else min(stop, total)):
			if position < len(live):
				yield live[-1 - position]
				continue
			older = position - len(live)
			assert index is not None  # only chats of the world have more messages than live ones
			message = self.world.message(index, self.world.messages - 1 - older)
			message = self._by_id.get(message.message_id, message)
			if jid not in self._opened and older < self.world.unread(index) and not message.from_me:
				message.is_read = False
			yield message

	def every_message(self, start: int = 0, stop: int | None = None) -> Iterator[Message]:
		"""Messages of all chats, the newest first (those of the world in the order of their ranks)."""
		live = sorted(
			(message for messages in self._live.values() for message in messages),
			key=lambda message: (-message.timestamp_ms, -message.hub_id),
		)
		yield from live[start:stop]
		first = max(0, start - len(live))
		last = self.every_message_total() - len(live) if stop is None else stop - len(live)
		for rank in range(first, min(last, self.world.chats * self.world.messages)):
			older, chat = divmod(rank, self.world.chats)
			message = self.world.message(chat, self.world.messages - 1 - older)
			yield self._by_id.get(message.message_id, message)

	def every_message_total(self) -> int:
		return self.world.chats * self.world.messages + self._live_count

	def find_message(self, message_id: str) -> Message | None:
		"""The message with that WhatsApp id. Changes to it stay."""
		if message_id in self._by_id:
			return self._by_id[message_id]
		place = self.world.locate(message_id)
		if place is None:
			return None
		return self._by_id.setdefault(message_id, self.world.message(*place))

	def find_by_hub_id(self, hub_id: int) -> Message | None:
		"""The message with that row id of the Hub."""
		position = hub_id - self.world.hub_id_base - 1
		if 0 <= position < self.world.chats * self.world.messages:
			return self.find_message(self.world.message_id(*divmod(position, self.world.messages)))
		return next((each for each in self._by_id.values() if each.hub_id == hub_id), None)

	def next_hub_id(self) -> int:
		return self.world.hub_id_base + self.every_message_total() + 1

	def add_message(self, message: Message) -> None:
		"""A message of today: sent, received, or typed on the phone."""
		insort(
			self._live.setdefault(message.chat, []),
			message,
			key=lambda each: (each.timestamp_ms, each.hub_id),
		)
		self._by_id[message.message_id] = message
		self._live_count += 1
		if not makes_conversation(message.chat):
			self._outside += 1
			return
		newest = max(message.timestamp_ms, self._touched.get(message.chat, 0))
		if not message.from_me:
			unread = self.chat(message.chat).unread
			self._unread[message.chat] = unread + (not message.is_read)
		self._touched[message.chat] = newest

	# what a sync must find

	def expected(self, chats: int = 20, messages: int = 50) -> dict[str, Any]:
		"""Exact counts, and what a full sync of `chats` x `messages` stores."""
		newest = [jid for jid in self._chat_order() if makes_conversation(jid)][:chats]
		outside = range(min(self.world.contacts, self.world.chats), self.world.chats)
		unlisted = sum(jid_of_index(index) not in self._new_contacts for index in outside)
		groups = (
			sum(contact.is_group for contact in self.contacts()) if self.contact_total() <= 5000 else None
		)
		return {
			"contacts": self.contact_total(),
			"contacts_note": "every row of the contact list, groups and the @lid included",
			"groups_among_contacts": groups,
			"chats": self.chat_total(),
			"chats_listed": self.listed_chat_total(),
			"broadcasts": self.listed_chat_total() - self.chat_total(),
			"messages_per_chat": self.world.messages,
			"messages": self.every_message_total() - self._outside,
			"live_messages": self._live_count - self._outside,
			"messages_outside_conversations": self._outside,
			"full_sync": {
				"contacts": self.contact_total(),
				"contacts_with_those_of_chats": self.contact_total() + unlisted,
				"conversations": self.chat_total(),
				"messages": sum(min(messages, self.message_total(jid)) for jid in newest),
			},
		}
