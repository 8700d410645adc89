"""The application: routes, error answers, life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from . import (
	auth_routes,
	contact_routes,
	control_api,
	message_routes,
	other_routes,
	session_routes,
	webhook_routes,
)
from .answers import HubError, HubResponse, failed
from .clock import now_ms
from .gate import Gate
from .hub import Hub
from .options import Options


def create_app(options: Options | None = None) -> FastAPI:
	"""A Hub as ASGI application. Its `state.hub` is the state; it works once its lifespan has begun."""
	hub = Hub(options or Options())

	@asynccontextmanager
	async def life(app: FastAPI) -> AsyncIterator[None]:
		await hub.start()
		yield
		await hub.stop()

	app = FastAPI(title="Inbox Hub simulator", lifespan=life, docs_url="/api/docs", redoc_url=None)
	app.state.hub = hub
	for module in (
		auth_routes,
		session_routes,
		message_routes,
		contact_routes,
		webhook_routes,
		other_routes,
		control_api,
	):
		app.include_router(module.router)
	app.add_exception_handler(HubError, _hub_error)
	app.add_exception_handler(control_api.ControlError, _control_error)
	app.add_exception_handler(RequestValidationError, _validation_error)
	app.add_exception_handler(HTTPException, _http_error)
	app.add_middleware(Gate, hub=hub)
	return app


async def _hub_error(request: Request, error: Exception) -> HubResponse:
	assert isinstance(error, HubError)
	return failed(error, now_ms())


async def _control_error(request: Request, error: Exception) -> HubResponse:
	assert isinstance(error, control_api.ControlError)
	return HubResponse({"ok": False, "error": str(error)}, status_code=error.status)


async def _validation_error(request: Request, error: Exception) -> HubResponse:
	assert isinstance(error, RequestValidationError)
	details = {
		".".join(map(str, each["loc"][1:])) or str(each["loc"][0]): each["msg"] for each in error.errors()
	}
	return failed(HubError(400, "VALIDATION_ERROR", "Datos de entrada inválidos", details), now_ms())


async def _http_error(request: Request, error: Exception) -> HubResponse:
	"""Like Express, which knows no 405: a route that is not there is 404."""
	assert isinstance(error, HTTPException)
	if error.status_code in (404, 405):
		return failed(HubError(404, "NOT_FOUND", "Ruta no encontrada"), now_ms())
	if error.status_code == 400:  # a body that is not even text
		return failed(HubError(400, "VALIDATION_ERROR", "Datos de entrada inválidos"), now_ms())
	return failed(HubError(error.status_code, "INTERNAL_ERROR", str(error.detail)), now_ms())
