"""Messages that nobody told of in time: the webhook was down, and a sync found them."""

from __future__ import annotations

import time
from collections.abc import Callable

import frappe
from rq.timeouts import JobTimeoutException

from xappiens_whatsapp import live
from xappiens_whatsapp.sync.fetched import Fetched

HEARTBEAT_EVERY = 5  # seconds


def store(session: str, fetched: Fetched, show_heartbeat: Callable[[], None] = lambda: None) -> None:
	"""Store a page's late messages as live ones, the oldest first, each in a transaction of its own.

	One that cannot be stored does not keep the others away; it is counted, and its chat is read again next time.

	Args:
		session: the session's name.
		fetched: the page; what became of its late messages is noted in it.
		show_heartbeat: called now and then, in a transaction of its own.
	"""
	shown_at = time.monotonic()
	for message in sorted(fetched.late, key=lambda message: message.timestamp_ms or 0):
		try:
			received = live.store_live_message(session, message)
			fetched.late_created += bool(received and received.is_new)
		except JobTimeoutException:
			raise
		except Exception as error:
			live.log_fault("WhatsApp: a message that a sync found could not be stored", error)
			frappe.db.commit()
			fetched.late_failed += 1
			fetched.notes = [*fetched.notes, f"messages: one could not be stored ({type(error).__name__})"]
		if time.monotonic() - shown_at >= HEARTBEAT_EVERY:
			shown_at = time.monotonic()
			show_heartbeat()
			frappe.db.commit()
