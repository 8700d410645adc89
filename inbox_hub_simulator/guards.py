"""What a route asks for before it does anything: credentials, the call budget, the session."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query, Request

from .answers import HubError
from .calls import Call
from .hub import Hub
from .sessions import Session


async def hub_of(request: Request) -> Hub:
	hub: Hub = request.app.state.hub
	return hub


async def call_of(request: Request) -> Call:
	call: Call = request.scope["hub_call"]
	return call


AnyHub = Annotated[Hub, Depends(hub_of)]
AnyCall = Annotated[Call, Depends(call_of)]


def check_key(hub: Hub, call: Call) -> None:
	"""Raises 401 unless the right API key is there."""
	if "x-api-key" not in call.request_headers:
		raise HubError(401, "MISSING_API_KEY", "API key requerida")
	if not hub.key_is_right(call):
		raise HubError(401, "INVALID_API_KEY", "API key inválida")


def check_token(hub: Hub, call: Call, required: bool) -> None:
	"""Raises 401 if a token is there and not valid, or none is there and one is `required`."""
	if "authorization" not in call.request_headers:
		if required:
			raise HubError(401, "MISSING_TOKEN", "Token de acceso requerido")
		return
	if not hub.token_is_right(call):
		raise HubError(401, "INVALID_TOKEN", "Token inválido o expirado")


async def authenticated(hub: AnyHub, call: AnyCall) -> Call:
	"""Routes of people and organisations: the token; a key beside it must be right."""
	check_token(hub, call, required=True)
	if "x-api-key" in call.request_headers:
		check_key(hub, call)
	return call


async def fully_authenticated(hub: AnyHub, call: AnyCall) -> Call:
	"""Token and key, as the user's document shows for `POST /api/webhooks`."""
	check_key(hub, call)
	check_token(hub, call, required=True)
	return call


async def whatsapp_call(hub: AnyHub, call: AnyCall) -> Call:
	"""Routes of WhatsApp: the key, with or without a token (`Options.auth`), and one call of the session's budget."""
	check_key(hub, call)
	check_token(hub, call, required=hub.options.auth == "jwt+key")
	hub.limits.session(call.session, call.headers)
	return call


Authenticated = Annotated[Call, Depends(authenticated)]
FullyAuthenticated = Annotated[Call, Depends(fully_authenticated)]
WhatsApp = Annotated[Call, Depends(whatsapp_call)]


def find_session(hub: Hub, spelled: str, ids: str) -> Session:
	"""Raises 404 SESSION_NOT_FOUND if there is none."""
	session = hub.sessions.find(spelled, ids)
	if session is None:
		raise HubError(404, "SESSION_NOT_FOUND", "Sesión no encontrada")
	return session


def require_connected(session: Session) -> Session:
	"""Raises 400 SESSION_NOT_CONNECTED if it is not."""
	if not session.is_connected:
		raise HubError(400, "SESSION_NOT_CONNECTED", "La sesión debe estar conectada")
	return session


async def session_by_any_id(hub: AnyHub, call: WhatsApp, session_id: Annotated[str, Path()]) -> Session:
	"""Below /api/sessions: the number or the string, as `Options.ids` says."""
	return find_session(hub, session_id, hub.options.ids)


async def session_by_string(hub: AnyHub, call: WhatsApp, session_id: Annotated[str, Path()]) -> Session:
	"""Below /api/messages and /api/contacts: the string."""
	return find_session(hub, session_id, "string")


async def connected_session(session: Annotated[Session, Depends(session_by_string)]) -> Session:
	return require_connected(session)


async def listable_session(hub: AnyHub, session: Annotated[Session, Depends(session_by_string)]) -> Session:
	"""For lists: some Hubs serve them from their database, others want the session connected (C8)."""
	return require_connected(session) if hub.options.refuses_offline_lists else session


SessionByAnyId = Annotated[Session, Depends(session_by_any_id)]
SessionByString = Annotated[Session, Depends(session_by_string)]
ConnectedSession = Annotated[Session, Depends(connected_session)]
ListableSession = Annotated[Session, Depends(listable_session)]

PageNumber = Annotated[int, Query(alias="page", ge=1)]
Limit = Annotated[int, Query(alias="limit", ge=1, le=100)]
