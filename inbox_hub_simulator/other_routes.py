"""Health and organisations."""

from __future__ import annotations

from fastapi import APIRouter

from .answers import HubError, HubResponse, iso, ok
from .clock import now_ms
from .guards import AnyHub, Authenticated
from .options import ORGANIZATION_ID

router = APIRouter()
ORGANIZATION = {
	"id": ORGANIZATION_ID,
	"name": "Demo CRM",
	"slug": "demo-crm",
	"role": "owner",
	"isActive": True,
}


@router.get("/")
async def endpoints() -> HubResponse:
	areas = ("auth", "sessions", "messages", "contacts", "webhooks", "organizations")
	return ok({area: f"/api/{area}" for area in areas}, "Inbox Hub API")


@router.get("/health")
async def health() -> HubResponse:
	return HubResponse(
		{
			"success": True,
			"message": "Server is running",
			"timestamp": iso(now_ms()),
			"version": "1.0.0",
			"environment": "simulator",
		}
	)


@router.get("/api/organizations/my-organizations")
async def my_organizations(hub: AnyHub, call: Authenticated) -> HubResponse:
	return ok({"organizations": [ORGANIZATION]})


@router.get("/api/organizations/{organization_id}")
async def organization(call: Authenticated, organization_id: int) -> HubResponse:
	if organization_id != ORGANIZATION_ID:
		raise HubError(404, "ORGANIZATION_NOT_FOUND", "Organización no encontrada")
	return ok({"organization": ORGANIZATION})
