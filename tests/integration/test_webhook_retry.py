"""Events that failed: tried again by a person, given up with a notice to the managers, cleared away in time."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date, now_datetime

from support import factories, webhooks
from support.database import locked, statements
from support.factories import SESSION
from xappiens_whatsapp import jobs, managers, webhook_handlers, webhook_processing
from xappiens_whatsapp.api import webhook_events
from xappiens_whatsapp.store import events

if TYPE_CHECKING:
	from support.web import Web

EVENT = events.DOCTYPE
RETRY = "xappiens_whatsapp.api.webhook_events.retry_events"
SECRET_WORDS = "the surgeon said Tuesday"


@pytest.fixture(autouse=True)
def session() -> None:
	factories.set_up()
	factories.make_session()
	frappe.db.commit()


def row(name: str) -> frappe._dict:
	frappe.db.rollback()
	return frappe.db.get_value(EVENT, name, "*", as_dict=True)


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
	"""Every message fails, with an error that quotes it."""

	def fail(delivery: webhook_handlers.Delivery) -> webhook_handlers.Outcome:
		raise KeyError(delivery.event.payload.text)

	monkeypatch.setitem(webhook_handlers.HANDLERS, "message.received", fail)


def give_up(name: str) -> None:
	"""Try an event until it is Dead."""
	webhook_processing.process_event(name)
	for _time in range(20):
		if row(name).status == "Dead":
			return
		webhooks.make_due()
		jobs.process_due_events()
	raise AssertionError("it is tried for ever")


def notices() -> list[frappe._dict]:
	frappe.db.rollback()
	return frappe.get_all(
		managers.NOTICE,
		filters={"document_type": EVENT},
		fields=["for_user", "subject", "document_name"],
		order_by="for_user",
	)


def test_a_dead_event_is_told_to_each_manager_once(monkeypatch: pytest.MonkeyPatch) -> None:
	people = sorted(factories.make_user(f"manager{number}", "WhatsApp Manager") for number in range(2))
	factories.make_user("colleague", "WhatsApp User")
	off = factories.make_user("gone", "WhatsApp Manager")
	frappe.db.set_value("User", off, "enabled", 0)
	frappe.db.commit()
	broken(monkeypatch)
	first, second = (webhooks.store(webhooks.received(SECRET_WORDS)) for _time in range(2))

	give_up(first)

	assert [(notice.for_user, notice.document_name) for notice in notices()] == [
		(user, first) for user in people
	]
	assert "KeyError" in notices()[0].subject
	assert SECRET_WORDS not in frappe.as_json(notices())
	give_up(second)
	assert len(notices()) == 2, "the same error within an hour was told twice"
	webhook_events.retry_events([first])
	give_up(first)
	assert len(notices()) == 2, "the same event was told twice"
	assert SECRET_WORDS not in frappe.as_json(frappe.get_all("Error Log", fields=["*"]))


def test_an_event_that_cannot_be_understood_is_dead_at_once_and_told() -> None:
	name = webhooks.store(webhooks.event("message.received", messageId="3EB0NOCHAT"))
	assert webhook_processing.process_event(name) == "Dead"
	assert "chatId" in notices()[0].subject
	assert row(name).error.startswith("Inbox Hub sent something that cannot be understood, at data.chatId")


def test_where_nobody_manages_whatsapp_system_managers_are_told() -> None:
	frappe.db.delete("Has Role", {"role": managers.ROLE})
	assert "Administrator" in [user for user, _language in managers.everybody()]


def test_a_retry_processes_at_once_and_starts_the_schedule_anew(monkeypatch: pytest.MonkeyPatch) -> None:
	with monkeypatch.context() as patched:
		broken(patched)
		name = webhooks.store(webhooks.received())
		give_up(name)
		assert webhook_events.retry_events([name])["statuses"] == {"Failed": 1}
		assert (row(name).status, row(name).attempts) == ("Failed", 1)
	answer = webhook_events.retry_events(frappe.as_json([name]))
	assert answer == {"retried": 1, "statuses": {"Processed": 1}, "remaining": 0}
	assert frappe.db.count("WhatsApp Message") == 1
	assert webhook_events.retry_events([name])["retried"] == 0, "what is done was done again"


def test_a_bulk_retry_leaves_to_the_background_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
	names = [webhooks.store(webhooks.received()) for _time in range(3)]
	monkeypatch.setattr(webhook_events, "SECONDS_IN_A_REQUEST", -1)
	assert webhook_events.retry_events(names) == {"retried": 3, "statuses": {}, "remaining": 3}
	jobs.process_due_events()
	assert webhooks.statuses() == {"Processed": 3}


def test_events_are_retried_by_managers_only_and_all_or_none(web: Web) -> None:
	name = webhooks.store(webhooks.received())
	user, manager = (
		factories.make_user("retry-user", "WhatsApp User"),
		factories.make_user("retry-manager", "WhatsApp Manager"),
	)
	frappe.db.commit()
	assert web.login(user).call(RETRY, names=[name]).status_code == 403
	client = web.login(manager)
	assert client.call(RETRY, names=[name, "no such event"]).status_code == 403
	assert row(name).status == "Received"
	assert client.get(f"/api/method/{RETRY}?names=[]").status_code == 403
	assert client.call(RETRY, names=[name]).json()["message"]["statuses"] == {"Processed": 1}
	who = client.get("/api/method/frappe.auth.get_logged_user").json()["message"]
	assert who == manager, "who pressed Retry was logged out"


def test_hooks_that_are_still_to_run_survive_our_own_failure(
	neighbour: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
	neighbour.raise_at("validate")
	name = webhooks.store(webhooks.received())
	webhook_processing.process_event(name)
	pending = row(name).hooks_pending
	assert pending

	def fails(*arguments: object) -> None:
		raise RuntimeError("the disk is full")

	with monkeypatch.context() as patched:
		patched.setattr(webhook_processing.live, "describe", fails)
		webhook_processing.process_event(name)
	assert (row(name).status, row(name).hooks_pending) == ("Failed", pending)
	neighbour.forget()
	assert webhook_processing.process_event(name) == "Processed"
	assert {note["event"] for note in neighbour.seen()} >= {"after_insert", "on_update"}


def test_a_receipt_whose_event_names_the_session_by_its_number_finds_its_message() -> None:
	frappe.db.set_value("WhatsApp Session", SESSION, "session_db_id", 56)
	frappe.db.commit()
	ack = {"event": "message.ack", "data": {"session_db_id": 56, "messageId": "3EB0LATE", "ack": 3}}
	receipt = webhooks.store(ack)
	assert webhook_processing.process_event(receipt) == "Waiting"
	assert (
		webhook_processing.process_event(webhooks.store(webhooks.sent(message_id="3EB0LATE"))) == "Processed"
	)
	assert row(receipt).status == "Processed"
	assert frappe.db.get_value("WhatsApp Message", {"message_id": "3EB0LATE"}, "status") == "Read"


def test_what_waits_for_an_id_goes_on_once_it_is_known() -> None:
	receipt = webhooks.store(webhooks.event("message.ack", messageId="3EB0OURS", ack=2))
	assert webhook_processing.process_event(receipt) == "Waiting"
	chat = factories.make_conversation()
	factories.make_message(chat, direction="Outgoing", status="Sent", message_id="3EB0OURS")
	frappe.db.commit()
	webhook_processing.process_waiting(SESSION, "3EB0OURS")
	assert row(receipt).status == "Processed"


def test_an_event_of_a_session_by_number_is_released_when_the_session_is_made() -> None:
	event = {**webhooks.received(), "sessionId": 77}
	name = webhooks.store(event)
	assert webhook_processing.process_event(name) == "Waiting"
	factories.make_session("other_session", session_db_id=77)
	frappe.db.commit()
	assert row(name).next_attempt <= now_datetime()
	jobs.process_due_events()
	assert row(name).status == "Processed"


def test_an_event_that_somebody_processes_just_now_is_not_waited_for_when_it_is_released() -> None:
	"""Who has locked the session would wait for the event, and the event for the session."""
	waiting = webhooks.store({**webhooks.received(), "sessionId": 77})
	free = webhooks.store({**webhooks.received("¿Hola?"), "sessionId": 77})
	for name in (waiting, free):
		assert webhook_processing.process_event(name) == "Waiting"
	due = {name: row(name).next_attempt for name in (waiting, free)}
	with locked(EVENT, waiting):
		frappe.db.sql("SET innodb_lock_wait_timeout = 5")
		events.release_waiting(SESSION, 77)
		frappe.db.commit()
	assert row(free).next_attempt < due[free]
	assert row(waiting).next_attempt == due[waiting]


@pytest.mark.parametrize(
	("waited", "next_within"),
	[({"seconds": 5}, {"minutes": 1}), ({"hours": 3}, {"hours": 3}), ({"hours": 71}, {"hours": 1})],
)
def test_what_waits_is_looked_at_again_ever_less_often_and_72_hours_at_most(
	waited: dict, next_within: dict
) -> None:
	name = webhooks.store(webhooks.event("message.ack", messageId="3EB0NEVER", ack=2))
	came = add_to_date(now_datetime(), **{unit: -number for unit, number in waited.items()})
	frappe.db.set_value(EVENT, name, "creation", came, update_modified=False)
	frappe.db.commit()
	assert webhook_processing.process_event(name) == "Waiting"
	pause = row(name).next_attempt - now_datetime()
	longest = add_to_date(now_datetime(), **next_within) - now_datetime()
	assert longest.total_seconds() * 0.9 - 60 < pause.total_seconds() <= longest.total_seconds() + 60


def test_what_waited_for_72_hours_is_ignored() -> None:
	name = webhooks.store(webhooks.event("message.ack", messageId="3EB0NEVER", ack=2))
	frappe.db.set_value(
		EVENT, name, "creation", add_to_date(now_datetime(), hours=-73), update_modified=False
	)
	frappe.db.commit()
	assert webhook_processing.process_event(name) == "Ignored"


def test_done_events_go_after_7_days_dead_ones_after_90_and_open_ones_stay() -> None:
	ages = {"Processed": 8, "Ignored": 8, "Dead": 91, "Failed": 400, "Waiting": 400, "Received": 400}
	old = {status: factories.make_event(status=status) for status in ages}
	young = {status: factories.make_event(status=status) for status in ("Processed", "Dead")}
	for status, name in old.items():
		created = add_to_date(now_datetime(), days=-ages[status])
		frappe.db.set_value(EVENT, name, "creation", created, update_modified=False)
	frappe.db.set_value(EVENT, young["Dead"], "creation", add_to_date(now_datetime(), days=-89))
	logs = frappe.get_single("Log Settings")
	assert {row.ref_doctype: row.days for row in logs.logs_to_clear}[EVENT] == 7
	frappe.get_doc(EVENT, young["Dead"]).clear_old_logs(7)
	kept = {old[status] for status in ("Failed", "Waiting", "Received")} | set(young.values())
	assert set(frappe.get_all(EVENT, pluck="name")) == kept


def test_an_edit_or_deletion_that_names_only_the_message_waits_for_it_and_is_shown() -> None:
	edit = webhooks.store(webhooks.event("message_edit", messageId="3EB0ED", body="Doce"))
	assert webhook_processing.process_event(edit) == "Waiting"
	assert (
		webhook_processing.process_event(webhooks.store(webhooks.received("Once", "3EB0ED"))) == "Processed"
	)
	assert row(edit).status == "Processed"
	values = ("content", "is_edited", "is_deleted")
	assert frappe.db.get_value("WhatsApp Message", {"message_id": "3EB0ED"}, values) == ("Doce", 1, 0)
	gone = webhooks.store(webhooks.event("message_revoke", messageId="3EB0ED"))
	assert webhook_processing.process_event(gone) == "Processed"
	assert frappe.db.get_value("WhatsApp Message", {"message_id": "3EB0ED"}, values) == ("Doce", 1, 1)
	assert frappe.db.count("WhatsApp Message") == 1


def test_a_receipt_by_the_hubs_own_number_finds_its_message() -> None:
	chat = factories.make_conversation()
	name = factories.make_message(chat, direction="Outgoing", status="Sent", hub_message_id=10854)
	frappe.db.commit()
	receipt = webhooks.store(webhooks.event("message.delivered", id=10854))
	assert webhook_processing.process_event(receipt) == "Processed"
	assert frappe.db.get_value("WhatsApp Message", name, "status") == "Delivered"


def test_an_event_whose_failure_cannot_be_stored_stays_due(monkeypatch: pytest.MonkeyPatch) -> None:
	broken(monkeypatch)
	name = webhooks.store(webhooks.received())

	def fails(*arguments: object, **options: object) -> None:
		raise frappe.db.OperationalError(2013, "lost connection")

	with monkeypatch.context() as patched:
		patched.setattr(events, "mark_failed", fails)
		assert webhook_processing.process_event(name) == "Received"
	webhooks.make_due()
	jobs.process_due_events()
	assert (row(name).status, row(name).attempts) == ("Failed", 1)


def test_a_hook_that_keeps_failing_is_logged_when_it_begins_and_when_it_is_given_up(
	neighbour: ModuleType,
) -> None:
	neighbour.raise_at("validate")
	name = webhooks.store(webhooks.received())
	give_up(name)
	assert row(name).attempts == len(events.RETRY_AFTER) + 1
	assert frappe.db.count("Error Log") == 2
	assert "neighbour" in notices()[0].subject


def test_due_events_beside_a_webhook_do_not_hold_its_answer_up(monkeypatch: pytest.MonkeyPatch) -> None:
	old = [webhooks.store(webhooks.received()) for _time in range(3)]
	webhooks.make_due()
	monkeypatch.setattr(webhook_processing, "SECONDS_FOR_OTHERS", -1)
	new = webhooks.store(webhooks.received())
	assert webhook_processing.process_event(new, others=5) == "Processed"
	assert webhooks.statuses() == {"Processed": 1, "Received": 3}
	monkeypatch.undo()
	newer = webhooks.store(webhooks.received())
	assert webhook_processing.process_event(newer, others=2) == "Processed"
	assert [row(name).status for name in old] == ["Processed", "Processed", "Received"]


def test_a_number_where_the_sessions_id_belongs_means_the_number() -> None:
	frappe.db.set_value("WhatsApp Session", SESSION, "session_db_id", 56)
	frappe.db.commit()
	for session in (56, "56"):
		name = webhooks.store({**webhooks.received(), "sessionId": session})
		assert webhook_processing.process_event(name) == "Processed"
	other = webhooks.store({**webhooks.received(), "sessionId": "9" * 30})
	assert webhook_processing.process_event(other) == "Waiting"


def test_of_a_long_error_the_first_line_and_the_end_are_kept() -> None:
	name = webhooks.store(webhooks.received())
	end = "x" * (events.ERROR_LENGTH - 10) + " SomeError"
	events.mark_failed(name, "neighbour\n\n" + "a frame\n" * 9 + end)
	frappe.db.commit()
	error = row(name).error
	assert error.startswith("neighbour\n")
	assert error.endswith("x SomeError")
	assert len(error) == events.ERROR_LENGTH


def test_a_wait_for_a_lock_is_tried_three_times_and_the_event_is_due_again() -> None:
	chat = factories.make_conversation()
	message = factories.make_message(chat, direction="Outgoing", status="Sent", message_id="3EB0LOCKED")
	frappe.db.commit()
	name = webhooks.store(webhooks.event("message.ack", messageId="3EB0LOCKED", ack=3))
	with locked("WhatsApp Message", message):
		frappe.db.sql("SET SESSION innodb_lock_wait_timeout = 0")
		with statements() as made:
			assert webhook_processing.process_event(name) == "Failed"
	assert len([each for each in made if "tabWhatsApp Message`" in each and each.endswith("FOR UPDATE")]) == 3
	assert (row(name).attempts, "QueryTimeoutError" in row(name).error) == (1, True)
	assert row(name).next_attempt > now_datetime()
	webhooks.make_due()
	jobs.process_due_events()
	assert row(name).status == "Processed"
	assert frappe.db.get_value("WhatsApp Message", message, "status") == "Read"
