"""Hostile and broken webhooks over real HTTP: the status of each, and that nothing is stored that should not be."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

import frappe
import pytest

from support import factories
from xappiens_whatsapp.api.webhook import LARGEST_BODY, PATH

if TYPE_CHECKING:
	from support.web import Web

SECRET = factories.SECRET
EVENT = "WhatsApp Webhook Event"


def signed(body: bytes, secret: str = SECRET) -> str:
	return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def event(**data: object) -> dict:
	message = {"messageId": "3EB0HOSTILE", "from": "34600000002@c.us", "body": "Hola", "type": "chat"}
	return {"event": "message.received", "sessionId": factories.SESSION, "data": {**message, **data}}


def as_bytes(content: object) -> bytes:
	return json.dumps(content).encode()


GOOD = as_bytes(event())
RIGHT = signed(GOOD)

BAD_SIGNATURES = {
	"none": None,
	"empty": "",
	"prefix only": "sha256=",
	"of another body": "sha256=" + signed(b"{}"),
	"with another secret": "sha256=" + signed(GOOD, "another secret"),
	"with an empty secret": "sha256=" + signed(GOOD, ""),
	"one digit less": "sha256=" + RIGHT[:-1],
	"one digit more": "sha256=" + RIGHT + "0",
	"first digit changed": "sha256=" + ("0" if RIGHT[0] != "0" else "1") + RIGHT[1:],
	"another algorithm": "sha1=" + hmac.new(SECRET.encode(), GOOD, hashlib.sha1).hexdigest(),
	"right digits, another name": "sha512=" + RIGHT,
	"twice the prefix": "sha256=sha256=" + RIGHT,
	"not hexadecimal": "sha256=" + "z" * 64,
	"two, with a comma": f"sha256={RIGHT},sha256={RIGHT}",
	"longer than any": "sha256=" + "a" * 4_000,
}

BAD_BODIES = {
	"empty": b"",
	"a word": b"hello",
	"a list": b"[]",
	"a number": b"1",
	"null": b"null",
	"a string": b'"text"',
	"truncated": GOOD[:-5],
	"invalid UTF-8": b'{"event": "\xff\xfe"}',
	"deeply nested": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
	"a form": b"event=message.received",
	"two objects": GOOD + GOOD,
}

STORED_BODIES = {
	"an order to Frappe": {"cmd": "ping"},
	"an empty object": {},
	"NUL in the text": event(body="a\x00b"),
	"a lone surrogate": event(body="a\ud800b"),
	"script in the text": event(body="<script>alert(1)</script>"),
	"script in the name": event(contact={"name": "<img src=x onerror=alert(1)>"}),
	"SQL in the id": event(messageId="'; DROP TABLE `tabWhatsApp Message`; --"),
	"an id of 10 000 characters": event(messageId="A" * 10_000),
	"a negative time": event(timestamp=-1),
	"a time far away": event(timestamp=10**18),
	"a time that is no number": event(timestamp="tomorrow"),
	"a list as data": {"event": "message.received", "sessionId": factories.SESSION, "data": []},
	"a number as event": {"event": 7, "sessionId": factories.SESSION},
	"an object as session": {"event": "message.received", "sessionId": {"a": 1}, "data": {}},
	"wrong types everywhere": event(messageId=[1], body={"a": 1}, type=3, **{"from": 5}),
	"an unknown event": {"event": "no.such.event", "sessionId": factories.SESSION},
}


@pytest.fixture
def prepared(web: Web) -> Web:
	factories.set_up()
	factories.make_session()
	frappe.db.commit()
	return web


def rows() -> tuple[int, int]:
	frappe.db.rollback()
	return frappe.db.count(EVENT), frappe.db.count("WhatsApp Message")


def post(web: Web, body: bytes, signature: str | None, **headers: str) -> tuple[int, dict]:
	sent = {"Content-Type": "application/json", **headers}
	if signature is not None:
		sent["X-Webhook-Signature"] = signature
	answer = web.client().post(PATH, data=body, headers=sent)
	assert "Traceback" not in answer.text
	return answer.status_code, answer.json()


def test_every_bad_signature_is_refused_and_nothing_is_stored(prepared: Web) -> None:
	before = rows()
	answers = {name: post(prepared, GOOD, header) for name, header in BAD_SIGNATURES.items()}
	expected = (401, {"success": False, "error": "unauthorized"})
	assert answers == dict.fromkeys(BAD_SIGNATURES, expected)
	assert rows() == before


def test_a_header_of_10_000_characters_is_refused_by_gunicorn_before_frappe_sees_it(prepared: Web) -> None:
	before = rows()
	headers = {"Content-Type": "application/json", "X-Webhook-Signature": "sha256=" + "a" * 10_000}
	answer = prepared.client().post(PATH, data=GOOD, headers=headers)
	assert answer.status_code == 431
	assert "Traceback" not in answer.text
	assert rows() == before


def test_a_signed_body_that_is_no_json_object_is_refused_and_nothing_is_stored(prepared: Web) -> None:
	before = rows()
	answers = {name: post(prepared, body, signed(body))[0] for name, body in BAD_BODIES.items()}
	assert answers == dict.fromkeys(BAD_BODIES, 400)
	assert rows() == before


def test_a_body_that_is_too_large_is_refused_and_nothing_is_stored(prepared: Web) -> None:
	before = rows()
	body = as_bytes(event(body="a" * LARGEST_BODY))
	assert post(prepared, body, signed(body))[0] == 413
	assert rows() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nothing_but_post_is_answered(prepared: Web, method: str) -> None:
	before = rows()
	answer = prepared.client().request(method, PATH)
	assert answer.status_code == 405
	assert answer.json() == {"success": False, "error": "method_not_allowed"}
	assert rows() == before


@pytest.mark.parametrize(
	("header", "value"), [("X-Webhook-Event", "session.connected"), ("X-Webhook-Session", "another_session")]
)
def test_headers_that_contradict_the_signed_body_are_refused_and_nothing_is_stored(
	prepared: Web, header: str, value: str
) -> None:
	before = rows()
	assert post(prepared, GOOD, RIGHT, **{header: value}) == (400, {"success": False, "error": "bad_request"})
	assert rows() == before


def test_a_signed_object_is_kept_whatever_it_says_and_makes_no_second_message(prepared: Web) -> None:
	answers = {
		name: post(prepared, as_bytes(content), signed(as_bytes(content)))[0]
		for name, content in STORED_BODIES.items()
	}
	assert answers == dict.fromkeys(STORED_BODIES, 200)
	assert frappe.db.count("WhatsApp Session") == 1
	first = rows()
	for content in STORED_BODIES.values():
		post(prepared, as_bytes(content), signed(as_bytes(content)))
	assert rows()[1] == first[1]


def test_a_replay_is_answered_200_and_stored_once(prepared: Web) -> None:
	answers = [post(prepared, GOOD, RIGHT) for _time in range(3)]
	assert [(status, answer["duplicate"]) for status, answer in answers] == [
		(200, False),
		(200, True),
		(200, True),
	]
	assert rows() == (1, 1)
