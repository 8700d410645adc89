"""Sessions at the Hub, which knows them by id and by number: how they are found, connected and shown a QR code."""

from collections.abc import Callable

import pytest
import responses

from support.hub import HUB, failed
from xappiens_whatsapp.inbox_hub.client import InboxHubClient
from xappiens_whatsapp.inbox_hub.errors import Conflict, HubUnavailable, NotFound

MakeClient = Callable[..., InboxHubClient]
SESSION = {"id": 12, "sessionId": "demo_session", "status": "connected", "isConnected": True}


# Numbers and ids of sessions


def test_where_the_number_is_unknown_to_the_hub_the_id_is_tried(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.post(HUB + "/api/sessions/12/connect", status=404, json=failed("SESSION_NOT_FOUND"))
	hub.post(HUB + "/api/sessions/demo_session/connect", json={"data": SESSION})
	assert make_client(number=12).connect_session()["data"]["sessionId"] == "demo_session"


def test_number_and_id_of_a_session_share_one_budget(
	hub: responses.RequestsMock, make_client: MakeClient, redis
) -> None:
	hub.get(HUB + "/api/sessions/12/status", json={"data": SESSION})
	hub.get(HUB + "/api/contacts/demo_session/stats", json={})
	client, stranger = make_client(number=12), make_client(None)
	client.get_session_status()
	client.get_contact_stats()
	stranger.find_session_id = {12: "demo_session"}.get
	stranger.get_session_status(12)
	logs = {key.decode().split("pacing:")[1]: redis.zcard(key) for key in redis.keys("*:log")}
	assert logs == {"calls:demo_session:log": 3}


def test_calls_about_the_account_have_a_budget_of_their_own(
	hub: responses.RequestsMock, make_client: MakeClient, redis
) -> None:
	hub.get(HUB + "/api/sessions", json={"data": {"sessions": []}})
	make_client().get_sessions()
	assert [key.decode().split("pacing:")[1] for key in redis.keys("*:log")] == ["calls::log"]


def test_the_number_is_looked_up_once_it_is_known(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + "/api/sessions/12/status", json={"data": SESSION})
	client, lookups = make_client(), []
	client.find_number = lambda session: lookups.append(session) or 12
	client.get_session_status()
	client.get_session_status()
	assert lookups == ["demo_session"]


# Status


def test_a_status_that_is_not_found_is_looked_for_in_the_list(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + "/api/sessions/12/status", status=404, json=failed("SESSION_NOT_FOUND"))
	hub.get(HUB + "/api/sessions/demo_session/status", status=404, json=failed("SESSION_NOT_FOUND"))
	pages = [
		{"data": {"sessions": [{"id": 1, "sessionId": "other_session"}], "pagination": {"pages": 2}}},
		{"data": {"sessions": [None, SESSION], "pagination": {"pages": 2}}},
	]
	for number, body in enumerate(pages, 1):
		hub.get(
			HUB + "/api/sessions",
			json=body,
			match=[responses.matchers.query_param_matcher({"page": number, "limit": 100})],
		)
	assert make_client(number=12).get_session_status()["data"]["isConnected"] is True


@pytest.mark.parametrize("number", [7, "other_session"])
def test_a_status_of_another_session_is_looked_for_as_well(
	hub: responses.RequestsMock, make_client: MakeClient, number
) -> None:
	hub.get(f"{HUB}/api/sessions/{number}/status", status=404, json=failed("SESSION_NOT_FOUND"))
	hub.get(
		HUB + "/api/sessions",
		json={"data": {"sessions": [{"id": 7, "sessionId": "other_session", "status": "connected"}]}},
	)
	assert make_client(number=12).get_session_status(number)["data"]["id"] == 7


def test_a_session_that_is_in_no_list_is_not_found(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + "/api/sessions/demo_session/status", status=404, json=failed("SESSION_NOT_FOUND"))
	hub.get(HUB + "/api/sessions", json={"data": {"sessions": [{"id": 1, "sessionId": "other_session"}]}})
	with pytest.raises(NotFound) as caught:
		make_client().get_session_status()
	assert caught.value.code == "SESSION_NOT_FOUND"


# Connecting


def test_connecting_what_is_connecting_already_tells_the_status(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.post(
		HUB + "/api/sessions/demo_session/connect", status=409, json=failed("CONFLICT", "already connecting")
	)
	hub.get(
		HUB + "/api/sessions/demo_session/status",
		json={"data": {**SESSION, "status": "connecting", "isConnected": False}},
	)
	assert make_client().connect_session()["data"]["status"] == "connecting"


def test_a_session_that_exists_is_a_conflict(hub: responses.RequestsMock, make_client: MakeClient) -> None:
	hub.post(HUB + "/api/sessions", status=400, json={"success": False, "message": "Session already exists"})
	with pytest.raises(Conflict):
		make_client().create_session("demo_session", "Demo")


def test_the_qr_code_is_handed_on(hub: responses.RequestsMock, make_client: MakeClient) -> None:
	body = {
		"success": True,
		"data": {"qrCode": "data:image/png;base64,AAAA", "expiresAt": "2025-10-14T06:35:00.000Z"},
	}
	hub.get(HUB + "/api/sessions/12/qr", json=body)
	assert make_client(number=12).get_qr() == body


@pytest.mark.parametrize(
	("status", "body"),
	[
		(404, failed("QR_NOT_READY")),
		(404, failed("", "QR not ready")),
		(500, failed("QR_GENERATION_ERROR")),
		(200, {"success": True, "data": {"qrCode": None}}),
		(200, {"success": True, "data": {}}),
	],
)
def test_a_qr_code_that_is_not_ready_is_one_error_after_one_call(
	hub: responses.RequestsMock, make_client: MakeClient, status, body
) -> None:
	hub.get(HUB + "/api/sessions/12/qr", status=status, json=body)
	client = make_client(number=12)
	with pytest.raises(NotFound) as caught:
		client.get_qr()
	assert caught.value.code == "QR_NOT_READY" and client.calls == 1


def test_the_qr_code_of_no_session_is_not_merely_late(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	for spelled in ("12", "demo_session"):
		hub.get(f"{HUB}/api/sessions/{spelled}/qr", status=404, json=failed("SESSION_NOT_FOUND"))
	with pytest.raises(NotFound) as caught:
		make_client(number=12).get_qr()
	assert caught.value.code == "SESSION_NOT_FOUND"


def test_a_hub_that_is_down_has_no_late_qr_code(hub: responses.RequestsMock, make_client: MakeClient) -> None:
	hub.get(HUB + "/api/sessions/demo_session/qr", status=502)
	with pytest.raises(HubUnavailable):
		make_client(retries=0).get_qr()
