"""/__sim__: what makes things happen, and tells what happened. No credentials, no limits, not recorded."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from . import conversation
from .answers import HubResponse, compact_json, iso
from .clock import now_ms
from .control_bodies import (
	Archive,
	ContactFields,
	Disconnect,
	Incoming,
	NewSession,
	OfSession,
	PhoneMessage,
	RawEvent,
	Reaction,
	Receipt,
	Release,
	Scan,
)
from .data import Message, World
from .guards import AnyHub
from .hub import Hub
from .jids import canonical, is_group, jid_of_index, phone_of
from .limits import Limits
from .sessions import Session
from .shapes import session_row
from .store import Store

router = APIRouter(prefix="/__sim__")
AnyBody = Annotated[dict[str, Any], Body()]
GROUP_INDEX = 4


class ControlError(Exception):
	"""A control call that cannot be done. `status` is the answer's."""

	def __init__(self, status: int, text: str) -> None:
		super().__init__(text)
		self.status = status


def answer(data: dict[str, Any] | None = None) -> HubResponse:
	return HubResponse({"ok": True, **(data or {})})


def _session(hub: Hub, session_id: str) -> Session:
	session = hub.sessions.find(session_id)
	if session is None:
		raise ControlError(404, f"There is no session {session_id!r} at the Hub.")
	return session


def _jid(text: str) -> str:
	try:
		return canonical(text)
	except ValueError as error:
		raise ControlError(400, str(error)) from None


@router.post("/reset")
async def reset(hub: AnyHub, body: Annotated[dict[str, Any] | None, Body()] = None) -> HubResponse:
	"""Begin again, with the options of the start changed by those given."""
	try:
		options = hub.start_options.changed(body or {})
		await hub.reset(options)
	except ValueError as error:
		raise ControlError(400, str(error)) from None
	return answer()


@router.post("/options")
async def change_options(hub: AnyHub, body: AnyBody) -> HubResponse:
	"""Change options and keep all data; the windows of the limits begin anew. Amounts and seed need a reset."""
	fixed = {"contacts", "chats", "messages", "seed", "distinct", "anchor", "session", "fault", "trickle"}
	if fixed & set(body):
		raise ControlError(400, f"Only a reset changes {', '.join(sorted(fixed & set(body)))}.")
	try:
		hub.options = hub.options.changed(body)
	except ValueError as error:
		raise ControlError(400, str(error)) from None
	hub.limits = Limits(hub.options)
	return answer({"options": asdict(hub.options)})


@router.get("/state")
async def state(hub: AnyHub, chats: int = 20, messages: int = 50) -> HubResponse:
	"""Everything, with exact counts, and what a full sync of `chats` x `messages` must store."""
	options = hub.options
	fresh = Store(World(str(options.seed), options.contacts, options.chats, options.messages, options.anchor))
	sessions = {
		session.session_id: {
			**session_row(session, "crm"),
			"paired": session.is_paired,
			"stale": session.is_stale,
			"qrSerial": session.qr_serial,
			"expected": session.store.expected(chats, messages),
		}
		for session in hub.sessions.all()
	}
	return answer(
		{
			"options": asdict(options),
			"expected": fresh.expected(chats, messages),
			"sessions": sessions,
			"webhooks": [webhook.shown() for webhook in hub.webhooks.everybody()],
			"faults": hub.faults.snapshot(),
			"limits": hub.limits.snapshot(),
			"requests": len(hub.requests),
			"deliveries": len(hub.dispatcher.deliveries),
			"pending_deliveries": hub.dispatcher.pending,
			"held_events": hub.dispatcher.held_count,
		}
	)


@router.get("/requests")
async def requests(
	hub: AnyHub,
	path: str = "",
	method: str = "",
	session: str = "",
	since: Annotated[float, Query(description="epoch seconds")] = 0.0,
) -> HubResponse:
	found = [
		each
		for each in hub.requests
		if each["path"].startswith(path)
		and method.upper() in ("", each["method"])
		and session in ("", each["session"])
		and each["at"] >= since
	]
	return answer({"requests": found})


@router.delete("/requests")
async def forget_requests(hub: AnyHub) -> HubResponse:
	hub.requests.clear()
	return answer()


@router.get("/deliveries")
async def deliveries(hub: AnyHub, event: str = "", session: str = "", since_id: int = 0) -> HubResponse:
	found = [
		each.shown()
		for each in hub.dispatcher.deliveries
		if event in ("", each.event) and session in ("", each.session_id) and each.delivery_id > since_id
	]
	return answer({"deliveries": found})


@router.delete("/deliveries")
async def forget_deliveries(hub: AnyHub) -> HubResponse:
	hub.dispatcher.deliveries.clear()
	return answer()


@router.post("/deliveries/wait")
async def wait_for_deliveries(hub: AnyHub, body: AnyBody) -> HubResponse:
	"""Wait until nothing is on its way, `timeout` seconds at most."""
	idle = await hub.dispatcher.wait_until_idle(float(body.get("timeout", 10)))
	return answer({"idle": idle, "pending": hub.dispatcher.pending})


@router.post("/session")
async def session(hub: AnyHub, body: NewSession) -> HubResponse:
	"""A session without asking the API for it; it may exist already."""
	known = hub.sessions.find(body.session, "string")
	made = known or hub.sessions.create(body.session, name=body.name or body.session)
	if body.connected:
		hub.sessions.connect_now(made, body.phone)
	return answer({"session": session_row(made, "crm")})


@router.post("/incoming")
async def incoming(hub: AnyHub, body: Incoming) -> HubResponse:
	"""Somebody writes; with `webhook: false` without an event."""
	session = _session(hub, body.session)
	if body.chat:
		chat = _jid(body.chat)
	else:
		chat = jid_of_index(GROUP_INDEX if body.as_group else 0)
	if body.as_group and not is_group(chat):
		raise ControlError(400, f"{chat} is no group.")
	sender = _jid(body.sender) if body.sender else jid_of_index(1) if is_group(chat) else chat
	known = session.store.contact(sender)
	push_name = body.push_name or (known.notify if known else None)
	made = []
	for number in range(body.count):
		text = body.text if body.count == 1 or body.text is None else f"{body.text} {number + 1}"
		draft = conversation.Draft(
			chat=chat,
			text=f"Mensaje {number + 1} 👋" if text is None and body.type == "text" else text or "",
			kind=body.type,
			sender=sender,
			push_name=push_name,
			media=body.media,
			location=body.location,
			quoted_id=body.quoted,
			message_id=body.message_id,
			timestamp_ms=body.timestamp_ms,
		)
		made.append(conversation.receive(hub, session, draft, tell=body.webhook))
	return answer({"messages": [_told(message) for message in made]})


def _told(message: Message) -> dict[str, Any]:
	return {
		"message_id": message.message_id,
		"chat_id": message.chat,
		"text": message.text,
		"timestamp_ms": message.timestamp_ms,
		"hub_id": message.hub_id,
	}


@router.post("/phone_message")
async def phone_message(hub: AnyHub, body: PhoneMessage) -> HubResponse:
	"""The owner of the number writes on the phone."""
	session = _session(hub, body.session)
	draft = conversation.Draft(
		chat=_jid(body.chat) if body.chat else jid_of_index(0),
		text=body.text,
		kind=body.type,
		media=body.media,
		message_id=body.message_id,
		timestamp_ms=body.timestamp_ms,
	)
	message = conversation.write(hub, session, draft, tell=body.webhook, on_phone=True)
	return answer({"messages": [_told(message)]})


def _message(session: Session, message_id: str, chat: str | None, from_me: bool) -> Message:
	"""The message, or one that only the events know."""
	known = session.store.find_message(message_id)
	if known is not None:
		return known
	jid = _jid(chat) if chat else jid_of_index(0)
	return Message(message_id, 0, jid, from_me, "", now_ms(), sender="" if from_me else jid)


@router.post("/receipt")
async def receipt(hub: AnyHub, body: Receipt) -> HubResponse:
	"""A message gets further. The Hub need not know it."""
	session = _session(hub, body.session)
	status = body.status or conversation.STATUS_OF_ACK.get(-2 if body.ack is None else body.ack)
	if status is None:
		raise ControlError(400, "Say status (sent, delivered, read, played, failed) or ack (-1 to 4).")
	message = _message(session, body.message_id, body.chat, from_me=True)
	conversation.receipt(hub, session, message, status, body.error)
	return answer()


@router.post("/reaction")
async def reaction(hub: AnyHub, body: Reaction) -> HubResponse:
	session = _session(hub, body.session)
	message = _message(session, body.message_id, body.chat, from_me=body.from_me)
	somebody = jid_of_index(1) if is_group(message.chat) else message.chat
	sender = _jid(body.sender) if body.sender else somebody
	return answer({"message_id": conversation.react(hub, session, message, body.emoji, sender)})


@router.post("/qr")
async def qr(hub: AnyHub, body: OfSession) -> HubResponse:
	"""Show a new QR now."""
	session = _session(hub, body.session)
	if session.is_connected:
		raise ControlError(409, f"{session.session_id} is connected and shows no QR.")
	hub.sessions.show_qr(session)
	return answer({"qr": session.qr, "expires_at": iso(session.qr_expires_ms or 0)})


@router.post("/scan")
async def scan(hub: AnyHub, body: Scan) -> HubResponse:
	"""Somebody scans the QR that is shown; 409 if none is."""
	session = _session(hub, body.session)
	if session.qr is None:
		raise ControlError(409, f"{session.session_id} shows no QR, it is {session.status}.")
	hub.sessions.scan(session, body.phone)
	return answer({"phone": session.phone})


@router.post("/disconnect")
async def disconnect(hub: AnyHub, body: Disconnect) -> HubResponse:
	hub.sessions.disconnect(_session(hub, body.session), body.reason, body.reconnect_after)
	return answer()


@router.post("/contact")
async def contact(hub: AnyHub, body: ContactFields) -> HubResponse:
	"""Change a contact, or make one, and tell."""
	session = _session(hub, body.session)
	jid = _jid(body.contact_id)
	conversation.change_contact(hub, session, jid, tell=body.webhook, **body.changes())
	return answer({"contact_id": jid, "phone": phone_of(jid)})


@router.post("/archive")
async def archive(hub: AnyHub, body: Archive) -> HubResponse:
	conversation.archive(hub, _session(hub, body.session), _jid(body.chat), body.archived)
	return answer()


@router.post("/faults")
async def switch_faults(hub: AnyHub, body: AnyBody) -> HubResponse:
	"""`{"F1": true, "status:chats": {"path": "...", "times": 2}, "F2": false}`"""
	try:
		for name, parameters in body.items():
			hub.switch_fault(name, parameters)
	except (TypeError, ValueError) as error:
		raise ControlError(400, str(error)) from None
	return answer({"faults": hub.faults.snapshot()})


@router.get("/faults")
async def active_faults(hub: AnyHub) -> HubResponse:
	return answer({"faults": hub.faults.snapshot()})


@router.delete("/faults")
async def clear_faults(hub: AnyHub) -> HubResponse:
	hub.faults.clear()
	hub.sessions.set_stale(False)
	return answer()


@router.post("/event")
async def event(hub: AnyHub, body: RawEvent) -> HubResponse:
	"""Any body to every active webhook, signed, whether it subscribed or not."""
	raw: bytes | dict[str, Any]
	if isinstance(body.body, str):
		raw = body.body.encode()
	elif body.body is not None:
		raw = compact_json(body.body)
	else:
		raw = body.wrapped(now_ms())
	made = [
		delivery.delivery_id
		for webhook in hub.webhooks.everybody()
		if webhook.is_active
		for delivery in hub.dispatcher.post(
			webhook, body.event, body.session, raw, attempts=body.attempts, headers=body.headers
		)
	]
	return answer({"deliveries": made})


@router.post("/hold")
async def hold(hub: AnyHub) -> HubResponse:
	"""From now on events are kept until `release`."""
	hub.dispatcher.hold()
	return answer()


@router.post("/release")
async def release(hub: AnyHub, body: Release) -> HubResponse:
	"""Deliver what was kept: each event several times, shuffled, over several connections, until answered 2xx."""
	count = hub.dispatcher.release(
		random.Random(body.seed),
		copies=(body.copies_from, max(body.copies_from, body.copies_to)),
		shuffle=body.shuffle,
		connections=body.connections,
		attempts=body.attempts,
		delay_ms=body.delay_ms,
	)
	return answer({"deliveries": count})
