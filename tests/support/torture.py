"""Thousands of webhooks of all kinds, each several times and in no order, and what must be there when all have come.

`make_plan` invents what happened on WhatsApp and how Inbox Hub tells of it; the end that it expects is worked out here,
in plain Python, from what happened and not from the order in which it is told. `Senders` post it all and repeat what was
not answered 2xx, as Inbox Hub does.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from support import webhooks
from support.factories import NOON_MS

SESSIONS = ("demo_session", "second_session")  # the same people and the same message ids in both
OWN_NUMBER = "34600000001"
PAUSE = 0.05  # seconds before what was not answered is sent again
RANK = {"Sent": 1, "Failed": 1, "Delivered": 2, "Read": 3}
# What becomes of a message that we wrote, in order; it is told in any order.
JOURNEYS = (
	(),
	("Sent",),
	("Delivered",),
	("Delivered", "Read"),
	("Sent", "Delivered", "Read"),
	("Failed",),
	("Failed", "Sent"),
	("Sent", "Failed"),
	("Failed", "Read"),
)
FAMILIES = ("V1", "V2", "V3", "V4", "V5")

Body = dict[str, Any]


@dataclass
class Message:
	"""A message as it is in the end. `at` is in milliseconds; `reached` keeps when an own one got where."""

	session: str
	message_id: str
	chat: str
	sender: str  # "" for our own
	text: str
	at: int
	reached: dict[str, int] = field(default_factory=dict)
	error: str = ""
	is_edited: bool = False
	is_deleted: bool = False
	is_written_here: bool = False  # a row without an id waits for its echo

	@property
	def status(self) -> str:
		if not self.reached:
			return "Delivered"
		return max(self.reached, key=lambda status: (RANK[status], self.reached[status], status == "Failed"))

	def stored(self) -> tuple[Any, ...]:
		"""Direction, status, error, edited, deleted, text (which a deleted message may keep or not)."""
		return (
			"Incoming" if self.sender else "Outgoing",
			self.status,
			self.error if self.status == "Failed" else "",
			int(self.is_edited),
			int(self.is_deleted),
			"" if self.is_deleted else self.text,
		)


@dataclass
class Plan:
	"""What is posted (event's name for the header where the body has none, body), and what comes of it."""

	posts: list[tuple[str, Body]] = field(default_factory=list)
	messages: dict[tuple[str, str], Message] = field(default_factory=dict)
	reactions: dict[tuple[str, str, str], tuple[int, str]] = field(default_factory=dict)
	archived: dict[tuple[str, str], tuple[int, bool]] = field(default_factory=dict)
	names: dict[tuple[str, str], str] = field(default_factory=dict)
	states: dict[str, tuple[int, str, str]] = field(
		default_factory=dict
	)  # session to time, status, reason or QR
	ignored: int = 0

	def written_here(self) -> list[Message]:
		"""Messages that must be in the database without an id before anything is posted."""
		return [message for message in self.messages.values() if message.is_written_here]


def make_plan(chance: random.Random, events: int) -> Plan:
	"""About so many different events."""
	plan, number = Plan(), 0
	people = [f"346000{place:05d}" for place in range(10, 10 + max(4, events // 60))]
	chats = [webhooks.jid_of(person) for person in people] + [
		f"12036300000000000{place}@g.us" for place in range(3)
	]
	for session in SESSIONS:
		for person in people[: len(people) // 2]:
			said = {"contact": {"id": webhooks.jid_of(person), "name": f"Name of {person}"}}
			plan.names[session, webhooks.jid_of(person)] = f"Name of {person}"
			plan.posts.append(
				("", {**webhooks.event("contact.updated", session, **said), "timestamp": NOON_MS})
			)
	while len(plan.posts) < events:
		number += 1
		session, chat = chance.choice(SESSIONS), chance.choice(chats)
		at = NOON_MS + number * 1000
		kind = chance.choices(("message", "state", "archive", "unknown", "story"), weights=(90, 3, 4, 2, 1))[
			0
		]
		if kind == "message":
			_happen(plan, chance, session, chat, people, number, at)
		elif kind == "state":
			_change_state(plan, chance, session, number, at)
		elif kind == "archive":
			flag = chance.random() < 0.5
			name = "chat.archived" if flag else "chat.unarchived"
			plan.archived[session, chat] = max(plan.archived.get((session, chat), (0, False)), (at, flag))
			plan.posts.append(("", {**webhooks.event(name, session, chatId=chat), "timestamp": at}))
		elif kind == "unknown":
			plan.ignored += 1
			plan.posts.append(("", webhooks.event("presence_update", session, id=chat, seen=at)))
		else:
			story = {"messageId": f"3EB0STORY{number:08}", "body": "A story", "timestamp": at}
			said = {"from": "status@broadcast", "participant": chat, **story}
			plan.posts.append(("", webhooks.event("message.received", session, **said)))
	return plan


def _happen(
	plan: Plan, chance: random.Random, session: str, chat: str, people: list[str], number: int, at: int
) -> None:
	"""A message, and what becomes of it."""
	is_group, mine = chat.endswith("@g.us"), chance.random() < 0.45
	sender = "" if mine else webhooks.jid_of(chance.choice(people)) if is_group else chat
	message = Message(session, f"3EB0{number:012X}", chat, sender, f"Text {number} ¡ñ! 😊", at)
	plan.messages[session, message.message_id] = message
	if mine:
		message.reached["Sent"] = at
		message.is_written_here = chance.random() < 0.2
	plan.posts.append(_told(chance, message))
	if mine:
		_send_receipts(plan, chance, message)
	elif chance.random() < 0.15:
		message.is_edited, message.text = True, f"Text {number}, mended"
		plan.posts.append(("", _changed("message_edit", message, body=message.text)))
	elif chance.random() < 0.1:
		message.is_deleted = True
		plan.posts.append(("", _changed("message_revoke", message)))
	for _reaction in range(chance.choice((0, 0, 0, 1, 2, 4))):
		_react(plan, chance, message, people, at + chance.randint(1, 900))


def _told(chance: random.Random, message: Message) -> tuple[str, Body]:
	"""The message in one of the families of payloads."""
	mine, family = not message.sender, chance.choice(FAMILIES)
	name = "message.sent" if mine else "message.received"
	author = {"participant": message.sender} if message.sender and message.chat.endswith("@g.us") else {}
	ends = {
		"from": message.sender or webhooks.jid_of(OWN_NUMBER),
		"to": message.chat if mine else message.session,
	}
	said = {"timestamp": message.at, **ends, **author}
	if family == "V1":
		identity = {"fromMe": mine, "remote": message.chat, "id": message.message_id}
		return "", webhooks.event(name, message.session, id=identity, body=message.text, type="chat", **said)
	if family == "V3":
		return "", webhooks.event(
			name,
			message.session,
			messageId=message.message_id,
			message=message.text,
			chatId=message.chat,
			**said,
		)
	nested = {
		"whatsappMessageId": message.message_id,
		"content": message.text,
		"chatId": message.chat,
		**said,
	}
	if family == "V2":
		return "", {"event": name, "data": {"sessionId": message.session, "message": nested}}
	if family == "V4":
		return "", {"event": name, "sessionId": message.session, **nested}
	return name, {"sessionId": message.session, "message": nested}


def _changed(name: str, message: Message, **said: Any) -> Body:
	author = {"participant": message.sender} if message.chat.endswith("@g.us") else {}
	who = {"messageId": message.message_id, "chatId": message.chat, "from": message.sender}
	return webhooks.event(name, message.session, timestamp=message.at, **who, **author, **said)


def _send_receipts(plan: Plan, chance: random.Random, message: Message) -> None:
	for status in chance.choice(JOURNEYS):
		at = max(message.reached.values()) + chance.randint(1, 50) * 10
		message.reached[status] = at
		said: Body = {"messageId": message.message_id, "timestamp": at}
		if status == "Failed":
			message.error = said["error"] = f"Error of {message.message_id}"
		if status == "Failed" or (status != "Sent" and chance.random() < 0.5):
			plan.posts.append(("", webhooks.event(f"message.{status.lower()}", message.session, **said)))
		else:
			ack = {"Sent": 1, "Delivered": 2, "Read": 3}[status]
			plan.posts.append(("", webhooks.event("message.ack", message.session, ack=ack, **said)))


def _react(plan: Plan, chance: random.Random, message: Message, people: list[str], at: int) -> None:
	who = webhooks.jid_of(chance.choice(people)) if message.chat.endswith("@g.us") else message.chat
	emoji = chance.choice(("👍", "😂", "❤️", ""))
	key = (message.session, message.message_id, who)
	before = plan.reactions.get(key, (0, ""))
	if before[0] == at:
		return  # of two at the same moment nobody knows which is the later one
	plan.reactions[key] = max(before, (at, emoji))
	body = webhooks.reaction(message.message_id, emoji, who, at, chatId=message.chat)
	plan.posts.append(("", {**body, "sessionId": message.session}))


def _change_state(plan: Plan, chance: random.Random, session: str, number: int, at: int) -> None:
	status = chance.choice(("Connected", "Disconnected", "QR Code Required"))
	said: Body = {"timestamp": at}
	if status == "Disconnected":
		said["reason"] = f"reason {number}"
	elif status == "QR Code Required":
		said["qrCode"] = f"data:image/png;base64,{number:08}"
	what = said.get("reason") or said.get("qrCode") or ""
	plan.states[session] = max(plan.states.get(session, (0, "", "")), (at, status, what))
	name = {"Connected": "connected", "Disconnected": "disconnected"}.get(status, "qr")
	plan.posts.append(("", webhooks.event(f"session.{name}", session, **said)))


@dataclass
class Post:
	"""One copy of an event on its way."""

	body: bytes
	headers: dict[str, str]


def make_posts(plan: Plan, chance: random.Random, copies: tuple[int, int]) -> list[Post]:
	"""Each event so many times (from, to), shuffled. Some copies bear the time at which they were sent."""
	posts = []
	for name, content in plan.posts:
		body = webhooks.as_bytes(content)
		headers = {"Content-Type": "application/json", "X-Webhook-Signature": webhooks.signature(body)}
		if name:
			headers["X-Webhook-Event"] = name
		for _copy in range(chance.randint(*copies)):
			stamped = (
				{"X-Webhook-Timestamp": str(NOON_MS + chance.randint(0, 1))}
				if _may_be_stamped(name, content)
				else {}
			)
			posts.append(Post(body, {**headers, **stamped}))
	chance.shuffle(posts)
	return posts


def _may_be_stamped(name: str, content: Body) -> bool:
	"""Whether another time in the header, which makes another event, must change nothing: it says something once."""
	return (name or content["event"]).startswith("message")


class Senders:
	"""So many connections that post until everything was answered 2xx."""

	def __init__(self, port: int, posts: list[Post], connections: int = 8) -> None:
		self.port = port
		self.waiting = deque(posts)
		self.number = len(posts)
		self.answers: Counter[int] = Counter()
		self.lock = threading.Lock()
		self.threads = [
			threading.Thread(target=self._send, daemon=True) for _connection in range(connections)
		]

	def start(self) -> None:
		"""Begin; what cannot be sent is tried again until it can."""
		for thread in self.threads:
			thread.start()

	@property
	def done(self) -> int:
		"""How many were answered 2xx."""
		return sum(number for status, number in self.answers.items() if 200 <= status < 300)

	def wait_until(self, number: int, seconds: float = 120) -> None:
		"""Returns once so many are answered. Raises AssertionError if for so long none was."""
		done, changed = self.done, time.monotonic()
		while self.done < number:
			if self.done != done:
				done, changed = self.done, time.monotonic()
			assert time.monotonic() - changed < seconds, f"nothing is answered any more: {self.answers}"
			time.sleep(0.02)

	def _send(self) -> None:
		connection: http.client.HTTPConnection | None = None
		while True:
			try:
				post = self.waiting.popleft()
			except IndexError:
				return
			while True:
				try:
					if connection is None:
						connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
						connection.connect()
						connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
					connection.request("POST", webhooks.PATH, post.body, post.headers)
					answer = connection.getresponse()
					answer.read()
					status = answer.status
				except (OSError, http.client.HTTPException):
					status, connection = 0, None
				with self.lock:
					self.answers[status] += 1
				if 200 <= status < 300:
					break
				time.sleep(PAUSE)
