"""What Inbox Hub does with a webhook: builds the body, signs it, posts it; also many at the same moment."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import frappe

from support import factories
from xappiens_whatsapp.inbox_hub import payloads
from xappiens_whatsapp.store import events

if TYPE_CHECKING:
	from requests import Response

	from support.web import Web

PATH = "/api/method/xappiens_whatsapp.api.webhook.handle_webhook"
EVENT = events.DOCTYPE
PERSON = "34600000002"
GROUP = "120363000000000001@g.us"
NOON = factories.NOON_MS // 1000  # seconds


def as_bytes(content: Mapping[str, Any]) -> bytes:
	"""As JavaScript's JSON.stringify writes it: compact, nothing escaped but lone surrogates."""
	return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def signature(body: bytes, secret: str = factories.SECRET) -> str:
	"""`X-Webhook-Signature` of a body."""
	return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def post(web: Web, content: Mapping[str, Any] | bytes, **headers: str) -> Response:
	"""Signs and posts an event over a connection of its own. `headers`: more of them, `X_Webhook_Event="message.sent"`."""
	body = content if isinstance(content, bytes) else as_bytes(content)
	named = {name.replace("_", "-"): value for name, value in headers.items()}
	sent = {"Content-Type": "application/json", "X-Webhook-Signature": signature(body), **named}
	with web.client() as client:
		return client.post(PATH, data=body, headers=sent)


def deliver(web: Web, *contents: Mapping[str, Any], status: str = "Processed", **headers: str) -> None:
	"""Posts events one after the other; each must be answered 200 and be processed at once."""
	for content in contents:
		answer = post(web, content, **headers)
		assert answer.status_code == 200, answer.text
		assert answer.json()["status"] == status, (answer.text, frappe.get_all(EVENT, pluck="error"))
	frappe.db.rollback()  # see what was committed


def post_together(web: Web, batches: Sequence[Sequence[Mapping[str, Any]]]) -> list[Response]:
	"""Each batch over a connection of its own, its events one after the other, all connections starting at one moment.

	Returns the answers, in the order of the batches."""
	start = threading.Barrier(len(batches))
	answers: list[list[Response]] = [[] for _batch in batches]

	def run(place: int) -> None:
		with web.client() as client:
			client.get("/api/method/ping")  # the connection is there before the others start
			start.wait(60)
			for content in batches[place]:
				body = as_bytes(content)
				headers = {"Content-Type": "application/json", "X-Webhook-Signature": signature(body)}
				answers[place].append(client.post(PATH, data=body, headers=headers))

	threads = [threading.Thread(target=run, args=(place,), daemon=True) for place in range(len(batches))]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join(120)
		assert not thread.is_alive(), "a request is not answered"
	frappe.db.rollback()  # see what was committed
	return [answer for batch in answers for answer in batch]


def store(content: Mapping[str, Any]) -> str:
	"""Stores an event without processing it, as if the request had died in between; returns its name."""
	understood = payloads.understand_event(dict(content), {})
	name = events.store(understood, as_bytes(content).decode(), {}).name
	frappe.db.commit()
	return name


def event(name: str, /, session: str = factories.SESSION, **data: Any) -> dict[str, Any]:
	"""An event as most of them come: name and session at the top, the rest in `data`."""
	return {"event": name, "sessionId": session, "data": data}


def received(text: str = "Hola", message_id: str | None = None, number: str = PERSON, **data: Any) -> dict:
	"""message.received: `number` (or any address) wrote to us. `from_` gives `from` another value."""
	said = {
		"messageId": message_id or factories.new_id(),
		"from": data.pop("from_", jid_of(number)),
		"body": text,
		"type": "chat",
		"timestamp": NOON,
	}
	return event("message.received", **{**said, **data})


def sent(text: str = "Hola", message_id: str | None = None, number: str = PERSON, **data: Any) -> dict:
	"""message.sent: we wrote to `number` (or any address)."""
	said = {
		"messageId": message_id or factories.new_id(),
		"to": jid_of(number),
		"body": text,
		"fromMe": True,
		"timestamp": NOON,
	}
	return event("message.sent", **{**said, **data})


def reaction(
	message_id: str, emoji: str, number: str = PERSON, at_ms: int | None = None, **data: Any
) -> dict:
	"""message.received that carries somebody's emoji on a message; "" takes it away."""
	said = {
		"key": {"remoteJid": jid_of(PERSON), "fromMe": False, "id": message_id},
		"text": emoji,
		"senderTimestampMs": str(at_ms or factories.NOON_MS),
	}
	return event("message.received", **{"from": jid_of(number), "reactionMessage": said, **data})


def jid_of(number: str) -> str:
	return number if "@" in number else f"{number}@s.whatsapp.net"


def statuses() -> dict[str, int]:
	"""How many events there are in each status."""
	frappe.db.rollback()
	rows = frappe.get_all(EVENT, fields=["status", "count(name) as number"], group_by="status")
	return {row.status: row.number for row in rows}


def make_due() -> None:
	"""Lets the time pass after which unfinished events are tried again."""
	event_type = frappe.qb.DocType(EVENT)
	frappe.qb.update(event_type).set(event_type.next_attempt, "2020-01-01").where(
		event_type.status.isin(["Received", "Failed", "Waiting"])
	).run()
	frappe.db.commit()
