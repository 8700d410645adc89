"""A verified event of Inbox Hub, as it came."""

import frappe
from frappe.model.document import Document
from frappe.query_builder import Interval
from frappe.query_builder.functions import Now

DAYS_TO_KEEP_DEAD = 90


class WhatsAppWebhookEvent(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		attempts: DF.Int
		body: DF.Code | None
		error: DF.LongText | None
		event: DF.Data | None
		event_timestamp_ms: DF.Int
		headers: DF.SmallText | None
		hooks_pending: DF.SmallText | None
		key_hash: DF.Data | None
		message_id: DF.Data | None
		next_attempt: DF.Datetime | None
		object_key: DF.Data | None
		processed_at: DF.Datetime | None
		session: DF.Link | None
		session_id: DF.Data | None
		status: DF.Literal["Received", "Processed", "Waiting", "Failed", "Dead", "Ignored"]

	# end: auto-generated types
	@staticmethod
	def clear_old_logs(days: int = 7) -> None:
		"""Called by Log Settings: Processed and Ignored go after `days`, Dead after 90 days, the rest stays."""
		event = frappe.qb.DocType("WhatsApp Webhook Event")
		for statuses, keep in ((("Processed", "Ignored"), days), (("Dead",), max(days, DAYS_TO_KEEP_DEAD))):
			frappe.qb.from_(event).delete().where(
				event.status.isin(statuses) & (event.creation < Now() - Interval(days=keep))
			).run()


def on_doctype_update() -> None:
	"""What is due, oldest first."""
	frappe.db.add_index("WhatsApp Webhook Event", ["status", "next_attempt"], "status_next_attempt")
