"""What the button "Test connection" says."""

from collections.abc import Callable

import pytest
import requests
import responses
from redis import Redis

from support.hub import HUB, LOGIN
from xappiens_whatsapp.inbox_hub.client import InboxHubClient
from xappiens_whatsapp.inbox_hub.diagnosis import diagnose
from xappiens_whatsapp.inbox_hub.errors import Disabled, Misconfigured
from xappiens_whatsapp.inbox_hub.http import HubTransport

MakeClient = Callable[..., InboxHubClient]
EMAIL = "api@crm.example"
SESSIONS = HUB + "/api/sessions"
STATUS = HUB + "/api/sessions/demo_session/status"


def failed(code: str) -> dict:
	return {"success": False, "error": "text", "code": code}


@pytest.fixture
def healthy(hub: responses.RequestsMock) -> responses.RequestsMock:
	hub.get(HUB + "/health", json={"success": True})
	hub.post(HUB + "/api/auth/login", json=LOGIN)
	hub.get(SESSIONS, json={"data": {"sessions": []}})
	hub.get(STATUS, json={"data": {"sessionId": "demo_session", "status": "connected", "isConnected": True}})
	return hub


def check(client: InboxHubClient, reason: str, hint: str) -> None:
	result = diagnose(client)
	assert (result["ok"], result["reason"]) == (reason == "ok", reason)
	assert hint in result["message"]


@pytest.mark.parametrize("session", ["demo_session", None])
def test_all_is_well(healthy: responses.RequestsMock, make_client: MakeClient, session: str | None) -> None:
	client = make_client(session, email=EMAIL)
	check(client, "ok", "All is well")
	assert client.calls == (3 if session else 2)


@pytest.mark.parametrize(
	("method", "url", "answer", "reason", "hint"),
	[
		("GET", HUB + "/health", {"body": requests.ConnectTimeout()}, "host_unreachable", "API Base URL"),
		("GET", HUB + "/health", {"body": requests.ReadTimeout()}, "host_unreachable", "API Timeout"),
		("GET", HUB + "/health", {"body": requests.exceptions.SSLError()}, "tls_error", "certificate"),
		("GET", HUB + "/health", {"status": 301}, "not_a_hub", "redirect"),
		("GET", HUB + "/health", {"body": "<h1>Welcome</h1>"}, "not_a_hub", "not Inbox Hub"),
		("GET", HUB + "/health", {"json": [1]}, "not_a_hub", "cannot be understood"),
		("GET", HUB + "/health", {"status": 502}, "hub_failed", "HTTP 502"),
		(
			"POST",
			HUB + "/api/auth/login",
			{"status": 401, "json": failed("AUTHENTICATION_FAILED")},
			"wrong_login",
			"API Password",
		),
		("POST", HUB + "/api/auth/login", {"status": 429}, "rate_limited", "seconds"),
		("GET", SESSIONS, {"status": 401, "json": failed("INVALID_API_KEY")}, "wrong_key", "API Key"),
		("GET", SESSIONS, {"status": 401, "json": failed("INVALID_TOKEN")}, "wrong_login", "token"),
		("GET", SESSIONS, {"status": 403}, "not_allowed", "permission"),
		("GET", SESSIONS, {"status": 404}, "hub_failed", "does not know"),
		(
			"GET",
			STATUS,
			{"status": 404, "json": failed("SESSION_NOT_FOUND")},
			"session_unknown",
			"demo_session",
		),
		(
			"GET",
			STATUS,
			{"json": {"data": {"sessionId": "demo_session", "status": "qr"}}},
			"session_not_connected",
			"not linked",
		),
	],
)
def test_each_thing_that_can_be_wrong_is_told_apart(
	healthy: responses.RequestsMock, make_client: MakeClient, method, url, answer, reason, hint
) -> None:
	healthy.replace(method, url, **answer)
	check(make_client(email=EMAIL, retries=0), reason, hint)


def test_a_proxy_that_hides_the_health_page_does_not_hide_the_hub(
	healthy: responses.RequestsMock, make_client: MakeClient
) -> None:
	healthy.replace("GET", HUB + "/health", status=404)
	check(make_client(email=EMAIL), "ok", "All is well")


class CannotConnect(InboxHubClient):
	error: Exception

	def connect(self) -> HubTransport:
		raise self.error


@pytest.mark.parametrize(
	("error", "reason"),
	[(Disabled("Tick Enabled"), "disabled"), (Misconfigured("Enter the key"), "not_configured")],
)
def test_what_is_wrong_in_the_settings_is_told(error: Exception, reason: str) -> None:
	client = CannotConnect()
	client.error = error
	check(client, reason, str(error))


def test_a_redis_that_is_away_is_told(
	healthy: responses.RequestsMock, make_transport: Callable[..., HubTransport]
) -> None:
	nowhere = Redis(unix_socket_path="/nonexistent/redis.sock")
	client = InboxHubClient(None, HubTransport(make_transport().config, nowhere, patience_seconds=0))
	check(client, "redis_unavailable", "redis_queue")
