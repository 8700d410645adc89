"""The life of a session."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.unit


def create(hub: Any, **fields: Any) -> Any:
	return hub.post("/api/sessions", {"sessionId": "demo_session", "sessionName": "Demo", **fields})


def test_a_session_goes_from_created_over_the_qr_to_connected(
	make_hub: Callable[..., Any], wait: Callable[..., Any]
) -> None:
	hub = make_hub()
	created = create(hub)
	assert created.status_code == 201
	assert created.json()["data"]["session"]["status"] == "disconnected"
	not_ready = hub.get("/api/sessions/demo_session/qr")
	assert (not_ready.status_code, not_ready.json()["error"]) == (404, "QR not ready")
	assert hub.post("/api/sessions/demo_session/connect", {}).json()["data"]["status"] == "connecting"
	qr = wait(lambda: hub.get("/api/sessions/demo_session/qr").json().get("data"))
	assert base64.b64decode(qr["qrCode"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
	assert hub.data("/api/sessions/demo_session/status")["status"] == "qr_code"
	hub.sim("scan", session="demo_session")
	wait(lambda: hub.data("/api/sessions/demo_session/status")["isConnected"])
	status = hub.data("/api/sessions/2/status")
	assert status == status | {"id": 2, "status": "connected", "phoneNumber": "34600000001", "hasQR": False}


def test_nothing_exists_at_the_start(make_hub: Callable[..., Any]) -> None:
	assert make_hub().data("/api/sessions")["sessions"] == []


def test_a_qr_that_nobody_scans_is_renewed(make_hub: Callable[..., Any], wait: Callable[..., Any]) -> None:
	hub = make_hub(qr_lifetime=0.1)
	create(hub)
	hub.post("/api/sessions/demo_session/connect")
	serial = lambda: hub.state()["sessions"]["demo_session"]["qrSerial"]  # noqa: E731
	wait(lambda: serial() == 1)
	first = hub.state()
	wait(lambda: serial() >= 2)
	assert first["sessions"]["demo_session"]["status"] == "qr_code"
	wait(lambda: hub.status() == "disconnected")


def test_a_scan_can_happen_by_itself(make_hub: Callable[..., Any], wait: Callable[..., Any]) -> None:
	hub = make_hub(scan_after=0.05)
	create(hub)
	hub.post("/api/sessions/demo_session/connect")
	wait(lambda: hub.status() == "connected")


def test_after_a_disconnect_no_new_qr_is_needed_after_a_logout_it_is(
	hub: Any, wait: Callable[..., Any]
) -> None:
	hub.post("/api/sessions/demo_session/disconnect")
	assert hub.status() == "disconnected"
	hub.post("/api/sessions/demo_session/connect")
	wait(lambda: hub.status() == "connected")
	hub.sim("disconnect", session="demo_session", reason="logout")
	hub.post("/api/sessions/demo_session/connect")
	wait(lambda: hub.status() == "qr_code")


def test_a_restart_ends_connected_again(hub: Any, wait: Callable[..., Any]) -> None:
	assert hub.post("/api/sessions/demo_session/restart").json()["data"]["status"] == "connecting"
	wait(lambda: hub.status() == "connected")


def test_a_deleted_session_is_gone(hub: Any) -> None:
	assert hub.call("DELETE", "/api/sessions/demo_session").status_code == 200
	answer = hub.get("/api/sessions/demo_session/status")
	assert (answer.status_code, answer.json()["code"]) == (404, "SESSION_NOT_FOUND")


def test_the_same_session_id_twice_is_409(hub: Any) -> None:
	answer = create(hub)
	assert (answer.status_code, answer.json()["error"]) == (409, "Session already exists")


@pytest.mark.parametrize(
	("field", "value"),
	[
		("sessionId", "no"),
		("sessionId", "with space"),
		("sessionId", "x" * 101),
		("sessionId", None),
		("sessionName", ""),
		("sessionName", "x" * 256),
		("webhookUrl", "ftp://crm.example/x"),
		("webhookUrl", "http://"),
		("webhookSecret", "too short"),
		("webhookSecret", "x" * 256),
		("webhookEvents", ["message.received", "message.invented"]),
		("webhookEvents", []),
		("fromFrappe", "yes"),
	],
)
def test_creating_with_a_wrong_field_is_400_and_names_it(
	make_hub: Callable[..., Any], field: str, value: Any
) -> None:
	hub = make_hub()
	answer = create(hub, **{field: value})
	assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION_ERROR")
	assert field in answer.json()["details"]
	assert hub.state()["sessions"] == {}


def test_each_variant_of_the_create_answer_has_the_keys_of_its_document(make_hub: Callable[..., Any]) -> None:
	keys = {}
	for variant in ("live", "crm", "full", "metodos", "guia"):
		data = create(make_hub(create=variant)).json()["data"]
		keys[variant] = set(data.get("session", data))
	assert keys == {
		"live": {"id", "sessionId", "sessionName", "status", "phoneNumber", "sendToFrappe"},
		"crm": {"id", "sessionId", "status", "qrCode"},
		"full": {"id", "sessionId", "sessionName", "status", "phoneNumber", "qrCode", "createdAt"},
		"metodos": {"sessionId", "status", "qrCode", "phoneNumber", "createdAt"},
		"guia": {"id", "sessionId", "webhookUrl", "status"},
	}


def test_the_crm_variant_begins_to_connect_at_once(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(shape="crm")
	data = create(hub).json()["data"]
	assert data["status"] == "qr_code"
	assert data["qrCode"].startswith("data:image/png;base64,")
	assert hub.state()["sessions"]["demo_session"]["qrSerial"] == 1


def test_a_qr_that_is_not_ready_is_500_in_the_full_shape(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(shape="full")
	create(hub)
	answer = hub.get("/api/sessions/demo_session/qr")
	assert (answer.status_code, answer.json()["code"]) == (500, "QR_GENERATION_ERROR")


@pytest.mark.parametrize(
	("ids", "number", "string"), [("any", 200, 200), ("numeric", 200, 404), ("string", 404, 200)]
)
def test_which_id_session_routes_take_can_be_chosen(
	make_hub: Callable[..., Any], ids: str, number: int, string: int
) -> None:
	hub = make_hub(ids=ids, session=["demo_session:connected"])
	assert hub.get("/api/sessions/2/status").status_code == number
	assert hub.get("/api/sessions/demo_session/status").status_code == string


def test_messages_and_contacts_take_the_string_only(hub: Any) -> None:
	for path in ("/api/contacts/2", "/api/messages/2/chats"):
		assert hub.get(path).json()["code"] == "SESSION_NOT_FOUND"


def test_the_list_filters_by_status_and_refuses_unknown_ones(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected", "second_session"])
	connected = hub.data("/api/sessions", status="connected")["sessions"]
	assert [row["sessionId"] for row in connected] == ["demo_session"]
	assert hub.get("/api/sessions", status="nonsense").status_code == 400


def test_no_two_sessions_have_the_same_number(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=[f"session_{number}:connected" for number in range(5)])
	phones = {row["phoneNumber"] for row in hub.data("/api/sessions")["sessions"]}
	assert len(phones) == 5


def test_two_sessions_share_ids_unless_told_otherwise(make_hub: Callable[..., Any]) -> None:
	def ids(hub: Any, session: str) -> set[str]:
		rows = hub.data(f"/api/messages/{session}/34600000002@s.whatsapp.net")["messages"]
		return {row["whatsappMessageId"] for row in rows}

	names = ["session_one:connected", "session_two:connected"]
	same, distinct = make_hub(session=names), make_hub(session=names, distinct=True)
	assert ids(same, "session_one") == ids(same, "session_two")
	assert not ids(distinct, "session_one") & ids(distinct, "session_two")
