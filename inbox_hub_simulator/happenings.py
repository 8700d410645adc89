"""What can happen in a session that the Hub tells by webhook, free of any payload family."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .data import Contact, Message

if TYPE_CHECKING:
	from .sessions import Session

# Names of `docs/hub.md`; the second column of SPOKEN is what the family v3 calls them
EVENTS = (
	"message.received", "message.sent", "message.delivered", "message.read", "message.failed", "message.ack",
	"session.connected", "session.disconnected", "session.qr",
	"contact.updated", "contact.created", "chat.archived", "chat.unarchived",
	"conversation.created", "conversation.updated",
)  # fmt: skip
SPOKEN_BY_V3 = {
	"message.received": "message",
	"message.delivered": "message_status",
	"message.read": "message_status",
	"message.failed": "message_status",
	"session.connected": "session_status",
	"session.disconnected": "session_status",
}
# What a webhook may subscribe to
EVENT_NAMES = frozenset(EVENTS) | frozenset(SPOKEN_BY_V3.values())
ACKS = {"failed": -1, "pending": 0, "sent": 1, "delivered": 2, "read": 3, "played": 4}


@dataclass(slots=True)
class Reaction:
	"""An emoji (`""` takes it away) of `sender` on `target`."""

	target: Message
	emoji: str
	sender: str
	message_id: str


@dataclass(slots=True)
class Happening:
	"""An event. `instant_ms` is when it happened; the other fields depend on `event`."""

	event: str
	session: Session
	instant_ms: int
	message: Message | None = None
	status: str = ""  # of a receipt
	error: str = ""
	reason: str = ""
	contact: Contact | None = None
	chat: str = ""
	archived: bool = False
	reaction: Reaction | None = None
