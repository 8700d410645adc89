"""The client of Inbox Hub, as the rest of the site and the user's own scripts use it.

	client = WhatsAppAPIClient(session_id="demo_session")
	client.send_message(to="34600000002", message="Hello")

The methods are those of `inbox_hub/client.py`; docs/api.md lists them. Here is what only a site can tell: the settings,
the sessions' numbers, the shared Redis, and how long a call may wait.
"""

from __future__ import annotations

from typing import Any

import frappe
import rq
from frappe.utils.background_jobs import get_redis_conn

from xappiens_whatsapp.inbox_hub.client import InboxHubClient
from xappiens_whatsapp.inbox_hub.config import HubConfig, Secret
from xappiens_whatsapp.inbox_hub.diagnosis import diagnose
from xappiens_whatsapp.inbox_hub.errors import Disabled
from xappiens_whatsapp.inbox_hub.http import HubTransport
from xappiens_whatsapp.inbox_hub.pacing import Lane
from xappiens_whatsapp.inbox_hub.text import _

__all__ = ["WhatsAppAPIClient", "diagnose"]

# How long one call may wait for its turn and between tries, in seconds: a person is waiting, or a worker is held.
PATIENCE_IN_REQUEST = 3.0
PATIENCE_IN_JOB = 5.0
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
# Of a call that must not keep a request long, whatever the Hub does: what it does not bring a job does.
BRISK_CONNECT_TIMEOUT = 2.0
BRISK_READ_TIMEOUT = 3.0


def lane_and_patience(lane: Lane | None) -> tuple[Lane, float | None]:
	"""Return whose share of the budget a call uses, and how many seconds it may wait (None: as long as it takes).

	`lane` is what the caller wants, None for what is usual: people in a web request, the background elsewhere.
	"""
	if getattr(frappe.local, "request", None):
		return lane or "people", PATIENCE_IN_REQUEST
	if rq.get_current_job():
		return lane or "background", PATIENCE_IN_JOB
	return lane or "background", None


class WhatsAppAPIClient(InboxHubClient):
	"""Inbox Hub, as WhatsApp Settings describes it.

	Args:
		session_id: the session's id at the Hub, which is also the name of its WhatsApp Session. None for calls about the
			account; a call that needs a session then raises InvalidRequest.
		lane: "people" if somebody waits for the answer, "background" if not; see `lane_and_patience`.
		patience_seconds: how long one call may wait, instead of what is usual there; 0: it is not tried again either.
		is_brisk: give up on a Hub that does not answer within a few seconds.

	Each method returns the Hub's JSON as a dict, completed with the keys of the user's document, and raises an
	`InboxHubError` otherwise; `Disabled` if WhatsApp is switched off in the settings.
	"""

	def __init__(
		self,
		session_id: str | None = None,
		*,
		lane: Lane | None = None,
		patience_seconds: float | None = None,
		is_brisk: bool = False,
	) -> None:
		super().__init__(session_id)
		self._lane, self._patience = lane_and_patience(lane)
		if patience_seconds is not None:
			self._patience = patience_seconds
		self._is_brisk = is_brisk

	@property
	def recipient_format(self) -> str:
		"""How the Hub wants recipients: "Digits" or "JID"."""
		return _settings().recipient_format or "Digits"

	@property
	def organization_id(self) -> int | None:
		"""The organisation at the Hub, None to ask the Hub."""
		return int(_settings().organization_id or 0) or None

	def find_number(self, session_id: str) -> int | None:
		"""Return the Hub's number of a session as its WhatsApp Session knows it."""
		number = frappe.db.get_value("WhatsApp Session", {"session_id": session_id}, "session_db_id")
		return int(number) if number else None

	def find_session_id(self, number: int) -> str | None:
		"""Return the id of the session that has this number at the Hub."""
		return frappe.db.get_value("WhatsApp Session", {"session_db_id": number}, "session_id")

	def connect(self) -> HubTransport:
		"""Return the connection that WhatsApp Settings describes.

		Raises Disabled if WhatsApp is switched off, Misconfigured if the settings cannot work.
		"""
		settings = _settings()
		if not settings.enabled:
			raise Disabled(_("WhatsApp is switched off. Tick Enabled in WhatsApp Settings to use it."))
		read_timeout, connect_timeout = float(settings.api_timeout or READ_TIMEOUT), CONNECT_TIMEOUT
		if self._is_brisk:
			read_timeout, connect_timeout = min(read_timeout, BRISK_READ_TIMEOUT), BRISK_CONNECT_TIMEOUT
		config = HubConfig(
			base_url=settings.api_base_url or "",
			api_key=Secret(settings.get_password("api_key", raise_exception=False)),
			email=settings.api_email or "",
			password=Secret(settings.get_password("api_password", raise_exception=False)),
			read_timeout=read_timeout,
			connect_timeout=min(connect_timeout, read_timeout),
			retries=int(settings.api_retry_attempts or 0),
		)
		# Not the cache's Redis: `bench clear-cache` would forget the token and the calls already made.
		return HubTransport(
			config,
			get_redis_conn(),
			f"{frappe.local.site}:xappiens_whatsapp:",
			lane=self._lane,
			patience_seconds=self._patience,
		)


def _settings() -> Any:
	return frappe.get_cached_doc("WhatsApp Settings")
