"""More hostile webhooks over real HTTP: how a request may be dressed, ids that only look alike, replays, times that cannot be."""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING

import frappe
import pytest
from werkzeug.test import Client, TestResponse

from support import factories, webhooks
from support.factories import SESSION
from support.webhooks import event, received

if TYPE_CHECKING:
	from support.web import Web

MESSAGE, CONVERSATION = "WhatsApp Message", "WhatsApp Conversation"
BODY = webhooks.as_bytes(received("Hola", "3EB0DRESSED"))
SIGNED = {"X-Webhook-Signature": webhooks.signature(BODY)}
JSON = {**SIGNED, "Content-Type": "application/json"}
FORM = "application/x-www-form-urlencoded"

# How the request is made: method, what follows the path, headers; and the status of the answer.
REQUESTS: dict[str, tuple[str, str, dict[str, str], int]] = {
	"as JSON": ("POST", "", JSON, 200),
	"as JSON in UTF-8": ("POST", "", {**SIGNED, "Content-Type": "application/json; charset=utf-8"}, 200),
	"as a form": ("POST", "", {**SIGNED, "Content-Type": FORM}, 200),
	"as text": ("POST", "", {**SIGNED, "Content-Type": "text/plain"}, 200),
	"in parts": ("POST", "", {**SIGNED, "Content-Type": "multipart/form-data; boundary=a"}, 200),
	"in parts without a boundary": ("POST", "", {**SIGNED, "Content-Type": "multipart/form-data"}, 200),
	"as nothing": ("POST", "", SIGNED, 200),
	"as what is no type": ("POST", "", {**SIGNED, "Content-Type": "\u00e1;;=,"}, 200),
	"in a charset that does not exist": (
		"POST",
		"",
		{**SIGNED, "Content-Type": "application/json; charset=klingon"},
		200,
	),
	"unsigned, as a form": ("POST", "", {"Content-Type": FORM}, 401),
	"unsigned, as nothing": ("POST", "", {}, 401),
	"X-Signature alone": ("POST", "", {"X-Signature": SIGNED["X-Webhook-Signature"]}, 200),
	"X-Signature alone, wrong": ("POST", "", {"X-Signature": "sha256=" + "0" * 64}, 401),
	"a wrong one and X-Signature": (
		"POST",
		"",
		{"X-Webhook-Signature": "sha256=" + "0" * 64, "X-Signature": SIGNED["X-Webhook-Signature"]},
		401,
	),
	"signature in the address": ("POST", f"?X-Webhook-Signature={SIGNED['X-Webhook-Signature']}", {}, 401),
	"an order in the address": ("POST", "?cmd=frappe.ping", JSON, 200),
	"another method in the address": ("POST", "?_method=GET", JSON, 200),
	"a slash behind": ("POST", "/", JSON, 200),
	"a token": ("POST", "", {**JSON, "Authorization": "token abc:def"}, 200),
	"a name and password": ("POST", "", {**JSON, "Authorization": "Basic YWJjOmRlZg=="}, 200),
	"a bearer": ("POST", "", {**JSON, "Authorization": "Bearer abc"}, 200),
	"an authorization that is none": ("POST", "", {**JSON, "Authorization": "abc"}, 200),
	"a token, unsigned": ("POST", "", {"Authorization": "token abc:def"}, 401),
	"a cookie of nobody": ("POST", "", {**JSON, "Cookie": "sid=nobody; user_id=Administrator"}, 200),
	"GET": ("GET", "", JSON, 405),
	"HEAD": ("HEAD", "", JSON, 405),
	"PATCH": ("PATCH", "", JSON, 405),
	"a method of one's own": ("STEAL", "", JSON, 405),
	"POST that says it is a GET": ("POST", "", {**JSON, "X-HTTP-Method-Override": "GET"}, 200),
	"a time of long ago": ("POST", "", {**JSON, "X-Webhook-Timestamp": "1000000000000"}, 200),
	"a time that is none": ("POST", "", {**JSON, "X-Webhook-Timestamp": "'; DROP TABLE x; --"}, 200),
	"another event, spelt otherwise": ("POST", "", {**JSON, "X-Webhook-Event": "Message.Received"}, 200),
	"another event": ("POST", "", {**JSON, "X-Webhook-Event": "message.sent"}, 400),
	"another session": ("POST", "", {**JSON, "X-Webhook-Session": SESSION.upper()}, 400),
}


@pytest.fixture(autouse=True)
def session() -> None:
	factories.set_up()
	factories.make_session()
	frappe.db.commit()


def test_request_is_judged_by_its_signature_and_body_however_it_is_dressed(web: Web) -> None:
	statuses, stored = {}, {}
	for name, (method, more, headers, status) in REQUESTS.items():
		frappe.db.delete(webhooks.EVENT)
		frappe.db.delete(MESSAGE)
		frappe.db.commit()
		with web.client() as client:
			answer = client.request(method, f"{webhooks.PATH}{more}", data=BODY, headers=headers)
		assert "Traceback" not in answer.text, name
		assert "pong" not in answer.text, name
		assert method == "HEAD" or "success" in answer.json(), name
		frappe.db.rollback()
		statuses[name] = answer.status_code
		stored[name] = (frappe.db.count(webhooks.EVENT), frappe.get_all(MESSAGE, pluck="content"))
		assert stored[name] == ((1, ["Hola"]) if status == 200 else (0, [])), (name, answer.status_code)
	assert statuses == {name: status for name, (_method, _more, _headers, status) in REQUESTS.items()}


def test_body_over_frappes_own_limit_is_refused_by_frappe_before_it_is_read(web: Web) -> None:
	connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
	connection.putrequest("POST", webhooks.PATH)
	for name, value in {**JSON, "Content-Length": str(2**30)}.items():
		connection.putheader(name, value)
	connection.endheaders()
	answer = connection.getresponse()
	text = answer.read().decode()
	connection.close()
	assert answer.status == 413
	assert "Traceback" not in text
	assert frappe.db.count(webhooks.EVENT) == 0


def test_host_that_is_no_site_is_not_found() -> None:
	"""The tests' gunicorn serves one site whatever the host, so Frappe is asked here, in a thread with locals of its own."""

	def ask() -> None:
		import frappe.app

		client = Client(frappe.app.application)
		answers.append(client.post(webhooks.PATH, data=BODY, headers=JSON, base_url="http://nobody.example"))

	answers: list[TestResponse] = []
	thread = threading.Thread(target=ask)
	thread.start()
	thread.join(60)
	(answer,) = answers
	assert answer.status_code == 404
	assert "Traceback" not in answer.text


def test_ids_that_differ_by_what_the_database_does_not_see_are_different_messages(web: Web) -> None:
	ids = [
		"3EB0case",
		"3EB0CASE",
		"3EB0josé",
		"3EB0jose",
		"3EB0👍",
		"3EB0😂",
		"3EB0ß",
		"3EB0ss",
		"3EB0-",
		"3EB0- ",
	]
	webhooks.deliver(web, *(received(f"My id is {message_id}", message_id) for message_id in ids))
	assert sorted(frappe.get_all(MESSAGE, pluck="content")) == sorted(f"My id is {each}" for each in ids)
	webhooks.deliver(web, *(event("message.read", messageId=message_id) for message_id in ids))
	assert frappe.get_all(
		MESSAGE, {"direction": "Incoming", "status": "Read"}, pluck="name"
	).__len__() == len(ids)


def test_session_that_differs_by_case_only_is_another_one(web: Web) -> None:
	webhooks.deliver(web, {**received(), "sessionId": SESSION.upper()}, status="Waiting")
	assert frappe.db.count(MESSAGE) == 0


def test_old_body_with_another_time_in_the_header_makes_no_second_message(web: Web) -> None:
	content = received("Hola", "3EB0REPLAY")
	webhooks.deliver(web, content, X_Webhook_Timestamp="1766145600000")
	webhooks.deliver(web, content, X_Webhook_Timestamp="1766145900000")
	assert webhooks.post(web, content, X_Webhook_Timestamp="1766145900000").json()["duplicate"]
	assert frappe.get_all(MESSAGE, pluck="content") == ["Hola"]
	assert frappe.get_all(CONVERSATION, pluck="unread_count") == [1]


@pytest.mark.parametrize(
	"time", [-1, 0, 1, "-1760423400", 10**11, 10**14, "2999-01-01T00:00:00Z", "0000-00-00"]
)
def test_message_whose_time_cannot_be_is_dated_now(web: Web, time: object) -> None:
	before = frappe.utils.now_datetime()
	webhooks.deliver(web, received(timestamp=time))
	((timestamp, last),) = frappe.db.sql(
		"""
		SELECT message.timestamp, conversation.last_message_time
		FROM `tabWhatsApp Message` message
		JOIN `tabWhatsApp Conversation` conversation ON conversation.name = message.conversation
		"""
	)
	assert before.replace(microsecond=0) <= timestamp <= frappe.utils.now_datetime()
	assert last == timestamp
