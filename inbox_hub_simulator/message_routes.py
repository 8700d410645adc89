"""/api/messages: chats, messages, sending, reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timezone
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query

from . import sending
from .answers import HubError, HubResponse, invalid, iso, ok
from .calls import Call
from .conversation import receipt, write
from .data import DAY_MS, Message
from .guards import (
	AnyCall,
	AnyHub,
	ConnectedSession,
	Limit,
	ListableSession,
	PageNumber,
	SessionByString,
	WhatsApp,
)
from .hub import Hub
from .jids import canonical, is_group
from .paging import page_of
from .sessions import Session
from .shapes import chat_row, message_row, sent_answer, spelled

router = APIRouter(prefix="/api/messages")

MAX_RETRIES = 3
MISSING_COLUMN = (
	'column Message.isDeleted does not exist: SELECT "Message"."chatId" FROM "messages" AS "Message"'
)
NULL_COLUMNS = (
	"notNull Violation: Message.whatsappMessageId cannot be null,\n"
	"notNull Violation: Message.from cannot be null"
)


@router.get("/unread")
async def unread(hub: AnyHub, call: WhatsApp) -> HubResponse:
	rows = [
		{
			"sessionId": session.session_id,
			"chatId": chat.jid,
			"chatName": chat.name,
			"unreadCount": chat.unread,
			"lastMessage": chat.last
			and {"content": chat.last.text, "timestamp": iso(chat.last.timestamp_ms)},
		}
		for session in hub.sessions.all()
		for chat in session.store.chats()
		if chat.unread
	]
	return ok({"unreadMessages": rows, "totalUnread": sum(row["unreadCount"] for row in rows)})


@router.get("/{session_id}/chats")
async def chats(
	hub: AnyHub, call: AnyCall, session: ListableSession, page: PageNumber = 1, limit: Limit = 20
) -> HubResponse:
	if hub.faults.take("F1", session=session.session_id):
		raise HubError(500, "INTERNAL_ERROR", MISSING_COLUMN)
	shape = hub.options.shape

	def rows(start: int, stop: int) -> list[dict[str, Any]]:
		return [chat_row(chat, shape) for chat in session.store.chats(start, stop)]

	total = session.store.listed_chat_total()
	style = "none" if shape == "seed" else "pagination"
	return ok(page_of(hub.faults, call, "chats", rows, total, page, limit, style))


@router.get("/{session_id}/stats")
async def stats(
	hub: AnyHub,
	session: SessionByString,
	startDate: Annotated[str | None, Query()] = None,
	endDate: Annotated[str | None, Query()] = None,
) -> HubResponse:
	messages = list(_filtered(session, None, None, startDate, endDate))
	numbers = {
		"total": len(messages),
		"sent": sum(message.from_me for message in messages),
		"received": sum(not message.from_me for message in messages),
		"byType": Counter(message.kind for message in messages),
		"byStatus": Counter(message.status for message in messages),
	}
	return ok({"stats": numbers})


@router.get("/{session_id}")
async def session_messages(
	hub: AnyHub,
	call: AnyCall,
	session: ListableSession,
	page: PageNumber = 1,
	limit: Limit = 50,
	chatId: Annotated[str | None, Query(min_length=1)] = None,
	kind: Annotated[str | None, Query(alias="type")] = None,
	fromMe: Annotated[bool | None, Query()] = None,
	startDate: Annotated[str | None, Query()] = None,
	endDate: Annotated[str | None, Query()] = None,
) -> HubResponse:
	"""Messages of the session, or of one chat with `chatId`."""
	store = session.store
	if chatId is not None:
		if hub.options.chat_messages == "path":
			raise HubError(404, "NOT_FOUND", "Ruta no encontrada")
		chatId = _jid("chatId", chatId)
	if (kind, fromMe, startDate, endDate) != (None, None, None, None):
		found = [
			message
			for message in _filtered(session, kind, fromMe, startDate, endDate)
			if chatId in (None, message.chat)
		]
		return _messages_answer(hub, call, session, found, len(found), page, limit)
	if chatId is not None:
		total = store.message_total(chatId)
		return _messages_answer(hub, call, session, store.messages(chatId), total, page, limit)
	total = store.every_message_total()
	return _messages_answer(hub, call, session, store.every_message, total, page, limit)


@router.get("/{session_id}/{chat_id}")
async def chat_messages(
	hub: AnyHub,
	call: AnyCall,
	session: ListableSession,
	chat_id: str,
	page: PageNumber = 1,
	limit: Limit = 50,
) -> HubResponse:
	"""Messages of one chat."""
	if hub.options.chat_messages == "filter":
		raise HubError(404, "NOT_FOUND", "Ruta no encontrada")
	jid = _jid("chatId", chat_id)
	store = session.store

	def fetch(start: int, stop: int) -> Iterable[Message]:
		return store.messages(jid, start, stop)

	chat = store.chat(jid)
	info = {"chatId": spelled(jid, hub.options.shape), "name": chat.name, "isGroup": is_group(jid)}
	extra = {} if hub.options.shape == "seed" else {"chatInfo": info}
	return _messages_answer(
		hub, call, session, fetch, store.message_total(jid), page, limit, in_chat=True, extra=extra
	)


def _messages_answer(
	hub: Hub,
	call: Call,
	session: Session,
	source: Any,
	total: int,
	page: int,
	limit: int,
	in_chat: bool = False,
	extra: dict[str, Any] | None = None,
) -> HubResponse:
	"""A page, the newest message first; `full` has each page's own rows the other way round.

	`source` gives messages from a start to before a stop, or is an iterable of all of them.
	"""
	options = hub.options

	def rows(start: int, stop: int) -> list[dict[str, Any]]:
		messages = source(start, stop) if callable(source) else islice(iter(source), start, stop)
		made = [
			message_row(message, options.shape, session.jid, in_chat, options.crm_message_ids)
			for message in messages
		]
		return made[::-1] if options.shape == "full" else made

	style = "plain" if options.shape == "seed" else "pagination"
	data = page_of(hub.faults, call, "messages", rows, total, page, limit, style)
	return ok(data | (extra or {}))


def _filtered(
	session: Session, kind: str | None, from_me: bool | None, start: str | None, end: str | None
) -> Iterable[Message]:
	earliest = _instant("startDate", start, 0)
	latest = _instant("endDate", end, DAY_MS - 1)
	for message in session.store.every_message():
		if earliest is not None and message.timestamp_ms < earliest:
			continue
		if latest is not None and message.timestamp_ms > latest:
			continue
		if kind in (None, message.kind) and from_me in (None, message.from_me):
			yield message


def _instant(field: str, text: str | None, whole_day_ms: int) -> int | None:
	"""ISO with time, or a date alone, which means its first or last millisecond in UTC."""
	if text is None:
		return None
	try:
		moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
	except ValueError:
		raise invalid(field, "must be an ISO 8601 date") from None
	if moment.tzinfo is None:
		moment = moment.replace(tzinfo=timezone.utc)
	return int(moment.timestamp() * 1000) + (whole_day_ms if len(text) == 10 else 0)


def _jid(field: str, text: str) -> str:
	try:
		return canonical(text)
	except ValueError:
		raise invalid(field, "must be a JID") from None


@router.post("/{session_id}/send")
async def send(hub: AnyHub, call: AnyCall, session: SessionByString, body: dict[str, Any]) -> HubResponse:
	"""Accepts a message. Sends are not idempotent: the same body twice is two messages."""
	hub.limits.sending(session.session_id, call.headers)
	wanted = sending.read(body)
	if not session.is_connected:
		raise HubError(400, "SESSION_NOT_CONNECTED", "La sesión debe estar conectada")
	if hub.faults.take("F3", session=session.session_id):
		if wanted.is_jid:
			raise invalid("to", "must be digits")
		raise HubError(400, "WHATSAPP_ERROR", NULL_COLUMNS)
	message = write(hub, session, wanted.draft)
	if wanted.lacks_caption and hub.faults.take("F7", session=session.session_id):
		raise HubError(400, "VALIDATION_ERROR", "content is required")
	answer = sent_answer(message, wanted.to, wanted.kind, wanted.spoken, hub.options.shape)
	return ok(answer, "Mensaje enviado exitosamente", status=201 if hub.options.shape == "crm" else 200)


@router.put("/{session_id}/{chat_id}/read")
async def mark_read(session: ConnectedSession, chat_id: str) -> HubResponse:
	return ok({"markedCount": session.store.mark_read(_jid("chatId", chat_id))}, "Chat marcado como leído")


@router.get("/{session_id}/{message_id}/media")
async def media(session: SessionByString, message_id: str) -> HubResponse:
	message = session.store.find_message(message_id)
	if message is None or message.media is None:
		raise HubError(404, "MEDIA_NOT_FOUND", "Archivo no encontrado")
	file = message.media
	return ok({"url": file["url"], "filename": file["filename"], "mimetype": file["mimetype"]})


def _anywhere(hub: Hub, message_id: str) -> tuple[Session, Message]:
	for session in hub.sessions.all():
		message = session.store.find_message(message_id)
		if message is None and message_id.isdigit():
			message = session.store.find_by_hub_id(int(message_id))
		if message is not None:
			return session, message
	raise HubError(404, "MESSAGE_NOT_FOUND", "Mensaje no encontrado")


@router.delete("/{message_id}")
async def delete_message(hub: AnyHub, call: WhatsApp, message_id: str) -> HubResponse:
	_, message = _anywhere(hub, message_id)
	message.is_deleted = True
	message.text = ""
	return ok(message="Mensaje eliminado")


@router.post("/{message_id}/retry")
async def retry(hub: AnyHub, call: WhatsApp, message_id: str) -> HubResponse:
	"""Only a failed message can be tried again, three times."""
	session, message = _anywhere(hub, message_id)
	if message.status != "failed" or message.retries >= MAX_RETRIES:
		raise invalid("messageId", "has not failed, or was tried again too often")
	message.retries += 1
	receipt(hub, session, message, "sent")
	return ok({"messageId": message.message_id, "status": message.status})
