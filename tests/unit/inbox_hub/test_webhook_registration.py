"""One webhook, however often it is registered and whichever path this Hub has."""

import json
from collections.abc import Callable

import pytest
import responses

from support.hub import HUB
from xappiens_whatsapp.inbox_hub.client import InboxHubClient
from xappiens_whatsapp.inbox_hub.errors import Conflict, HubUnavailable, InvalidRequest, NotFound

MakeClient = Callable[..., InboxHubClient]
URL = "https://crm.example/api/method/xappiens_whatsapp.api.webhook.handle_webhook"
SECRET = "sentinel-webhook-secret"
EVENTS = ["message.received", "session.connected"]
R1, R2 = HUB + "/api/webhooks", HUB + "/api/webhooks/organizations/1"
ORGANIZATIONS = HUB + "/api/organizations/my-organizations"
WANTED = {"name": "CRM Webhook", "url": URL, "method": "POST", "events": EVENTS, "secret": SECRET}


@pytest.fixture
def client(make_client: MakeClient) -> InboxHubClient:
	client = make_client(None, retries=0)
	client.organization_id = 1
	return client


def not_found(hub: responses.RequestsMock, method: str, url: str, status: int = 404) -> None:
	hub.add(method, url, status=status, json={"success": False, "error": "Cannot", "code": ""})


def registered(hub: responses.RequestsMock, *rows: object) -> None:
	hub.get(R2, json={"data": {"webhooks": list(rows)}})


def asked(hub: responses.RequestsMock) -> list[str]:
	return [f"{call.request.method} {call.request.path_url.partition('?')[0]}" for call in hub.calls]


def test_the_path_of_the_users_document_is_used(hub: responses.RequestsMock, client: InboxHubClient) -> None:
	registered(hub)
	hub.post(R1, status=201, json={"success": True, "data": {"webhook": {"id": 7}}})
	assert client.register_webhook(URL, EVENTS, SECRET)["data"]["webhook"]["id"] == 7
	assert asked(hub) == ["GET /api/webhooks/organizations/1", "POST /api/webhooks"]
	assert json.loads(hub.calls[1].request.body) == WANTED


@pytest.mark.parametrize("status", [404, 405])
def test_where_the_hub_does_not_have_it_the_organisations_path_is_used(
	hub: responses.RequestsMock, client: InboxHubClient, status: int
) -> None:
	registered(hub)
	not_found(hub, "POST", R1, status)
	hub.post(R2, json={"success": True})
	assert client.register_webhook(URL, EVENTS, SECRET) == {"success": True}
	assert json.loads(hub.calls[2].request.body) == WANTED


def test_registering_again_changes_the_one_there_is(
	hub: responses.RequestsMock, client: InboxHubClient
) -> None:
	registered(
		hub, None, {"id": 5, "url": "https://other.example"}, {"id": 7, "name": "Old name", "url": URL}
	)
	hub.put(R1 + "/7", json={"success": True})
	client.register_webhook(URL, EVENTS, SECRET)
	assert asked(hub) == ["GET /api/webhooks/organizations/1", "PUT /api/webhooks/7"]
	assert json.loads(hub.calls[1].request.body) == {
		"name": "Old name",
		"url": URL,
		"events": EVENTS,
		"secret": SECRET,
		"isActive": True,
	}


def test_a_name_that_another_address_uses_is_a_conflict_with_advice(
	hub: responses.RequestsMock, client: InboxHubClient
) -> None:
	registered(hub, {"id": 5, "name": "CRM Webhook", "url": "https://other.example"})
	hub.post(R1, status=409, json={"success": False, "error": "exists", "code": "CONFLICT"})
	with pytest.raises(Conflict, match="named CRM Webhook that posts to another address"):
		client.register_webhook(URL, EVENTS, SECRET)


@pytest.mark.parametrize(
	"body",
	[
		{"data": {"organizations": [None, {"name": "x"}, {"id": 1}]}},
		{"data": [{"id": 1}]},
	],
)
def test_without_a_setting_the_hub_is_asked_for_the_organisation(
	hub: responses.RequestsMock, client: InboxHubClient, body: dict
) -> None:
	client.organization_id = None
	hub.get(ORGANIZATIONS, json=body)
	registered(hub)
	hub.post(R1, json={"success": True})
	client.register_webhook(URL, EVENTS, SECRET)
	assert asked(hub)[:2] == ["GET /api/organizations/my-organizations", "GET /api/webhooks/organizations/1"]


def test_where_nothing_can_be_listed_the_webhook_is_created_all_the_same(
	hub: responses.RequestsMock, client: InboxHubClient
) -> None:
	client.organization_id = None
	not_found(hub, "GET", ORGANIZATIONS)
	not_found(hub, "GET", R1)
	hub.post(R1, json={"success": True})
	assert client.register_webhook(URL, EVENTS, SECRET) == {"success": True}


def test_without_either_path_the_hub_cannot_do_it(
	hub: responses.RequestsMock, client: InboxHubClient
) -> None:
	client.organization_id = None
	hub.get(ORGANIZATIONS, json={"data": {"organizations": []}})
	hub.get(R1, json={"data": {}})
	not_found(hub, "POST", R1)
	with pytest.raises(NotFound):
		client.register_webhook(URL, EVENTS, SECRET)


def test_a_hub_that_does_not_answer_gets_no_second_webhook(
	hub: responses.RequestsMock, client: InboxHubClient
) -> None:
	hub.get(R2, status=500)
	with pytest.raises(HubUnavailable):
		client.register_webhook(URL, EVENTS, SECRET)
	assert asked(hub) == ["GET /api/webhooks/organizations/1"]


@pytest.mark.parametrize(
	("events", "secret"), [([], SECRET), (EVENTS, ""), (EVENTS, "x" * 15), (EVENTS, "x" * 256)]
)
def test_what_the_hub_would_refuse_is_not_asked(
	hub: responses.RequestsMock, client: InboxHubClient, events, secret
) -> None:
	with pytest.raises(InvalidRequest):
		client.register_webhook(URL, events, secret)
	assert len(hub.calls) == 0


def test_all_pages_of_webhooks_are_listed(hub: responses.RequestsMock, client: InboxHubClient) -> None:
	def page(request) -> tuple:
		first = (int(request.params["page"]) - 1) * 100
		rows = [
			{"id": number, "url": f"https://x.example/{number}"}
			for number in range(first, min(first + 100, 230))
		]
		return 200, {}, json.dumps({"data": {"webhooks": rows}})

	hub.add_callback("GET", R2, page)
	assert len(client.list_webhooks()) == 230
	assert len(hub.calls) == 3


def test_a_hub_that_ignores_the_page_is_not_asked_for_ever(
	hub: responses.RequestsMock, client: InboxHubClient
) -> None:
	registered(hub, *[{"name": f"hook {number}", "url": URL} for number in range(100)])
	assert len(client.list_webhooks()) == 100
	assert len(hub.calls) == 2


def test_a_list_without_end_is_not_read_for_ever(hub: responses.RequestsMock, client: InboxHubClient) -> None:
	def page(request) -> tuple:
		first = int(request.params["page"]) * 100
		return 200, {}, json.dumps({"data": {"webhooks": [{"id": first + number} for number in range(100)]}})

	hub.add_callback("GET", R2, page)
	assert len(client.list_webhooks()) == 2000
	assert len(hub.calls) == 20
