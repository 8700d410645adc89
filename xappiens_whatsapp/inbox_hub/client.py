"""Every endpoint of the Hub that this app uses, as a method. Knows no Frappe: `api/base.py` wires it to a site.

Each method returns the Hub's JSON, completed with the keys the user's document shows (`completion.py`), and raises an
`InboxHubError` otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import completion, jids, payloads, webhook_registration
from .calls import Call, Outgoing, make_call
from .errors import Conflict, HubUnavailable, InvalidRequest, NotFound, PayloadError
from .http import HubTransport
from .text import _

MAX_PAGE_SIZE = 100
MAX_TEXT = 4096
MAX_SEARCH = 100


class InboxHubClient:
	"""Inbox Hub, on behalf of one session (its id at the Hub) or, with None, of the account.

	`calls` and `seconds_waited` tell what this client has cost so far. A subclass may override what comes first below:
	where the connection, the sessions' numbers and the choices of the settings come from.
	"""

	recipient_format = "Digits"
	organization_id: int | None = None

	def __init__(self, session_id: str | None = None, transport: HubTransport | None = None) -> None:
		self.session_id = session_id
		self._transport = transport
		self._session_number: int | None = None
		self._lists_chats_by_filter = False

	def connect(self) -> HubTransport:
		"""Return the connection; called once, at the first call."""
		raise NotImplementedError

	def find_number(self, session_id: str) -> int | None:
		"""Return the Hub's number of a session, None while it is not known."""
		return None

	def find_session_id(self, number: int) -> str | None:
		"""Return the id of the session that has this number at the Hub, None if it is not known."""
		return None

	@property
	def calls(self) -> int:
		"""Requests made, repetitions included and logins not."""
		return self._transport.calls if self._transport else 0

	@property
	def seconds_waited(self) -> float:
		"""Seconds slept for turns and between tries."""
		return self._transport.seconds_waited if self._transport else 0.0

	# Any endpoint

	def get(
		self, endpoint: str, params: dict[str, Any] | None = None, use_session_id: bool = True
	) -> dict[str, Any]:
		"""GET `endpoint` ("/api/contacts/{sessionId}") and return the Hub's JSON.

		`{sessionId}` in the endpoint is replaced by the client's session unless `use_session_id` is False.
		"""
		return self._call("GET", endpoint, params=params, use_session_id=use_session_id)

	def post(
		self, endpoint: str, data: dict[str, Any] | None = None, use_session_id: bool = True
	) -> dict[str, Any]:
		"""POST `data` as JSON to `endpoint` and return the Hub's JSON; see `get`.

		Raises OutcomeUnknown if the connection broke: a POST is not repeated.
		"""
		data = None if data is None else Outgoing(data)
		return self._call("POST", endpoint, data=data, use_session_id=use_session_id)

	def put(
		self, endpoint: str, data: dict[str, Any] | None = None, use_session_id: bool = True
	) -> dict[str, Any]:
		"""PUT `data` as JSON to `endpoint` and return the Hub's JSON; see `get`."""
		data = None if data is None else Outgoing(data)
		return self._call("PUT", endpoint, data=data, use_session_id=use_session_id)

	def delete(self, endpoint: str, use_session_id: bool = True) -> dict[str, Any]:
		"""DELETE `endpoint` and return the Hub's JSON; see `get`."""
		return self._call("DELETE", endpoint, use_session_id=use_session_id)

	# Sessions

	def get_sessions(self, page: int = 1, limit: int = 20, status: str | None = None) -> dict[str, Any]:
		"""One page of the account's sessions: `data.sessions`. `status` is a word of the Hub ("connected")."""
		params = {**_page(page, limit), "status": status}
		return completion.complete_sessions(self._call("GET", "/api/sessions", params=params))

	def get_session(self) -> dict[str, Any]:
		"""The session with its profile."""
		return completion.complete_session(self._session_call("GET", ""))

	def get_session_status(self, session_db_id: int | str | None = None) -> dict[str, Any]:
		"""The status of a session: `data.status`, `data.isConnected`.

		`session_db_id` is its number (or id) at the Hub; without it the client's own session is meant. The Hub sometimes
		answers 404 for a session that exists (docs/hub.md, F5), so its list is asked before NotFound is raised.
		"""
		spelled = self._require_session() if session_db_id is None else str(session_db_id)
		try:
			if self._is_own(spelled):
				return completion.complete_session(self._session_call("GET", "/status"))
			path = "/api/sessions/{id}/status"
			return completion.complete_session(self._call("GET", path, parts={"id": spelled}))
		except NotFound as error:
			missing = error
		row = self._find_in_list(spelled)
		if row is None:
			raise missing
		return completion.complete_session({"success": True, "data": row})

	def create_session(self, session_id: str, session_name: str, **webhook: Any) -> dict[str, Any]:
		"""Create a session. It usually has to be connected afterwards.

		`webhook` may hold webhookUrl, webhookSecret (16 to 255 characters), webhookEvents and phoneNumber. Raises Conflict
		if the id exists.
		"""
		if webhook.get("webhookSecret"):
			webhook_registration.check_secret(webhook["webhookSecret"])
		data = Outgoing({"sessionId": session_id, "sessionName": session_name, **webhook})
		del webhook
		return completion.complete_session(self._call("POST", "/api/sessions", data=data))

	def connect_session(self) -> dict[str, Any]:
		"""Begin to connect, or renew the QR code. A session that is connecting or connected stays as it is."""
		try:
			return completion.complete_session(self._session_call("POST", "/connect", data={}))
		except Conflict:
			return self.get_session_status()

	def disconnect_session(self) -> dict[str, Any]:
		"""Disconnect. Credentials and data stay at the Hub."""
		return completion.complete_session(self._session_call("POST", "/disconnect", data={}))

	def restart_session(self) -> dict[str, Any]:
		"""Disconnect and connect again."""
		return completion.complete_session(self._session_call("POST", "/restart", data={}))

	def delete_session(self) -> dict[str, Any]:
		"""Destroy the session at the Hub with its credentials and data. Not a disconnect: it cannot be undone."""
		return self._session_call("DELETE", "")

	def get_qr(self) -> dict[str, Any]:
		"""The QR code: `data.qrCode`, `data.expiresAt` (else it lives 60 s). For an image see `payloads.parse_qr`.

		Raises NotFound with code QR_NOT_READY while there is none; ask again after some seconds.
		"""
		reason = ""
		try:
			answer = self._session_call("GET", "/qr")
			payloads.parse_qr(answer)
			return answer
		except PayloadError as error:
			reason = error.reason
		except HubUnavailable as error:
			if error.code != "QR_GENERATION_ERROR":
				raise
			reason = error.hub_text
		except NotFound as error:
			if error.code == "SESSION_NOT_FOUND":
				raise
			reason = error.hub_text
		raise NotFound(
			_("The QR code is not ready yet. Try again in some seconds."),
			code="QR_NOT_READY",
			hub_text=reason,
		)

	# Contacts

	def get_session_contacts(
		self, page: int = 1, limit: int = 50, search: str | None = None
	) -> dict[str, Any]:
		"""One page of contacts: `data.contacts`, `data.total`. `search` (1 to 100 characters) looks at names and ids."""
		if search is not None and not 1 <= len(search) <= MAX_SEARCH:
			raise InvalidRequest(_("A search has 1 to {0} characters.").format(MAX_SEARCH))
		params = {**_page(page, limit), "search": search}
		return completion.complete_contacts(self._call("GET", "/api/contacts/{sessionId}", params=params))

	def get_contact_info(self, contact_id: str) -> dict[str, Any]:
		"""Everything about one contact: `data.contact`. For the record see `payloads.parse_contact`."""
		parts = {"contactId": _address(contact_id)}
		return self._call("GET", "/api/contacts/{sessionId}/info/{contactId}", parts=parts)

	def search_contact(self, phone_number: str) -> dict[str, Any]:
		"""The contact with a phone number: `data.contact`, which is null if there is none."""
		phone = jids.phone_of(_address(phone_number))
		if not phone:
			raise InvalidRequest(_("A contact is searched for by its phone number with country code."))
		return self._call("GET", "/api/contacts/{sessionId}/search/{phone}", parts={"phone": phone})

	def get_contact_stats(self) -> dict[str, Any]:
		"""How many contacts of each kind there are: `data.stats`."""
		return self._call("GET", "/api/contacts/{sessionId}/stats")

	# Chats and messages

	def get_session_chats(self, page: int = 1, limit: int = 20) -> dict[str, Any]:
		"""One page of chats: `data.chats`. `answers.is_chats_fault` recognises the Hub's own failure here (F1)."""
		answer = self._call("GET", "/api/messages/{sessionId}/chats", params=_page(page, limit))
		return completion.complete_chats(answer)

	def get_messages(self, page: int = 1, limit: int = 50, **filters: Any) -> dict[str, Any]:
		"""One page of the messages of all chats: `data.messages`, in no promised order.

		`filters` may hold chatId, type, fromMe (bool), startDate and endDate (ISO 8601).
		"""
		params = {**_page(page, limit), **filters}
		return completion.complete_messages(self._call("GET", "/api/messages/{sessionId}", params=params))

	def get_chat_messages(self, chat_id: str, page: int = 1, limit: int = 50) -> dict[str, Any]:
		"""One page of a chat's messages: `data.messages`, in no promised order.

		A Hub that does not know the path is asked by filter, from then on at once (docs/hub.md, C5).
		"""
		jid = _address(chat_id)
		if not self._lists_chats_by_filter:
			try:
				answer = self._call(
					"GET",
					"/api/messages/{sessionId}/{chatId}",
					params=_page(page, limit),
					parts={"chatId": jid},
				)
				return completion.complete_messages(answer, jid)
			except NotFound as error:
				if error.code == "SESSION_NOT_FOUND":
					raise
		params = {**_page(page, limit), "chatId": jid}
		answer = self._call("GET", "/api/messages/{sessionId}", params=params)
		self._lists_chats_by_filter = True
		return completion.complete_messages(answer, jid)

	def get_message_stats(self, start_date: str | None = None, end_date: str | None = None) -> dict[str, Any]:
		"""How many messages of each kind there are: `data.stats`. Dates in ISO 8601."""
		params = {"startDate": start_date, "endDate": end_date}
		return self._call("GET", "/api/messages/{sessionId}/stats", params=params)

	def send_message(self, to: str, message: str | dict[str, Any], type: str = "text") -> dict[str, Any]:
		"""Send a message and return the Hub's answer: `data.messageId`, `data.status`. Writes no row; it is the raw call.

		Args:
			to: number with country code, or JID.
			message: the text (1 to 4096 characters), or the Hub's object for another `type`.
			type: "text", "image", "video", "audio", "document", "location" or "contact".

		Raises OutcomeUnknown if it may have gone out: it must not be sent again by itself.
		"""
		if type == "text" and (not isinstance(message, str) or not 1 <= len(message) <= MAX_TEXT):
			raise InvalidRequest(_("A text message has 1 to {0} characters.").format(MAX_TEXT))
		try:
			recipient = jids.to_recipient(to, self.recipient_format)
		except PayloadError as error:
			raise InvalidRequest(
				_("{0} is nobody who can be written to. Use a number with country code.").format(repr(to))
			) from error
		data = Outgoing({"to": recipient, "message": message, "type": type})
		answer = self._call("POST", "/api/messages/{sessionId}/send", data=data)
		return completion.complete_sent(answer, recipient)

	def mark_chat_as_read(self, chat_id: str) -> dict[str, Any]:
		"""Tell WhatsApp that a chat was read here."""
		parts = {"chatId": _address(chat_id)}
		return self._call("PUT", "/api/messages/{sessionId}/{chatId}/read", data={}, parts=parts)

	# Webhooks and the account

	def register_webhook(
		self, url: str, events: Sequence[str], secret: str, name: str = "CRM Webhook"
	) -> dict[str, Any]:
		"""Have the Hub post `events` to `url`, signed with `secret`. Doing it twice makes one webhook.

		Raises Conflict if another address uses the name, InvalidRequest if the secret has not 16 to 255 characters.
		"""
		return webhook_registration.register_webhook(self, url, events, secret, name)

	def list_webhooks(self) -> list[dict[str, Any]]:
		"""All webhooks of the account, as the Hub describes them."""
		return webhook_registration.list_webhooks(self, self.find_organization_id())

	def set_session_webhook(self, url: str, secret: str) -> dict[str, Any]:
		"""Set the session's own webhook (route R4, which takes the session's number only)."""
		webhook_registration.check_secret(secret)
		number = self._number()
		if number is None:
			raise InvalidRequest(
				_("The number of session {0} at Inbox Hub is not known yet. Connect it first.").format(
					self.session_id
				)
			)
		data = Outgoing({"webhookUrl": url, "webhookSecret": secret})
		return self._call("PUT", "/api/sessions/{id}/webhook", data=data, parts={"id": number})

	def find_organization_id(self) -> int | None:
		"""The account's organisation: from WhatsApp Settings, else the first one the Hub names, else None."""
		if self.organization_id:
			return self.organization_id
		try:
			rows, _path = payloads.find_rows(
				self._call("GET", "/api/organizations/my-organizations"), "organizations"
			)
		except (NotFound, PayloadError):
			return None
		return next(
			(row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), int)), None
		)

	def health(self) -> dict[str, Any]:
		"""Whether the Hub's server runs. Sends no credentials and uses no budget."""
		return self.request(make_call("GET", "/health", is_public=True))

	# How it is done

	def request(self, call: Call) -> dict[str, Any]:
		"""Make a call that is complete and return the Hub's JSON."""
		if self._transport is None:
			self._transport = self.connect()
		return self._transport.request(call)

	def _call(
		self,
		method: str,
		endpoint: str,
		*,
		params: dict[str, Any] | None = None,
		data: Any = None,
		parts: dict[str, Any] | None = None,
		use_session_id: bool = True,
	) -> dict[str, Any]:
		parts = dict(parts or {})
		if use_session_id and "{sessionId}" in endpoint:
			# Session routes want the number, the others the id (docs/hub.md, C4).
			number = self._number() if endpoint.startswith("/api/sessions/") else None
			parts["sessionId"] = self._require_session() if number is None else number
		call = make_call(method, endpoint, parts=parts, params=params, json=data)
		return self.request(call.with_budget(self._budget_of(call)))

	def _session_call(self, method: str, suffix: str, data: Any = None) -> dict[str, Any]:
		"""Call `/api/sessions/{sessionId}` + `suffix`, by number and, where the Hub does not know that, by id."""
		session_id, number = self._require_session(), self._number()
		if number is not None:
			try:
				return self._call(method, "/api/sessions/{id}" + suffix, data=data, parts={"id": number})
			except NotFound as error:
				if suffix == "/qr" and error.code != "SESSION_NOT_FOUND":
					raise
		return self._call(method, "/api/sessions/{id}" + suffix, data=data, parts={"id": session_id})

	def _find_in_list(self, spelled: str) -> dict[str, Any] | None:
		page = 1
		while page:
			answer = self.get_sessions(page=page, limit=MAX_PAGE_SIZE)
			rows, _path = payloads.find_rows(answer, "sessions")
			for row in rows:
				if isinstance(row, dict) and spelled in (str(row.get("id")), row.get("sessionId")):
					return row
			page = page + 1 if page < (payloads.paging_of(answer).pages or 1) else 0
		return None

	def _require_session(self) -> str:
		if not self.session_id:
			raise InvalidRequest(
				_("This call needs a session. Name one: {0}").format('WhatsAppAPIClient(session_id="…")')
			)
		return self.session_id

	def _number(self) -> int | None:
		"""The session's number at the Hub, None while it is not known."""
		if self._session_number is None and self.session_id:
			self._session_number = self.find_number(self.session_id)
		return self._session_number

	def _is_own(self, spelled: str) -> bool:
		return spelled == self.session_id or (self.session_id is not None and spelled == str(self._number()))

	def _budget_of(self, call: Call) -> str:
		"""Whose calls a minute a call counts among: the session in its path, always under its id; "" if there is none."""
		spelled = call.session_in_path
		if not spelled or self._is_own(spelled):
			return self.session_id or "" if spelled else ""
		if spelled.isdigit():
			return self.find_session_id(int(spelled)) or spelled
		return spelled


def _page(page: int, limit: int) -> dict[str, Any]:
	if page < 1 or not 1 <= limit <= MAX_PAGE_SIZE:
		raise InvalidRequest(_("Pages begin at 1 and have 1 to {0} rows.").format(MAX_PAGE_SIZE))
	return {"page": page, "limit": limit}


def _address(text: str) -> str:
	try:
		return jids.normalise(text)
	except PayloadError as error:
		raise InvalidRequest(_("{0} is no address of WhatsApp.").format(repr(text))) from error
