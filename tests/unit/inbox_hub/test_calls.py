import pytest
from hypothesis import given
from hypothesis import strategies as st

from xappiens_whatsapp.inbox_hub.calls import Outgoing, make_call
from xappiens_whatsapp.inbox_hub.errors import InvalidRequest


def test_every_part_becomes_one_encoded_segment() -> None:
	call = make_call(
		"GET",
		"/api/messages/{sessionId}/{chatId}",
		parts={"sessionId": "demo_session", "chatId": "34600000002:1@s.whatsapp.net/../x?y#z{sessionId}"},
	)
	assert call.path == (
		"/api/messages/demo_session/34600000002%3A1%40s.whatsapp.net%2F..%2Fx%3Fy%23z%7BsessionId%7D"
	)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_part_can_leave_its_segment(part: str) -> None:
	try:
		call = make_call("GET", "/api/contacts/{sessionId}/stats", parts={"sessionId": part})
	except InvalidRequest:
		return
	assert call.path.count("/") == 4 and call.path.endswith("/stats") and "?" not in call.path


@pytest.mark.parametrize(
	"endpoint",
	[
		"",
		"api/sessions",
		"https://evil.example/api",
		"//evil.example/api",
		"/api/../../etc",
		"/api/..",
		"/api/sessions?x=1",
		"/api/sessions#x",
		"/api/ sessions",
		"/api/{chatId}",
		"/api\\sessions",
		"/api/sessions\n",
	],
)
def test_what_is_no_path_of_the_hub_is_refused(endpoint: str) -> None:
	with pytest.raises(InvalidRequest):
		make_call("GET", endpoint)


def test_parameters_that_are_not_given_are_left_out() -> None:
	call = make_call("GET", "/api/sessions", params={"page": 1, "status": None, "fromMe": True, "x": ""})
	assert call.params == {"page": 1, "fromMe": "true", "x": ""}
	assert make_call("GET", "/api/sessions", params={"status": None}).params is None


@pytest.mark.parametrize(
	("method", "path", "is_send", "is_repeatable"),
	[
		("GET", "/api/sessions", False, True),
		("PUT", "/api/messages/demo_session/x/read", False, True),
		("DELETE", "/api/sessions/12", False, True),
		("POST", "/api/sessions/12/connect", False, True),
		("POST", "/api/sessions/12/disconnect", False, True),
		("POST", "/api/sessions/12/restart", False, True),
		("POST", "/api/sessions", False, False),
		("POST", "/api/webhooks", False, False),
		("POST", "/api/messages/demo_session/send", True, False),
		("POST", "/api/messages/10854/retry", True, False),
		("GET", "/api/messages/demo_session/send", False, True),
	],
)
def test_what_may_be_made_twice_is_told_by_method_and_path(method, path, is_send, is_repeatable) -> None:
	call = make_call(method, path)
	assert (call.is_send, call.is_repeatable) == (is_send, is_repeatable)


@pytest.mark.parametrize(
	("path", "session"),
	[
		("/api/sessions", ""),
		("/api/sessions/12", "12"),
		("/api/sessions/12/status", "12"),
		("/api/sessions/stats", ""),
		("/api/sessions/frappe/sessions", ""),
		("/api/messages/demo%20session/chats", "demo session"),
		("/api/messages/unread", ""),
		("/api/contacts/demo_session/info/x", "demo_session"),
		("/api/webhooks/12", ""),
		("/health", ""),
	],
)
def test_the_session_is_read_from_the_path(path: str, session: str) -> None:
	assert make_call("GET", path).session_in_path == session


def test_what_is_sent_stays_out_of_tracebacks() -> None:
	call = make_call("POST", "/api/webhooks", params={"x": "sentinel"}, json={"secret": "sentinel"})
	assert "sentinel" not in repr(call)
	assert call.with_budget("demo_session").json == {"secret": "sentinel"}


def test_a_body_on_its_way_names_its_keys_only() -> None:
	body = Outgoing({"secret": "sentinel", "url": "sentinel"})
	assert f"{body} {body!r}" == "{secret: …, url: …} {secret: …, url: …}"
	assert body == {"secret": "sentinel", "url": "sentinel"}
