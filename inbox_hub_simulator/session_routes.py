"""/api/sessions."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from pydantic import BaseModel, StrictBool, StringConstraints

from .answers import HubError, HubResponse, invalid, iso, ok
from .clock import now_ms
from .guards import AnyHub, Limit, PageNumber, SessionByAnyId, WhatsApp, find_session
from .happenings import EVENT_NAMES
from .hub import Hub
from .paging import page_of
from .sessions import Session
from .shapes import contact_row, created_answer, session_row, session_status

router = APIRouter(prefix="/api/sessions")

Status = Literal["connected", "disconnected", "qr_code", "connecting", "error", "rate_limited"]
WebUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+\S*$")]
Secret = Annotated[str, StringConstraints(min_length=16, max_length=255)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class NewSession(BaseModel):
	sessionId: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{3,100}$")]
	sessionName: Name | None = None
	name: Name | None = None
	phoneNumber: Annotated[str, StringConstraints(pattern=r"^\d{7,15}$")] | None = None
	webhookUrl: WebUrl | None = None
	webhookSecret: Secret | None = None
	webhookEvents: list[str] | None = None
	fromFrappe: StrictBool | None = None


class SessionWebhook(BaseModel):
	webhookUrl: WebUrl
	webhookSecret: Secret | None = None


class FrappePush(BaseModel):
	sendToFrappe: StrictBool


def check_events(field: str, events: list[str]) -> tuple[str, ...]:
	"""Raises 400 for an unknown event or none at all."""
	unknown = [event for event in events if event not in EVENT_NAMES]
	if unknown or not events:
		raise invalid(field, f"unknown events: {', '.join(unknown)}" if unknown else "must not be empty")
	return tuple(dict.fromkeys(events))


@router.post("")
async def create(hub: AnyHub, call: WhatsApp, body: NewSession) -> HubResponse:
	"""In the variant `crm` the session begins to connect at once and shows its QR; else `/connect` is needed."""
	events = check_events("webhookEvents", body.webhookEvents) if body.webhookEvents is not None else ()
	if hub.sessions.find(body.sessionId, "string") is not None:
		raise HubError(409, "CONFLICT", "Session already exists")
	session = hub.sessions.create(
		body.sessionId,
		name=body.sessionName or body.name or body.sessionId,
		phone=body.phoneNumber,
		send_to_frappe=_wants_frappe_push(hub, call.request_headers, body),
	)
	if body.webhookUrl:
		hub.webhooks.set_for_session(session.session_id, body.webhookUrl, body.webhookSecret, events)
	variant = hub.options.create_variant
	if variant in ("crm", "metodos"):
		hub.sessions.connect(session, at_once=True)
	return ok(
		created_answer(session, variant, body.webhookUrl),
		"Sesión creada exitosamente" if variant != "crm" else None,
		status=201,
	)


def _wants_frappe_push(hub: Hub, headers: dict[str, str], body: NewSession) -> bool:
	own = urlsplit(hub.options.frappe_url or "").netloc
	is_own_host = bool(own) and urlsplit(body.webhookUrl or "").netloc == own
	return bool(body.fromFrappe) or headers.get("x-frappe-origin") == "true" or is_own_host


@router.get("")
async def list_sessions(
	hub: AnyHub,
	call: WhatsApp,
	page: PageNumber = 1,
	limit: Limit = 10,
	status: Annotated[Status | None, Query()] = None,
) -> HubResponse:
	sessions = [each for each in hub.sessions.all() if status in (None, each.status)]
	rows = [session_row(session, hub.options.shape) for session in sessions]
	style = "plain" if hub.options.shape == "seed" else "pagination"
	return ok(
		page_of(
			hub.faults,
			call,
			"sessions",
			lambda start, stop: rows[start:stop],
			len(rows),
			page,
			limit,
			style,
		)
	)


@router.get("/stats")
async def stats(hub: AnyHub, call: WhatsApp) -> HubResponse:
	sessions = hub.sessions.all()
	connected = sum(session.is_connected for session in sessions)
	numbers = {"total": len(sessions), "connected": connected, "disconnected": len(sessions) - connected}
	return ok({"stats": numbers})


@router.get("/frappe/sessions")
async def frappe_sessions(hub: AnyHub, call: WhatsApp) -> HubResponse:
	rows = [session_row(each, hub.options.shape) for each in hub.sessions.all() if each.send_to_frappe]
	return ok({"sessions": rows, "total": len(rows)})


@router.get("/{session_id}")
async def one_session(hub: AnyHub, session: SessionByAnyId) -> HubResponse:
	profile = {"name": session.name, "about": None, "profilePictureUrl": None, "isBusiness": False}
	row = session_row(session, hub.options.shape) | {"profile": profile if session.is_connected else None}
	return ok({"session": row})


@router.get("/{session_id}/status")
async def status(hub: AnyHub, session: SessionByAnyId) -> HubResponse:
	if hub.faults.take("F5", session=session.session_id):
		raise HubError(404, "SESSION_NOT_FOUND", "Sesión no encontrada")
	return ok(session_status(session, hub.options.shape))


@router.get("/{session_id}/qr")
async def qr(hub: AnyHub, session: SessionByAnyId) -> HubResponse:
	"""Not ready yet: 404, in the shape `full` 500 QR_GENERATION_ERROR."""
	fault = hub.faults.take("F4", session=session.session_id, stage="qr")
	if session.qr is None or fault:
		if hub.options.shape == "full" or fault:
			raise HubError(500, "QR_GENERATION_ERROR", "Error al generar el código QR")
		raise HubError(404, "QR_NOT_READY", "QR not ready")
	return ok(
		{
			"qrCode": session.qr,
			"sessionId": session.session_id,
			"expiresAt": iso(session.qr_expires_ms or now_ms()),
			"status": "pending" if hub.options.shape == "full" else session.status,
		}
	)


@router.post("/{session_id}/connect")
async def connect(hub: AnyHub, session: SessionByAnyId) -> HubResponse:
	"""Begins to connect. A session that is connected or on the way stays as it is."""
	if hub.faults.take("F4", session=session.session_id, stage="connect"):
		raise HubError(500, "CONNECTION_ERROR", "Error al conectar la sesión")
	hub.sessions.connect(session)
	return ok({"sessionId": session.session_id, "status": session.status}, "Conexión iniciada")


@router.post("/{session_id}/disconnect")
async def disconnect(hub: AnyHub, session: SessionByAnyId) -> HubResponse:
	"""The credentials stay: connecting again needs no QR."""
	if session.status != "disconnected":
		hub.sessions.disconnect(session, "manual")
	return ok({"sessionId": session.session_id, "status": "disconnected"}, "Sesión desconectada")


@router.post("/{session_id}/restart")
async def restart(hub: AnyHub, session: SessionByAnyId) -> HubResponse:
	if session.status != "disconnected":
		hub.sessions.disconnect(session, "restart")
	hub.sessions.connect(session)
	return ok({"sessionId": session.session_id, "status": session.status}, "Sesión reiniciada")


@router.delete("/{session_id}")
async def delete(hub: AnyHub, session: SessionByAnyId) -> HubResponse:
	hub.sessions.delete(session)
	hub.webhooks.forget_session(session.session_id)
	return ok(message="Sesión eliminada")


@router.get("/{session_id}/contacts")
async def contacts(
	hub: AnyHub, call: WhatsApp, session_id: str, page: PageNumber = 1, limit: Limit = 50
) -> HubResponse:
	"""From the Hub's database, so it does not matter whether the session is connected."""
	session = find_session(hub, session_id, hub.options.ids)

	def rows(start: int, stop: int) -> list[dict[str, Any]]:
		return [contact_row(each, hub.options.shape) for each in session.store.contacts(start, stop)]

	total = session.store.contact_total()
	return ok(page_of(hub.faults, call, "contacts", rows, total, page, limit, "source"))


@router.post("/{session_id}/sync")
async def sync(session: SessionByAnyId) -> HubResponse:
	counts = {
		"contactsSynced": session.store.contact_total(),
		"chatsSynced": session.store.listed_chat_total(),
	}
	return ok({"sessionId": session.session_id, **counts, "timestamp": iso(now_ms())})


@router.post("/{session_id}/repair-conversations")
async def repair(session: SessionByAnyId) -> HubResponse:
	nothing: dict[str, Any] = {"repairedConversations": [], "totalRepaired": 0}
	return ok({"sessionId": session.session_id, **nothing, "timestamp": iso(now_ms())})


@router.post("/{session_id}/frappe/configure")
async def configure_frappe(session: SessionByAnyId, body: FrappePush) -> HubResponse:
	session.send_to_frappe = body.sendToFrappe
	return ok({"sessionId": session.session_id, "sendToFrappe": session.send_to_frappe})


@router.get("/{session_id}/frappe/status")
async def frappe_status(session: SessionByAnyId) -> HubResponse:
	return ok(_frappe_row(session))


def _frappe_row(session: Session) -> dict[str, Any]:
	return {
		"sessionId": session.session_id,
		"sendToFrappe": session.send_to_frappe,
		"status": session.status,
		"sessionName": session.name,
	}


@router.put("/{session_id}/webhook")
async def set_webhook(hub: AnyHub, call: WhatsApp, session_id: str, body: SessionWebhook) -> HubResponse:
	"""The one route that takes the number only."""
	session = find_session(hub, session_id, "numeric")
	hub.webhooks.set_for_session(session.session_id, body.webhookUrl, body.webhookSecret)
	return ok({"sessionId": session.session_id, "webhookUrl": body.webhookUrl}, "Webhook actualizado")
