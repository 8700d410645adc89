"""The door through which Inbox Hub's events come.

An event is verified, stored and committed, and from then on it is never lost; it is processed in a second transaction, at
once where that succeeds, else again later. Inbox Hub hears 200 as soon as the event is stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import frappe
from frappe.utils import get_datetime
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Request, Response

from xappiens_whatsapp import jobs, live, refusals
from xappiens_whatsapp.api.sync import request_sync
from xappiens_whatsapp.inbox_hub import payloads, records, signature
from xappiens_whatsapp.inbox_hub.errors import PayloadError, SignatureError
from xappiens_whatsapp.store import (
	contacts,
	conversations,
	events,
	messages,
	reactions,
	sessions,
	times,
	transaction,
)

PATH = "/api/method/xappiens_whatsapp.api.webhook.handle_webhook"
LARGEST_BODY = 5 * 1024 * 1024  # bytes
KEPT_HEADERS = ("X-Webhook-Event", "X-Webhook-Session", "X-Webhook-Timestamp")
SIGNATURE_HEADERS = ("X-Webhook-Signature", "X-Signature")
ERRORS = {400: "bad_request", 401: "unauthorized", 413: "too_large", 503: "try_again"}
DUE_EACH_TIME = 5
PICTURE_LENGTH = 1000  # a longer text in an event of a session is a QR code


@dataclass(frozen=True, slots=True)
class Delivery:
	"""An event on its way into the store."""

	event: records.Event
	session: str
	run_hooks: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
	"""What became of an event: a message that is new, or the reason why it must wait."""

	new_message: str = ""
	waits_for: str = ""


@frappe.whitelist(allow_guest=True, methods=["POST"])
def handle_webhook() -> Response:
	"""Take one event of Inbox Hub.

	Returns:
		200 once the event is stored; 401 if the signature is missing or wrong; 400 if the body is not a JSON object or the
		headers name another event or session than it; 413 if it is too large; 503 if it could not be stored, so that
		Inbox Hub sends it again.
	"""
	body = frappe.request.get_data()
	if len(body) > LARGEST_BODY:
		return _refuse(413, "too_large")
	try:
		_verify(body)
	except SignatureError as error:
		return _refuse(401, error.reason)
	try:
		content = json.loads(body)
		if not isinstance(content, dict):
			raise ValueError("not an object")
		text = body.decode("utf-8")
	except (ValueError, RecursionError):
		return _refuse(400, "not_json")

	headers = {name: value for name in KEPT_HEADERS if (value := frappe.request.headers.get(name))}
	if _contradict(content, headers):
		return _refuse(400, "headers_contradict_body")
	stored = _store(content, text, headers)
	if not stored:
		return _refuse(503, "not_stored")
	status = "Duplicate" if stored.is_duplicate else process_event(stored.name)
	if jobs.is_enabled():
		_process_others(stored.name)
		jobs.nudge()
	return _answer(200, success=True, received=True, duplicate=stored.is_duplicate, status=status)


def process_event(name: str) -> str:
	"""Process a stored event in a transaction of its own, and commit.

	Args:
		name: of a WhatsApp Webhook Event.

	Returns:
		Its status afterwards. No error leaves this function: it stays with the event, which is tried again.
	"""
	user = frappe.session.user
	settings = frappe.get_cached_doc("WhatsApp Settings")
	try:
		frappe.set_user(settings.webhook_user or "Administrator")
		if not settings.enabled:
			events.mark_switched_off(name)
			frappe.db.commit()
			return "Waiting"
		return _process(name)
	finally:
		frappe.set_user(user)


def before_request() -> None:
	"""Hook of Frappe, for our path only: nothing but POST, and nothing in the body is an order to Frappe.

	Raises:
		werkzeug.exceptions.MethodNotAllowed: with our JSON answer.
	"""
	if frappe.request.path.rstrip("/") != PATH:
		return
	if frappe.request.method != "POST":
		raise MethodNotAllowed(["POST"], response=_answer(405, success=False, error="method_not_allowed"))
	frappe.local.form_dict = frappe._dict()


def after_request(response: Response | None = None, request: Request | None = None) -> None:
	"""Hook of Frappe, for our path only: what failed before our function ran gets an honest status and no traceback."""
	if request is None or response is None or request.path.rstrip("/") != PATH:
		return
	if getattr(response, "is_answer_of_webhook", False):
		return
	if response.status_code in (401, 403, 413, 429):
		status, reason = response.status_code, "refused"
	elif not _is_json_object(request):
		status, reason = 400, ERRORS[400]
	else:
		status, reason = 503, ERRORS[503]
	answer = _answer(status, success=False, error=reason)
	response.status_code = status
	response.data = answer.data
	response.content_type = answer.content_type


def _verify(body: bytes) -> None:
	settings = frappe.get_cached_doc("WhatsApp Settings")
	if settings.webhook_verification_disabled and frappe.conf.developer_mode:
		return
	secrets = [settings.get_password("webhook_secret", raise_exception=False)]
	until = settings.webhook_secret_previous_until
	if settings.webhook_secret_previous and until and get_datetime(until) > times.now():
		secrets.append(settings.get_password("webhook_secret_previous", raise_exception=False))
	header = next((value for name in SIGNATURE_HEADERS if (value := frappe.request.headers.get(name))), None)
	signature.verify(body, header, [secret for secret in secrets if secret])


def _contradict(content: dict, headers: dict[str, str]) -> bool:
	"""Whether the headers, which nobody signed, name another event or session than the signed body."""
	try:
		payloads.parse_event(content, headers)
	except PayloadError as error:
		return error.path in ("X-Webhook-Event", "X-Webhook-Session")
	return False


def _store(content: dict, text: str, headers: dict[str, str]) -> events.Stored | None:
	"""INSERT the event and commit. None if the database would not have it."""
	try:
		stored = transaction.repeated(lambda: events.store(_understood(content, headers), text, headers))
		frappe.db.commit()
		return stored
	except Exception:
		frappe.db.rollback()
		frappe.log_error(title="WhatsApp: a webhook event could not be stored")
		frappe.db.commit()
		return None


def _understood(content: dict, headers: dict[str, str]) -> records.Event:
	"""The event; one that cannot be understood is kept under the name it gives itself."""
	try:
		return payloads.parse_event(content, headers)
	except PayloadError:
		name, session = content.get("event"), content.get("sessionId")
		return records.Event(
			name=name[:140] if isinstance(name, str) else "",
			raw_name="",
			session_id=session[:140] if isinstance(session, str) else "",
		)


def _process(name: str) -> str:
	"""With hooks; if that fails, without them, so that a message is not lost by another app's fault."""
	hook_failure: Exception | None = None
	for _attempt in range(2):
		try:
			status = transaction.repeated(lambda: _process_once(name, hook_failure))
			frappe.db.commit()
			_process_waiting(name)
			return status
		except PayloadError as error:
			return _give_up(name, error, final=True)
		except Exception as error:
			if hook_failure:
				return _give_up(name, error)
			hook_failure = error
	raise AssertionError("unreachable")


def _process_once(name: str, hook_failure: Exception | None) -> str:
	row = events.claim(name)
	if not row:
		return frappe.db.get_value(events.DOCTYPE, name, "status") or "Processed"
	if row.hooks_pending:
		return _process_hooks(row, hook_failure)

	headers = dict(line.split(": ", 1) for line in (row.headers or "").splitlines())
	event = payloads.parse_event(json.loads(row.body), headers)
	handler = HANDLERS.get(event.name)
	if not handler or event.payload is None:
		events.mark_processed(name, status="Ignored")
		return "Ignored"
	session = sessions.find(event.session_id, event.session_hub_id)
	if not session:
		return _wait(row, f"There is no WhatsApp Session {event.session_id or event.session_hub_id}.", None)

	outcome = handler(Delivery(event, session, run_hooks=not hook_failure))
	if outcome.waits_for:
		return _wait(row, outcome.waits_for, session)
	if hook_failure and outcome.new_message:
		failure = live.describe(outcome.new_message, hook_failure)
		return events.mark_failed(name, failure.text, hooks_pending=failure.message, session=session)
	events.mark_processed(name, session=session, body=_without_picture(event, row.body))
	return "Processed"


def _process_hooks(row: frappe._dict, failure: Exception | None) -> str:
	"""The message is stored; only the hooks of other apps are still to run."""
	if failure:
		return events.mark_failed(
			row.name, live.describe(row.hooks_pending, failure).text, hooks_pending=row.hooks_pending
		)
	live.run_hooks_again(row.hooks_pending)
	events.mark_processed(row.name)
	return "Processed"


def _process_waiting(name: str) -> None:
	"""What waited for this event's message can go on."""
	row = frappe.db.get_value(events.DOCTYPE, name, ["status", "message_id", "session_id"], as_dict=True)
	if row.message_id and row.status in ("Processed", "Failed"):
		for waiting in events.waiting_for(row.session_id, row.message_id):
			if waiting != name:
				_process(waiting)


def _process_others(name: str) -> None:
	"""A few events that are due again: on a dormant site the scheduler sleeps, but webhooks come."""
	for other in events.due(limit=DUE_EACH_TIME):
		if other != name:
			process_event(other)


def _wait(row: frappe._dict, reason: str, session: str | None) -> str:
	if events.waited_too_long(row):
		events.mark_processed(row.name, status="Ignored", session=session)
		return "Ignored"
	events.mark_waiting(row.name, reason, session)
	return "Waiting"


def _give_up(name: str, error: Exception, *, final: bool = False) -> str:
	"""Keep the error with the event, for now or for good. The Error Log gets its first one and its last."""
	frappe.db.rollback()
	trace = live.without_message(error)
	status = events.mark_failed(name, f"{error}\n\n{trace}", final=final)
	if status == "Dead" or frappe.db.get_value(events.DOCTYPE, name, "attempts") == 1:
		frappe.log_error(
			title=f"WhatsApp: a webhook event is {status}",
			message=trace,
			reference_doctype=events.DOCTYPE,
			reference_name=name,
		)
	frappe.db.commit()
	return status


def _handle_message_received(delivery: Delivery) -> Outcome:
	"""message.received: a message, somebody's reaction, an edit or a deletion."""
	return _store_message(delivery)


def _handle_message_sent(delivery: Delivery) -> Outcome:
	"""message.sent: the echo of our own message, or one typed on the phone."""
	if isinstance(delivery.event.payload, records.Receipt):
		return _handle_message_status(delivery)
	return _store_message(delivery)


def _handle_message_status(delivery: Delivery) -> Outcome:
	"""message.delivered, message.read, message.failed, message.ack: how far a message got."""
	if not isinstance(delivery.event.payload, records.Receipt):
		return _store_message(delivery)
	if not messages.apply_receipt(delivery.session, delivery.event.payload):
		return Outcome(waits_for=f"Message {delivery.event.payload.message_id} is not known yet.")
	return Outcome()


def _handle_session_status(delivery: Delivery) -> Outcome:
	"""session.connected, session.disconnected: and a session that has just connected is synced."""
	change = sessions.apply_status(delivery.session, delivery.event.payload)
	if change.became_connected and frappe.get_cached_doc("WhatsApp Settings").auto_sync_enabled:
		request_sync(delivery.session, "Connected", settle=True)
	return Outcome()


def _handle_session_qr(delivery: Delivery) -> Outcome:
	"""session.qr: a new QR code to scan."""
	record = delivery.event.payload
	if isinstance(record, records.Session) and record.qr:
		sessions.store_qr(delivery.session, record.qr, record.timestamp_ms)
	return Outcome()


def _handle_contact_update(delivery: Delivery) -> Outcome:
	"""contact.updated: a contact's name, photo or flags; created if it is new."""
	contacts.apply(delivery.session, delivery.event.payload)
	return Outcome()


def _handle_chat_update(delivery: Delivery) -> Outcome:
	"""chat.archived, chat.unarchived."""
	if isinstance(delivery.event.payload, records.ChatFlag):
		conversations.apply_flag(delivery.session, delivery.event.payload)
	return Outcome()


HANDLERS = {
	"message.received": _handle_message_received,
	"message.sent": _handle_message_sent,
	"message.delivered": _handle_message_status,
	"message.read": _handle_message_status,
	"message.failed": _handle_message_status,
	"message.ack": _handle_message_status,
	"message.edited": _handle_message_received,
	"message.deleted": _handle_message_received,
	"session.connected": _handle_session_status,
	"session.disconnected": _handle_session_status,
	"session.status": _handle_session_status,
	"session.qr": _handle_session_qr,
	"contact.updated": _handle_contact_update,
	"chat.archived": _handle_chat_update,
	"chat.unarchived": _handle_chat_update,
}


def _store_message(delivery: Delivery) -> Outcome:
	payload = delivery.event.payload
	if isinstance(payload, records.Reaction):
		if reactions.apply(delivery.session, payload):
			return Outcome()
		return Outcome(waits_for=f"Message {payload.message_id} is not known yet.")
	received = messages.receive(delivery.session, payload, run_hooks=delivery.run_hooks)
	return Outcome(new_message=received.name if received and received.is_new else "")


def _without_picture(event: records.Event, body: str) -> str | None:
	"""The body without the QR image, if it had one: it is of no use any more and large."""
	if event.name != "session.qr":
		return None

	def shortened(value: object) -> object:
		if isinstance(value, dict):
			return {key: shortened(item) for key, item in value.items()}
		if isinstance(value, str) and len(value) > PICTURE_LENGTH:
			return f"[{len(value)} characters removed]"
		return value

	return json.dumps(shortened(json.loads(body)), ensure_ascii=False)


def _is_json_object(request: Request) -> bool:
	try:
		return isinstance(json.loads(request.get_data()), dict)
	except (ValueError, RecursionError):
		return False


def _refuse(status: int, reason: str) -> Response:
	"""Nothing was stored, and the sender learns no more than the status."""
	frappe.db.rollback()
	refusals.count(reason)
	return _answer(status, success=False, error=ERRORS[status])


def _answer(http_status: int, **content: object) -> Response:
	"""A plain response: Frappe's own messages must not leak into it."""
	response = Response(json.dumps(content), status=http_status, content_type="application/json")
	response.is_answer_of_webhook = True
	return response
