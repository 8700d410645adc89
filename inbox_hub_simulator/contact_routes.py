"""/api/contacts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from .answers import HubError, HubResponse, invalid, ok
from .conversation import change_contact
from .guards import AnyCall, AnyHub, ListableSession, PageNumber, SessionByString, WhatsApp
from .guards import Limit as PageLimit
from .jids import canonical
from .paging import page_of
from .shapes import contact_info, contact_row

router = APIRouter(prefix="/api/contacts")


class ContactChange(BaseModel):
	name: str | None = None
	tags: list[str] | None = None
	notes: str | None = None
	assignedToUserId: int | None = None


@router.get("/{session_id}")
async def contacts(
	hub: AnyHub,
	call: AnyCall,
	session: ListableSession,
	page: PageNumber = 1,
	limit: PageLimit = 50,
	search: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
) -> HubResponse:
	"""The contact list, or what `search` finds in names and ids."""
	shape, store = hub.options.shape, session.store
	found = None if search is None else store.search_contacts(search)

	def rows(start: int, stop: int) -> list[dict[str, Any]]:
		chosen = store.contacts(start, stop) if found is None else found[start:stop]
		return [contact_row(contact, shape) for contact in chosen]

	total = store.contact_total() if found is None else len(found)
	style = "plain" if shape == "seed" else "pagination"
	data = page_of(hub.faults, call, "contacts", rows, total, page, limit, style)
	if shape != "seed":
		data["search"] = search
	if fault := hub.faults.take("F2", session=session.session_id):
		hub.sessions.disconnect(session, fault.parameters["reason"], fault.parameters["reconnect_after"])
	return ok(data)


@router.get("/{session_id}/stats")
async def stats(session: SessionByString) -> HubResponse:
	numbers = dict.fromkeys(("total", "users", "groups", "wAContacts", "withNames", "withProfilePics"), 0)
	for contact in session.store.contacts():
		numbers["total"] += 1
		numbers["groups" if contact.is_group else "users"] += 1
		numbers["wAContacts"] += not contact.is_group
		numbers["withNames"] += bool(contact.name)
		numbers["withProfilePics"] += bool(contact.image_url)
	return ok({"stats": numbers})


@router.get("/{session_id}/search/{phone}")
async def search(hub: AnyHub, session: SessionByString, phone: str) -> HubResponse:
	"""Not found is 200 with `contact: null`."""
	if not phone.isdigit() or not 7 <= len(phone) <= 15:
		raise invalid("phoneNumber", "must be 7 to 15 digits")
	contact = session.store.contact(canonical(phone))
	if contact is None:
		return ok({"contact": None, "message": "Contacto no encontrado"})
	return ok({"contact": contact_row(contact, hub.options.shape)})


@router.get("/{session_id}/info/{contact_id}")
async def info(hub: AnyHub, session: SessionByString, contact_id: str) -> HubResponse:
	try:
		contact = session.store.contact(canonical(contact_id))
	except ValueError:
		raise invalid("contactId", "must be a JID") from None
	if contact is None:
		raise HubError(404, "CONTACT_NOT_FOUND", "Contacto no encontrado")
	return ok({"contact": contact_info(contact, hub.options.shape)})


@router.put("/{contact_id}")
async def change(hub: AnyHub, call: WhatsApp, contact_id: str, body: ContactChange) -> HubResponse:
	"""Renames a contact in every session that has it."""
	try:
		jid = canonical(contact_id)
	except ValueError:
		raise invalid("contactId", "must be a JID") from None
	sessions = [each for each in hub.sessions.all() if each.store.contact(jid) is not None]
	if not sessions:
		raise HubError(404, "CONTACT_NOT_FOUND", "Contacto no encontrado")
	if body.name:
		for session in sessions:
			change_contact(hub, session, jid, name=body.name)
	return ok({"id": jid, "name": body.name}, "Contacto actualizado")
