"""/api/webhooks: registering (R1 and R2 of `docs/hub.md`) and managing."""

from __future__ import annotations

import asyncio
import hmac
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field, StrictBool

from .answers import HubError, HubResponse, invalid, iso, ok
from .clock import now_ms
from .delivery import sign
from .guards import AnyCall, AnyHub, Authenticated, FullyAuthenticated, Limit, PageNumber
from .hub import Hub
from .options import ORGANIZATION_ID
from .paging import page_of
from .session_routes import Name, Secret, WebUrl, check_events
from .webhooks import Webhook

router = APIRouter(prefix="/api/webhooks")
OrganizationId = Annotated[int, Path()]
WebhookId = Annotated[int, Path()]


class RetryConfig(BaseModel):
	attempts: int = Field(3, ge=1, le=10)
	delay: int = Field(1000, ge=0, le=3_600_000)


class NewWebhook(BaseModel):
	name: Name
	url: WebUrl
	events: list[str]
	method: Literal["POST"] = "POST"
	secret: Secret | None = None
	headers: dict[str, str] | None = None
	retryConfig: RetryConfig | None = None
	timeout: int = Field(30_000, ge=100, le=60_000)


class WebhookChange(BaseModel):
	name: Name | None = None
	url: WebUrl | None = None
	events: list[str] | None = None
	secret: Secret | None = None
	headers: dict[str, str] | None = None
	retryConfig: RetryConfig | None = None
	timeout: int | None = Field(None, ge=100, le=60_000)
	isActive: StrictBool | None = None


class Pause(BaseModel):
	pauseUntil: str | None = None


class TestPayload(BaseModel):
	event: str
	sessionId: str | None = None
	data: Any = None


class Test(BaseModel):
	testPayload: TestPayload


def _register(hub: Hub, body: NewWebhook) -> HubResponse:
	events = check_events("events", body.events)
	if hub.webhooks.find_by_name(body.name) is not None:
		raise HubError(409, "CONFLICT", "Ya existe un webhook con ese nombre")
	webhook = hub.webhooks.register(
		name=body.name,
		url=body.url,
		events=events,
		secret=body.secret,
		headers=body.headers or {},
		attempts=body.retryConfig.attempts if body.retryConfig else None,
		delay=body.retryConfig.delay if body.retryConfig else None,
		timeout=body.timeout,
	)
	return ok({"webhook": webhook.shown()}, "Webhook creado exitosamente", status=201)


def _webhook(hub: Hub, webhook_id: int) -> Webhook:
	webhook = hub.webhooks.find(webhook_id)
	if webhook is None:
		raise HubError(404, "WEBHOOK_NOT_FOUND", "Webhook no encontrado")
	return webhook


def _check_organization(organization_id: int) -> None:
	if organization_id != ORGANIZATION_ID:
		raise HubError(403, "AUTHORIZATION_FAILED", "No tienes acceso a esta organización")


@router.post("")
async def register(hub: AnyHub, call: FullyAuthenticated, body: NewWebhook) -> HubResponse:
	"""R1, the user's document's."""
	return _register(hub, body)


@router.post("/organizations/{organization_id}")
async def register_for_organization(
	hub: AnyHub, call: Authenticated, organization_id: OrganizationId, body: NewWebhook
) -> HubResponse:
	"""R2."""
	_check_organization(organization_id)
	return _register(hub, body)


@router.get("/organizations/{organization_id}")
async def list_webhooks(
	hub: AnyHub,
	call: Authenticated,
	organization_id: OrganizationId,
	page: PageNumber = 1,
	limit: Limit = 20,
	isActive: Annotated[bool | None, Query()] = None,
	isPaused: Annotated[bool | None, Query()] = None,
) -> HubResponse:
	_check_organization(organization_id)
	rows = [
		webhook.shown()
		for webhook in hub.webhooks.registered()
		if isActive in (None, webhook.is_active) and isPaused in (None, webhook.is_paused)
	]
	return ok(
		page_of(
			hub.faults,
			call,
			"webhooks",
			lambda start, stop: rows[start:stop],
			len(rows),
			page,
			limit,
			"pagination",
		)
	)


@router.get("/organizations/{organization_id}/stats")
async def stats(hub: AnyHub, call: Authenticated, organization_id: OrganizationId) -> HubResponse:
	_check_organization(organization_id)
	done = [delivery for delivery in hub.dispatcher.deliveries if delivery.is_done]
	delivered = [delivery for delivery in done if delivery.delivered]
	seconds = [delivery.attempts[-1]["seconds"] for delivery in delivered]
	return ok(
		{
			"totalDeliveries": len(done),
			"successfulDeliveries": len(delivered),
			"failedDeliveries": len(done) - len(delivered),
			"averageResponseTime": round(1000 * sum(seconds) / len(seconds)) if seconds else 0,
			"lastDelivery": iso(int(done[-1].created * 1000)) if done else None,
		}
	)


@router.get("/organizations/{organization_id}/health")
async def health(hub: AnyHub, call: Authenticated, organization_id: OrganizationId) -> HubResponse:
	_check_organization(organization_id)
	return ok({"healthy": True, "pending": hub.dispatcher.pending})


@router.get("/test/connectivity")
async def connectivity() -> HubResponse:
	return HubResponse(
		{
			"success": True,
			"message": "Webhook service reachable",
			"timestamp": iso(now_ms()),
			"server": "inbox-hub",
			"version": "1.0.0",
		}
	)


@router.post("/test/signature")
async def check_signature(hub: AnyHub, call: AnyCall) -> HubResponse:
	"""Whether the signature header is that of the body under the secret of some webhook."""
	given = call.request_headers.get("x-webhook-signature", "").encode()
	secrets = [webhook.secret for webhook in hub.webhooks.registered() if webhook.secret]
	is_valid = any(hmac.compare_digest(given, sign(call.body, secret).encode()) for secret in secrets)
	return HubResponse({"success": True, "valid": is_valid, "timestamp": iso(now_ms())})


@router.get("/{webhook_id}")
async def one_webhook(hub: AnyHub, call: Authenticated, webhook_id: WebhookId) -> HubResponse:
	return ok({"webhook": _webhook(hub, webhook_id).shown()})


@router.put("/{webhook_id}")
async def change(hub: AnyHub, call: Authenticated, webhook_id: WebhookId, body: WebhookChange) -> HubResponse:
	webhook = _webhook(hub, webhook_id)
	if body.name is not None:
		other = hub.webhooks.find_by_name(body.name)
		if other is not None and other is not webhook:
			raise HubError(409, "CONFLICT", "Ya existe un webhook con ese nombre")
		webhook.name = body.name
	if body.events is not None:
		webhook.events = check_events("events", body.events)
	if body.retryConfig is not None:
		webhook.attempts, webhook.delay = body.retryConfig.attempts, body.retryConfig.delay
	webhook.url = body.url or webhook.url
	webhook.secret = body.secret or webhook.secret
	webhook.headers = webhook.headers if body.headers is None else body.headers
	webhook.timeout = body.timeout or webhook.timeout
	webhook.is_active = webhook.is_active if body.isActive is None else body.isActive
	return ok({"webhook": webhook.shown()}, "Webhook actualizado")


@router.delete("/{webhook_id}")
async def delete(hub: AnyHub, call: Authenticated, webhook_id: WebhookId) -> HubResponse:
	hub.webhooks.remove(_webhook(hub, webhook_id).webhook_id)
	return ok(message="Webhook eliminado")


@router.post("/{webhook_id}/toggle")
async def toggle(hub: AnyHub, call: Authenticated, webhook_id: WebhookId) -> HubResponse:
	webhook = _webhook(hub, webhook_id)
	webhook.is_active = not webhook.is_active
	return ok({"webhook": webhook.shown()})


@router.post("/{webhook_id}/pause")
async def pause(
	hub: AnyHub, call: Authenticated, webhook_id: WebhookId, body: Pause | None = None
) -> HubResponse:
	"""Until `pauseUntil` (epoch milliseconds as digits, or ISO); for ever without it."""
	webhook = _webhook(hub, webhook_id)
	webhook.paused_until_ms = _until(body.pauseUntil) if body and body.pauseUntil else None
	webhook.is_paused = True
	return ok({"webhook": webhook.shown()})


def _until(text: str) -> int:
	if text.isdigit():
		return int(text)
	try:
		return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
	except ValueError:
		raise invalid("pauseUntil", "must be an ISO 8601 date") from None


@router.post("/{webhook_id}/test")
async def test(hub: AnyHub, call: Authenticated, webhook_id: WebhookId, body: Test) -> HubResponse:
	"""Posts the payload once and tells what came back."""
	webhook = _webhook(hub, webhook_id)
	payload = body.testPayload
	session_id = payload.sessionId or "test"
	envelope = {
		"event": payload.event,
		"sessionId": session_id,
		"timestamp": iso(now_ms()),
		"data": payload.data,
	}
	deliveries = hub.dispatcher.post(webhook, payload.event, session_id, envelope, attempts=1)
	for delivery in deliveries:
		while not delivery.is_done:
			await asyncio.sleep(0.01)
	delivered = bool(deliveries) and deliveries[-1].delivered
	last = deliveries[-1].attempts[-1] if deliveries else {}
	milliseconds = round(1000 * last.get("seconds", 0))
	return ok({"delivered": delivered, "statusCode": last.get("status"), "responseTime": milliseconds})
