"""A chat of a session."""

import frappe

from xappiens_whatsapp.plain_text import PlainTextDocument
from xappiens_whatsapp.store.keys import key_hash, name_of


class WhatsAppConversation(PlainTextDocument):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		chat_id: DF.Data
		contact: DF.Link | None
		contact_name: DF.Data | None
		first_message_time: DF.Datetime | None
		flag_timestamp_ms: DF.Int
		history_complete: DF.Check
		history_offset: DF.Int
		hub_last_message_ms: DF.Int
		is_archived: DF.Check
		is_group: DF.Check
		is_muted: DF.Check
		is_pinned: DF.Check
		is_read_only: DF.Check
		key_hash: DF.Data | None
		last_message: DF.SmallText | None
		last_message_from_me: DF.Check
		last_message_time: DF.Datetime | None
		last_message_timestamp_ms: DF.Int
		last_synced_at: DF.Datetime | None
		messages_synced_ms: DF.Int
		mute_expiration: DF.Datetime | None
		phone_number: DF.Data | None
		reference_doctype: DF.Link | None
		reference_name: DF.DynamicLink | None
		session: DF.Link
		status: DF.Literal["Active", "Archived"]
		total_messages: DF.Int
		unread_count: DF.Int
		unread_counted_until_ms: DF.Int

	# end: auto-generated types
	def autoname(self) -> None:
		self.key_hash = key_hash(self.session, self.chat_id)
		self.name = name_of(self.key_hash)


def on_doctype_update() -> None:
	"""The list of a session's chats, the latest first."""
	frappe.db.add_index(
		"WhatsApp Conversation", ["session", "last_message_timestamp_ms"], "session_last_message"
	)
