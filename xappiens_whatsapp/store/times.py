"""Instants in the site's time zone, as Frappe stores them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import frappe
from frappe.utils import get_system_timezone

from xappiens_whatsapp.inbox_hub import clock


def site_datetime(timestamp_ms: int | None) -> datetime | None:
	"""The naive time on the site's clock at this instant (epoch milliseconds); None stays None."""
	if not timestamp_ms:
		return None
	return clock.to_site_time(timestamp_ms, _time_zone())


def milliseconds(moment: datetime) -> int:
	"""Epoch milliseconds of a naive time on the site's clock that is past. Of the hour that happens twice the second one is
	meant, unless that is still to come."""
	second = clock.from_site_time(moment, _time_zone(), second_hour=True)
	return second if second <= clock.now_ms() else clock.from_site_time(moment, _time_zone())


def now() -> datetime:
	"""The time on the site's clock, naive."""
	return datetime.now(ZoneInfo(_time_zone())).replace(tzinfo=None)


def _time_zone() -> str:
	"""The site's. Asked for once in a request or job: an event has ten times, a page of messages hundreds."""
	if not hasattr(frappe.local, "whatsapp_time_zone"):
		frappe.local.whatsapp_time_zone = get_system_timezone()
	return frappe.local.whatsapp_time_zone
