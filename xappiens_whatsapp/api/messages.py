"""Writing and reading messages, for people and programs of the CRM."""

import frappe
from frappe import _

from xappiens_whatsapp import jobs, permissions, realtime
from xappiens_whatsapp.inbox_hub import clock, jids
from xappiens_whatsapp.store import contacts, conversations, messages, sessions, times

LONGEST_TEXT = 4096  # characters; Inbox Hub refuses more (docs/hub.md)


@frappe.whitelist(methods=["POST"])
def send_message(
	content: str,
	conversation: str | None = None,
	session: str | None = None,
	to: str | None = None,
	reference_doctype: str | None = None,
	reference_name: str | None = None,
) -> str:
	"""Write a message and let it be sent in the background.

	Args:
		content: the text, 1 to 4096 characters.
		conversation: the name of a WhatsApp Conversation; or
		session, to: a WhatsApp Session and a phone number with country code (or a JID).
		reference_doctype, reference_name: any document to link the message to.

	Returns:
		The name of the WhatsApp Message; it is Pending.

	Raises:
		frappe.PermissionError: the user may not send in the session.
		frappe.ValidationError: empty or too long, or no valid recipient.
	"""
	text = content.strip()
	if not text:
		frappe.throw(_("The message is empty. Write something."))
	if len(text) > LONGEST_TEXT:
		frappe.throw(
			_("The message has {0} characters. WhatsApp takes at most {1}; split it.").format(
				len(text), LONGEST_TEXT
			)
		)
	if reference_doctype and reference_name:
		permissions.check_read(reference_doctype, reference_name)

	session, conversation = _chat(conversation, session, to)
	timestamp_ms = clock.now_ms()
	chat = frappe.db.get_value(
		conversations.DOCTYPE, conversation, ["contact", "is_group", "phone_number"], as_dict=True
	)
	conversations.record_message(
		conversation, text=text, timestamp_ms=timestamp_ms, from_me=True, is_unread=False
	)
	doc = frappe.get_doc(
		{
			"doctype": messages.DOCTYPE,
			"session": session,
			"conversation": conversation,
			"contact": None if chat.is_group else chat.contact,
			"direction": messages.OUTGOING,
			"from_me": 1,
			"to_number": chat.phone_number,
			"content": text,
			"status": "Pending",
			"timestamp": times.site_datetime(timestamp_ms),
			"timestamp_ms": timestamp_ms,
			"reference_doctype": reference_doctype,
			"reference_name": reference_name,
		}
	)
	doc.insert(ignore_permissions=True)
	realtime.message(session, conversation, doc.name, messages.OUTGOING)
	jobs.enqueue_outbox(session)
	return doc.name


def _chat(conversation: str | None, session: str | None, to: str | None) -> tuple[str, str]:
	"""Session and conversation to write to, checked."""
	if conversation:
		permissions.check_read(conversations.DOCTYPE, conversation)
		session = frappe.db.get_value(conversations.DOCTYPE, conversation, "session")
		permissions.check_may_send(session)
		return session, conversation
	if not session or not to:
		frappe.throw(_("Say where to send the message: a conversation, or a session and a phone number."))
	session = sessions.get(session).name
	permissions.check_may_send(session)
	jid = _recipient(to)
	contact = None if jids.is_group(jid) else contacts.find_or_create(session, jid)
	return session, conversations.find_or_create(session, jid, contact)


def _recipient(to: str) -> str:
	try:
		jid = jids.normalise(to)
	except ValueError:
		jid = ""
	if not jid or not conversations.has_conversation(jid):
		frappe.throw(
			_("{0} is not a recipient. Enter a phone number with its country code, like 34600000001.").format(
				frappe.bold(frappe.utils.escape_html(to))
			)
		)
	return jid
