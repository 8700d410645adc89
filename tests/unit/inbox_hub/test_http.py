"""What goes out, what comes back, and what is made again."""

import json
import logging
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest
import requests
import responses
from redis import Redis

from support.hub import API_KEY, GET, GET_URL, HUB, LOGIN, PASSWORD, SEND, SEND_URL, TOKEN, failed
from xappiens_whatsapp.inbox_hub import errors, http
from xappiens_whatsapp.inbox_hub.auth import PAUSE_SECONDS
from xappiens_whatsapp.inbox_hub.calls import make_call
from xappiens_whatsapp.inbox_hub.http import HubTransport

HEALTH = make_call("GET", "/health", is_public=True)
LOGIN_URL = f"{HUB}/api/auth/login"
MakeTransport = Callable[..., HubTransport]
EMAIL = "api@crm.example"


def paths(hub: responses.RequestsMock) -> list[str]:
	return [f"{call.request.method} {call.request.path_url}" for call in hub.calls]


# Who we are


def test_with_a_login_a_call_carries_the_token_and_the_key(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.post(LOGIN_URL, json=LOGIN)
	hub.get(GET_URL, json={"data": {}})
	make_transport(email=EMAIL).request(GET)
	login, call = (each.request for each in hub.calls)
	assert json.loads(login.body) == {"identifier": EMAIL, "password": PASSWORD}
	assert "X-API-Key" not in login.headers and "Authorization" not in login.headers
	assert (call.headers["Authorization"], call.headers["X-API-Key"]) == (f"Bearer {TOKEN}", API_KEY)
	assert call.headers["Accept"] == "application/json" and len(call.headers["X-Request-Id"]) == 32


def test_without_a_login_the_key_alone_is_sent(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(GET_URL, json={"data": {}})
	make_transport().request(GET)
	assert hub.calls[0].request.headers["X-API-Key"] == API_KEY
	assert "Authorization" not in hub.calls[0].request.headers


def test_a_public_call_carries_nothing_and_counts_nowhere(
	hub: responses.RequestsMock, make_transport: MakeTransport, redis: Redis
) -> None:
	hub.get(
		HUB + "/health",
		json={"success": True},
		headers={"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9"},
	)
	make_transport(email=EMAIL).request(HEALTH)
	assert not {"X-API-Key", "Authorization"} & set(hub.calls[0].request.headers)
	assert redis.keys("*") == []


def test_a_netrc_file_does_not_replace_the_credentials(
	hub: responses.RequestsMock, make_transport: MakeTransport, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
	netrc = tmp_path / "netrc"
	netrc.write_text("machine inbox-hub.example login somebody password else\n")
	monkeypatch.setenv("NETRC", str(netrc))
	hub.get(GET_URL, json={})
	make_transport().request(GET)
	assert "Authorization" not in hub.calls[0].request.headers


def test_cookies_of_the_hub_are_not_kept(hub: responses.RequestsMock, make_transport: MakeTransport) -> None:
	hub.get(GET_URL, json={}, headers={"Set-Cookie": "sid=1; Path=/"})
	transport = make_transport()
	transport.request(GET)
	transport.request(GET)
	assert "Cookie" not in hub.calls[1].request.headers


def test_a_redirect_is_not_followed_and_gets_no_credentials(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(GET_URL, status=302, headers={"Location": "https://evil.example/"})
	hub.get("https://evil.example/", json={})
	with pytest.raises(errors.Misconfigured) as caught:
		make_transport().request(GET)
	assert "redirect" in str(caught.value)
	assert len(hub.calls) == 1


# A token that wears out


def test_a_refused_token_is_replaced_once_and_the_call_made_again(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	tokens = count(1)
	hub.add_callback(
		"POST",
		LOGIN_URL,
		lambda request: (200, {}, json.dumps({"data": {"accessToken": f"t{next(tokens)}"}})),
	)
	hub.add_callback(
		"POST",
		SEND_URL,
		lambda request: (
			(401, {}, json.dumps(failed("INVALID_TOKEN")))
			if request.headers["Authorization"] == "Bearer t1"
			else (200, {}, json.dumps({"data": {"messageId": "A1"}}))
		),
	)
	transport = make_transport(email=EMAIL)
	assert transport.request(SEND)["data"]["messageId"] == "A1"
	assert paths(hub) == [
		"POST /api/auth/login",
		f"POST {SEND.path}",
		"POST /api/auth/login",
		f"POST {SEND.path}",
	]
	assert transport.calls == 2


def test_a_hub_that_refuses_what_it_has_just_issued_is_not_asked_for_more(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.post(LOGIN_URL, json=LOGIN)
	hub.get(GET_URL, status=401, json=failed("INVALID_TOKEN"))
	transport = make_transport(email=EMAIL)
	for _call in range(3):
		with pytest.raises(errors.AuthenticationFailed):
			transport.request(GET)
	assert paths(hub).count("POST /api/auth/login") == 2


@pytest.mark.parametrize(
	"status_and_code", [(401, "INVALID_API_KEY"), (401, "MISSING_API_KEY"), (403, "AUTHORIZATION_FAILED")]
)
def test_a_bad_key_or_permission_is_told_at_once_without_a_new_login(
	hub: responses.RequestsMock, make_transport: MakeTransport, status_and_code: tuple
) -> None:
	status, code = status_and_code
	hub.post(LOGIN_URL, json=LOGIN)
	hub.get(GET_URL, status=status, json=failed(code))
	with pytest.raises(errors.AuthenticationFailed):
		make_transport(email=EMAIL).request(GET)
	assert paths(hub) == ["POST /api/auth/login", f"GET {GET.path}"]


def test_a_wrong_login_is_told_at_once_and_nothing_else_is_asked(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.post(LOGIN_URL, status=401, json=failed("AUTHENTICATION_FAILED", f"no: {PASSWORD}"))
	for _call in range(3):
		with pytest.raises(errors.AuthenticationFailed) as caught:
			make_transport(email=EMAIL).request(GET)
		assert caught.value.fault == "login" and PASSWORD not in repr(vars(caught.value))
	assert paths(hub) == ["POST /api/auth/login"]


def test_a_login_that_cannot_be_made_just_now_is_waited_for(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.post(LOGIN_URL, status=502)
	hub.post(LOGIN_URL, json=LOGIN)
	hub.post(SEND_URL, json={"data": {"messageId": "A1"}})
	transport = make_transport(email=EMAIL, sleep=time.sleep)
	assert transport.request(SEND)["data"]["messageId"] == "A1"
	assert paths(hub) == ["POST /api/auth/login", "POST /api/auth/login", f"POST {SEND.path}"]
	assert transport.seconds_waited >= PAUSE_SECONDS - 1


def test_who_has_no_patience_for_the_login_is_told(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.post(LOGIN_URL, status=429, headers={"Retry-After": "600"})
	for _call in range(2):
		with pytest.raises(errors.RateLimited) as caught:
			make_transport(email=EMAIL, patience_seconds=3).request(SEND)
		assert caught.value.retry_after > 590
	assert paths(hub) == ["POST /api/auth/login"]


def test_with_the_key_alone_a_401_is_final(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(GET_URL, status=401, json=failed("INVALID_TOKEN"))
	with pytest.raises(errors.AuthenticationFailed):
		make_transport().request(GET)
	assert len(hub.calls) == 1


# Again, or not again


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_safe_call_is_made_again_as_often_as_the_settings_say(
	hub: responses.RequestsMock, make_transport: MakeTransport, sleeper, retries: int
) -> None:
	hub.get(GET_URL, status=503)
	transport = make_transport(retries=retries)
	with pytest.raises(errors.HubUnavailable):
		transport.request(GET)
	assert len(hub.calls) == transport.calls == retries + 1
	assert len(sleeper.slept) == retries
	assert all(0.25 * 2**turn <= seconds <= 0.5 * 2**turn for turn, seconds in enumerate(sleeper.slept))
	assert transport.seconds_waited == pytest.approx(sum(sleeper.slept))


def test_a_call_that_works_again_is_answered(
	hub: responses.RequestsMock, make_transport: MakeTransport, caplog
) -> None:
	hub.get(GET_URL, status=500, json=failed("INTERNAL_ERROR"))
	hub.get(GET_URL, body=requests.ConnectionError("reset"))
	hub.get(GET_URL, json={"data": {"x": 1}})
	with caplog.at_level(logging.WARNING):
		assert make_transport().request(GET) == {"data": {"x": 1}}
	assert len(hub.calls) == 3
	assert [record.getMessage() for record in caplog.records] == [
		"GET /api/contacts/demo_session: HubUnavailable, trying again"
	] * 2


def test_the_log_names_nobody(hub: responses.RequestsMock, make_transport: MakeTransport, caplog) -> None:
	call = make_call("GET", "/api/messages/demo_session/34600000002%40s.whatsapp.net")
	hub.get(HUB + call.path, status=500)
	with suppress(errors.HubUnavailable), caplog.at_level(logging.DEBUG, logger=http.__name__):
		make_transport(retries=1).request(call)
	assert "trying again" in caplog.text and "34600000002" not in caplog.text


def test_the_hub_is_given_the_time_it_asks_for(
	hub: responses.RequestsMock, make_transport: MakeTransport, sleeper
) -> None:
	hub.get(GET_URL, status=503, headers={"Retry-After": "7"})
	hub.get(GET_URL, json={})
	make_transport().request(GET)
	assert sleeper.slept == [7]


def test_no_longer_is_waited_than_the_caller_has_patience(
	hub: responses.RequestsMock, make_transport: MakeTransport, sleeper
) -> None:
	hub.get(GET_URL, status=503, headers={"Retry-After": "7"})
	with pytest.raises(errors.HubUnavailable):
		make_transport(patience_seconds=3).request(GET)
	assert sleeper.slept == [] and len(hub.calls) == 1


def test_the_pauses_do_not_grow_for_ever() -> None:
	assert max(http._backoff(tries) for tries in range(1, 11)) <= http.MAX_BACKOFF_SECONDS


def test_a_429_stops_all_workers_and_the_call_waits_for_the_reset(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(GET_URL, status=429, json=failed("RATE_LIMIT_EXCEEDED"), headers={"Retry-After": "30"})
	for _worker in range(3):
		with pytest.raises(errors.RateLimited) as caught:
			make_transport(patience_seconds=3).request(GET)
		assert 28 < caught.value.retry_after <= 30
	assert len(hub.calls) == 1


def test_after_a_429_even_a_send_is_made_again(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.post(
		SEND_URL, status=429, json=failed("MESSAGE_RATE_LIMIT_EXCEEDED"), headers={"Retry-After": "0.05"}
	)
	hub.post(SEND_URL, json={"data": {"messageId": "A1"}})
	transport = make_transport(sleep=time.sleep)
	assert transport.request(SEND)["data"]["messageId"] == "A1"
	assert len(hub.calls) == 2 and transport.seconds_waited > 0


def test_a_429_that_does_not_end_is_raised_after_the_last_try(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(GET_URL, status=429, json=failed("RATE_LIMIT_EXCEEDED"), headers={"Retry-After": "0"})
	with pytest.raises(errors.RateLimited):
		make_transport(retries=2).request(GET)
	assert len(hub.calls) == 3


def test_a_429_on_a_public_call_does_not_stop_the_others(
	hub: responses.RequestsMock, make_transport: MakeTransport, redis: Redis
) -> None:
	hub.get(HUB + "/health", status=429)
	with pytest.raises(errors.RateLimited):
		make_transport(retries=0).request(HEALTH)
	assert redis.keys("*") == []


@pytest.mark.parametrize(
	("status", "code"),
	[(500, "WHATSAPP_ERROR"), (502, ""), (504, ""), (200, "INTERNAL_ERROR"), (400, "VALIDATION_ERROR")],
)
def test_a_send_that_was_answered_is_not_made_again(
	hub: responses.RequestsMock, make_transport: MakeTransport, status, code
) -> None:
	hub.post(SEND_URL, status=status, json=failed(code))
	with pytest.raises(errors.InboxHubError) as caught:
		make_transport().request(SEND)
	assert isinstance(caught.value, errors.InvalidRequest if status == 400 else errors.OutcomeUnknown)
	assert len(hub.calls) == 1


def test_the_budget_is_used_up_by_calls_and_told_to_the_caller(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(GET_URL, json={})
	transport = make_transport(patience_seconds=3)
	for _call in range(30):
		transport.request(GET)
	with pytest.raises(errors.RateLimited) as caught:
		transport.request(GET)
	assert caught.value.retry_after > 50 and transport.calls == 30 == len(hub.calls)


def test_what_the_headers_say_is_learned_by_all_workers(
	hub: responses.RequestsMock, make_transport: MakeTransport
) -> None:
	hub.get(
		GET_URL,
		json={},
		headers={"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "40"},
	)
	make_transport().request(GET)
	with pytest.raises(errors.RateLimited):
		make_transport(patience_seconds=3).request(GET)
	assert len(hub.calls) == 1


# What must not be seen


@pytest.mark.parametrize(
	"outcome",
	[
		{
			"status": 401,
			"json": failed("INVALID_API_KEY", f"{API_KEY} {TOKEN} {PASSWORD} sentinel-webhook-secret"),
		},
		{"status": 500, "body": f"{API_KEY} {TOKEN} {PASSWORD} sentinel-webhook-secret"},
		{"status": 200, "body": f"{API_KEY} {TOKEN} {PASSWORD} sentinel-webhook-secret"},
		{"status": 429, "json": failed("RATE_LIMIT_EXCEEDED", API_KEY)},
		{"body": requests.ConnectionError(f"{API_KEY} {TOKEN}")},
		{"body": requests.ReadTimeout(f"{API_KEY} {TOKEN}")},
		{"body": requests.exceptions.InvalidHeader(f"{API_KEY} {TOKEN}")},
	],
)
def test_no_secret_is_in_an_error_its_traceback_or_the_log(
	hub: responses.RequestsMock, make_transport: MakeTransport, caplog, outcome: dict
) -> None:
	hub.post(LOGIN_URL, json=LOGIN)
	hub.post(HUB + "/api/webhooks", **outcome)
	call = make_call("POST", "/api/webhooks", json={"secret": "sentinel-webhook-secret"})
	with caplog.at_level(logging.DEBUG), pytest.raises(errors.InboxHubError) as caught:
		make_transport(email=EMAIL, patience_seconds=1).request(call)
	assert_no_secret(caught.value, caplog.text)


def test_no_secret_is_in_the_traceback_of_a_login(
	hub: responses.RequestsMock, make_transport: MakeTransport, caplog
) -> None:
	for body in ({"data": {"accessToken": None, "refreshToken": TOKEN}}, failed("", PASSWORD)):
		hub.post(LOGIN_URL, json=body)
		with pytest.raises(errors.InboxHubError) as caught:
			make_transport(email=EMAIL, password=PASSWORD).request(GET)
		assert_no_secret(caught.value, caplog.text)


def assert_no_secret(error: Exception, log: str) -> None:
	# As Frappe's error log shows it: every frame with its variables.
	seen = traceback.TracebackException.from_exception(error, capture_locals=True)
	ours = [frame for frame in seen.stack if "/xappiens_whatsapp/" in frame.filename]
	assert ours and seen.__context__ is None and seen.__cause__ is None
	text = "\n".join(f"{frame.name} {frame.locals}" for frame in ours) + repr(vars(error)) + str(error) + log
	assert "sentinel" not in text
