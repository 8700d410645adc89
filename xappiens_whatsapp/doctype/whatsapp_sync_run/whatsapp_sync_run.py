"""One sync of a session: what it did, how far it got, what went wrong."""

import frappe
from frappe.model.document import Document
from frappe.query_builder import Interval
from frappe.query_builder.functions import Now


class WhatsAppSyncRun(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		calls: DF.Int
		chats_created: DF.Int
		chats_errors: DF.Int
		chats_processed: DF.Int
		chats_updated: DF.Int
		claim: DF.Data | None
		contacts_created: DF.Int
		contacts_errors: DF.Int
		contacts_processed: DF.Int
		contacts_updated: DF.Int
		cursor: DF.Code | None
		error: DF.LongText | None
		finished_at: DF.Datetime | None
		heartbeat: DF.Datetime | None
		hub_pauses: DF.Int
		interrupted_at: DF.Datetime | None
		left_out: DF.Data | None
		messages_created: DF.Int
		messages_errors: DF.Int
		messages_processed: DF.Int
		messages_updated: DF.Int
		notes: DF.LongText | None
		phase: DF.Literal["", "chats", "messages", "contacts"]
		phase_done: DF.Int
		phase_total: DF.Int
		requested_by: DF.Link | None
		resume_at: DF.Datetime | None
		scope: DF.Literal["Full", "Incremental"]
		seconds_waited: DF.Float
		session: DF.Link
		started_at: DF.Datetime | None
		state: DF.Literal["Queued", "Running", "Completed", "Failed"]
		trigger: DF.Data | None

	# end: auto-generated types
	@staticmethod
	def clear_old_logs(days: int = 30) -> None:
		"""Called by Log Settings: runs that have ended go after `days`."""
		run = frappe.qb.DocType("WhatsApp Sync Run")
		frappe.qb.from_(run).delete().where(
			run.state.isin(("Completed", "Failed")) & (run.creation < Now() - Interval(days=days))
		).run()


def on_doctype_update() -> None:
	frappe.db.add_index("WhatsApp Sync Run", ["state", "session"], "state_session")
