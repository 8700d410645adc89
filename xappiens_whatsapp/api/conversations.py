"""Reading a conversation's messages, page by page."""

from typing import Any

import frappe

from xappiens_whatsapp import permissions
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.api.errors import show_hub_errors
from xappiens_whatsapp.store import conversations, messages

MOST_MESSAGES = 200
FIELDS = (
	"name",
	"direction",
	"status",
	"content",
	"message_type",
	"timestamp",
	"timestamp_ms",
	"creation",
	"sender_name",
	"participant",
	"has_media",
	"media_type",
	"media_file_name",
	"error_message",
	"is_edited",
	"is_deleted",
	"quoted_message_content",
)


@frappe.whitelist()
def get_messages(conversation: str, limit: int = 50, before: str | None = None) -> list[dict[str, Any]]:
	"""The newest messages of a conversation, or those before one of them.

	Args:
		conversation: the name of a WhatsApp Conversation.
		limit: how many, 1 to 200.
		before: the name of the oldest message that is known; the page before it is returned.

	Returns:
		Messages, oldest first, each with its reactions.

	Raises:
		frappe.PermissionError: the user may not read the conversation.
	"""
	permissions.check_read(conversations.DOCTYPE, conversation)
	message = frappe.qb.DocType(messages.DOCTYPE)
	query = (
		frappe.qb.from_(message)
		.select(*FIELDS)
		.where(message.conversation == conversation)
		.orderby(message.timestamp_ms, order=frappe.qb.desc)
		.orderby(message.creation, order=frappe.qb.desc)
		.orderby(message.name, order=frappe.qb.desc)
		.limit(min(max(limit, 1), MOST_MESSAGES))
	)
	if before:
		last = frappe.db.get_value(
			messages.DOCTYPE,
			{"name": before, "conversation": conversation},
			["timestamp_ms", "creation", "name"],
			as_dict=True,
		)
		if not last:
			return []
		# Messages of one second are told apart by (timestamp_ms, creation, name).
		query = query.where(
			(message.timestamp_ms < last.timestamp_ms)
			| (
				(message.timestamp_ms == last.timestamp_ms)
				& (
					(message.creation < last.creation)
					| ((message.creation == last.creation) & (message.name < last.name))
				)
			)
		)
	rows = query.run(as_dict=True)[::-1]
	_add_reactions(rows)
	return rows


@frappe.whitelist(methods=["POST"])
@show_hub_errors
def mark_as_read(conversation: str) -> None:
	"""Nothing is unread here any more: in the CRM and, by read receipts, on WhatsApp.

	Args:
		conversation: the name of a WhatsApp Conversation.

	Raises:
		frappe.PermissionError: the user may not read the conversation.
		InboxHubError: Inbox Hub could not be told; then nothing is marked.
	"""
	permissions.check_read(conversations.DOCTYPE, conversation)
	row = frappe.db.get_value(
		conversations.DOCTYPE, conversation, ["session", "chat_id", "unread_count"], as_dict=True
	)
	if row.unread_count:
		WhatsAppAPIClient(row.session).mark_chat_as_read(row.chat_id)
		conversations.mark_read(row.session, conversation)


def _add_reactions(rows: list[dict[str, Any]]) -> None:
	names = [row["name"] for row in rows]
	reactions: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
	if names:
		for reaction in frappe.get_all(
			"WhatsApp Message Reaction",
			filters={"parent": ("in", names), "emoji": ("is", "set")},
			fields=["parent", "emoji", "from_jid", "from_me"],
			order_by="timestamp_ms asc",
		):
			reactions[reaction.pop("parent")].append(reaction)
	for row in rows:
		row["reactions"] = reactions[row["name"]]
