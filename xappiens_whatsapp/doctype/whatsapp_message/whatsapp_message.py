"""One message of a conversation."""

from typing import Any

import frappe

from xappiens_whatsapp.plain_text import PlainTextDocument
from xappiens_whatsapp.store.keys import NAME_LENGTH, key_hash, name_of


class WhatsAppMessage(PlainTextDocument):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		from xappiens_whatsapp.xappiens_whatsapp.doctype.whatsapp_message_reaction.whatsapp_message_reaction import (
			WhatsAppMessageReaction,
		)

		claimed_at: DF.Datetime | None
		contact: DF.Link | None
		content: DF.LongText | None
		content_hash: DF.Data | None
		conversation: DF.Link
		delivered_at: DF.Datetime | None
		direction: DF.Literal["Incoming", "Outgoing"]
		edited_at_ms: DF.Int
		error_message: DF.SmallText | None
		failed_at: DF.Datetime | None
		from_me: DF.Check
		from_number: DF.Data | None
		has_media: DF.Check
		hub_message_id: DF.Int
		is_deleted: DF.Check
		is_edited: DF.Check
		is_forwarded: DF.Check
		is_history: DF.Check
		is_starred: DF.Check
		key_hash: DF.Data | None
		location_latitude: DF.Float
		location_longitude: DF.Float
		media_file: DF.Attach | None
		media_file_name: DF.Data | None
		media_mimetype: DF.Data | None
		media_size: DF.Int
		media_state: DF.Literal["", "Remote", "Downloading", "Stored", "Failed", "Expired"]
		media_type: DF.Data | None
		media_url: DF.LongText | None
		message_id: DF.Data | None
		message_type: DF.Literal[
			"text",
			"image",
			"video",
			"audio",
			"voice",
			"document",
			"sticker",
			"location",
			"contact",
			"poll",
			"buttons",
			"list",
			"other",
		]
		participant: DF.Data | None
		quoted_message: DF.Link | None
		quoted_message_content: DF.SmallText | None
		quoted_message_id: DF.Data | None
		reactions: DF.Table[WhatsAppMessageReaction]
		read_at: DF.Datetime | None
		reference_doctype: DF.Link | None
		reference_name: DF.DynamicLink | None
		sender_name: DF.Data | None
		sent_at: DF.Datetime | None
		session: DF.Link
		status: DF.Literal[
			"Pending", "Sending", "Unconfirmed", "Sent", "Delivered", "Read", "Failed", "Cancelled"
		]
		timestamp: DF.Datetime | None
		timestamp_ms: DF.Int
		to_number: DF.Data | None

	# end: auto-generated types
	def autoname(self) -> None:
		"""From the key where WhatsApp's id is known, random for what is still to be sent."""
		self.key_hash = key_hash(self.session, self.message_id) if self.message_id else None
		self.name = name_of(self.key_hash or frappe.generate_hash(length=NAME_LENGTH))

	def _set_defaults(self) -> None:
		"""Defaults for what the Hub did not tell of (`flags.told_by_hub`: the columns that it did), and for nothing else: a
		User Permission of whoever processes events would name a contact where there is none.

		Without fields that the site added there is nothing to set, and Frappe would make two more documents and ask the
		database to find that out: a fifth of what a live message takes.
		"""
		told = self.flags.told_by_hub
		if not told:
			super()._set_defaults()
		elif any(
			field.fieldname not in told and (field.default or field.get("is_custom_field"))
			for field in self.meta.fields
		):
			super()._set_defaults()
			self.update(told)

	def db_insert(self, *args: Any, **kwargs: Any) -> None:
		"""With the row, what belongs to it (`flags.together_with`): no hook runs, and perhaps commits, in between."""
		# Taken away: Frappe pickles the document for its Webhooks, whose job is to do nothing of this.
		if write := self.flags.pop("together_with", None):
			write()
		super().db_insert(*args, **kwargs)

	def before_validate(self) -> None:
		self.content = self.content or ""

	# Frappe CRM hooks this DocType by name and reads the fields of another WhatsApp app: these stand in for them.

	@property
	def type(self) -> str:
		return self.direction

	@property
	def message(self) -> str:
		return self.content

	@property
	def to(self) -> str | None:
		return self.to_number

	def get(self, key: Any, filters: Any = None, limit: int | None = None, default: Any = None) -> Any:
		if isinstance(key, str) and key in READ_BY_OTHER_APPS:
			return getattr(self, READ_BY_OTHER_APPS[key])
		return super().get(key, filters, limit, default)


READ_BY_OTHER_APPS = {"type": "direction", "message": "content", "from": "from_number", "to": "to_number"}
setattr(WhatsAppMessage, "from", property(lambda self: self.from_number))  # `from` is a word of Python's


def on_doctype_update() -> None:
	"""A conversation in order, a session's newest messages, those without an id, and what waits to be sent."""
	frappe.db.add_index("WhatsApp Message", ["conversation", "timestamp_ms"], "conversation_timestamp")
	frappe.db.add_index("WhatsApp Message", ["session", "timestamp"], "session_timestamp")
	frappe.db.add_index("WhatsApp Message", ["session", "content_hash"], "session_content")
	frappe.db.add_index("WhatsApp Message", ["session", "hub_message_id"], "session_hub_message")
	frappe.db.add_index("WhatsApp Message", ["session", "direction", "status"], "session_direction_status")
