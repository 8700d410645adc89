"""WhatsApp addresses (JIDs) in one spelling.

The Hub writes one person in several ways: `34600000001@s.whatsapp.net`, `34600000001@c.us`, with the suffix of a
device, or as a bare number (docs/hub.md, "Addresses"). `normalise` makes them one. A `@lid` is a pseudonym: its digits
look like a phone number and are none.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .errors import PayloadError

MAX_LENGTH = 140  # the width of a Data field

_USER = "s.whatsapp.net"
_STATUS = "status@broadcast"
# whatsapp-web.js and Baileys name the same server differently.
_SAME_SERVER = {"c.us": _USER}

_DEVICE = r"(?:[._][0-9]{1,5})?(?::[0-9]{1,5})?"
_LOCAL_PARTS = {
	_USER: re.compile(rf"([0-9]{{1,20}}){_DEVICE}"),
	"lid": re.compile(rf"([0-9]{{1,32}}){_DEVICE}"),
	"g.us": re.compile(r"([0-9]{1,32}(?:-[0-9]{1,32})?)"),
	"broadcast": re.compile(r"(status|[0-9]{1,32})"),
	"newsletter": re.compile(r"([0-9A-Za-z]{1,64})"),
	"bot": re.compile(r"([0-9]{1,32})"),
}
# How people write numbers: "+34 600-00.00 (01)". E.164 has 15 digits at most, the shortest numbers abroad have 7.
_BARE_NUMBER = re.compile(r"(?:\+|00)?([1-9][0-9]{6,14})")
_PUNCTUATION = re.compile(r"[\s().\-\u00a0\u2010-\u2015]+")
_PHONE = re.compile(r"[1-9][0-9]{6,14}")


def normalise(text: str) -> str:
	"""Return the one spelling of an address: a user, group, broadcast list, status, newsletter, bot or `@lid`.

	A bare number with its country code (with or without `+`, `00`, blanks) is a user. Normalising twice changes nothing.
	Raises PayloadError (path "") for anything else, and for what is longer than 140 characters.
	"""
	if not isinstance(text, str):
		raise PayloadError("", "an address that is not a text")
	return _normalise(text)


# A page of messages names the same few addresses again and again.
@lru_cache(maxsize=4096)
def _normalise(text: str) -> str:
	text = text.strip()
	if len(text) > MAX_LENGTH:
		raise PayloadError("", "an address that is too long")
	if "@" not in text:
		return _normalise_number(text)
	local, _at, server = text.partition("@")
	server = server.lower()
	server = _SAME_SERVER.get(server, server)
	pattern = _LOCAL_PARTS.get(server)
	if pattern is None:
		raise PayloadError("", "an address of an unknown kind")
	match = pattern.fullmatch(local.lower() if server == "broadcast" else local)
	if match is None:
		raise PayloadError("", "not an address")
	return f"{match.group(1)}@{server}"


def _normalise_number(text: str) -> str:
	match = _BARE_NUMBER.fullmatch(_PUNCTUATION.sub("", text))
	if match is None:
		raise PayloadError("", "neither an address nor a number with its country code")
	return f"{match.group(1)}@{_USER}"


def is_user(jid: str) -> bool:
	"""Whether a normalised JID is a person known by phone number."""
	return jid.endswith("@" + _USER)


def is_lid(jid: str) -> bool:
	"""Whether a normalised JID is a pseudonym, a person whose number WhatsApp hides."""
	return jid.endswith("@lid")


def is_group(jid: str) -> bool:
	"""Whether a normalised JID is a group."""
	return jid.endswith("@g.us")


def is_broadcast(jid: str) -> bool:
	"""Whether a normalised JID is a broadcast list or the status feed."""
	return jid.endswith("@broadcast")


def is_status(jid: str) -> bool:
	"""Whether a normalised JID is the status feed ("stories")."""
	return jid == _STATUS


def is_newsletter(jid: str) -> bool:
	"""Whether a normalised JID is a channel."""
	return jid.endswith("@newsletter")


def phone_of(jid: str) -> str:
	"""Return the phone number of a normalised JID in digits with country code, "" unless it is a user's."""
	local = jid.partition("@")[0]
	return local if is_user(jid) and _PHONE.fullmatch(local) else ""


def to_recipient(to: str, style: str) -> str:
	"""Return the recipient of a message as the Hub is to be told.

	`style` is "Digits" (the user's document: `34600000001`) or "JID" (`34600000001@s.whatsapp.net`); which one a Hub
	accepts has changed over time (docs/hub.md, C14). Groups and pseudonyms are always JIDs.
	Raises PayloadError (path "to") if nobody can be written to at `to`.
	"""
	try:
		jid = normalise(to)
	except PayloadError as error:
		raise error.under("to") from None
	if is_broadcast(jid) or is_newsletter(jid):
		raise PayloadError("to", "a broadcast or channel, which cannot be written to")
	return phone_of(jid) or jid if style == "Digits" else jid
