"""Who is let in, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

pytestmark = pytest.mark.unit

CONTACTS = "/api/contacts/demo_session"


def test_a_login_gives_a_signed_token_that_expires_when_it_says(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(token_lifetime=7200)
	answer = hub.client.post(
		"/api/auth/login", json={"identifier": "api@crm.example", "password": "simulator-password"}
	)
	data = answer.json()["data"]
	claims = jwt.decode(data["accessToken"], options={"verify_signature": False})
	assert claims["exp"] - claims["iat"] == 7200
	assert data["expiresIn"] == "2h"
	assert abs(claims["iat"] - time.time()) < 60


@pytest.mark.parametrize(
	("headers", "code"),
	[
		({}, "MISSING_API_KEY"),
		({"X-API-Key": "another"}, "INVALID_API_KEY"),
		({"X-API-Key": "simulator-api-key", "Authorization": "Bearer nonsense"}, "INVALID_TOKEN"),
		({"X-API-Key": "simulator-api-key", "Authorization": "Basic abc"}, "INVALID_TOKEN"),
		({"Authorization": "Bearer nonsense"}, "MISSING_API_KEY"),
	],
)
def test_a_whatsapp_route_without_the_right_credentials_is_401(
	hub: Any, headers: dict[str, str], code: str
) -> None:
	answer = hub.client.get(CONTACTS, headers=headers)
	assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_the_key_alone_is_enough_unless_the_hub_wants_both(hub: Any, make_hub: Callable[..., Any]) -> None:
	assert hub.get(CONTACTS).status_code == 200
	strict = make_hub(session=["demo_session:connected"], auth="jwt+key")
	refused = strict.get(CONTACTS)
	assert (refused.status_code, refused.json()["code"]) == (401, "MISSING_TOKEN")
	strict.login()
	assert strict.get(CONTACTS).status_code == 200


def test_a_token_past_its_time_is_refused(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected"], token_lifetime=-1)
	hub.login()
	assert hub.get(CONTACTS).json()["code"] == "INVALID_TOKEN"


def test_tokens_can_be_expired_at_once_and_a_new_login_helps(hub: Any) -> None:
	hub.login()
	assert hub.get(CONTACTS).status_code == 200
	hub.sim("faults", expire_tokens=True)
	assert hub.get(CONTACTS).json()["code"] == "INVALID_TOKEN"
	hub.login()
	assert hub.get(CONTACTS).status_code == 200


def test_a_refresh_token_renews_but_opens_nothing_itself(hub: Any) -> None:
	credentials = {"identifier": "demo", "password": "simulator-password"}
	data = hub.client.post("/api/auth/login", json=credentials).json()["data"]
	as_bearer = {"Authorization": f"Bearer {data['refreshToken']}"}
	assert hub.get("/api/auth/profile").status_code == 401
	assert hub.call("GET", CONTACTS, headers=as_bearer).status_code == 401
	renewed = hub.client.post("/api/auth/refresh-token", json={"refreshToken": data["refreshToken"]})
	hub.headers["Authorization"] = f"Bearer {renewed.json()['data']['accessToken']}"
	assert hub.get("/api/auth/profile").json()["data"]["user"]["id"] == 2


def test_the_sixth_login_of_a_quarter_of_an_hour_is_429_even_if_right(make_hub: Callable[..., Any]) -> None:
	hub = make_hub()
	wrong = {"identifier": "api@crm.example", "password": "wrong"}
	for _ in range(5):
		refused = hub.client.post("/api/auth/login", json=wrong)
		assert (refused.status_code, refused.json()["code"]) == (401, "AUTHENTICATION_FAILED")
	answer = hub.client.post(
		"/api/auth/login", json={"identifier": "api@crm.example", "password": "simulator-password"}
	)
	assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
	assert answer.headers["RateLimit-Limit"] == "5"
	assert answer.headers["RateLimit-Remaining"] == "0"
	assert 0 < int(answer.headers["RateLimit-Reset"]) <= 900


def test_the_31st_call_of_a_minute_is_429_with_headers_and_spanish_text(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected", "other_session:connected"], rate=30)
	remaining = [int(hub.get(CONTACTS, limit=1).headers["X-RateLimit-Remaining"]) for _ in range(30)]
	assert remaining == list(range(29, -1, -1))
	answer = hub.get(CONTACTS, limit=1)
	assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMIT_EXCEEDED")
	assert "Demasiadas solicitudes" in answer.json()["error"]
	assert answer.headers["X-RateLimit-Limit"] == "30"
	assert time.time() < int(answer.headers["X-RateLimit-Reset"]) <= time.time() + 61
	assert answer.headers["RateLimit-Policy"] == "1000;w=900"
	assert hub.get("/api/contacts/other_session", limit=1).status_code == 200


def test_number_and_string_of_a_session_share_one_budget(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected"], rate=2)
	assert hub.get("/api/sessions/2/status").status_code == 200
	assert hub.get("/api/sessions/demo_session/status").status_code == 200
	assert hub.get(CONTACTS).status_code == 429


def test_a_budget_is_full_again_when_its_window_has_passed(
	make_hub: Callable[..., Any], wait: Callable[..., Any]
) -> None:
	hub = make_hub(session=["demo_session:connected"], rate=1, rate_window=0.2)
	assert hub.get(CONTACTS, limit=1).status_code == 200
	assert hub.get(CONTACTS, limit=1).status_code == 429
	wait(lambda: hub.get(CONTACTS, limit=1).status_code == 200)


def test_the_eleventh_message_of_a_minute_is_429_of_its_own_kind(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected"], rate=30, send_rate=10)
	body = {"to": "34600000002", "message": "Hola"}
	statuses = [hub.post("/api/messages/demo_session/send", body).status_code for _ in range(10)]
	assert statuses == [200] * 10
	answer = hub.post("/api/messages/demo_session/send", body)
	assert (answer.status_code, answer.json()["code"]) == (429, "MESSAGE_RATE_LIMIT_EXCEEDED")
	assert hub.get(CONTACTS).status_code == 200
	assert hub.state()["sessions"]["demo_session"]["expected"]["live_messages"] == 10


def test_the_general_limit_hits_everything_below_api(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected"], general_limit=2)
	assert [hub.get(CONTACTS).status_code for _ in range(3)] == [200, 200, 429]
	assert hub.get("/health").status_code == 200


def test_an_unlimited_hub_says_so_in_its_headers(hub: Any) -> None:
	answer = hub.get(CONTACTS)
	assert int(answer.headers["X-RateLimit-Limit"]) >= 1_000_000
	assert int(answer.headers["RateLimit-Remaining"]) > 100_000


def test_every_answer_below_api_carries_the_general_headers(hub: Any) -> None:
	for path in (CONTACTS, "/api/contacts/unknown", "/api/nowhere", "/api/auth/profile"):
		assert "RateLimit-Limit" in hub.get(path).headers, path


@pytest.mark.parametrize("path", ["/api/webhooks/organizations/1", "/api/organizations/my-organizations"])
def test_organisations_and_webhooks_want_the_token(hub: Any, path: str) -> None:
	refused = hub.get(path)
	assert (refused.status_code, refused.json()["code"]) == (401, "MISSING_TOKEN")
	hub.login()
	assert hub.get(path).status_code == 200


def test_health_is_public(hub: Any) -> None:
	answer = hub.client.get("/health")
	assert answer.status_code == 200
	assert answer.json()["success"] is True and answer.json()["version"] == "1.0.0"


def test_an_unknown_route_or_method_is_a_json_404(hub: Any) -> None:
	for method, path in (("GET", "/api/nowhere"), ("PATCH", CONTACTS), ("GET", "/api/webhooks")):
		answer = hub.call(method, path)
		assert (answer.status_code, answer.json()["success"]) == (404, False)


def test_a_changed_password_is_the_right_one_until_the_reset(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(login_limit=0)
	hub.login()
	body = {"currentPassword": "simulator-password", "newPassword": "Otra-clave-2"}
	assert hub.call("PUT", "/api/auth/change-password", body).status_code == 200
	old = {"identifier": "api@crm.example", "password": "simulator-password"}
	assert hub.client.post("/api/auth/login", json=old).status_code == 401
	new = {"identifier": "api@crm.example", "password": "Otra-clave-2"}
	assert hub.client.post("/api/auth/login", json=new).status_code == 200
	hub.sim("reset")
	assert hub.client.post("/api/auth/login", json=old).status_code == 200
