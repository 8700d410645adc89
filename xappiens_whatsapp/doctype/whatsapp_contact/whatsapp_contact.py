"""A person or group that a session knows."""

import frappe

from xappiens_whatsapp.plain_text import PlainTextDocument
from xappiens_whatsapp.store.keys import key_hash, name_of


class WhatsAppContact(PlainTextDocument):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		about: DF.SmallText | None
		contact_id: DF.Data
		contact_name: DF.Data | None
		first_seen: DF.Datetime | None
		is_blocked: DF.Check
		is_enterprise: DF.Check
		is_group: DF.Check
		is_my_contact: DF.Check
		is_user: DF.Check
		is_verified: DF.Check
		is_wa_contact: DF.Check
		key_hash: DF.Data | None
		labels: DF.SmallText | None
		last_seen: DF.Datetime | None
		last_sync: DF.Datetime | None
		phone_number: DF.Data | None
		profile_pic_url: DF.LongText | None
		pushname: DF.Data | None
		said_at_ms: DF.Int
		session: DF.Link
		short_name: DF.Data | None
		verified_name: DF.Data | None

	# end: auto-generated types
	def autoname(self) -> None:
		self.key_hash = key_hash(self.session, self.contact_id)
		self.name = name_of(self.key_hash)


def on_doctype_update() -> None:
	frappe.db.add_index("WhatsApp Contact", ["session", "contact_name(100)"], "session_contact_name")
