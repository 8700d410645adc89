"""What the database itself guarantees, and that the controllers say what the DocTypes are."""

from __future__ import annotations

import ast
import inspect
import unicodedata

import frappe
import pytest
from frappe.model import display_fieldtypes
from frappe.model.base_document import get_controller

from support import factories
from xappiens_whatsapp.install import DOCTYPES
from xappiens_whatsapp.store.keys import key_hash

DUPLICATE = (frappe.UniqueValidationError, frappe.DuplicateEntryError)
KEYED = ("WhatsApp Contact", "WhatsApp Conversation", "WhatsApp Message", "WhatsApp Webhook Event")
COLUMNS_OF_FRAPPE = {"parent", "parentfield", "parenttype"}

# ids that MariaDB's collation takes for equal in groups
LOOKALIKES = (
	"ABC",
	"abc",
	"Abc",
	"àbc",
	"abc ",
	"👍",
	"😂",
	"❤",
	"josé",
	unicodedata.normalize("NFD", "josé"),
)

# what on_doctype_update makes, without the indexes of single fields
INDEXES = {
	"WhatsApp Contact": {("session", "contact_name")},
	"WhatsApp Conversation": {("session", "last_message_timestamp_ms")},
	"WhatsApp Message": {
		("conversation", "timestamp_ms"),
		("session", "timestamp"),
		("session", "content_hash"),
		("session", "hub_message_id"),
		("session", "direction", "status"),
	},
	"WhatsApp Message Reaction": {("parent", "from_jid")},
	"WhatsApp Webhook Event": {("status", "next_attempt")},
	"WhatsApp Sync Run": {("state", "session")},
}
BIG_NUMBERS = {
	"WhatsApp Session": ("status_timestamp_ms", "qr_timestamp_ms", "history_until_ms"),
	"WhatsApp Conversation": ("last_message_timestamp_ms", "flag_timestamp_ms"),
	"WhatsApp Message": ("timestamp_ms", "hub_message_id", "media_size"),
	"WhatsApp Message Reaction": ("timestamp_ms",),
	"WhatsApp Webhook Event": ("event_timestamp_ms",),
}


def indexes(doctype: str) -> dict[tuple[str, ...], bool]:
	"""The columns of each index of the table, and whether it is unique."""
	found: dict[str, list] = {}
	for row in frappe.db.sql(f"SHOW INDEX FROM `tab{doctype}`", as_dict=True):
		found.setdefault(row.Key_name, []).append(row)
	return {tuple(row.Column_name for row in rows): not rows[0].Non_unique for rows in found.values()}


@pytest.mark.parametrize("doctype", KEYED)
def test_database_lets_each_key_exist_once(doctype: str) -> None:
	assert indexes(doctype)[("key_hash",)] is True


def test_second_message_contact_or_chat_with_the_same_key_is_refused() -> None:
	session = factories.make_session()
	conversation = factories.make_conversation(session)
	factories.make_contact(session)
	factories.make_message(conversation, message_id="3EB0A")
	for again in (
		lambda: factories.make_conversation(session),
		lambda: factories.make_contact(session),
		lambda: factories.make_message(conversation, message_id="3EB0A"),
	):
		with pytest.raises(DUPLICATE):
			again()


def test_database_refuses_the_same_key_under_another_name_too() -> None:
	conversation = factories.make_conversation(factories.make_session())
	factories.make_message(conversation, message_id="3EB0A")
	pending = factories.make_message(conversation, direction="Outgoing", message_id=None)
	with pytest.raises(Exception) as refusal:
		frappe.db.set_value("WhatsApp Message", pending, "key_hash", key_hash(factories.SESSION, "3EB0A"))
	assert frappe.db.is_unique_key_violation(refusal.value)


def test_ids_that_look_alike_to_the_database_are_different_messages() -> None:
	conversation = factories.make_conversation(factories.make_session())
	names = {factories.make_message(conversation, f"text of {id_}", message_id=id_) for id_ in LOOKALIKES}
	assert len(names) == len(LOOKALIKES)
	for message_id in LOOKALIKES:
		row = frappe.db.get_value(
			"WhatsApp Message",
			{"key_hash": key_hash(factories.SESSION, message_id)},
			["content", "message_id"],
			as_dict=True,
		)
		assert row.content == f"text of {message_id}"
		assert row.message_id == message_id


def test_any_number_of_messages_may_wait_for_their_id() -> None:
	conversation = factories.make_conversation(factories.make_session())
	for _time in range(3):
		factories.make_message(conversation, direction="Outgoing", message_id=None)
	assert frappe.db.count("WhatsApp Message", {"key_hash": ("is", "not set")}) == 3


def test_names_of_documents_say_nothing_of_whom_they_are_about() -> None:
	session = factories.make_session()
	conversation = factories.make_conversation(session)
	for name in (
		conversation,
		factories.make_contact(session),
		factories.make_message(conversation),
		factories.make_message(conversation, direction="Outgoing", message_id=None),
	):
		assert len(name) == 20
		assert set(name) <= set("0123456789abcdef")


def test_milliseconds_of_the_epoch_pass_through_a_document_unchanged() -> None:
	conversation = factories.make_conversation(factories.make_session())
	far = 4_102_444_800_123  # in the year 2100
	name = factories.make_message(conversation, timestamp_ms=far, media_size=9_000_000_000)
	doc = frappe.get_doc("WhatsApp Message", name)
	assert (doc.timestamp_ms, doc.media_size) == (far, 9_000_000_000)
	doc.save()
	assert frappe.db.get_value("WhatsApp Message", name, "timestamp_ms") == far


@pytest.mark.parametrize("doctype", BIG_NUMBERS)
def test_columns_for_large_numbers_are_bigint(doctype: str) -> None:
	types = {row.Field: row.Type for row in frappe.db.sql(f"DESC `tab{doctype}`", as_dict=True)}
	assert {column: types[column].partition("(")[0] for column in BIG_NUMBERS[doctype]} == dict.fromkeys(
		BIG_NUMBERS[doctype], "bigint"
	)


@pytest.mark.parametrize("doctype", INDEXES)
def test_composite_indexes_exist(doctype: str) -> None:
	assert {columns for columns in indexes(doctype) if len(columns) > 1} == INDEXES[doctype]


def test_a_person_has_one_reaction_to_a_message_for_the_database() -> None:
	assert indexes("WhatsApp Message Reaction")[("parent", "from_jid")] is True


def test_content_is_never_null_however_a_message_is_saved() -> None:
	conversation = factories.make_conversation(factories.make_session())
	doc = frappe.get_doc("WhatsApp Message", factories.make_message(conversation, None))
	contents = [frappe.db.get_value("WhatsApp Message", doc.name, "content")]
	doc.content = None
	doc.save()
	contents.append(frappe.db.get_value("WhatsApp Message", doc.name, "content"))
	assert contents == ["", ""]


@pytest.mark.parametrize("doctype", DOCTYPES)
def test_types_in_the_controller_are_those_of_the_doctype(doctype: str) -> None:
	meta = frappe.get_meta(doctype)
	in_doctype = {field.fieldname for field in meta.fields if field.fieldtype not in display_fieldtypes}
	if meta.istable:
		in_doctype |= COLUMNS_OF_FRAPPE
	(body,) = ast.parse(inspect.getsource(get_controller(doctype))).body
	annotated = {
		node.target.id
		for block in body.body
		if isinstance(block, ast.If)
		for node in block.body
		if isinstance(node, ast.AnnAssign)
	}
	assert annotated == in_doctype


def test_what_the_other_apps_read_of_a_message_is_there() -> None:
	conversation = factories.make_conversation(factories.make_session())
	incoming = frappe.get_doc("WhatsApp Message", factories.make_message(conversation, "Hola"))
	outgoing = frappe.get_doc(
		"WhatsApp Message", factories.make_message(conversation, "Adiós", direction="Outgoing")
	)
	assert (incoming.type, incoming.message, incoming.get("from"), incoming.get("to")) == (
		"Incoming",
		"Hola",
		factories.NUMBER,
		None,
	)
	assert (outgoing.type, outgoing.get("message"), outgoing.to) == ("Outgoing", "Adiós", factories.NUMBER)
	assert getattr(incoming, "from") == factories.NUMBER


def test_session_id_that_the_hub_would_not_take_is_refused() -> None:
	for session_id in ("ab", "a" * 101, "with blank", "barça", "a/b", "a\n"):
		with pytest.raises(frappe.ValidationError, match="Session ID"):
			factories.make_session(session_id)


def test_user_who_is_listed_twice_is_listed_once() -> None:
	user = factories.make_user("listed", "WhatsApp User")
	doc = frappe.get_doc("WhatsApp Session", factories.make_session(users={user: True}))
	doc.append("assigned_users", {"user": user, "can_send": 0})
	doc.save()
	assert [row.user for row in doc.assigned_users] == [user]


def test_deleted_session_takes_all_with_it_that_follows_it_and_nothing_else() -> None:
	for session in (factories.make_session(), factories.make_session("other_session")):
		conversation = factories.make_conversation(session)
		factories.make_reaction(factories.make_message(conversation))
		factories.make_contact(session)
		factories.make_event(session)
		factories.make_sync_run(session)
	frappe.delete_doc("WhatsApp Session", factories.SESSION)
	for doctype in DOCTYPES:
		if doctype not in ("WhatsApp Settings", "WhatsApp Session User"):
			assert frappe.db.count(doctype) == 1, doctype
