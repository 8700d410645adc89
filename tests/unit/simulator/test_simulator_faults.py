"""Faults: each does what it says, to the calls it is meant for, as often as it is told."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from inbox_hub_simulator.transport import ConnectionDropped

pytestmark = pytest.mark.unit

CONTACTS = "/api/contacts/demo_session"
CHATS = "/api/messages/demo_session/chats"
SEND = "/api/messages/demo_session/send"
TEXT = {"to": "34600000002", "message": "Hola"}


def ids(data: Any) -> list[str]:
	return [row["id"] for row in data["contacts"]]


def test_f1_chats_fail_with_the_text_of_the_missing_column(hub: Any) -> None:
	hub.sim("faults", F1=True)
	answer = hub.get(CHATS)
	assert answer.status_code == 500
	assert "Message.isDeleted" in answer.json()["error"] and "does not exist" in answer.json()["error"]
	assert hub.get("/api/messages/demo_session").status_code == 200


def test_f2_contacts_answer_and_the_session_is_gone(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "session.disconnected")
	hub.sim("faults", F2={"times": 1})
	assert len(hub.data(CONTACTS)["contacts"]) == 50
	assert hub.get(CONTACTS).json()["code"] == "SESSION_NOT_CONNECTED"
	hub.settle()
	assert receiver.received[0].json["data"]["reason"] == "conflict"


def test_f2_can_reconnect_by_itself(hub: Any, wait: Callable[..., Any]) -> None:
	hub.sim("faults", F2={"times": 1, "reconnect_after": 0.05})
	hub.get(CONTACTS)
	assert hub.status() == "disconnected"
	wait(lambda: hub.status() == "connected")


def test_f3_both_spellings_of_the_recipient_are_refused_and_nothing_is_sent(hub: Any) -> None:
	hub.sim("faults", F3=True)
	digits = hub.post(SEND, TEXT)
	assert digits.status_code == 400
	assert "Message.whatsappMessageId cannot be null" in digits.json()["error"]
	jid = hub.post(SEND, TEXT | {"to": "34600000002@s.whatsapp.net"})
	assert (jid.status_code, jid.json()["code"]) == (400, "VALIDATION_ERROR")
	assert hub.state()["sessions"]["demo_session"]["expected"]["live_messages"] == 0


def test_f4_connect_or_qr_answer_500(make_hub: Callable[..., Any], wait: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session"])
	hub.sim("faults", F4=True)
	answer = hub.post("/api/sessions/2/connect")
	assert (answer.status_code, answer.json()["code"]) == (500, "CONNECTION_ERROR")
	hub.sim("faults", F4={"stage": "qr"})
	assert hub.post("/api/sessions/2/connect").status_code == 200
	wait(lambda: hub.status() == "qr_code")
	answer = hub.get("/api/sessions/2/qr")
	assert (answer.status_code, answer.json()["code"]) == (500, "QR_GENERATION_ERROR")


def test_f5_status_is_404_while_the_list_has_the_session(hub: Any) -> None:
	hub.sim("faults", F5=True)
	assert hub.get("/api/sessions/2/status").json()["code"] == "SESSION_NOT_FOUND"
	assert hub.data("/api/sessions")["sessions"][0]["sessionId"] == "demo_session"


def test_f6_says_connected_and_is_not_until_it_connects_again(hub: Any, wait: Callable[..., Any]) -> None:
	hub.sim("faults", F6=True)
	status = hub.data("/api/sessions/2/status")
	assert (status["status"], status["isConnected"]) == ("connected", False)
	assert hub.post(SEND, TEXT).json()["code"] == "SESSION_NOT_CONNECTED"
	hub.post("/api/sessions/2/connect")
	wait(lambda: hub.data("/api/sessions/2/status")["isConnected"])


def test_f7_media_without_caption_is_refused_although_it_goes_out(hub: Any) -> None:
	hub.sim("faults", F7=True)
	image = {"to": "34600000002", "type": "image", "message": {"image": {"url": "https://crm.example/a.jpg"}}}
	answer = hub.post(SEND, image)
	assert (answer.status_code, answer.json()["error"]) == (400, "content is required")
	assert hub.state()["sessions"]["demo_session"]["expected"]["live_messages"] == 1
	image["message"]["caption"] = "Foto"
	assert hub.post(SEND, image).status_code == 200


def test_a_status_hits_the_next_calls_of_a_path_only(hub: Any) -> None:
	hub.sim("faults", status={"status": 503, "path": "/api/contacts", "times": 2, "skip": 1})
	statuses = [hub.get(path).status_code for path in (CONTACTS, CHATS, CONTACTS, CONTACTS, CONTACTS)]
	assert statuses == [200, 200, 503, 503, 200]


def test_faults_can_be_for_one_session_and_one_method(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected", "other_session:connected"])
	hub.sim("faults", status={"session": "other_session", "method": "GET"})
	assert hub.get(CONTACTS).status_code == 200
	assert hub.get("/api/contacts/other_session").status_code == 500
	assert hub.post("/api/messages/other_session/send", TEXT).status_code == 200


def test_several_faults_of_one_kind_stand_side_by_side(hub: Any) -> None:
	hub.client.post(
		"/__sim__/faults",
		json={
			"status:contacts": {"path": "/api/contacts", "status": 500},
			"status:chats": {"path": "*/chats", "status": 502},
		},
	)
	assert (hub.get(CONTACTS).status_code, hub.get(CHATS).status_code) == (500, 502)
	assert hub.get("/api/messages/demo_session").status_code == 200


def test_429_can_be_forced_with_the_time_to_wait(hub: Any) -> None:
	hub.sim("faults", rate_limited={"times": 1, "retry_after": 7, "reset_in": 7})
	answer = hub.get(CONTACTS)
	assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
	assert answer.headers["X-RateLimit-Remaining"] == "0"
	assert 0 < int(answer.headers["X-RateLimit-Reset"]) - time.time() < 8
	assert hub.get(CONTACTS).status_code == 200


def test_odd_answers_are_as_odd_as_they_say(hub: Any) -> None:
	hub.sim("faults", nginx={"times": 1, "status": 502})
	page = hub.get(CONTACTS)
	assert page.status_code == 502 and "nginx" in page.text and page.headers["content-type"] == "text/html"
	hub.sim("faults", nginx=False, success_false={"times": 1})
	answer = hub.get(CONTACTS)
	assert (answer.status_code, answer.json()["success"]) == (200, False)
	hub.sim("faults", empty_body={"times": 1})
	assert hub.get(CONTACTS).content == b""
	hub.sim("faults", not_object={"times": 1})
	assert hub.get(CONTACTS).json() == []
	hub.sim("faults", redirect={"times": 1})
	redirected = hub.call("GET", CONTACTS, follow_redirects=False)
	assert (redirected.status_code, redirected.headers["location"]) == (302, "https://elsewhere.example/api")
	hub.sim("faults", truncated={"times": 1})
	with pytest.raises(ValueError):
		hub.get(CONTACTS).json()
	assert hub.get(CONTACTS).status_code == 200


def test_headers_of_the_limits_can_be_missing(hub: Any) -> None:
	hub.sim("faults", no_rate_headers=True)
	assert not [name for name in hub.get(CONTACTS).headers if "ratelimit" in name.lower()]


def test_latency_and_slowness_make_an_answer_wait(hub: Any) -> None:
	hub.sim("faults", latency={"ms": 150, "times": 1})
	started = time.monotonic()
	hub.get(CONTACTS)
	assert time.monotonic() - started >= 0.15
	hub.sim("faults", latency=False, slow_send={"seconds": 0.15})
	started = time.monotonic()
	hub.post(SEND, TEXT)
	assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize(("when", "sent"), [("before", 0), ("after", 1), ("middle", 1)])
def test_a_dropped_connection_says_nothing_of_whether_the_message_went_out(
	hub: Any, when: str, sent: int
) -> None:
	hub.sim("faults", drop={"when": when, "path": "/api/messages/*/send"})
	with pytest.raises(ConnectionDropped):
		hub.post(SEND, TEXT)
	assert hub.state()["sessions"]["demo_session"]["expected"]["live_messages"] == sent


def test_a_server_that_ignores_the_page_gives_the_first_for_ever(hub: Any) -> None:
	hub.sim("faults", ignore_page=True)
	assert ids(hub.data(CONTACTS, page=3)) == ids(hub.data(CONTACTS, page=1))


def test_a_server_that_repeats_gives_the_first_page_twice(hub: Any) -> None:
	pages = [ids(hub.data(CONTACTS, page=page)) for page in (1, 2, 3)]
	hub.sim("faults", repeat_page=True)
	assert [ids(hub.data(CONTACTS, page=page)) for page in (1, 2, 3, 4)] == [pages[0], *pages]


def test_a_list_that_shrinks_loses_its_first_rows_between_two_pages(hub: Any) -> None:
	whole = [row["id"] for row in hub.pages(CONTACTS, "contacts")]
	hub.sim("faults", shrink={"by": 3})
	first, second = hub.data(CONTACTS, page=1, limit=50), hub.data(CONTACTS, page=2, limit=50)
	assert ids(first) == whole[:50] and first["total"] == 150
	assert ids(second) == whole[53:103] and second["total"] == 147


def test_totals_can_be_missing_or_wrong_and_limits_lower_than_asked(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected"], shape="full")
	hub.sim("faults", no_totals=True)
	assert set(hub.data(CONTACTS)) == {"contacts", "search"}
	hub.sim("faults", no_totals=False, wrong_total={"total": 7}, cap_limit={"limit": 20})
	data = hub.data(CONTACTS, limit=100)
	assert data["pagination"] == {"total": 7, "page": 1, "limit": 100, "pages": 1}
	assert len(data["contacts"]) == 20


def test_one_row_can_be_broken_on_one_page(hub: Any) -> None:
	hub.sim("faults", broken_row={"index": 1, "row": {"id": None}, "page": 2})
	assert None not in ids(hub.data(CONTACTS, page=1))
	assert ids(hub.data(CONTACTS, page=2)).index(None) == 1


def test_rows_can_be_shuffled_and_none_gets_lost(hub: Any) -> None:
	before = ids(hub.data(CONTACTS))
	hub.sim("faults", shuffled_rows=True)
	after = ids(hub.data(CONTACTS))
	assert after != before and sorted(after) == sorted(before)


def test_events_can_be_lost_doubled_late_and_unsigned(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "message.received", secret="a-secret-of-the-tests-0123456789")

	def deliver(text: str) -> list[str]:
		receiver.received.clear()
		hub.sim("incoming", session="demo_session", text=text)
		hub.settle()
		return [each.json["data"]["body"] for each in receiver.received]

	hub.sim("faults", webhooks_lost={"times": 1})
	assert [deliver("a"), deliver("b")] == [[], ["b"]]
	hub.sim("faults", webhooks_twice={"copies": 3, "times": 1})
	assert deliver("c") == ["c"] * 3
	hub.sim("faults", webhooks_unsigned={"times": 1})
	assert deliver("d") == ["d"] and "x-webhook-signature" not in receiver.received[0].headers
	hub.sim("faults", webhooks_late={"seconds": 0.2, "times": 1})
	hub.sim("incoming", session="demo_session", text="late")
	assert deliver("early") == ["early", "late"]


def test_an_unknown_fault_or_parameter_is_refused(hub: Any) -> None:
	for body in ({"F9": True}, {"latency": {"seconds": 3}}):
		answer = hub.client.post("/__sim__/faults", json=body)
		assert answer.status_code == 400 and answer.json()["error"]
	assert hub.state()["faults"] == {}


def test_all_faults_go_at_once(hub: Any) -> None:
	hub.sim("faults", F1=True, F6=True, latency={"ms": 1})
	hub.client.delete("/__sim__/faults")
	assert hub.state()["faults"] == {}
	assert hub.get(CHATS).status_code == 200
