"""Reading the body of a send, as strictly as the Hub does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .answers import invalid
from .conversation import Draft
from .jids import canonical

TYPES = ("text", "image", "video", "audio", "document", "location", "contact", "sticker", "poll", "reaction")
MEDIA_SOURCES = ("url", "path", "buffer", "base64")
MAX_TEXT = 4096
_DIGITS = re.compile(r"^\d{7,15}$")
_JID = re.compile(r"^\d+(-\d+)?@(s\.whatsapp\.net|c\.us|g\.us|lid)$")


@dataclass(slots=True)
class Sending:
	"""A send that is valid. `spoken` is `message` as it came."""

	to: str
	kind: str
	spoken: Any
	draft: Draft
	lacks_caption: bool = False

	@property
	def is_jid(self) -> bool:
		return "@" in self.to


def read(body: Any) -> Sending:
	"""The send that a body asks for.

	Raises:
		HubError: 400 VALIDATION_ERROR naming the field.
	"""
	if not isinstance(body, dict):
		raise invalid("body", "must be an object")
	to = body.get("to")
	if not isinstance(to, str) or not (_DIGITS.match(to) or _JID.match(to)):
		raise invalid("to", "must be 7 to 15 digits with country code, or a JID")
	kind = body.get("type", "text")
	if kind not in TYPES:
		raise invalid("type", f"must be one of {', '.join(TYPES)}")
	spoken = body.get("message")
	draft = Draft(chat=canonical(to), kind=kind)
	if kind == "text":
		if not isinstance(spoken, str) or not 1 <= len(spoken) <= MAX_TEXT:
			raise invalid("message", f"must be a text of 1 to {MAX_TEXT} characters")
		draft.text = spoken
		return Sending(to, kind, spoken, draft)
	if not isinstance(spoken, dict):
		raise invalid("message", f"must be an object for the type {kind}")
	if kind in ("image", "video", "audio", "document", "sticker"):
		return _media(to, kind, spoken, draft)
	if kind == "location":
		draft.location = _location(spoken)
	elif kind == "contact":
		draft.text = _vcard(spoken)
	return Sending(to, kind, spoken, draft)


def _media(to: str, kind: str, spoken: dict[str, Any], draft: Draft) -> Sending:
	part = spoken.get(kind)
	if not isinstance(part, dict):
		raise invalid(f"message.{kind}", "must be an object")
	sources = [name for name in MEDIA_SOURCES if part.get(name)]
	if len(sources) != 1:
		raise invalid(f"message.{kind}", f"must have exactly one of {', '.join(MEDIA_SOURCES)}")
	url = part.get("url")
	if url is not None and not re.match(r"^https?://[^\s/]+\S*$", str(url)):
		raise invalid(f"message.{kind}.url", "must be an http(s) address")
	caption = spoken.get("caption", part.get("caption"))
	if caption is not None and not isinstance(caption, str):
		raise invalid("message.caption", "must be a text")
	if kind == "audio" and part.get("ptt"):
		draft.kind = "ptt"
	draft.text = caption or ""
	draft.media = {
		"filename": part.get("fileName") or f"{kind}.bin",
		"filesize": None,
		"mimetype": part.get("mimetype"),
		"url": url or f"https://inbox-hub.example/media/uploaded/{kind}",
	}
	return Sending(to, kind, spoken, draft, lacks_caption=not caption)


def _location(spoken: dict[str, Any]) -> dict[str, Any]:
	place = spoken.get("location", spoken)
	if not isinstance(place, dict):
		raise invalid("message.location", "must be an object")
	latitude = place.get("degreesLatitude", place.get("lat"))
	longitude = place.get("degreesLongitude", place.get("lng"))
	for name, value, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
		if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > most:
			raise invalid(f"message.location.{name}", f"must be a number of at most {most} degrees")
	return {"degreesLatitude": latitude, "degreesLongitude": longitude, "name": place.get("name")}


def _vcard(spoken: dict[str, Any]) -> str:
	contacts = spoken.get("contacts")
	cards = contacts.get("contacts") if isinstance(contacts, dict) else None
	if not isinstance(cards, list) or not cards:
		raise invalid("message.contacts", "must be an object with displayName and contacts")
	first = cards[0].get("vcard") if isinstance(cards[0], dict) else None
	if not isinstance(first, str) or not first.startswith("BEGIN:VCARD"):
		raise invalid("message.contacts.contacts.0.vcard", "must be a vCard")
	return first
