"""What happens in chats: messages come and go, get ticks and reactions. Each tells the webhooks."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .clock import now_ms
from .data import Message
from .happenings import ACKS, Happening, Reaction
from .jids import is_group, phone_of
from .store import makes_conversation
from .texts import FILES

if TYPE_CHECKING:
	from .hub import Hub
	from .sessions import Session

STATUS_OF_ACK = {-1: "failed", 0: "pending", 1: "sent", 2: "delivered", 3: "read", 4: "played"}


def new_message_id() -> str:
	"""An id like WhatsApp's: 3EB0 and 18 hex digits."""
	return "3EB0" + secrets.token_hex(9).upper()


@dataclass(slots=True)
class Draft:
	"""A message that is to be. `sender` is empty for the session's own account."""

	chat: str
	text: str = ""
	kind: str = "text"
	sender: str = ""
	push_name: str | None = None
	media: dict[str, Any] | None = None
	location: dict[str, Any] | None = None
	quoted_id: str | None = None
	message_id: str | None = None
	timestamp_ms: int | None = None


def _media_of(draft: Draft, number: int) -> dict[str, Any] | None:
	"""The draft's own file, or an invented one for a kind that has files."""
	if draft.media is not None or draft.kind not in FILES:
		return draft.media
	mimetype, pattern = FILES[draft.kind]
	file_name = pattern.format(n=number)
	return {
		"filename": file_name,
		"filesize": 48_213,
		"mimetype": mimetype,
		"url": f"https://inbox-hub.example/media/{secrets.token_hex(72)}/{file_name.replace(' ', '%20')}",
	}


def _keep(hub: Hub, session: Session, draft: Draft, status: str, on_phone: bool, tell: bool) -> Message:
	"""Put a message into the store. WhatsApp's own times are whole seconds, the Hub's have milliseconds."""
	store = session.store
	instant = draft.timestamp_ms or now_ms()
	if on_phone:
		instant -= instant % 1000
	message = Message(
		message_id=draft.message_id or new_message_id(),
		hub_id=store.next_hub_id(),
		chat=draft.chat,
		from_me=not draft.sender,
		text=draft.text,
		timestamp_ms=instant,
		kind=draft.kind,
		sender=draft.sender,
		push_name=draft.push_name,
		status=status,
		is_read=not draft.sender,
		media=_media_of(draft, store.next_hub_id()),
		location=draft.location,
		quoted_id=draft.quoted_id,
	)
	is_new_chat = makes_conversation(draft.chat) and not store.has_chat(draft.chat)
	store.add_message(message)
	session.activity_ms = now_ms()
	news = []
	if is_new_chat and store.contact(draft.chat) is None:
		shown = None if is_group(draft.chat) else draft.push_name or phone_of(draft.chat)
		contact, _ = store.put_contact(draft.chat, name=shown, notify=draft.push_name, is_my_contact=False)
		news.append(Happening("contact.created", session, instant, contact=contact))
	if is_new_chat:
		news.append(Happening("conversation.created", session, instant, chat=draft.chat))
	for happening in news if tell else ():
		hub.emit(happening)
	return message


def receive(hub: Hub, session: Session, draft: Draft, tell: bool = True) -> Message:
	"""Somebody writes to the session. Without `tell` no webhook goes out: a missed message."""
	message = _keep(hub, session, draft, "received", on_phone=True, tell=tell)
	if tell:
		hub.emit(Happening("message.received", session, message.timestamp_ms, message=message))
	return message


def write(hub: Hub, session: Session, draft: Draft, tell: bool = True, on_phone: bool = False) -> Message:
	"""The session writes: by the API, or on its own phone. The echo goes out at once, receipts later."""
	message = _keep(hub, session, draft, "sent", on_phone=on_phone, tell=tell)
	if tell:
		hub.emit(Happening("message.sent", session, message.timestamp_ms, message=message))
		hub.spawn(_receipts(hub, session, message))
	return message


async def _receipts(hub: Hub, session: Session, message: Message) -> None:
	fault = hub.faults.take("message_failed", session=session.session_id)
	for status in ("failed",) if fault else ("delivered", "read"):
		await asyncio.sleep(hub.options.receipt_delay_ms / 1000)
		if session.is_connected:
			receipt(hub, session, message, status, error=fault.parameters["error"] if fault else "")


def receipt(hub: Hub, session: Session, message: Message, status: str, error: str = "") -> None:
	"""A message of the session got further: `status` is sent, delivered, read, played or failed."""
	message.status = status
	message.error = error or None
	instant = now_ms()
	event = {"played": "message.read"}.get(status, f"message.{status}")
	if event in ("message.delivered", "message.read", "message.failed"):
		hub.emit(Happening(event, session, instant, message=message, status=status, error=error))
	if status in ACKS:
		hub.emit(Happening("message.ack", session, instant, message=message, status=status, error=error))


def react(hub: Hub, session: Session, message: Message, emoji: str, sender: str) -> str:
	"""Somebody reacts (`""` takes it back). Returns the id of the reaction's own message."""
	if emoji:
		message.reactions[sender] = emoji
	else:
		message.reactions.pop(sender, None)
	reaction = Reaction(message, emoji, sender, new_message_id())
	hub.emit(Happening("message.received", session, now_ms(), reaction=reaction))
	return reaction.message_id


def archive(hub: Hub, session: Session, chat: str, archived: bool) -> None:
	"""Put a chat into the archive or take it out."""
	session.store.set_archived(chat, archived)
	event = "chat.archived" if archived else "chat.unarchived"
	hub.emit(Happening(event, session, now_ms(), chat=chat, archived=archived))


def change_contact(hub: Hub, session: Session, jid: str, tell: bool = True, **changes: Any) -> None:
	"""Somebody changes name, photo or the like."""
	contact, is_new = session.store.put_contact(jid, **changes)
	if tell:
		event = "contact.created" if is_new else "contact.updated"
		hub.emit(Happening(event, session, now_ms(), contact=contact))
