"""The door through which Inbox Hub's events come.

An event is verified, stored and committed, and from then on it is never lost; it is processed in a second transaction, at
once where that succeeds, else again later. Inbox Hub hears 200 as soon as the event is stored.
"""

import json
import time
from dataclasses import dataclass, field

import frappe
from frappe.model.document import Document
from frappe.utils import get_datetime
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Request, Response

from xappiens_whatsapp import jobs, live, refusals, webhook_handlers
from xappiens_whatsapp.inbox_hub import payloads, records, signature
from xappiens_whatsapp.inbox_hub.errors import PayloadError, SignatureError
from xappiens_whatsapp.store import events, times, transaction
from xappiens_whatsapp.webhook_processing import process_event

PATH = "/api/method/xappiens_whatsapp.api.webhook.handle_webhook"
LARGEST_BODY = 5 * 1024 * 1024  # bytes
KEPT_HEADERS = ("X-Webhook-Event", "X-Webhook-Session", "X-Webhook-Timestamp")
SIGNATURE_HEADERS = ("X-Webhook-Signature", "X-Signature")
ERRORS = {400: "bad_request", 401: "unauthorized", 413: "too_large", 503: "try_again"}
SECRETS_KEPT = 60.0  # seconds
OTHERS_EACH_TIME = 5  # events that are due, processed beside the one that came

# The guide names these as what handles which event.
_handle_message_received = webhook_handlers.handle_message_received
_handle_message_sent = webhook_handlers.handle_message_sent
_handle_message_status = webhook_handlers.handle_message_status
_handle_session_status = webhook_handlers.handle_session_status
_handle_session_qr = webhook_handlers.handle_session_qr
_handle_contact_update = webhook_handlers.handle_contact_update
_handle_chat_update = webhook_handlers.handle_chat_update


@dataclass(frozen=True, slots=True)
class _Secrets:
	"""What this process has read of a site's secrets, for which state of its settings, and until when it believes that."""

	settings_modified: object
	until: float  # time.monotonic()
	current: str = field(repr=False)
	previous: str = field(repr=False)


_secrets: dict[str, _Secrets] = {}  # by site


@frappe.whitelist(allow_guest=True, methods=["POST"])
def handle_webhook() -> Response:
	"""Take one event of Inbox Hub.

	Returns:
		200 once the event is stored; 401 if the signature is missing or wrong; 400 if the body is not a JSON object or the
		headers name another event or session than it; 413 if it is too large; 503 if it could not be stored, so that
		Inbox Hub sends it again.
	"""
	settings = frappe.get_cached_doc("WhatsApp Settings")
	body = frappe.request.get_data()
	if len(body) > LARGEST_BODY:
		return _refuse(413, refusals.TOO_LARGE)
	try:
		_verify(body, settings)
	except SignatureError as error:
		return _refuse(401, error.reason)
	try:
		text = body.decode("utf-8")
		content = json.loads(text)
		if not isinstance(content, dict):
			raise ValueError("not an object")
	except (ValueError, RecursionError):
		return _refuse(400, refusals.NOT_JSON)

	headers = {name: value for name in KEPT_HEADERS if (value := frappe.request.headers.get(name))}
	try:
		event = payloads.understand_event(content, headers)
	except PayloadError:
		return _refuse(400, refusals.CONTRADICTION)
	refusals.look_at_time(headers.get("X-Webhook-Timestamp"))
	stored = store_event(event, text, headers)
	if not stored:
		return _refuse(503, refusals.NOT_STORED)
	if stored.is_duplicate:
		status = "Duplicate"
	else:
		status = process_event(stored.name, event, others=OTHERS_EACH_TIME)
	if settings.enabled:
		jobs.nudge()
	return _answer(200, success=True, received=True, duplicate=stored.is_duplicate, status=status)


def store_event(event: records.Event, text: str, headers: dict[str, str]) -> events.Stored | None:
	"""INSERT a verified event and commit.

	Args:
		event: what was understood of it.
		text: the body as it came.
		headers: those of `KEPT_HEADERS` that came.

	Returns:
		Its name; None if the database would not have it, which the Error Log tells.
	"""
	try:
		stored = transaction.repeated(lambda: events.store(event, text, headers))
		frappe.db.commit()
		return stored
	except Exception as error:
		frappe.db.rollback()
		live.log_fault("WhatsApp: a webhook event could not be stored", error)
		frappe.db.commit()
		return None


def before_request() -> None:
	"""Hook of Frappe, for our path only: nothing but POST, and nothing in body and headers is an order to Frappe.

	Raises:
		werkzeug.exceptions.MethodNotAllowed: with our JSON answer.
	"""
	if frappe.request.path.rstrip("/") != PATH:
		return
	if frappe.request.method != "POST":
		refusals.count(refusals.NOT_POST)
		raise MethodNotAllowed(["POST"], response=_answer(405, success=False, error="method_not_allowed"))
	frappe.local.form_dict = frappe._dict()
	# The signature alone decides: Frappe would take a header meant for others for a login that failed.
	frappe.request.environ.pop("HTTP_AUTHORIZATION", None)


def after_request(response: Response | None = None, request: Request | None = None) -> None:
	"""Hook of Frappe, for our path only: what failed before our function ran gets an honest status and no traceback."""
	if request is None or response is None or request.path.rstrip("/") != PATH:
		return
	if getattr(response, "is_answer_of_webhook", False):
		return
	if response.status_code in (401, 403, 413, 429):
		status, reason = response.status_code, "refused"
	elif not _is_json_object(request):
		refusals.count(refusals.NOT_JSON)
		status, reason = 400, ERRORS[400]
	else:
		status, reason = 503, ERRORS[503]
	answer = _answer(status, success=False, error=reason)
	response.status_code = status
	response.data = answer.data
	response.content_type = answer.content_type


def _verify(body: bytes, settings: Document) -> None:
	if settings.webhook_verification_disabled and frappe.conf.developer_mode:
		return
	header = next((value for name in SIGNATURE_HEADERS if (value := frappe.request.headers.get(name))), None)
	try:
		signature.verify(body, header, _accepted_secrets(settings))
	except SignatureError as error:
		if error.reason not in (SignatureError.MISMATCH, SignatureError.NO_SECRET):
			raise
		# Nothing is refused because of what was true a moment ago.
		signature.verify(body, header, _accepted_secrets(settings, read_anew=True))


def _accepted_secrets(settings: Document, *, read_anew: bool = False) -> list[str]:
	current, previous = _read_secrets(settings, read_anew=read_anew)
	until = settings.webhook_secret_previous_until
	is_valid = until and get_datetime(until) > times.now()
	return [secret for secret in (current, previous if is_valid else "") if secret]


def _read_secrets(settings: Document, *, read_anew: bool) -> tuple[str, str]:
	"""The current and the previous secret.

	To read and decrypt them costs as much as to store the event. Settings that are the same as a moment ago have the same
	secrets; one that somebody has taken away past the settings opens for a minute more.
	"""
	now = time.monotonic()
	known = _secrets.get(frappe.local.site)
	if known and not read_anew and known.settings_modified == settings.modified and now < known.until:
		return known.current, known.previous
	current = settings.get_password("webhook_secret", raise_exception=False) or ""
	previous = ""
	if settings.webhook_secret_previous:
		previous = settings.get_password("webhook_secret_previous", raise_exception=False) or ""
	_secrets[frappe.local.site] = _Secrets(settings.modified, now + SECRETS_KEPT, current, previous)
	return current, previous


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
