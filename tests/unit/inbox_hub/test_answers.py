"""Each way the Hub can answer, and what it means (docs/hub.md, "Errors")."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xappiens_whatsapp.inbox_hub import answers, errors
from xappiens_whatsapp.inbox_hub.answers import Answer, may_repeat, understand
from xappiens_whatsapp.inbox_hub.calls import Call, make_call

GET = make_call("GET", "/api/messages/demo_session/chats")
QR = make_call("GET", "/api/sessions/12/qr")
SEND = make_call("POST", "/api/messages/demo_session/send", json={"message": "Hi"})
CREATE = make_call("POST", "/api/sessions", json={"sessionId": "demo_session"})
CONNECT = make_call("POST", "/api/sessions/12/connect")
PUT = make_call("PUT", "/api/sessions/12/webhook")
NGINX = b"<html><head><style>x{}</style><title>502 Bad Gateway</title></head><body><h1>502 Bad&nbsp;Gateway</h1></body></html>"
SQL = "column Message.isDeleted does not exist: SELECT"
NULLS = "notNull Violation: Message.whatsappMessageId cannot be null,\nnotNull Violation: Message.from cannot be null"


def answer(status: int, body: object = b"", **headers: str) -> Answer:
	raw = body if isinstance(body, bytes) else json.dumps(body).encode()
	return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw, "our-id")


def error_of(
	call: Call, status: int, body: object = b"", secrets: tuple = (), **headers: str
) -> errors.InboxHubError:
	with pytest.raises(errors.InboxHubError) as caught:
		understand(call, answer(status, body, **headers), secrets)
	return caught.value


def failed(code: str = "", text: str = "text") -> dict:
	return {"success": False, "error": text, **({"code": code} if code else {})}


# What is said, in the order of the table: status, body, the error, whether GET, CONNECT and SEND are made again
TABLE = [
	(400, failed("VALIDATION_ERROR", "Datos de entrada inválidos"), errors.InvalidRequest, ""),
	(400, failed("SESSION_NOT_CONNECTED"), errors.SessionNotConnected, ""),
	(400, failed("VALIDATION_ERROR", "La sesión debe estar conectada"), errors.SessionNotConnected, ""),
	(400, failed("", "La sesión debe estar conectada"), errors.SessionNotConnected, ""),
	(400, {"success": False, "message": "Session must be connected"}, errors.SessionNotConnected, ""),
	(409, failed("SESSION_DISCONNECTED"), errors.SessionNotConnected, ""),
	(400, failed("", "whatever"), errors.InvalidRequest, ""),
	(401, failed("MISSING_TOKEN"), errors.AuthenticationFailed, ""),
	(401, failed("INVALID_TOKEN"), errors.AuthenticationFailed, ""),
	(401, failed("MISSING_API_KEY"), errors.AuthenticationFailed, ""),
	(401, failed("INVALID_API_KEY"), errors.AuthenticationFailed, ""),
	(401, failed("AUTHENTICATION_FAILED"), errors.AuthenticationFailed, ""),
	(401, NGINX, errors.AuthenticationFailed, ""),
	(403, failed("AUTHORIZATION_FAILED"), errors.AuthenticationFailed, ""),
	(403, failed(), errors.AuthenticationFailed, ""),
	(404, failed("SESSION_NOT_FOUND"), errors.NotFound, ""),
	(404, failed("CONTACT_NOT_FOUND"), errors.NotFound, ""),
	(400, failed("WEBHOOK_NOT_FOUND"), errors.NotFound, ""),
	(404, NGINX, errors.NotFound, ""),
	(405, b"", errors.NotFound, ""),
	(409, failed("CONFLICT"), errors.Conflict, ""),
	(400, failed("", "Session already exists"), errors.Conflict, ""),
	(422, failed("", "validation"), errors.InvalidRequest, ""),
	(429, failed("RATE_LIMIT_EXCEEDED"), errors.RateLimited, "GET CONNECT SEND"),
	(429, failed("MESSAGE_RATE_LIMIT_EXCEEDED"), errors.RateLimited, "GET CONNECT SEND"),
	(429, NGINX, errors.RateLimited, "GET CONNECT SEND"),
	(400, failed("", "Demasiadas solicitudes, intenta más tarde"), errors.RateLimited, "GET CONNECT SEND"),
	(500, failed("CONNECTION_ERROR"), errors.HubUnavailable, "GET CONNECT"),
	(500, failed("WHATSAPP_ERROR"), errors.HubUnavailable, "GET CONNECT"),
	(500, failed("INTERNAL_ERROR"), errors.HubUnavailable, "GET CONNECT"),
	(500, failed("QR_GENERATION_ERROR"), errors.HubUnavailable, ""),
	(500, failed("INTERNAL_ERROR", SQL), errors.HubUnavailable, ""),
	(500, failed(), errors.HubUnavailable, "GET CONNECT"),
	(502, NGINX, errors.HubUnavailable, "GET CONNECT"),
	(503, b"", errors.HubUnavailable, "GET CONNECT"),
	(408, b"", errors.HubUnavailable, "GET CONNECT"),
	(200, failed("", "no"), errors.InvalidRequest, ""),
	(200, failed("SESSION_NOT_CONNECTED"), errors.SessionNotConnected, ""),
	(200, failed("INTERNAL_ERROR"), errors.HubUnavailable, "GET CONNECT"),
	(200, NGINX, errors.HubUnavailable, "GET CONNECT"),
	(200, b'{"data": ', errors.HubUnavailable, "GET CONNECT"),
	(200, b"[" * 100_000, errors.HubUnavailable, "GET CONNECT"),
	(200, b'\xff{"a":1}', errors.HubUnavailable, "GET CONNECT"),
	(200, [1], errors.PayloadError, ""),
	(200, b'"text"', errors.PayloadError, ""),
	(301, b"", errors.Misconfigured, ""),
	(302, failed(), errors.Misconfigured, ""),
	(304, b"", errors.Misconfigured, ""),
]


@pytest.mark.parametrize(("status", "body", "kind", "repeated"), TABLE)
def test_each_answer_is_one_error_and_one_decision(
	status: int, body: object, kind: type, repeated: str
) -> None:
	for name, call in (("GET", GET), ("CONNECT", CONNECT)):
		error = error_of(call, status, body)
		assert type(error) is kind
		assert may_repeat(call, error) is (name in repeated.split())
		assert error.status == status and error.request_id == "our-id"
		assert len(error.hub_text) <= answers.MAX_TEXT and len(str(error)) > 20


@pytest.mark.parametrize(("status", "body", "kind", "repeated"), TABLE)
def test_a_send_is_never_made_again_after_it_may_have_gone_out(status, body, kind, repeated) -> None:
	error = error_of(SEND, status, body)
	if kind in (errors.HubUnavailable, errors.PayloadError):
		assert type(error) is errors.OutcomeUnknown
	else:
		assert type(error) is kind
	assert may_repeat(SEND, error) is ("SEND" in repeated.split())


@pytest.mark.parametrize("text", [NULLS, "content is required"])
def test_a_refusal_after_which_the_message_may_be_there_is_an_unknown_outcome(text: str) -> None:
	assert type(error_of(SEND, 400, failed("WHATSAPP_ERROR", text))) is errors.OutcomeUnknown
	assert type(error_of(SEND, 400, failed("VALIDATION_ERROR", text))) is errors.OutcomeUnknown


def test_of_another_change_the_hub_is_believed_that_it_failed_but_no_proxy() -> None:
	assert type(error_of(CREATE, 500, failed("INTERNAL_ERROR"))) is errors.HubUnavailable
	assert not may_repeat(CREATE, error_of(CREATE, 500, failed("INTERNAL_ERROR")))
	assert type(error_of(CREATE, 504, NGINX)) is errors.OutcomeUnknown
	assert type(error_of(CREATE, 200, NGINX)) is errors.OutcomeUnknown


@pytest.mark.parametrize("call", [PUT, CREATE, CONNECT, make_call("DELETE", "/api/sessions/12")])
def test_an_empty_answer_to_a_change_is_success(call: Call) -> None:
	for empty in (answer(204), answer(200, b" \n"), answer(201)):
		assert understand(call, empty) == {"success": True, "data": {}}


def test_an_empty_answer_where_something_was_asked_for_is_none() -> None:
	assert type(error_of(GET, 204)) is errors.HubUnavailable
	assert error_of(GET, 200).code == "EMPTY_ANSWER"
	assert type(error_of(SEND, 204)) is errors.OutcomeUnknown


@pytest.mark.parametrize("body", [{"success": True, "data": {}}, {"data": {}}, {}, {"success": None}])
def test_a_success_is_handed_on_as_it_is(body: dict) -> None:
	assert understand(GET, answer(200, body)) == body
	assert understand(CREATE, answer(201, body)) == body


@pytest.mark.parametrize(
	("status", "body", "fault"),
	[
		(401, failed("INVALID_TOKEN"), "token"),
		(401, failed("MISSING_TOKEN"), "token"),
		(401, failed("AUTHENTICATION_FAILED", "Token expirado"), "token"),
		(401, failed("", "Unauthorized"), "token"),
		(401, failed("INVALID_API_KEY"), "key"),
		(401, failed("AUTHENTICATION_FAILED", "API key inválida"), "key"),
		(401, failed("", "Invalid api_key"), "key"),
		(403, failed("AUTHORIZATION_FAILED"), "permission"),
		(403, b"", "permission"),
	],
)
def test_a_401_is_about_the_token_the_key_or_the_permission(status: int, body: object, fault: str) -> None:
	error = error_of(GET, status, body)
	assert error.fault == fault and answers.is_token_fault(error) is (fault == "token")
	assert str(error).startswith("Authentication failed: ")


def test_the_failure_of_the_chats_query_is_recognised() -> None:
	assert answers.is_chats_fault(error_of(GET, 500, failed("INTERNAL_ERROR", SQL)))
	assert not answers.is_chats_fault(error_of(GET, 500, failed("INTERNAL_ERROR", "does not exist")))


def test_the_words_of_the_hub_are_found_shortened_and_on_one_line() -> None:
	assert error_of(GET, 400, {"error": "a\n b", "message": "c"}).hub_text == "a b"
	assert error_of(GET, 400, {"message": "c"}).hub_text == "c"
	assert error_of(GET, 400, {"error": {"message": "a", "code": "conflict"}}).code == "CONFLICT"
	assert error_of(GET, 400, {"error": "a", "details": {"to": "b"}}).hub_text == 'a {"to": "b"}'
	assert error_of(GET, 400, {"error": 5, "code": 7}).hub_text == ""
	assert len(error_of(GET, 400, {"error": "x" * 10_000}).hub_text) == answers.MAX_TEXT
	assert error_of(GET, 502, NGINX).hub_text == "502 Bad Gateway 502 Bad Gateway"


def test_no_secret_is_quoted() -> None:
	jwt = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6Mn0.c2lnbmF0dXJl"
	text = f"key sentinel-key and sentinel-key-2 and Bearer {jwt}"
	error = error_of(GET, 401, failed("INVALID_API_KEY", text), ("sentinel-key", "sentinel-key-2", ""))
	assert error.hub_text == "key *** and *** and Bearer ***"
	page = error_of(GET, 502, b"<p>sentinel-key</p>" + b"x" * 50_000, ("sentinel-key",))
	assert "sentinel" not in str(vars(page))


def test_a_secret_is_masked_before_the_text_is_cut() -> None:
	text = "x" * (answers.MAX_TEXT - 5) + "sentinel-key"
	assert "senti" not in error_of(GET, 400, failed("", text), ("sentinel-key",)).hub_text


def test_the_request_id_of_the_hub_is_preferred_to_ours() -> None:
	assert error_of(GET, 500, failed(), x_request_id="theirs").request_id == "theirs"
	assert error_of(GET, 500, failed(), cf_ray="ray").request_id == "ray"


def test_how_long_to_wait_is_on_the_error() -> None:
	assert error_of(GET, 429, failed(), retry_after="7").retry_after == 7
	assert "7 seconds" in str(error_of(GET, 429, failed(), retry_after="7"))
	assert error_of(GET, 503, b"", retry_after="9").retry_after == 9
	assert error_of(GET, 503, b"").retry_after == 0


def test_a_refused_login_says_so_whatever_the_hub_calls_it() -> None:
	error = answers.login_refused(
		errors.InvalidRequest("x", status=400, code="VALIDATION_ERROR", request_id="r")
	)
	assert (error.fault, error.status, error.request_id) == ("login", 400, "r")
	assert "API Email" in str(error)


@given(
	st.sampled_from([GET, SEND, CREATE, PUT, QR]),
	st.integers(100, 599),
	st.one_of(
		st.binary(max_size=60),
		st.dictionaries(
			st.sampled_from(["success", "error", "message", "code", "details", "data"]),
			st.one_of(
				st.none(),
				st.booleans(),
				st.integers(),
				st.text(max_size=9),
				st.lists(st.integers(), max_size=2),
				st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
			),
			max_size=5,
		).map(lambda body: json.dumps(body).encode()),
	),
)
def test_any_answer_is_a_dict_or_one_typed_error(call: Call, status: int, body: bytes) -> None:
	try:
		understood = understand(call, Answer(status, {}, body))
	except errors.InboxHubError as error:
		str(error).encode()
		if call is SEND and status >= 500:
			assert not may_repeat(call, error) or isinstance(error, errors.RateLimited)
	else:
		assert isinstance(understood, dict) and 200 <= status < 300
