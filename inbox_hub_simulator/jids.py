"""Identifiers of chats and people, as the simulator makes and reads them. All numbers are invented.

The first 88 contacts have numbers 34600000002 .. 34600000089. Further ones have 15 digits (34600000 and the index):
too long to be anybody's. Sessions have 34600000001, then 34600000090 .. 34600000099.
"""

from __future__ import annotations

import re

USER = "s.whatsapp.net"
STATUS_BROADCAST = "status@broadcast"
SHORT_NUMBERS = 88
LID_INDEX = 6

_JID = re.compile(r"^(?P<user>\d+(?:-\d+)?)(?::\d+)?@(?P<server>s\.whatsapp\.net|c\.us|g\.us|lid)$")
_NUMBER = re.compile(r"^\d{7,15}$")


def phone_of_index(index: int) -> str:
	"""Number of the contact at `index`."""
	if index < SHORT_NUMBERS:
		return str(34600000002 + index)
	return f"34600000{index:07d}"


def session_phone(ordinal: int) -> str:
	"""Number of the n-th session that is scanned, from 0."""
	return "34600000001" if ordinal == 0 else str(34600000090 + (ordinal - 1) % 10)


def kind_of_index(index: int) -> str:
	"""What the contact at `index` is: user, group or lid (one only)."""
	if index == LID_INDEX:
		return "lid"
	return "group" if index % 9 == 4 else "user"


def jid_of_index(index: int) -> str:
	"""JID of the contact, and of the chat, at `index`."""
	kind = kind_of_index(index)
	if kind == "lid":
		return f"9{index:014d}@lid"
	if kind == "group":
		return f"120363{index:012d}@g.us"
	return f"{phone_of_index(index)}@{USER}"


def index_of_jid(jid: str) -> int | None:
	"""The index whose JID this is, None if it is nobody's of the generated world."""
	digits = jid.partition("@")[0]
	if not digits.isdigit():
		return None
	if jid.endswith("@g.us"):
		index = int(digits[6:] or -1)
	elif jid.endswith("@lid"):
		index = int(digits[1:] or -1)
	elif len(digits) == 15:
		index = int(digits[8:])
	else:
		index = int(digits) - 34600000002
	return index if index >= 0 and jid_of_index(index) == jid else None


def canonical(jid: str) -> str:
	"""One spelling for one person: no device suffix, `@s.whatsapp.net` instead of `@c.us`, a bare number completed.

	Raises:
		ValueError: not a JID.
	"""
	if jid == STATUS_BROADCAST or jid.endswith(("@broadcast", "@newsletter")):
		return jid
	if _NUMBER.match(jid):
		return f"{jid}@{USER}"
	match = _JID.match(jid)
	if not match:
		raise ValueError(f"{jid!r} is not a JID.")
	server = USER if match["server"] == "c.us" else match["server"]
	return f"{match['user']}@{server}"


def phone_of(jid: str) -> str | None:
	"""The number in a user's JID; None for groups and `@lid`."""
	return jid.partition("@")[0] if jid.endswith(f"@{USER}") else None


def is_group(jid: str) -> bool:
	return jid.endswith("@g.us")
