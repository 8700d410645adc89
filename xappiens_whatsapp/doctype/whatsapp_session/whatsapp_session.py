"""A WhatsApp number linked at Inbox Hub."""

import re

import frappe
from frappe import _
from frappe.model.document import Document

from xappiens_whatsapp import jobs, permissions
from xappiens_whatsapp.store import events

SESSION_ID = re.compile(r"[A-Za-z0-9_-]{3,100}")
FOLLOWERS = (
	"WhatsApp Sync Run",
	"WhatsApp Webhook Event",
	"WhatsApp Message Reaction",
	"WhatsApp Message",
	"WhatsApp Conversation",
	"WhatsApp Contact",
)


class WhatsAppSession(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		from xappiens_whatsapp.xappiens_whatsapp.doctype.whatsapp_session_user.whatsapp_session_user import (
			WhatsAppSessionUser,
		)

		assigned_users: DF.Table[WhatsAppSessionUser]
		contacts_synced_at: DF.Datetime | None
		error_message: DF.SmallText | None
		history_until_ms: DF.Int
		is_connected: DF.Check
		last_seen: DF.Datetime | None
		last_sync: DF.Datetime | None
		phone_number: DF.Data | None
		qr_code: DF.LongText | None
		qr_expires_at: DF.Datetime | None
		qr_timestamp_ms: DF.Int
		session_db_id: DF.Int
		session_id: DF.Data
		session_name: DF.Data
		status: DF.Literal["Disconnected", "Connecting", "QR Code Required", "Connected", "Error"]
		status_timestamp_ms: DF.Int
		sync_due: DF.Datetime | None
		sync_due_trigger: DF.Data | None
		sync_mode: DF.Literal["Full", "Without Contacts", "Stopped"]
		sync_mode_since: DF.Datetime | None
		synced_until_ms: DF.Int
		total_contacts: DF.Int
		total_conversations: DF.Int
		total_messages_received: DF.Int
		total_messages_sent: DF.Int
		webhook_registered_at: DF.Datetime | None

	# end: auto-generated types
	def onload(self) -> None:
		"""What the form cannot know by itself."""
		self.set_onload("may_send", permissions.may_send(self.name))

	def validate(self) -> None:
		if not SESSION_ID.fullmatch(self.session_id or ""):
			frappe.throw(
				_("{0} must have 3 to 100 letters, digits, - or _. It is {1}.").format(
					frappe.bold(_("Session ID")), frappe.bold(self.session_id or "")
				)
			)
		self.remove_repeated_users()

	def after_insert(self) -> None:
		"""Events that came before the session was known here can be processed now."""
		events.release_waiting(self.session_id, self.session_db_id)
		frappe.db.after_commit.add(jobs.nudge)

	def remove_repeated_users(self) -> None:
		users = {row.user: row for row in reversed(self.assigned_users)}
		self.set("assigned_users", [row for row in self.assigned_users if users[row.user] is row])

	def on_trash(self) -> None:
		"""What follows the session goes with it, in one statement a DocType. The session at Inbox Hub stays."""
		for doctype in FOLLOWERS:
			table = frappe.qb.DocType(doctype)
			if doctype == "WhatsApp Message Reaction":
				messages = frappe.qb.DocType("WhatsApp Message")
				of_session = (
					frappe.qb.from_(messages).select(messages.name).where(messages.session == self.name)
				)
				frappe.qb.from_(table).delete().where(table.parent.isin(of_session)).run()
			else:
				frappe.qb.from_(table).delete().where(table.session == self.name).run()
