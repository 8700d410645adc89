"""Every endpoint: what is asked, and what comes back."""

import json
import re
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from support.hub import API_KEY, HUB, failed
from xappiens_whatsapp.inbox_hub.client import InboxHubClient
from xappiens_whatsapp.inbox_hub.errors import (
	InvalidRequest,
	NotFound,
	PayloadError,
	SessionNotConnected,
)

MakeClient = Callable[..., InboxHubClient]
PERSON = "34600000002@s.whatsapp.net"
ENCODED = "34600000002%40s.whatsapp.net"
SECRET = "sentinel-webhook-secret"
SESSION = {"id": 12, "sessionId": "demo_session", "status": "connected", "isConnected": True}


def asked(hub: responses.RequestsMock) -> list[tuple[str, str, dict, Any]]:
	"""Method, path, query and body of each request."""
	found = []
	for call in hub.calls:
		url = urlsplit(call.request.url)
		body = json.loads(call.request.body) if call.request.body else None
		found.append(
			(call.request.method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), body)
		)
	return found


ENDPOINTS = [
	(lambda c: c.get_sessions(), "GET", "/api/sessions", {"page": "1", "limit": "20"}, None),
	(
		lambda c: c.get_sessions(2, 50, "connected"),
		"GET",
		"/api/sessions",
		{"page": "2", "limit": "50", "status": "connected"},
		None,
	),
	(lambda c: c.get_session(), "GET", "/api/sessions/12", {}, None),
	(lambda c: c.get_session_status(), "GET", "/api/sessions/12/status", {}, None),
	(lambda c: c.get_session_status(2), "GET", "/api/sessions/2/status", {}, None),
	(
		lambda c: c.get_session_status(session_db_id="demo_session"),
		"GET",
		"/api/sessions/12/status",
		{},
		None,
	),
	(
		lambda c: c.create_session(
			"demo_session",
			"Demo",
			webhookUrl="https://crm.example/x",
			webhookSecret=SECRET,
			webhookEvents=["message.received"],
		),
		"POST",
		"/api/sessions",
		{},
		{
			"sessionId": "demo_session",
			"sessionName": "Demo",
			"webhookUrl": "https://crm.example/x",
			"webhookSecret": SECRET,
			"webhookEvents": ["message.received"],
		},
	),
	(lambda c: c.connect_session(), "POST", "/api/sessions/12/connect", {}, {}),
	(lambda c: c.disconnect_session(), "POST", "/api/sessions/12/disconnect", {}, {}),
	(lambda c: c.restart_session(), "POST", "/api/sessions/12/restart", {}, {}),
	(lambda c: c.delete_session(), "DELETE", "/api/sessions/12", {}, None),
	(
		lambda c: c.get_session_contacts(),
		"GET",
		"/api/contacts/demo_session",
		{"page": "1", "limit": "50"},
		None,
	),
	(
		lambda c: c.get_session_contacts(page=1, limit=100, search="Juan Pérez"),
		"GET",
		"/api/contacts/demo_session",
		{"page": "1", "limit": "100", "search": "Juan Pérez"},
		None,
	),
	(
		lambda c: c.get_contact_info("34600000002@c.us"),
		"GET",
		f"/api/contacts/demo_session/info/{ENCODED}",
		{},
		None,
	),
	(
		lambda c: c.search_contact("+34 600 000 002"),
		"GET",
		"/api/contacts/demo_session/search/34600000002",
		{},
		None,
	),
	(lambda c: c.get_contact_stats(), "GET", "/api/contacts/demo_session/stats", {}, None),
	(
		lambda c: c.get_session_chats(page=1, limit=20),
		"GET",
		"/api/messages/demo_session/chats",
		{"page": "1", "limit": "20"},
		None,
	),
	(
		lambda c: c.get_chat_messages(chat_id="34600000002@c.us", page=3, limit=50),
		"GET",
		f"/api/messages/demo_session/{ENCODED}",
		{"page": "3", "limit": "50"},
		None,
	),
	(
		lambda c: c.get_messages(chatId=PERSON, fromMe=False, startDate="2025-10-14", endDate=None),
		"GET",
		"/api/messages/demo_session",
		{"page": "1", "limit": "50", "chatId": PERSON, "fromMe": "false", "startDate": "2025-10-14"},
		None,
	),
	(
		lambda c: c.get_message_stats("2025-10-14"),
		"GET",
		"/api/messages/demo_session/stats",
		{"startDate": "2025-10-14"},
		None,
	),
	(
		lambda c: c.send_message(to="34600000002", message="¡Hola! 👋"),
		"POST",
		"/api/messages/demo_session/send",
		{},
		{"to": "34600000002", "message": "¡Hola! 👋", "type": "text"},
	),
	(
		lambda c: c.send_message(
			"34600000002@c.us", {"image": {"url": "https://crm.example/1.png"}}, "image"
		),
		"POST",
		"/api/messages/demo_session/send",
		{},
		{"to": "34600000002", "message": {"image": {"url": "https://crm.example/1.png"}}, "type": "image"},
	),
	(
		lambda c: c.mark_chat_as_read("34600000002@c.us"),
		"PUT",
		f"/api/messages/demo_session/{ENCODED}/read",
		{},
		{},
	),
	(
		lambda c: c.set_session_webhook("https://crm.example/x", SECRET),
		"PUT",
		"/api/sessions/12/webhook",
		{},
		{"webhookUrl": "https://crm.example/x", "webhookSecret": SECRET},
	),
	(
		lambda c: c.post(
			"/api/webhooks", data={"name": "CRM Webhook", "secret": SECRET}, use_session_id=False
		),
		"POST",
		"/api/webhooks",
		{},
		{"name": "CRM Webhook", "secret": SECRET},
	),
	(lambda c: c.get("/api/contacts/{sessionId}/stats"), "GET", "/api/contacts/demo_session/stats", {}, None),
	(
		lambda c: c.get("/api/sessions/{sessionId}/frappe/status"),
		"GET",
		"/api/sessions/12/frappe/status",
		{},
		None,
	),
	(lambda c: c.get("/api/sessions", {"page": 2}), "GET", "/api/sessions", {"page": "2"}, None),
	(
		lambda c: c.put("/api/webhooks/7", {"isActive": True}),
		"PUT",
		"/api/webhooks/7",
		{},
		{"isActive": True},
	),
	(lambda c: c.delete("/api/webhooks/7"), "DELETE", "/api/webhooks/7", {}, None),
]


@pytest.mark.parametrize(("act", "method", "path", "query", "body"), ENDPOINTS)
def test_each_method_asks_for_its_endpoint(
	hub: responses.RequestsMock, make_client: MakeClient, act, method, path, query, body
) -> None:
	hub.add(method, HUB + path, json={"success": True, "data": {"x": 1}})
	client = make_client(number=12)
	answer = act(client)
	assert answer["success"] is True and answer["data"]["x"] == 1
	assert asked(hub) == [(method, path, query, body)]
	assert hub.calls[0].request.headers["X-API-Key"] == API_KEY
	assert client.calls == 1 and client.seconds_waited == 0


def test_health_is_asked_without_credentials(hub: responses.RequestsMock, make_client: MakeClient) -> None:
	hub.get(HUB + "/health", json={"success": True})
	assert make_client().health() == {"success": True}
	assert "X-API-Key" not in hub.calls[0].request.headers


def test_answers_have_the_keys_of_the_users_document(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	client = make_client()
	hub.get(HUB + "/api/contacts/demo_session", json={"data": {"contacts": [{"id": PERSON}]}})
	hub.get(HUB + "/api/messages/demo_session/chats", json={"data": {"chats": [{"id": PERSON}]}})
	hub.get(HUB + f"/api/messages/demo_session/{ENCODED}", json={"data": {"messages": [{"body": "Hi"}]}})
	hub.get(
		HUB + "/api/sessions", json={"data": {"sessions": [{"id": "demo_session", "status": "connected"}]}}
	)
	hub.post(HUB + "/api/messages/demo_session/send", json={"data": {"message": {"whatsappMessageId": "A1"}}})
	assert client.get_session_contacts()["data"]["contacts"][0]["phone"] == "34600000002"
	assert client.get_session_chats()["data"]["chats"][0]["chatId"] == PERSON
	message = client.get_chat_messages(PERSON)["data"]["messages"][0]
	assert (message["content"], message["chatId"]) == ("Hi", PERSON)
	assert client.get_sessions()["data"]["sessions"][0]["isConnected"] is True
	assert client.send_message("34600000002", "Hi")["data"]["messageId"] == "A1"


def test_before_its_first_call_a_client_has_cost_nothing() -> None:
	client = InboxHubClient()
	assert (client.calls, client.seconds_waited) == (0, 0.0)
	with pytest.raises(NotImplementedError):
		client.health()


def test_on_its_own_a_client_knows_no_numbers(hub: responses.RequestsMock, make_transport) -> None:
	hub.get(HUB + "/api/sessions/demo_session/status", json={"data": SESSION})
	hub.get(HUB + "/api/sessions/7/status", json={"data": SESSION})
	client = InboxHubClient("demo_session", make_transport())
	client.get_session_status()
	client.get_session_status(7)
	assert [path for _method, path, *_rest in asked(hub)] == [
		"/api/sessions/demo_session/status",
		"/api/sessions/7/status",
	]


# What is refused before it is asked


@pytest.mark.parametrize(
	"act",
	[
		lambda c: c.get_sessions(page=0),
		lambda c: c.get_session_contacts(limit=101),
		lambda c: c.get_session_contacts(limit=0),
		lambda c: c.get_session_contacts(search=""),
		lambda c: c.get_session_contacts(search="x" * 101),
		lambda c: c.get_chat_messages("demo"),
		lambda c: c.get_contact_info(""),
		lambda c: c.search_contact("120363000000000001@g.us"),
		lambda c: c.send_message("34600000002", ""),
		lambda c: c.send_message("34600000002", "x" * 4097),
		lambda c: c.send_message("34600000002", {"image": {}}),
		lambda c: c.send_message("status@broadcast", "Hi"),
		lambda c: c.send_message("nobody", "Hi"),
		lambda c: c.mark_chat_as_read("x"),
		lambda c: c.create_session("demo_session", "Demo", webhookSecret="short"),
		lambda c: c.set_session_webhook("https://crm.example", "short"),
		lambda c: c.set_session_webhook("https://crm.example", SECRET),
		lambda c: c.get("https://evil.example/api"),
		lambda c: c.get("/api/{other}"),
	],
)
def test_what_the_hub_would_refuse_is_not_asked(
	hub: responses.RequestsMock, make_client: MakeClient, act
) -> None:
	client = make_client()
	with pytest.raises(InvalidRequest):
		act(client)
	assert client.calls == 0


@pytest.mark.parametrize(
	"act",
	[
		lambda c: c.get_session_status(),
		lambda c: c.get_session_contacts(),
		lambda c: c.connect_session(),
		lambda c: c.get("/api/contacts/{sessionId}"),
		lambda c: c.send_message("34600000002", "Hi"),
	],
)
def test_a_call_that_needs_a_session_says_so(
	hub: responses.RequestsMock, make_client: MakeClient, act
) -> None:
	with pytest.raises(InvalidRequest, match="needs a session"):
		act(make_client(None))


def test_the_longest_text_may_be_sent(hub: responses.RequestsMock, make_client: MakeClient) -> None:
	hub.post(HUB + "/api/messages/demo_session/send", json={})
	assert make_client().send_message("34600000002", "x" * 4096)["data"]["status"] == "sent"


def test_the_recipient_is_written_as_the_settings_say(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.post(HUB + "/api/messages/demo_session/send", json={})
	client = make_client()
	client.recipient_format = "JID"
	client.send_message("34600000002", "Hi")
	assert asked(hub)[0][3]["to"] == PERSON


def test_braces_in_ids_are_no_places_to_fill(hub: responses.RequestsMock, make_client: MakeClient) -> None:
	hub.get(HUB + "/api/contacts/%7BchatId%7D/stats", json={})
	make_client("{chatId}").get_contact_stats()
	assert asked(hub)[0][1] == "/api/contacts/%7BchatId%7D/stats"


# Messages of one chat


def test_a_hub_without_the_path_is_asked_by_filter_from_then_on(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + f"/api/messages/demo_session/{ENCODED}", status=404, json=failed("NOT_FOUND"))
	hub.get(HUB + "/api/messages/demo_session", json={"data": {"messages": [{"body": "Hi"}]}})
	client = make_client()
	for page in (1, 2):
		assert client.get_chat_messages(PERSON, page)["data"]["messages"][0]["chatId"] == PERSON
	assert [(path, query.get("chatId"), query["page"]) for _method, path, query, _body in asked(hub)] == [
		(f"/api/messages/demo_session/{ENCODED}", None, "1"),
		("/api/messages/demo_session", PERSON, "1"),
		("/api/messages/demo_session", PERSON, "2"),
	]


def test_an_unknown_session_is_not_asked_for_twice(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + f"/api/messages/demo_session/{ENCODED}", status=404, json=failed("SESSION_NOT_FOUND"))
	with pytest.raises(NotFound):
		make_client().get_chat_messages(PERSON)
	assert len(hub.calls) == 1


def test_a_chat_that_neither_way_finds_does_not_change_the_way(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + f"/api/messages/demo_session/{ENCODED}", status=404, json=failed("NOT_FOUND"))
	hub.get(HUB + "/api/messages/demo_session", status=404, json=failed("NOT_FOUND"))
	client = make_client()
	for _try in range(2):
		with pytest.raises(NotFound):
			client.get_chat_messages(PERSON)
	assert len(hub.calls) == 4


def test_a_session_that_is_not_connected_is_told(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + "/api/contacts/demo_session", status=400, json=failed("", "La sesión debe estar conectada"))
	with pytest.raises(SessionNotConnected, match=r"^Session not connected: "):
		make_client().get_session_contacts()


def test_a_list_that_is_none_is_handed_on_and_refused_by_the_parser(
	hub: responses.RequestsMock, make_client: MakeClient
) -> None:
	hub.get(HUB + "/api/contacts/demo_session", json=[])
	with pytest.raises(PayloadError):
		make_client().get_session_contacts()


@pytest.mark.parametrize(
	"act",
	[
		lambda c: c.create_session("demo_session", "Demo", webhookSecret=SECRET),
		lambda c: c.set_session_webhook("https://crm.example/x", SECRET),
		lambda c: c.register_webhook("https://crm.example/x", ["message.received"], SECRET),
		lambda c: c.post("/api/webhooks", {"webhookSecret": SECRET}),
		lambda c: c.put("/api/webhooks/7", {"webhookSecret": SECRET}),
	],
)
def test_a_secret_that_is_sent_is_in_no_frame_of_the_traceback(
	hub: responses.RequestsMock, make_client: MakeClient, act
) -> None:
	client = make_client(number=12, retries=0)
	client.organization_id = 1
	for method in ("POST", "PUT"):
		hub.add(method, re.compile(".*"), status=400, json=failed("VALIDATION_ERROR", SECRET))
	hub.get(HUB + "/api/webhooks/organizations/1", json={"data": {"webhooks": []}})
	with pytest.raises(InvalidRequest) as caught:
		act(client)
	frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
	ours = [frame for frame in frames if "/inbox_hub/" in frame.filename and "/tests/" not in frame.filename]
	# Frappe masks what is called `secret` and, in a dict, what stands under that key.
	seen = [value for frame in ours for name, value in frame.locals.items() if name != "secret"]
	assert ours and not any(SECRET in value for value in seen)
