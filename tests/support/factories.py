"""Documents of the app and users, each in one line. Nothing is committed: a test that asks gunicorn or a worker commits.

What is not said is as an ordinary example would have it. Names are returned, not documents.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

import frappe

from xappiens_whatsapp.inbox_hub import jids, records
from xappiens_whatsapp.store.keys import key_hash

SESSION = "demo_session"
NUMBER = "34600000001"
SECRET = "a secret of the tests, long enough"
NOON_MS = 1_766_145_600_000  # 2025-12-19 12:00 UTC, 13:00 in Madrid

_counter = itertools.count(1)


def jid_of(number: str) -> str:
	"""The address of a phone number; an address stays as it is."""
	return jids.normalise(number)


def make_user(name: str, *roles: str) -> str:
	"""A user who can log in (`web.login`), `name`@crm.example, with these roles."""
	doc = frappe.get_doc(
		{
			"doctype": "User",
			"email": f"{name}@crm.example",
			"first_name": name,
			"send_welcome_email": 0,
			"user_type": "System User",
			"roles": [{"role": role} for role in roles],
		}
	)
	doc.insert(ignore_permissions=True)
	# Frappe makes the first user of a site a System Manager, whatever was asked for
	frappe.db.delete("Has Role", {"parent": doc.name, "role": ("not in", roles or ("",))})
	frappe.clear_cache(user=doc.name)
	return doc.name


def make_session(session_id: str = SESSION, users: Mapping[str, bool] | None = None, **values: Any) -> str:
	"""A connected session. `users`: who is listed, and whether they may send; none: it is open to all."""
	doc = frappe.get_doc(
		{
			"doctype": "WhatsApp Session",
			"session_id": session_id,
			"session_name": f"Session {session_id}",
			"status": "Connected",
			"is_connected": 1,
			"assigned_users": [
				{"user": user, "can_send": int(sends)} for user, sends in (users or {}).items()
			],
			**values,
		}
	)
	return doc.insert(ignore_permissions=True).name


def make_contact(session: str = SESSION, number: str = NUMBER, **values: Any) -> str:
	"""A contact of a session; `number` may be any address."""
	jid = jid_of(number)
	doc = frappe.get_doc(
		{
			"doctype": "WhatsApp Contact",
			"session": session,
			"contact_id": jid,
			"contact_name": f"Contact {number}",
			"phone_number": jids.phone_of(jid),
			"is_group": int(jids.is_group(jid)),
			**values,
		}
	)
	return doc.insert(ignore_permissions=True).name


def make_conversation(session: str = SESSION, number: str = NUMBER, **values: Any) -> str:
	"""A conversation of a session with a number or any other address."""
	jid = jid_of(number)
	doc = frappe.get_doc(
		{
			"doctype": "WhatsApp Conversation",
			"session": session,
			"chat_id": jid,
			"contact_name": f"Chat {number}",
			"phone_number": jids.phone_of(jid),
			"is_group": int(jids.is_group(jid)),
			"status": "Active",
			**values,
		}
	)
	return doc.insert(ignore_permissions=True).name


def make_message(conversation: str, text: str = "Hola", **values: Any) -> str:
	"""A message of a conversation: incoming unless `direction` says otherwise. `message_id=None` for one not yet sent."""
	session, number = frappe.db.get_value("WhatsApp Conversation", conversation, ["session", "phone_number"])
	is_outgoing = values.get("direction") == "Outgoing"
	doc = frappe.get_doc(
		{
			"doctype": "WhatsApp Message",
			"session": session,
			"conversation": conversation,
			"direction": "Incoming",
			"status": "Pending" if is_outgoing else "Delivered",
			"message_id": new_id(),
			"message_type": "text",
			"content": text,
			"from_me": int(is_outgoing),
			"to_number" if is_outgoing else "from_number": number,
			"timestamp_ms": NOON_MS,
			**values,
		}
	)
	return doc.insert(ignore_permissions=True).name


def make_reaction(message: str, emoji: str = "👍", from_jid: str = f"{NUMBER}@s.whatsapp.net") -> str:
	"""Somebody's emoji on a message."""
	doc = frappe.get_doc("WhatsApp Message", message)
	row = doc.append("reactions", {"emoji": emoji, "from_jid": from_jid, "timestamp_ms": NOON_MS})
	doc.save(ignore_permissions=True)
	return row.name


def make_event(session: str | None = SESSION, event: str = "message.received", **values: Any) -> str:
	"""A webhook event, processed unless `status` says otherwise."""
	hash_ = key_hash("made by a test", new_id())
	doc = frappe.get_doc(
		{
			"doctype": "WhatsApp Webhook Event",
			"key_hash": hash_,
			"event": event,
			"session": session,
			"session_id": session,
			"status": "Processed",
			"body": "{}",
			**values,
		}
	)
	return doc.insert(ignore_permissions=True).name


def make_sync_run(session: str = SESSION, **values: Any) -> str:
	"""A sync run, completed unless `state` says otherwise."""
	doc = frappe.get_doc(
		{
			"doctype": "WhatsApp Sync Run",
			"session": session,
			"state": "Completed",
			"trigger": "Manual",
			**values,
		}
	)
	return doc.insert(ignore_permissions=True).name


def set_up(**values: Any) -> None:
	"""Saves WhatsApp Settings that are valid, with these values changed."""
	settings = frappe.get_single("WhatsApp Settings")
	settings.update(
		{
			"enabled": 1,
			"api_base_url": "https://inbox-hub.example",
			"api_key": "a key of the tests",
			"webhook_secret": SECRET,
			"auto_sync_enabled": 0,
			**values,
		}
	)
	settings.save(ignore_permissions=True)


def new_id(prefix: str = "3EB0") -> str:
	"""An id as WhatsApp gives them, never twice the same."""
	return f"{prefix}{time.time_ns():X}{next(_counter):04X}"


def message_record(text: str = "Hola", number: str = NUMBER, **values: Any) -> records.Message:
	"""A message as the parser would give it: incoming, of the chat with `number`."""
	jid = jid_of(number)
	return records.Message(
		**{
			"message_id": new_id(),
			"chat_jid": jid,
			"from_me": False,
			"text": text,
			"timestamp_ms": NOON_MS,
			"push_name": "",
			**values,
		}
	)


def contact_record(number: str = NUMBER, **values: Any) -> records.Contact:
	"""A contact as the parser would give it."""
	jid = jid_of(number)
	return records.Contact(
		**{"jid": jid, "phone_number": jids.phone_of(jid), "is_group": jids.is_group(jid), **values}
	)


def chat_record(number: str = NUMBER, **values: Any) -> records.Chat:
	"""A chat as the parser would give it."""
	jid = jid_of(number)
	return records.Chat(
		**{"jid": jid, "phone_number": jids.phone_of(jid), "is_group": jids.is_group(jid), **values}
	)


def numbers(count: int) -> list[str]:
	"""So many different phone numbers, all invented."""
	return [f"346000{position:05d}" for position in range(count)]
