"""What people have set up in Frappe itself fires for a live message, once: a Notification, an Assignment Rule, a Webhook."""

from __future__ import annotations

import json
import socket as sockets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import frappe
import pytest

from support import factories, webhooks
from support.bare_server import BareServer, bare_server
from support.webhooks import deliver, event, received, sent
from support.worker import waiting_jobs
from xappiens_whatsapp import webhook_processing
from xappiens_whatsapp.store import events

if TYPE_CHECKING:
	from support.web import Web
	from support.worker import Worker

MESSAGE = "WhatsApp Message"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
pytestmark = pytest.mark.leaves(
	*(
		"Notification",
		"Notification Recipient",
		"Assignment Rule",
		"Assignment Rule Day",
		"Assignment Rule User",
	),
	*("Webhook", "Webhook Data", "Webhook Header", "Webhook Request Log", "RQ Job"),
)


@pytest.fixture(autouse=True)
def agent() -> str:
	"""Who is to hear of new messages, and a session."""
	factories.set_up()
	factories.make_session()
	return factories.make_user("agent", "WhatsApp User")


@pytest.fixture
def elsewhere() -> Iterator[BareServer]:
	"""Where the Webhook goes."""

	def answer(connection: sockets.socket) -> None:
		connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")

	with bare_server(answer) as server:
		yield server


def make_notification(**values: str) -> None:
	said = {
		"name": "New message",
		"subject": "New message",
		"document_type": MESSAGE,
		"event": "New",
		"channel": "System Notification",
		"condition": "doc.direction == 'Incoming'",
		"message": "{{ doc.content }}",
		"recipients": [{"receiver_by_role": "WhatsApp User"}],
	}
	frappe.get_doc({"doctype": "Notification", **said, **values}).insert()


def make_rules(agent: str, elsewhere: BareServer) -> None:
	make_notification()
	frappe.get_doc(
		{
			"doctype": "Assignment Rule",
			"name": "New message",
			"document_type": MESSAGE,
			"assign_condition": "direction == 'Incoming'",
			"description": "Answer {{ content }}",
			"rule": "Round Robin",
			"users": [{"user": agent}],
			"assignment_days": [{"day": day} for day in DAYS],
		}
	).insert()
	make_webhook(elsewhere)


def make_webhook(elsewhere: BareServer) -> None:
	frappe.get_doc(
		{
			"doctype": "Webhook",
			"name": "New message",
			"webhook_doctype": MESSAGE,
			"webhook_docevent": "after_insert",
			"request_url": f"{elsewhere.url}/new-message",
			"request_structure": "JSON",
			"webhook_json": '{"said": {{ doc.content | tojson }}}',
		}
	).insert()


def notified(agent: str) -> list[str]:
	frappe.db.rollback()
	logs = frappe.get_all("Notification Log", {"for_user": agent, "type": "Alert"}, pluck="email_content")
	return sorted(logs)


def assigned(agent: str) -> list[str]:
	filters = {"allocated_to": agent, "reference_type": MESSAGE, "status": "Open"}
	return sorted(frappe.get_all("ToDo", filters, pluck="description"))


def test_notification_assignment_rule_and_webhook_fire_once_for_each_message_whoever_it_is_processed_as(
	web: Web, worker: Worker, agent: str, elsewhere: BareServer
) -> None:
	make_rules(agent, elsewhere)
	frappe.db.commit()
	question = received("¿Abren hoy?", "3EB0FIRST")
	deliver(web, question, sent("Sí"))
	webhooks.post(web, question)  # twice
	deliver(web, received("¿Abren hoy?", "3EB0FIRST", isForwarded=False))  # in other words

	factories.set_up(webhook_user=factories.make_user("postman", "WhatsApp User"))
	frappe.db.commit()
	deliver(web, received("¿Y mañana?"), event("message.read", messageId="3EB0FIRST"))
	worker.drain()

	assert notified(agent) == ["¿Abren hoy?", "¿Y mañana?"]
	assert assigned(agent) == ["Answer ¿Abren hoy?", "Answer ¿Y mañana?"]
	assert sorted(json.loads(body)["said"] for body in elsewhere.bodies) == [
		"Sí",
		"¿Abren hoy?",
		"¿Y mañana?",
	]
	assert frappe.db.get_value(MESSAGE, {"content": "¿Y mañana?"}, "owner") == "postman@crm.example"
	assert frappe.get_all("Error Log", {"method": ("like", "WhatsApp%")}) == []


def test_broken_notification_costs_nothing_but_itself(web: Web) -> None:
	make_notification(name="Broken template", message="{{ 1 / 0 }}")  # Frappe itself passes over it
	make_notification(name="Broken condition", condition="1 / (not doc.content)")  # and raises here
	make_notification()
	frappe.db.commit()
	deliver(web, received("¿Abren hoy?"), received("¿Y mañana?"), status="Failed")
	assert frappe.get_all(MESSAGE, pluck="content", order_by="creation asc") == ["¿Abren hoy?", "¿Y mañana?"]
	assert frappe.get_all("WhatsApp Conversation", pluck="unread_count") == [2]
	assert all(error.startswith("frappe\n") for error in frappe.get_all(webhooks.EVENT, pluck="error"))
	ours = frappe.get_all("Error Log", {"method": ("like", "WhatsApp%")}, pluck="error")
	assert len(ours) == 2
	assert "Abren" not in "".join(ours)

	frappe.get_doc("Notification", "Broken condition").delete()
	frappe.db.commit()
	webhooks.make_due()
	deliver(web, received("¿Hola?"))  # any later webhook takes up what is due
	jobs = [job.kwargs for job in waiting_jobs() if "make_notification_logs" in job.kwargs["job_name"]]
	assert {job["kwargs"]["doc"]["email_content"] for job in jobs} == {"¿Abren hoy?", "¿Y mañana?", "¿Hola?"}
	assert webhooks.statuses() == {"Processed": 3}


def test_webhook_of_a_message_that_lost_a_race_first_is_sent_all_the_same(
	elsewhere: BareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
	make_webhook(elsewhere)
	frappe.flags.webhooks = None  # those that were read before this one was made
	name = webhooks.store(received("¿Abren hoy?"))
	mark, races = (
		events.mark_processed,
		[frappe.QueryDeadlockError("lost"), frappe.QueryDeadlockError("lost")],
	)

	def mark_after_races(*arguments: Any, **options: Any) -> None:
		if races:
			raise races.pop()
		mark(*arguments, **options)

	monkeypatch.setattr(events, "mark_processed", mark_after_races)
	assert webhook_processing.process_event(name) == "Processed"
	assert not races
	assert len([job for job in waiting_jobs() if "enqueue_webhook" in job.kwargs["job_name"]]) == 1
