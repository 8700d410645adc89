"""Many webhooks at the same moment, and a gunicorn that is killed in the middle: nothing is lost, nothing is there twice."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import frappe
import pytest
import requests

from support import bench, factories, webhooks
from support.database import locked
from support.linked import connect_site
from xappiens_whatsapp import jobs

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web
	from support.worker import Worker

CONNECTIONS = 8
CONVERSATION, MESSAGE = "WhatsApp Conversation", "WhatsApp Message"


@pytest.fixture(autouse=True)
def session() -> str:
	factories.set_up()
	name = factories.make_session()
	frappe.db.commit()
	return name


def only(doctype: str) -> frappe._dict:
	frappe.db.rollback()
	(row,) = frappe.get_all(doctype, fields=["*"])
	return row


def test_event_that_comes_over_8_connections_at_once_is_one_row_and_one_message(web: Web) -> None:
	content = webhooks.received("¿Hay alguien?")
	answers = webhooks.post_together(web, [[content]] * CONNECTIONS)
	assert [answer.status_code for answer in answers] == [200] * CONNECTIONS
	assert Counter(answer.json()["duplicate"] for answer in answers) == {False: 1, True: CONNECTIONS - 1}
	assert only(webhooks.EVENT).status == "Processed"
	assert only(MESSAGE).content == "¿Hay alguien?"
	assert (only(CONVERSATION).unread_count, only(CONVERSATION).total_messages) == (1, 1)


def test_unread_count_and_last_message_are_right_when_8_connections_write_in_one_new_chat(web: Web) -> None:
	each = 5
	contents = [
		[
			webhooks.received(f"{connection}.{place}", timestamp=webhooks.NOON + 10 * place + connection)
			for place in range(each)
		]
		for connection in range(CONNECTIONS)
	]
	answers = webhooks.post_together(web, contents)
	assert Counter((answer.status_code, answer.json()["status"]) for answer in answers) == {
		(200, "Processed"): CONNECTIONS * each
	}
	chat = only(CONVERSATION)
	assert (chat.unread_count, chat.total_messages) == (CONNECTIONS * each,) * 2
	assert chat.last_message == f"{CONNECTIONS - 1}.{each - 1}"
	assert frappe.db.count(MESSAGE) == CONNECTIONS * each
	assert only("WhatsApp Contact").name == chat.contact


@pytest.mark.simulator(rate=0, contacts=5, chats=2, messages=2)
def test_session_that_connects_over_8_connections_at_once_is_synced_once(
	simulator: Simulator, web: Web, worker: Worker, session: str
) -> None:
	connect_site(simulator, auto_sync_enabled=1)
	values = {"session_db_id": simulator.session(session)["id"], "status": "Connecting", "is_connected": 0}
	frappe.db.set_value("WhatsApp Session", session, values)
	frappe.db.commit()
	contents = [
		[webhooks.event("session.connected", timestamp=webhooks.NOON + second)]
		for second in range(CONNECTIONS)
	]
	answers = webhooks.post_together(web, contents)
	assert [answer.json()["status"] for answer in answers] == ["Processed"] * CONNECTIONS
	bench.wait_until(lambda: worker.drain() or nothing_is_due(), "the session is synced", 120)
	assert only("WhatsApp Sync Run").state == "Completed"


def nothing_is_due() -> bool:
	"""Whether no session is to be synced any more; if one is, the minute job hints at it."""
	frappe.db.rollback()
	jobs.every_minute()
	frappe.db.commit()
	return not frappe.db.count("WhatsApp Session", {"sync_due": ("is", "set")})


def post_and_kill(web: Web, content: dict, until: str) -> None:
	"""Posts an event; gunicorn is killed once the test sees that row in the database, before it could answer."""

	def post() -> None:
		with suppress(requests.RequestException):
			answers.append(webhooks.post(web, content))

	def is_stored() -> bool:
		frappe.db.rollback()
		return bool(frappe.db.count(until))

	answers: list[requests.Response] = []
	sender = threading.Thread(target=post)
	sender.start()
	bench.wait_until(is_stored, f"a {until} is stored")
	web.kill()
	sender.join(20)
	assert not answers, "the event was answered before gunicorn was killed"


def test_event_whose_request_was_killed_before_it_processed_it_is_finished_by_the_minute_job(
	web: Web,
) -> None:
	conversation = factories.make_conversation(number=webhooks.PERSON)
	frappe.db.commit()
	content = webhooks.received("¿Sigue ahí?")
	with locked(CONVERSATION, conversation):
		post_and_kill(web, content, until=webhooks.EVENT)
	assert only(webhooks.EVENT).status == "Received"
	assert frappe.db.count(MESSAGE) == 0

	webhooks.make_due()
	jobs.every_minute()
	assert only(webhooks.EVENT).status == "Processed"
	web.start()
	again = webhooks.post(web, content)  # it was not answered: it comes again
	assert (again.status_code, again.json()["duplicate"]) == (200, True)
	assert only(MESSAGE).content == "¿Sigue ahí?"
	assert only(CONVERSATION).unread_count == 1


def test_receipt_that_waited_is_applied_although_gunicorn_was_killed_just_after_its_message_came(
	web: Web,
) -> None:
	webhooks.deliver(web, webhooks.event("message.read", messageId="3EB0EARLY"), status="Waiting")
	with locked(webhooks.EVENT, only(webhooks.EVENT).name):
		post_and_kill(web, webhooks.sent("¿Ya?", "3EB0EARLY"), until=MESSAGE)
	assert only(MESSAGE).status == "Sent"

	webhooks.make_due()
	jobs.every_minute()
	assert only(MESSAGE).status == "Read"
	assert webhooks.statuses() == {"Processed": 2}
