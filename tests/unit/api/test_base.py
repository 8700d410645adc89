"""What the client takes from its site: settings, numbers of sessions, the shared Redis, and how long a call may wait."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("frappe", reason="the client is wired to Frappe: run ./dev/test")

import responses
from redis import Redis

from support.hub import API_KEY, HUB, LOGIN, PASSWORD
from support.redis_server import redis_server
from xappiens_whatsapp.api import base
from xappiens_whatsapp.api.base import WhatsAppAPIClient, diagnose
from xappiens_whatsapp.inbox_hub.errors import Disabled, Misconfigured, RateLimited

SESSIONS = {"demo_session": 12}


class Settings(SimpleNamespace):
	"""WhatsApp Settings, as far as the client reads them."""

	def get_password(self, fieldname: str, raise_exception: bool = True) -> str | None:
		return self.passwords.get(fieldname)


@pytest.fixture
def settings() -> Settings:
	return Settings(
		enabled=1,
		api_base_url=HUB + "/",
		api_email="api@crm.example",
		organization_id=0,
		api_timeout=20,
		api_retry_attempts=2,
		recipient_format="JID",
		passwords={"api_key": API_KEY, "api_password": PASSWORD},
	)


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
	with redis_server() as connection:
		yield connection


@pytest.fixture(autouse=True)
def site(monkeypatch: pytest.MonkeyPatch, settings: Settings, redis: Redis) -> SimpleNamespace:
	"""A site without Frappe's services."""

	def get_value(doctype: str, filters: dict[str, Any], fieldname: str) -> Any:
		assert doctype == "WhatsApp Session"
		for session_id, number in SESSIONS.items():
			row = {"session_id": session_id, "session_db_id": number}
			if all(row[key] == value for key, value in filters.items()):
				return row[fieldname]
		return None

	redis.flushall()
	fake = SimpleNamespace(
		local=SimpleNamespace(site="test.example"),
		get_cached_doc=lambda doctype: settings if doctype == "WhatsApp Settings" else None,
		db=SimpleNamespace(get_value=get_value),
	)
	monkeypatch.setattr(base, "frappe", fake)
	monkeypatch.setattr(base, "get_redis_conn", lambda: redis)
	return fake


@pytest.fixture
def hub() -> Iterator[responses.RequestsMock]:
	with responses.RequestsMock() as mock:
		yield mock


def in_job(monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(base.rq, "get_current_job", lambda: SimpleNamespace(id="1"))


def test_the_client_is_what_the_settings_describe(hub: responses.RequestsMock, redis: Redis) -> None:
	hub.post(HUB + "/api/auth/login", json=LOGIN)
	hub.post(HUB + "/api/messages/demo_session/send", json={"data": {"messageId": "A1"}})
	client = WhatsAppAPIClient("demo_session")
	assert client.send_message(to="34600000002", message="Hi")["data"]["to"] == "34600000002@s.whatsapp.net"
	assert hub.calls[1].request.headers["X-API-Key"] == API_KEY
	config = client.connect().config
	assert (config.read_timeout, config.connect_timeout, config.retries) == (20, 10, 2)
	assert all(key.startswith(b"test.example:xappiens_whatsapp:") for key in redis.keys("*"))


def test_settings_that_are_empty_have_sensible_values(settings: Settings) -> None:
	settings.api_timeout = settings.api_retry_attempts = settings.recipient_format = settings.api_email = None
	settings.passwords = {"api_key": API_KEY}
	client = WhatsAppAPIClient()
	config = client.connect().config
	assert (config.read_timeout, config.connect_timeout, config.retries, config.has_login) == (
		30,
		10,
		0,
		False,
	)
	assert (client.recipient_format, client.organization_id) == ("Digits", None)


def test_a_short_timeout_holds_for_connecting_too(settings: Settings) -> None:
	settings.api_timeout = 3
	assert WhatsAppAPIClient().connect().config.connect_timeout == 3


def test_a_brisk_client_keeps_nobody_waiting(hub: responses.RequestsMock, settings: Settings) -> None:
	config = WhatsAppAPIClient(is_brisk=True).connect().config
	assert (config.read_timeout, config.connect_timeout) == (
		base.BRISK_READ_TIMEOUT,
		base.BRISK_CONNECT_TIMEOUT,
	)
	settings.api_timeout = 1
	assert WhatsAppAPIClient(is_brisk=True).connect().config.read_timeout == 1


def test_who_makes_a_client_may_say_how_long_it_waits() -> None:
	assert WhatsAppAPIClient(patience_seconds=0).connect().patience_seconds == 0


def test_the_organisation_is_a_setting(settings: Settings) -> None:
	settings.organization_id = "1"
	assert WhatsAppAPIClient().organization_id == 1


def test_switched_off_nothing_is_asked(settings: Settings) -> None:
	settings.enabled = 0
	client = WhatsAppAPIClient("demo_session")
	with pytest.raises(Disabled, match="Tick Enabled"):
		client.get_session_chats()
	assert diagnose(client)["reason"] == "disabled"


@pytest.mark.parametrize("change", [{"api_base_url": None}, {"passwords": {}}])
def test_settings_that_cannot_work_are_told(settings: Settings, change: dict) -> None:
	vars(settings).update(change)
	with pytest.raises(Misconfigured, match="WhatsApp Settings"):
		WhatsAppAPIClient().get_sessions()
	assert diagnose(WhatsAppAPIClient())["reason"] == "not_configured"


def test_the_number_of_a_session_is_the_one_its_document_knows(
	hub: responses.RequestsMock, settings: Settings
) -> None:
	settings.api_email, settings.passwords = None, {"api_key": API_KEY}
	hub.get(
		HUB + "/api/sessions/12/status", json={"data": {"sessionId": "demo_session", "status": "connected"}}
	)
	hub.get(HUB + "/api/sessions/new_session/status", json={"data": {"sessionId": "new_session"}})
	assert WhatsAppAPIClient("demo_session").get_session_status()["data"]["isConnected"] is True
	assert WhatsAppAPIClient("new_session").get_session_status()["data"]["sessionId"] == "new_session"


def test_a_session_named_by_number_uses_the_sessions_budget(
	hub: responses.RequestsMock, settings: Settings, redis: Redis
) -> None:
	settings.api_email, settings.passwords = None, {"api_key": API_KEY}
	hub.get(HUB + "/api/sessions/12/status", json={"data": {"sessionId": "demo_session"}})
	WhatsAppAPIClient().get_session_status(12)
	assert [key.decode().split(":pacing:")[1] for key in redis.keys("*:log")] == ["calls:demo_session:log"]


@pytest.mark.parametrize(
	("where", "lane", "expected"),
	[
		("request", None, ("people", 3)),
		("request", "background", ("background", 3)),
		("job", None, ("background", 5)),
		("job", "people", ("people", 5)),
		("console", None, ("background", None)),
		("console", "people", ("people", None)),
	],
)
def test_how_long_a_call_may_wait_depends_on_who_waits(
	site: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, where: str, lane: str | None, expected: tuple
) -> None:
	if where == "request":
		site.local.request = object()
	elif where == "job":
		in_job(monkeypatch)
	transport = WhatsAppAPIClient(lane=lane).connect()
	assert (transport.lane, transport.patience_seconds) == expected


def test_a_job_is_told_when_to_come_back_instead_of_sleeping(
	hub: responses.RequestsMock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
	settings.api_email, settings.passwords = None, {"api_key": API_KEY}
	in_job(monkeypatch)
	hub.get(HUB + "/api/contacts/demo_session/stats", json={})
	client = WhatsAppAPIClient("demo_session")
	for _call in range(24):
		client.get_contact_stats()
	with pytest.raises(RateLimited) as caught:
		client.get_contact_stats()
	assert caught.value.retry_after > 50
	assert (client.calls, client.seconds_waited) == (24, 0)
