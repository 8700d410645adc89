"""Instants in the site's time zone, as Frappe stores them."""

from __future__ import annotations

from datetime import datetime

from frappe.utils import get_system_timezone, now_datetime

from xappiens_whatsapp.inbox_hub import clock


def site_datetime(timestamp_ms: int | None) -> datetime | None:
	"""The naive time on the site's clock at this instant (epoch milliseconds); None stays None."""
	if not timestamp_ms:
		return None
	return clock.to_site_time(timestamp_ms, get_system_timezone())


def now() -> datetime:
	"""The time on the site's clock, naive."""
	return now_datetime()
