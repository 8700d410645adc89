"""A message becomes one row, whichever way it comes and however often; its status only moves up."""

from __future__ import annotations

import dataclasses
import itertools

import frappe
import pytest

from support import factories
from support.database import statements
from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.store import documents, messages, receipts
from xappiens_whatsapp.store.bulk import Counts

MESSAGE = messages.DOCTYPE
GROUP = "120363000000000001@g.us"
MEMBER = "34600000007@s.whatsapp.net"
ANCIENT_MS = factories.NOON_MS - 86_400_000
EPOCH = 0  # as history_until_ms: everything is live


@pytest.fixture(autouse=True)
def session() -> str:
	return factories.make_session()


def row_of(name: str) -> frappe._dict:
	return frappe.db.get_value(MESSAGE, name, "*", as_dict=True)


def only_row() -> frappe._dict:
	(row,) = frappe.get_all(MESSAGE, fields=["*"])
	return row


def sync(session: str, page: list[records.Message], history_until_ms: int = factories.NOON_MS) -> Counts:
	return messages.store_page(session, messages.compare(session, page, history_until_ms), history_until_ms)


def page(count: int = 100) -> list[records.Message]:
	return [
		factories.message_record(
			f"text {number}", number, message_id=f"3EB0{number}", timestamp_ms=ANCIENT_MS
		)
		for number in factories.numbers(count)
	]


def claimed(session: str, text: str = "Hola", status: str = "Sending") -> str:
	"""Our own message, being sent: nobody knows WhatsApp's id yet."""
	conversation = frappe.db.get_value(
		"WhatsApp Conversation", {"session": session}
	) or factories.make_conversation(session)
	return factories.make_message(conversation, text, direction="Outgoing", status=status, message_id=None)


def test_page_of_known_messages_is_read_and_not_written(session: str) -> None:
	assert sync(session, page()) == Counts(processed=100, created=100)
	before = frappe.get_all(MESSAGE, fields=["*"], order_by="name")
	with statements() as made:
		assert sync(session, page()) == Counts(processed=100)
	assert [statement.split()[0] for statement in made] == ["SELECT"]
	assert frappe.get_all(MESSAGE, fields=["*"], order_by="name") == before


def test_page_of_new_messages_in_known_chats_takes_four_statements(session: str) -> None:
	sync(session, page())
	more = [dataclasses.replace(message, message_id=f"{message.message_id}B") for message in page()]
	with statements() as made:
		assert sync(session, more) == Counts(processed=100, created=100)
	# By key, those under another id, their conversations, all new ones.
	assert [statement.split()[0] for statement in made] == ["SELECT", "SELECT", "SELECT", "INSERT"]


def test_same_message_by_webhook_and_by_sync_in_either_order_is_one_row(session: str) -> None:
	by_webhook, by_sync = factories.message_record("one"), factories.message_record("two")
	messages.receive(session, by_webhook)
	sync(session, [by_webhook, by_sync])
	messages.receive(session, by_sync)
	assert sorted(frappe.get_all(MESSAGE, pluck="content")) == ["one", "two"]


def test_history_is_marked_and_newer_incoming_messages_are_live(session: str) -> None:
	old = factories.message_record("old", timestamp_ms=ANCIENT_MS)
	missed = factories.message_record("missed", timestamp_ms=factories.NOON_MS + 1)
	own = factories.message_record("own", timestamp_ms=factories.NOON_MS + 1, from_me=True)
	compared = messages.compare(session, [old, missed, own], factories.NOON_MS)
	assert (compared.new, compared.late) == ([old, own], [missed])

	messages.store_page(session, compared, factories.NOON_MS)
	assert dict(frappe.get_all(MESSAGE, fields=["content", "is_history"], as_list=True)) == {
		"old": 1,
		"own": 0,
	}
	assert frappe.db.get_value("WhatsApp Conversation", {}, "unread_count") == 0


def test_stories_broadcasts_and_newsletters_are_not_stored(session: str) -> None:
	nowhere = [
		factories.message_record(is_story=True, number="status@broadcast"),
		factories.message_record(number="123456@broadcast"),
		factories.message_record(number="120363000000000009@newsletter"),
	]
	assert [messages.receive(session, record) for record in nowhere] == [None] * 3
	assert sync(session, nowhere, EPOCH) == Counts(processed=3)
	assert frappe.db.count(MESSAGE) == frappe.db.count("WhatsApp Conversation") == 0


def test_incoming_message_has_all_that_the_hub_said(session: str) -> None:
	name = messages.receive(
		session,
		factories.message_record(
			"¿Qué tal? 👋",
			push_name="María",
			hub_id=42,
			is_forwarded=True,
			media=records.Media(
				"image", "image/jpeg", "foto.jpg", 1234, "https://media.example/" + "x" * 3000
			),
			kind="image",
		),
	).name
	row = row_of(name)
	assert (row.direction, row.status, row.content) == ("Incoming", "Delivered", "¿Qué tal? 👋")
	assert (row.from_number, row.from_me, row.sender_name) == (factories.NUMBER, 0, "María")
	assert (row.timestamp_ms, str(row.timestamp)) == (factories.NOON_MS, "2025-12-19 13:00:00")
	assert (row.media_type, row.media_size, len(row.media_url)) == ("image", 1234, 3022)
	assert (row.hub_message_id, row.is_forwarded, row.has_media) == (42, 1, 1)
	assert frappe.db.get_value("WhatsApp Contact", row.contact, "pushname") == "María"


def test_message_in_a_group_keeps_who_wrote_it_and_names_no_contact(session: str) -> None:
	name = messages.receive(
		session, factories.message_record(number=GROUP, sender_jid=MEMBER, push_name="María")
	).name
	row = row_of(name)
	assert (row.participant, row.from_number, row.sender_name) == (MEMBER, "34600000007", "María")
	assert row.contact is None
	assert frappe.db.get_value("WhatsApp Conversation", row.conversation, ["is_group", "contact_name"]) == (
		1,
		GROUP,
	)


def test_message_without_text_has_an_empty_content(session: str) -> None:
	name = messages.receive(session, factories.message_record("", kind="sticker")).name
	assert row_of(name).content == ""
	assert frappe.db.get_value("WhatsApp Conversation", {}, "last_message") == "[sticker]"


def test_answer_is_linked_to_the_message_that_it_quotes(session: str) -> None:
	quoted = messages.receive(session, factories.message_record("question")).name
	message_id = row_of(quoted).message_id
	answer = factories.message_record("answer", quoted=records.Quoted(message_id, "question"))
	row = row_of(messages.receive(session, answer).name)
	assert (row.quoted_message, row.quoted_message_content) == (quoted, "question")


def test_answer_in_the_same_page_as_its_question_is_linked_to_it(session: str) -> None:
	question = factories.message_record("question", timestamp_ms=ANCIENT_MS)
	answer = factories.message_record(
		"answer", timestamp_ms=ANCIENT_MS, quoted=records.Quoted(question.message_id)
	)
	sync(session, [answer, question])
	names = dict(frappe.get_all(MESSAGE, fields=["content", "name"], as_list=True))
	assert row_of(names["answer"]).quoted_message == names["question"]


def test_answer_to_an_unknown_message_keeps_its_id_and_no_broken_link(session: str) -> None:
	answer = factories.message_record("answer", quoted=records.Quoted("3EB0UNKNOWN", "?"))
	row = row_of(messages.receive(session, answer).name)
	assert (row.quoted_message, row.quoted_message_id) == (None, "3EB0UNKNOWN")


def test_edit_and_deletion_reach_the_message_and_its_first_text_does_not_come_back(session: str) -> None:
	record = factories.message_record("firts")
	name = messages.receive(session, record).name
	messages.receive(session, dataclasses.replace(record, text="first", is_edited=True))
	messages.receive(session, record)
	assert (row_of(name).content, row_of(name).is_edited) == ("first", 1)
	messages.receive(session, dataclasses.replace(record, text="", is_deleted=True))
	assert (row_of(name).is_deleted, frappe.db.count(MESSAGE)) == (1, 1)


RECEIPTS = (("Sent", 0), ("Delivered", 1000), ("Read", 2000))


@pytest.mark.parametrize(
	"order", itertools.permutations(RECEIPTS), ids=lambda order: "-".join(s for s, _ in order)
)
def test_receipts_in_any_order_end_at_read_with_all_three_times(
	session: str, order: tuple[tuple[str, int], ...]
) -> None:
	name = factories.make_message(
		factories.make_conversation(session), direction="Outgoing", status="Sent", message_id="3EB0A"
	)
	for status, later in order:
		receipt = records.Receipt("3EB0A", status, factories.NOON_MS + later)
		assert receipts.apply(session, receipt) == name
	row = row_of(name)
	assert row.status == "Read"
	assert [str(row[column]) for column in ("sent_at", "delivered_at", "read_at")] == [
		"2025-12-19 13:00:00",
		"2025-12-19 13:00:01",
		"2025-12-19 13:00:02",
	]


def test_receipt_that_comes_twice_writes_nothing(session: str) -> None:
	name = factories.make_message(
		factories.make_conversation(session), direction="Outgoing", message_id="3EB0A"
	)
	receipt = records.Receipt("3EB0A", "Delivered", factories.NOON_MS)
	receipts.apply(session, receipt)
	with statements() as made:
		assert receipts.apply(session, receipt) == name
	assert not [statement for statement in made if not statement.startswith("SELECT")]


def test_failure_keeps_its_reason_until_a_receipt_proves_it_wrong(session: str) -> None:
	name = factories.make_message(
		factories.make_conversation(session), direction="Outgoing", message_id="3EB0A"
	)
	receipts.apply(session, records.Receipt("3EB0A", "Failed", error="not on WhatsApp"))
	assert (row_of(name).status, row_of(name).error_message) == ("Failed", "not on WhatsApp")
	receipts.apply(session, records.Receipt("3EB0A", "Delivered"))
	assert (row_of(name).status, row_of(name).error_message or "") == ("Delivered", "")


def test_receipt_of_an_unknown_message_or_another_session_changes_nothing(session: str) -> None:
	other = factories.make_session("other_session")
	name = factories.make_message(
		factories.make_conversation(session), direction="Outgoing", message_id="3EB0A"
	)
	assert receipts.apply(other, records.Receipt("3EB0A", "Read")) is None
	assert receipts.apply(session, records.Receipt("3eb0a", "Read")) is None
	assert row_of(name).status == "Pending"


def test_echo_of_a_message_being_sent_is_that_message(session: str) -> None:
	own = claimed(session)
	echo = factories.message_record(from_me=True, status="Sent", message_id="3EB0ECHO", hub_id=7)
	assert messages.receive(session, echo) == messages.Received(own, row_of(own).conversation, is_new=False)
	row = only_row()
	assert (row.name, row.message_id, row.status, row.hub_message_id) == (own, "3EB0ECHO", "Sent", 7)
	assert messages.receive(session, echo).name == own, "the echo came twice"
	assert frappe.db.count(MESSAGE) == 1


def test_echo_settles_a_message_whose_fate_was_unknown(session: str) -> None:
	own = claimed(session, status="Unconfirmed")
	messages.receive(session, factories.message_record(from_me=True, status="Sent", message_id="3EB0ECHO"))
	assert (only_row().name, only_row().status) == (own, "Sent")


@pytest.mark.parametrize("status", ["Pending", "Failed", "Sent"])
def test_message_typed_on_the_phone_is_not_taken_for_one_that_is_not_being_sent(
	session: str, status: str
) -> None:
	own = claimed(session, status=status)
	received = messages.receive(session, factories.message_record(from_me=True))
	assert received.is_new
	assert row_of(own).status == status


@pytest.mark.parametrize(("sent", "typed"), [("Sí", "si"), ("👍", "😂"), ("Mañana", "manana")])
def test_message_typed_on_the_phone_is_not_taken_for_one_that_only_the_collation_thinks_equal(
	session: str, sent: str, typed: str
) -> None:
	own = claimed(session, sent)
	assert messages.receive(session, factories.message_record(typed, from_me=True)).is_new
	assert (row_of(own).status, row_of(own).message_id) == ("Sending", None)


def test_two_messages_with_one_text_are_each_adopted_once(session: str) -> None:
	own = {claimed(session), claimed(session)}
	for echo in ("3EB0A", "3EB0B"):
		messages.receive(session, factories.message_record(from_me=True, message_id=echo))
	rows = frappe.get_all(MESSAGE, fields=["name", "message_id"])
	assert {row.name for row in rows} == own
	assert {row.message_id for row in rows} == {"3EB0A", "3EB0B"}


def test_id_that_comes_after_the_echo_made_a_row_joins_the_two(session: str) -> None:
	own = claimed(session)
	conversation = row_of(own).conversation
	# the Hub changed the text, so the echo was not recognised
	echo = messages.receive(
		session, factories.message_record("Hola.", from_me=True, status="Sent", message_id="3EB0ECHO")
	)
	assert echo.is_new
	receipts.apply(session, records.Receipt("3EB0ECHO", "Read", factories.NOON_MS + 5000))
	factories.make_reaction(echo.name)
	answer = factories.message_record("yes", quoted=records.Quoted("3EB0ECHO"))
	answer = messages.receive(session, answer).name
	counted = frappe.db.get_value("WhatsApp Conversation", conversation, "total_messages")

	messages.take_id(own, session, "3EB0ECHO", records.SentMessage("3EB0ECHO", hub_id=9))

	row = row_of(own)
	assert (row.message_id, row.status, str(row.read_at)) == ("3EB0ECHO", "Read", "2025-12-19 13:00:05")
	assert not frappe.db.exists(MESSAGE, echo.name)
	assert frappe.get_doc(MESSAGE, own).reactions[0].emoji == "👍"
	assert row_of(answer).quoted_message == own
	assert frappe.db.get_value("WhatsApp Conversation", conversation, "total_messages") == counted - 1
	assert receipts.apply(session, records.Receipt("3EB0ECHO", "Read")) == own


def test_list_without_ids_does_not_double_what_came_with_one(session: str) -> None:
	with_id = factories.message_record("Hola", timestamp_ms=ANCIENT_MS)
	messages.receive(session, with_id)
	without = dataclasses.replace(with_id, message_id="", hub_id=5)
	assert sync(session, [without]) == Counts(processed=1, updated=1)
	assert (only_row().message_id, only_row().hub_message_id) == (with_id.message_id, 5)


def test_message_that_a_list_gave_without_id_takes_the_id_of_its_webhook(session: str) -> None:
	with_id = factories.message_record("Hola", timestamp_ms=ANCIENT_MS)
	sync(session, [dataclasses.replace(with_id, message_id="")])
	messages.receive(session, with_id)
	assert only_row().message_id == with_id.message_id
	assert receipts.apply(session, records.Receipt(with_id.message_id, "Read")) == only_row().name


@pytest.mark.parametrize("ids", [("", "3EB0A", ""), ("3EB0A", "", ""), ("", "", "3EB0A", "3EB0A", "")])
def test_message_that_comes_now_with_its_id_and_now_without_is_one_row(session: str, ids: tuple) -> None:
	message = factories.message_record("Hola")
	for message_id in ids:
		messages.receive(session, dataclasses.replace(message, message_id=message_id))
	assert only_row().message_id == "3EB0A"
	assert frappe.get_all("WhatsApp Conversation", pluck="unread_count") == [1]


def add_default(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
	"""Give a field a default of which the Hub tells nothing; None leaves the DocType as the app brings it."""
	monkeypatch.setattr(frappe.get_meta(MESSAGE).get_field("reference_doctype"), "default", value)


ADDED_DEFAULTS = pytest.mark.parametrize("default", [None, "WhatsApp Session"])


@ADDED_DEFAULTS
@pytest.mark.parametrize("from_me", [False, True])
def test_live_message_is_the_row_that_the_hub_told_of_and_a_default_for_the_rest(
	session: str, monkeypatch: pytest.MonkeyPatch, default: str | None, from_me: bool
) -> None:
	message = factories.message_record("Hola", from_me=from_me)
	add_default(monkeypatch, default)
	live = row_of(messages.receive(session, message).name)
	frappe.db.delete(MESSAGE)
	without_hooks = documents.Hooks(run=False)
	stored = row_of(messages.receive(session, message, hooks=without_hooks).name)
	assert live.pop("reference_doctype") == default
	own = {"creation", "modified", "reference_doctype"}
	assert {key: live[key] for key in live if key not in own} == {
		key: stored[key] for key in stored if key not in own
	}


@ADDED_DEFAULTS
def test_message_of_a_group_names_no_contact_that_its_processor_happens_to_be_restricted_to(
	session: str, monkeypatch: pytest.MonkeyPatch, default: str | None
) -> None:
	user = factories.make_user("processor")
	values = {"allow": "WhatsApp Contact", "for_value": factories.make_contact(session), "is_default": 1}
	frappe.get_doc(
		{"doctype": "User Permission", "user": user, "apply_to_all_doctypes": 1, **values}
	).insert()
	frappe.set_user(user)
	add_default(monkeypatch, default)
	message = factories.message_record("Hola", chat_jid=GROUP, sender_jid=MEMBER)
	row = row_of(messages.receive(session, message).name)
	frappe.set_user("Administrator")
	assert (row.contact, row.reference_doctype) == (None, default)


def test_equal_words_of_one_second_are_told_apart_by_the_hubs_numbers_when_they_come_live_too(
	session: str,
) -> None:
	pair = [factories.message_record("👍", message_id="", hub_id=number) for number in (101, 102)]
	for message in (*pair, *pair):
		messages.receive(session, message)
	assert sorted(frappe.get_all(MESSAGE, pluck="hub_message_id")) == [101, 102]


def test_own_message_of_the_past_with_the_words_of_one_without_an_id_is_history(session: str) -> None:
	own = claimed(session, "Ok", status="Sent")
	frappe.db.set_value(MESSAGE, own, "claimed_at", frappe.utils.now_datetime())
	old = factories.message_record("Ok", from_me=True, timestamp_ms=ANCIENT_MS)
	assert messages.compare(session, [old], factories.NOON_MS).new == [old]


def test_row_that_takes_its_id_while_a_page_is_compared_is_changed_all_the_same(session: str) -> None:
	without = factories.message_record("Hola", message_id="")
	messages.receive(session, without)
	starred = dataclasses.replace(without, is_starred=True)
	compared = messages.compare(session, [starred], factories.NOON_MS)
	messages.receive(session, dataclasses.replace(without, message_id="3EB0A"))
	messages.store_page(session, compared, factories.NOON_MS)
	assert (only_row().message_id, only_row().is_starred) == ("3EB0A", 1)


def test_text_of_a_list_that_was_asked_for_before_an_edit_does_not_undo_it(session: str) -> None:
	def edited(text: str, at_ms: int) -> records.Message:
		return factories.message_record(
			text, message_id="3EB0A", is_edited=True, edited_at_ms=factories.NOON_MS + at_ms
		)

	messages.receive(session, factories.message_record("Hola", message_id="3EB0A"))
	messages.receive(session, edited("uno", 1000))
	sync(session, [edited("cero", 500)])
	assert only_row().content == "uno"
	sync(session, [edited("dos", 1500)])
	assert only_row().content == "dos"
