"""/api/auth: login and what belongs to the one user this Hub has."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, StringConstraints

from .answers import HubError, HubResponse, invalid, ok
from .guards import AnyCall, AnyHub, Authenticated
from .hub import Hub
from .options import ORGANIZATION_ID, USER_ID
from .tokens import spoken_lifetime

router = APIRouter(prefix="/api/auth")
USERNAME = "demo"
Filled = Annotated[str, StringConstraints(min_length=1)]


class Login(BaseModel):
	identifier: Filled
	password: Filled


class Refresh(BaseModel):
	refreshToken: Filled


class Profile(BaseModel):
	firstName: str | None = None
	lastName: str | None = None
	phone: str | None = None


class PasswordChange(BaseModel):
	currentPassword: Filled
	newPassword: Annotated[str, StringConstraints(min_length=6)]


class Registration(BaseModel):
	username: Annotated[str, StringConstraints(min_length=3, max_length=50)]
	email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
	password: Annotated[str, StringConstraints(min_length=6)]


class ResetRequest(BaseModel):
	email: Filled


class PasswordReset(BaseModel):
	token: Filled
	newPassword: Annotated[str, StringConstraints(min_length=6)]


def _user(hub: Hub) -> dict[str, Any]:
	return {
		"id": USER_ID,
		"username": USERNAME,
		"email": hub.options.email,
		"firstName": "Demo",
		"lastName": "CRM",
		"globalRole": "user",
		"role": "user",
		"isActive": True,
		"organizationId": ORGANIZATION_ID,
	}


def _tokens(hub: Hub) -> dict[str, str]:
	return {
		"accessToken": hub.tokens.issue(hub.options),
		"refreshToken": hub.tokens.issue(hub.options, purpose="refresh"),
		"expiresIn": spoken_lifetime(hub.options.token_lifetime),
	}


@router.post("/login")
async def login(hub: AnyHub, call: AnyCall, body: Login) -> HubResponse:
	"""Every try counts against the five of a quarter of an hour. `crm` tells only the token."""
	hub.limits.login(call.address, call.headers)
	if body.identifier not in (hub.options.email, USERNAME) or body.password != hub.options.password:
		raise HubError(401, "AUTHENTICATION_FAILED", "Credenciales inválidas")
	tokens = _tokens(hub)
	if hub.options.shape == "crm":
		return ok({"accessToken": tokens["accessToken"]})
	return ok({"user": _user(hub), **tokens}, "Inicio de sesión exitoso")


@router.post("/refresh-token")
async def refresh(hub: AnyHub, body: Refresh) -> HubResponse:
	if not hub.tokens.is_valid(body.refreshToken, purpose="refresh"):
		raise HubError(401, "INVALID_TOKEN", "Token de renovación inválido o expirado")
	return ok(_tokens(hub))


@router.post("/logout")
async def logout(call: Authenticated) -> HubResponse:
	return ok(message="Sesión cerrada")


@router.get("/profile")
async def profile(hub: AnyHub, call: Authenticated) -> HubResponse:
	return ok({"user": _user(hub)})


@router.put("/profile")
async def change_profile(hub: AnyHub, call: Authenticated, body: Profile) -> HubResponse:
	"""Tells the changed profile; this Hub does not keep it."""
	return ok({"user": _user(hub) | body.model_dump(exclude_unset=True)}, "Perfil actualizado")


@router.put("/change-password")
async def change_password(hub: AnyHub, call: Authenticated, body: PasswordChange) -> HubResponse:
	"""From now on the new password is the right one, until the next reset."""
	if body.currentPassword != hub.options.password:
		raise HubError(401, "AUTHENTICATION_FAILED", "La contraseña actual no es correcta")
	if not all(re.search(kind, body.newPassword) for kind in ("[a-z]", "[A-Z]", "[0-9]")):
		raise invalid("newPassword", "must have upper case, lower case and a digit")
	hub.options = hub.options.changed({"password": body.newPassword})
	return ok(message="Contraseña actualizada")


@router.post("/register")
async def register(hub: AnyHub, call: AnyCall, body: Registration) -> HubResponse:
	"""Says what the Hub says; this one keeps having one user."""
	hub.limits.login(call.address, call.headers)
	return ok({"emailVerificationRequired": True}, "Registro exitoso", status=201)


@router.post("/request-password-reset")
async def request_password_reset(body: ResetRequest) -> HubResponse:
	return ok(message="Si el correo existe, recibirás instrucciones")


@router.post("/reset-password")
async def reset_password(body: PasswordReset) -> HubResponse:
	"""No mail was ever sent, so no token is right."""
	raise HubError(400, "INVALID_TOKEN", "Token de restablecimiento inválido o expirado")
