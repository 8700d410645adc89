"""Somebody's emoji on a message: one row a message and person."""

import frappe

from xappiens_whatsapp.plain_text import PlainTextDocument


class WhatsAppMessageReaction(PlainTextDocument):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		emoji: DF.Data | None
		from_jid: DF.Data | None
		from_me: DF.Check
		parent: DF.Data
		parentfield: DF.Data
		parenttype: DF.Data
		reacted_at: DF.Datetime | None
		timestamp_ms: DF.Int
	# end: auto-generated types
	pass


def on_doctype_update() -> None:
	"""One reaction a person and message; `from_jid` is a JID in normal form, so the collation does no harm."""
	frappe.db.add_unique("WhatsApp Message Reaction", ["parent", "from_jid"])
