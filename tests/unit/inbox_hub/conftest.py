"""A Redis of the tests' own, a Hub made of canned answers, and clients of it whose secrets are sentinels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import responses
from redis import Redis

from support.hub import API_KEY, HUB, PASSWORD
from support.redis_server import redis_server
from xappiens_whatsapp.inbox_hub.client import InboxHubClient
from xappiens_whatsapp.inbox_hub.config import HubConfig, Secret
from xappiens_whatsapp.inbox_hub.http import HubTransport


@pytest.fixture(scope="session")
def redis_process() -> Iterator[Redis]:
	with redis_server() as connection:
		yield connection


@pytest.fixture
def redis(redis_process: Redis) -> Redis:
	redis_process.flushall()
	return redis_process


@pytest.fixture
def hub() -> Iterator[responses.RequestsMock]:
	"""The Hub: what is not added is refused, what is added need not be asked."""
	with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
		yield mock


@dataclass
class Sleeper:
	"""Stands in for time.sleep and remembers."""

	slept: list[float] = field(default_factory=list)

	def __call__(self, seconds: float) -> None:
		self.slept.append(seconds)


@pytest.fixture
def sleeper() -> Sleeper:
	return Sleeper()


@pytest.fixture
def make_transport(redis: Redis, sleeper: Sleeper) -> Callable[..., HubTransport]:
	def make(
		*,
		email: str = "",
		password: str = PASSWORD,
		api_key: str = API_KEY,
		base_url: str = HUB,
		retries: int = 3,
		read_timeout: float = 30,
		**options: Any,
	) -> HubTransport:
		config = HubConfig(
			base_url,
			Secret(api_key),
			email,
			Secret(password if email else ""),
			read_timeout=read_timeout,
			connect_timeout=5,
			retries=retries,
		)
		return HubTransport(config, redis, "site:", **{"lane": "people", "sleep": sleeper, **options})

	return make


@pytest.fixture
def make_client(make_transport: Callable[..., HubTransport]) -> Callable[..., InboxHubClient]:
	def make(
		session_id: str | None = "demo_session", number: int | None = None, **options: Any
	) -> InboxHubClient:
		client = InboxHubClient(session_id, make_transport(**options))
		client.find_number = lambda session: number  # type: ignore[method-assign]
		return client

	return make
