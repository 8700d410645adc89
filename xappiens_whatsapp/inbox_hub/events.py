"""Webhooks as events: five families of payloads (docs/hub.md, "Webhooks"), one record.

Event and session are taken from the signed body. The headers only fill what the body leaves out; where both speak and
disagree, somebody is not honest or not right, and the webhook is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from . import records
from .errors import PayloadError
from .message_rows import MessageRow, read_reaction, read_receipt
from .rows import ChatRow, ContactRow, SessionRow, required_address
from .values import as_instant, as_integer, as_text, clean, settle_id

_ALIASES = {
	"message": "message.received",
	"message.new": "message.received",
	"message_create": "message.received",
	"message_ack": "message.ack",
	"message_status": "message.ack",
	"message.status": "message.ack",
	"message_edit": "message.edited",
	"message.edit": "message.edited",
	"message_revoke": "message.deleted",
	"message.revoke": "message.deleted",
	"message.revoked": "message.deleted",
	"session_status": "session.status",
	"connection_update": "session.status",
	"contact_update": "contact.updated",
	"contact.created": "contact.updated",
	"chat_update": "conversation.updated",
	"conversation.created": "conversation.updated",
}
# session.status is told apart by what it says.
_SESSION_EVENTS = {
	"Connected": "session.connected",
	"Disconnected": "session.disconnected",
	"Error": "session.disconnected",
	"QR Code Required": "session.qr",
}
_RECEIPT_STATUS = {
	"message.ack": "",
	"message.delivered": "Delivered",
	"message.read": "Read",
	"message.failed": "Failed",
}
_MAX_NAME_LENGTH = 140
_EVENT_HEADER, _SESSION_HEADER = "X-Webhook-Event", "X-Webhook-Session"


class _Envelope:
	"""A webhook taken apart: who it is about, and the object that says what happened."""

	def __init__(self, body: dict, headers: Mapping[str, str]) -> None:
		self.headers = {name.lower(): value for name, value in headers.items()}
		data = body.get("data")
		# V1 to V3 have `data`; V4 is flat; V5 has a message or payload at the top.
		self.data: dict = data if isinstance(data, dict) else body
		self.path = "data" if isinstance(data, dict) else ""
		self.body = body
		self.raw_name = self._event_name()
		self.name = canonical_name(self.raw_name)[:_MAX_NAME_LENGTH]
		self.session_id, self.session_hub_id = self._session()
		self.timestamp_ms = self._timestamp()

	def _event_name(self) -> str:
		named = as_text(self.body.get("event")).strip()
		hinted = clean(self.headers.get("x-webhook-event") or "").strip()
		if named and hinted and _subject(named) != _subject(hinted):
			raise PayloadError(_EVENT_HEADER, "another event than in the body")
		name = named or hinted
		if not name:
			raise PayloadError("event", "missing")
		return name[:_MAX_NAME_LENGTH]

	def _session(self) -> tuple[str, int | None]:
		floors = (self.data, self.body, self.body.get("payload"), self.body.get("message"))
		holders = [floor for floor in floors if isinstance(floor, dict)]
		names = [value for holder in holders if (value := holder.get("sessionId")) not in (None, "")]
		hub_id = next(
			(number for holder in holders if (number := as_integer(holder.get("session_db_id"))) is not None),
			None,
		)
		hinted = clean(self.headers.get("x-webhook-session") or "").strip()
		if names and not isinstance(names[0], str):
			# A numeric sessionId is the Hub's row number.
			hub_id, names = as_integer(names[0]) if hub_id is None else hub_id, []
		session_id = settle_id(names[0].strip()) if names else ""
		self.session_in_body = bool(session_id) or hub_id is not None
		if hinted and session_id and hinted not in (session_id, str(hub_id)) and not hinted.isdigit():
			raise PayloadError(_SESSION_HEADER, "another session than in the body")
		if not session_id and hub_id is None:
			session_id = settle_id(hinted)
		return session_id, hub_id

	def _timestamp(self) -> int | None:
		candidates = (
			self.body.get("timestamp"),
			self.data.get("timestamp"),
			self.headers.get("x-webhook-timestamp"),
		)
		return next((instant for value in candidates if (instant := as_instant(value)) is not None), None)

	def object(self, *names: str) -> tuple[dict, str]:
		"""The object that `names` lead to, within `data`, at the top or in the payload; else the payload, else `data`.
		With its path."""
		floors = [(self.data, self.path), (self.body, "")]
		for holder, path in tuple(floors):
			if isinstance(holder.get("payload"), dict):
				floors.append((holder["payload"], f"{path}.payload".lstrip(".")))
		for holder, path in floors:
			for name in names:
				if isinstance(holder.get(name), dict):
					return holder[name], f"{path}.{name}".lstrip(".")
		return floors[2] if len(floors) > 2 else floors[0]


def canonical_name(name: str) -> str:
	"""Return the one name of an event: lower case, aliases resolved."""
	name = name.strip().lower()
	return _ALIASES.get(name, name)


def parse_event(body: object, headers: Mapping[str, str]) -> records.Event:
	"""Return the webhook as an event. `headers` may have any case; only X-Webhook-* are looked at.

	The payload is None for events this app has no use for. Raises PayloadError if the body is no object, names no event
	or, for an event of use, no session or nothing that can be understood; and if the headers contradict the body.
	"""
	if not isinstance(body, dict):
		raise PayloadError("$", "expected an object")
	envelope = _Envelope(body, headers)
	read = _READERS.get(envelope.name)
	payload = None
	if read is not None:
		if not envelope.session_id and envelope.session_hub_id is None:
			raise PayloadError("sessionId", "missing")
		payload = read(envelope)
	return records.Event(
		name=_name_of(envelope, payload),
		raw_name=envelope.raw_name,
		session_id=envelope.session_id,
		session_hub_id=envelope.session_hub_id,
		timestamp_ms=envelope.timestamp_ms,
		payload=payload,
		message_id=getattr(payload, "message_id", ""),
		session_in_body=envelope.session_in_body,
	)


def understand_event(body: dict, headers: Mapping[str, str]) -> records.Event:
	"""Return the webhook as an event, as `parse_event` does; one that cannot be understood under the name that it gives
	itself, with what is wrong as its `problem`.

	Raises PayloadError only if the headers, which nobody signed, name another event or session than the body.
	"""
	try:
		return parse_event(body, headers)
	except PayloadError as error:
		if error.path in (_EVENT_HEADER, _SESSION_HEADER):
			raise
		hint = next((value for header, value in headers.items() if header.lower() == "x-webhook-event"), "")
		name = (as_text(body.get("event")).strip() or clean(hint).strip())[:_MAX_NAME_LENGTH]
		session = body.get("sessionId")
		session_id = settle_id(session.strip()) if isinstance(session, str) else ""
		return records.Event(
			name=canonical_name(name)[:_MAX_NAME_LENGTH],
			raw_name=name,
			session_id=session_id,
			session_in_body=bool(session_id),
			problem=error,
		)


def _name_of(envelope: _Envelope, payload: records.Payload | None) -> str:
	if envelope.name == "session.status" and isinstance(payload, records.Session):
		return _SESSION_EVENTS.get(payload.status, envelope.name)
	return envelope.name


def _subject(name: str) -> str:
	# message.ack and message.read are two names for one thing, message.received and session.qr are not.
	name = canonical_name(name)
	if name in _RECEIPT_STATUS:
		return "receipt"
	return "session" if name.startswith("session.") else name


def _read_message(envelope: _Envelope) -> records.Message | records.Reaction | records.Receipt:
	raw, path = envelope.object("message")
	row = MessageRow.read(raw, path)
	for holder, where in ((raw, path), (envelope.data, envelope.path), (envelope.body, "")):
		if isinstance(reaction := holder.get("reactionMessage"), dict):
			return read_reaction(reaction, row, f"{where}.reactionMessage".lstrip("."))
	sent = envelope.name == "message.sent"
	if sent and not row.names_chat():
		# The short form only confirms what was sent through the Hub.
		return _receipt_of(envelope, raw, path, status="Sent")
	try:
		return row.record(from_me=sent)
	except PayloadError as error:
		raise error.under(path) from None


def _read_change(envelope: _Envelope) -> records.Message | records.Change:
	raw, path = envelope.object("message")
	deleted = envelope.name == "message.deleted"
	row = MessageRow.read({**raw, "isDeleted" if deleted else "isEdited": True}, path)
	if not row.names_chat() and (message_id := row.identity().message_id):
		return records.Change(message_id, deleted, as_text(row.content), row.timestamp)
	try:
		return row.record()
	except PayloadError as error:
		raise error.under(path) from None


def _read_receipt(envelope: _Envelope) -> records.Receipt:
	raw, path = envelope.object("message")
	return _receipt_of(envelope, raw, path, status=_RECEIPT_STATUS[envelope.name])


def _receipt_of(envelope: _Envelope, raw: dict, path: str, *, status: str) -> records.Receipt:
	# Id, status and time may lie on different floors: data.messageId with data.message.status.
	receipt = read_receipt({**envelope.data, **raw}, path, status=status)
	if receipt.timestamp_ms is None and envelope.timestamp_ms is not None:
		return dataclasses.replace(receipt, timestamp_ms=envelope.timestamp_ms)
	return receipt


def _read_session(envelope: _Envelope) -> records.Session:
	raw, path = envelope.object("session")
	row = SessionRow.read(
		{**raw, "sessionId": envelope.session_id, "session_db_id": envelope.session_hub_id}, path
	)
	session = row.record()
	status = session.status
	if envelope.name == "session.qr":
		session = dataclasses.replace(session, qr=_qr_of(row, path))
		status = "QR Code Required"
	elif envelope.name in ("session.connected", "session.disconnected"):
		# The event is the news; a status beside it may be the one from before. Only isConnected is measured.
		status = "Connected" if envelope.name == "session.connected" else "Disconnected"
		if row.is_connected is not None:
			status = "Connected" if row.is_connected else "Disconnected"
	return dataclasses.replace(
		session, status=status, timestamp_ms=session.timestamp_ms or envelope.timestamp_ms
	)


def _qr_of(row: SessionRow, path: str) -> records.QRCode:
	try:
		return row.qr()
	except PayloadError as error:
		raise error.under(path) from None


def _read_contact(envelope: _Envelope) -> records.Contact:
	raw, path = envelope.object("contact")
	try:
		return ContactRow.read(raw, path).record()
	except PayloadError as error:
		raise error.under(path) from None


def _read_chat(envelope: _Envelope) -> records.Chat:
	raw, path = envelope.object("conversation", "chat")
	try:
		return ChatRow.read(raw, path).record()
	except PayloadError as error:
		raise error.under(path) from None


def _read_chat_flag(envelope: _Envelope) -> records.ChatFlag:
	raw, path = envelope.object("chat")
	chat = ChatRow.read({**envelope.data, **raw}, path)
	flag = chat.is_archived
	return records.ChatFlag(
		chat_jid=required_address((chat.id,), f"{path}.chatId".lstrip(".")),
		is_archived=envelope.name == "chat.archived" if flag is None else flag,
		timestamp_ms=envelope.timestamp_ms,
	)


_READERS: dict[str, Callable[[_Envelope], records.Payload]] = {
	"message.received": _read_message,
	"message.sent": _read_message,
	"message.edited": _read_change,
	"message.deleted": _read_change,
	**dict.fromkeys(_RECEIPT_STATUS, _read_receipt),
	"session.connected": _read_session,
	"session.disconnected": _read_session,
	"session.qr": _read_session,
	"session.status": _read_session,
	"contact.updated": _read_contact,
	"conversation.updated": _read_chat,
	"chat.archived": _read_chat_flag,
	"chat.unarchived": _read_chat_flag,
}
