"""Contacts of the Hub, into WhatsApp Contact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import frappe

from xappiens_whatsapp.inbox_hub import clock, jids, records
from xappiens_whatsapp.store import bulk, documents, times
from xappiens_whatsapp.store.keys import key_hash, name_of

DOCTYPE = "WhatsApp Contact"
ROWS_AT_ONCE = 500
# column of the DocType: attribute of the record. An empty text or None says nothing and changes nothing.
TEXTS = {
	"phone_number": "phone_number",
	"pushname": "push_name",
	"short_name": "short_name",
	"verified_name": "verified_name",
	"about": "about",
	"profile_pic_url": "photo_url",
}
FLAGS = {
	"is_user": "is_user",
	"is_my_contact": "is_my_contact",
	"is_wa_contact": "is_wa_contact",
	"is_blocked": "is_blocked",
	"is_enterprise": "is_business",
	"is_verified": "is_verified",
}
FLAG_DEFAULTS = {"is_wa_contact": 1}
# What `_changes` looks at, whatever is said.
NAMES = ("contact_name", "phone_number", "pushname", "short_name", "verified_name", "said_at_ms")
COLUMNS = tuple(dict.fromkeys((*NAMES, "labels", "last_seen", *TEXTS, *FLAGS)))


def upsert(
	session: str, contacts: Sequence[records.Contact], *, fetched_at_ms: int | None = None
) -> bulk.Counts:
	"""Store a page of contacts: one SELECT, one INSERT of the new, one UPDATE of the changed.

	Args:
		session: the session's name.
		contacts: the page, in the Hub's order; of one JID the last counts.
		fetched_at_ms: when the page was asked for, by default now: of whom something was heard later is left alone.

	Returns:
		How many were processed, created and updated.
	"""
	by_hash = {key_hash(session, contact.jid): contact for contact in contacts}
	columns = _columns_of(by_hash.values())
	stored = bulk.rows_by_key(DOCTYPE, list(by_hash), columns)
	now = times.now()
	new = [
		_new_row(session, hash_, contact, now) for hash_, contact in by_hash.items() if hash_ not in stored
	]
	asked_at = fetched_at_ms or clock.now_ms()
	changes = bulk.locked_changes(
		DOCTYPE,
		stored,
		columns,
		lambda row: _changes(row, by_hash[row.key_hash]) if row.said_at_ms <= asked_at else {},
	)
	bulk.insert_rows(DOCTYPE, new)
	bulk.update_rows(DOCTYPE, changes)
	return bulk.Counts(processed=len(contacts), created=len(new), updated=len(changes))


def find_or_create(
	session: str, jid: str, push_name: str = "", *, hooks: documents.Hooks | None = None
) -> str:
	"""The contact of a JID that a live message or event named; created if it is new.

	Args:
		session: the session's name.
		jid: of a user or a group, in normal form.
		push_name: how they call themselves, "" if unknown.
		hooks: of other apps, whether they run for a new one; by default they do.

	Returns:
		The name of the contact.
	"""
	record = records.Contact(
		jid=jid, phone_number=jids.phone_of(jid), push_name=push_name, is_group=jids.is_group(jid)
	)
	return apply(session, record, hooks=hooks)


def apply(session: str, record: records.Contact, *, hooks: documents.Hooks | None = None) -> str:
	"""Store one contact of which a live event tells.

	Args:
		session: the session's name.
		record: what is said, unless something later is known; empty parts change nothing.
		hooks: of other apps, whether they run for a new one; by default they do.

	Returns:
		The name of the contact.
	"""
	hash_ = key_hash(session, record.jid)
	row = bulk.rows_by_key(DOCTYPE, [hash_], COLUMNS).get(hash_)
	if row:
		said_at_ms = record.timestamp_ms or 0
		if said_at_ms:  # as it is now: two events may come at once
			row = bulk.locked_rows(DOCTYPE, [row.name], COLUMNS).get(row.name, row)
		change = _changes(row, record) if not said_at_ms or said_at_ms >= row.said_at_ms else {}
		if said_at_ms > row.said_at_ms:
			change["said_at_ms"] = said_at_ms
		if change:
			bulk.update_rows(DOCTYPE, {row.name: change})
			_rename_conversation(hash_, row.contact_name, change.get("contact_name"))
		return row.name
	new = _new_row(session, hash_, record, times.now())
	documents.insert(DOCTYPE, new, hooks)
	return new["name"]


def link_conversations(session: str) -> None:
	"""Link conversations to the contact with the same JID and, where they have none, give them its name; link messages
	of a person's chat to that person.

	What is to be linked is read without locks and written by primary key: a joined UPDATE would lock gaps, in which live
	messages are being inserted.
	"""
	unlinked = frappe.db.sql(
		"""
		SELECT conversation.name, contact.name AS contact
		FROM `tabWhatsApp Conversation` conversation
		JOIN `tabWhatsApp Contact` contact ON contact.key_hash = conversation.key_hash
		WHERE conversation.session = %s AND conversation.contact IS NULL
		""",
		session,
	)
	unnamed = frappe.db.sql(
		"""
		SELECT conversation.name, contact.contact_name
		FROM `tabWhatsApp Conversation` conversation
		JOIN `tabWhatsApp Contact` contact ON contact.key_hash = conversation.key_hash
		WHERE conversation.session = %s AND contact.contact_name != conversation.contact_name
			AND conversation.contact_name IN (CONCAT('+', conversation.phone_number), conversation.chat_id)
		""",
		session,
	)
	changes: dict[str, dict[str, Any]] = {name: {"contact": contact} for name, contact in unlinked}
	for name, contact_name in unnamed:
		changes.setdefault(name, {})["contact_name"] = contact_name
	_update_in_chunks("WhatsApp Conversation", changes)

	messages = frappe.db.sql(
		"""
		SELECT message.name, conversation.contact
		FROM `tabWhatsApp Message` message
		JOIN `tabWhatsApp Conversation` conversation ON conversation.name = message.conversation
		WHERE message.session = %s AND message.contact IS NULL
			AND conversation.contact IS NOT NULL AND conversation.is_group = 0
		""",
		session,
	)
	_update_in_chunks("WhatsApp Message", {name: {"contact": contact} for name, contact in messages})


def _update_in_chunks(doctype: str, changes: dict[str, dict[str, Any]]) -> None:
	names = sorted(changes)
	for start in range(0, len(names), ROWS_AT_ONCE):
		bulk.update_rows(doctype, {name: changes[name] for name in names[start : start + ROWS_AT_ONCE]})


def _rename_conversation(hash_: str, before: str, after: str | None) -> None:
	"""A conversation that bears its contact's name follows it. (Both have the same key: session and JID.)"""
	if after:
		conversation = frappe.qb.DocType("WhatsApp Conversation")
		frappe.qb.update(conversation).set(conversation.contact_name, after).where(
			(conversation.key_hash == hash_) & (conversation.contact_name == before)
		).run()


def placeholder_name(jid: str, phone_number: str) -> str:
	"""What is shown while no name is known."""
	return f"+{phone_number}" if phone_number else jid


def _columns_of(contacts: Iterable[records.Contact]) -> list[str]:
	"""The columns that have to be read to compare: those of which at least one contact says something. A Hub that says
	little (docs/hub.md, "Objects") makes reading a page of known contacts half as long."""
	columns = dict.fromkeys(NAMES)
	attributes = {"labels": "labels", "last_seen": "last_seen_ms", **TEXTS, **FLAGS}
	for contact in contacts:
		said = [
			column
			for column, attribute in attributes.items()
			if getattr(contact, attribute) not in (None, "")
		]
		columns.update(dict.fromkeys(said))
	return list(columns)


def _new_row(session: str, hash_: str, contact: records.Contact, now: datetime) -> dict[str, Any]:
	row: dict[str, Any] = {
		"name": name_of(hash_),
		"key_hash": hash_,
		"session": session,
		"contact_id": contact.jid,
		"contact_name": contact.display_name or placeholder_name(contact.jid, contact.phone_number),
		"is_group": int(contact.is_group),
		"labels": ", ".join(contact.labels or ()),
		"first_seen": times.site_datetime(contact.first_seen_ms) or now,
		"last_seen": times.site_datetime(contact.last_seen_ms),
		"last_sync": now,
		"said_at_ms": contact.timestamp_ms or 0,
	}
	row.update({column: getattr(contact, attribute) for column, attribute in TEXTS.items()})
	for column, attribute in FLAGS.items():
		said = getattr(contact, attribute)
		row[column] = int(FLAG_DEFAULTS.get(column, 0) if said is None else said)
	if contact.is_user is None:
		row["is_user"] = int(not contact.is_group)
	return row


def _changes(row: frappe._dict, contact: records.Contact) -> dict[str, Any]:
	"""Columns of a stored contact that are to change, with their new values."""
	new: dict[str, Any] = {}
	for column, attribute in TEXTS.items():
		if said := getattr(contact, attribute):
			new[column] = said
	for column, attribute in FLAGS.items():
		if (said := getattr(contact, attribute)) is not None:
			new[column] = int(said)
	if contact.labels is not None:
		new["labels"] = ", ".join(contact.labels)
	if name := _better_name(row, contact):
		new["contact_name"] = name
	last_seen = times.site_datetime(contact.last_seen_ms)
	if last_seen and (not row.last_seen or last_seen > row.last_seen):
		new["last_seen"] = last_seen
	changes = {column: value for column, value in new.items() if value != row[column]}
	if changes:
		changes["last_sync"] = times.now()
	return changes


def _better_name(row: frappe._dict, contact: records.Contact) -> str:
	"""The name to show, "" to leave it: a name of the address book stays when only a push name is said."""
	if contact.name:
		return contact.name
	derived = {
		"",
		placeholder_name(contact.jid, row.phone_number or ""),
		row.pushname,
		row.short_name,
		row.verified_name,
	}
	return contact.display_name if (row.contact_name or "") in derived else ""
