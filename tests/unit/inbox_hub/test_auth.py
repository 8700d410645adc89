import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from redis import Redis

from xappiens_whatsapp.inbox_hub import auth
from xappiens_whatsapp.inbox_hub.auth import Authenticator, Token, duration_of, read_login
from xappiens_whatsapp.inbox_hub.config import HubConfig, Secret
from xappiens_whatsapp.inbox_hub.errors import (
	AuthenticationFailed,
	HubUnavailable,
	InboxHubError,
	InvalidRequest,
	NotFound,
	PayloadError,
	RateLimited,
)

NOW = 1_760_423_400.0
REAL_TIME = time.time


class Hub:
	"""Answers logins and counts them."""

	def __init__(self) -> None:
		self.logins = 0
		self.error: InboxHubError | None = None
		self.expires_in: object = "24h"
		self.seconds = 0.0
		self.asked_again = threading.Event()
		self.may_answer = threading.Event()
		self.may_answer.set()

	def __call__(self) -> dict:
		self.logins += 1
		if self.logins == 2:
			self.asked_again.set()
		time.sleep(self.seconds)
		self.may_answer.wait(10)
		if self.error:
			raise self.error
		return {"data": {"accessToken": f"sentinel-token-{self.logins}", "expiresIn": self.expires_in}}


@pytest.fixture
def hub() -> Hub:
	return Hub()


def authenticator(redis: Redis, hub: Hub, password: str = "sentinel-password") -> Authenticator:
	config = HubConfig("https://inbox-hub.example", Secret("key"), "api@crm.example", Secret(password))
	return Authenticator(redis, "site:", config, hub)


def jump(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
	monkeypatch.setattr(auth.time, "time", lambda: REAL_TIME() + seconds)


def test_all_workers_use_the_token_of_one_login(redis: Redis, hub: Hub) -> None:
	tokens = {authenticator(redis, hub).token().access.reveal() for _worker in range(5)}
	assert tokens == {"sentinel-token-1"} and hub.logins == 1


def test_threads_that_come_together_log_in_once(redis: Redis, hub: Hub) -> None:
	hub.seconds = 0.2
	workers = [authenticator(redis, hub) for _worker in range(4)]
	barrier = threading.Barrier(50)

	def ask(number: int) -> str:
		barrier.wait()
		return workers[number % 4].token().access.reveal()

	with ThreadPoolExecutor(50) as threads:
		assert set(threads.map(ask, range(50))) == {"sentinel-token-1"}
	assert hub.logins == 1


def test_a_connection_that_decodes_works_as_well(redis: Redis, hub: Hub) -> None:
	decoding = Redis(
		connection_pool=None,
		unix_socket_path=redis.connection_pool.connection_kwargs["path"],
		decode_responses=True,
	)
	assert authenticator(decoding, hub).token() == authenticator(redis, hub).token()
	authenticator(decoding, hub).discard(authenticator(decoding, hub).token())
	assert authenticator(redis, hub).token().access.reveal() == "sentinel-token-2"


def test_an_expired_token_is_replaced(redis: Redis, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
	hub.expires_in = 100
	authenticator(redis, hub).token()
	jump(monkeypatch, 101)
	assert authenticator(redis, hub).token().access.reveal() == "sentinel-token-2"


def test_a_token_is_renewed_before_it_ends_while_others_go_on_with_it(
	redis: Redis, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
	hub.expires_in = 1000
	worker = authenticator(redis, hub)
	worker.token()
	jump(monkeypatch, 899)
	assert worker.token().access.reveal() == "sentinel-token-1"
	jump(monkeypatch, 950)
	with ThreadPoolExecutor(2) as threads:
		hub.may_answer.clear()
		renewing = threads.submit(worker.token)
		assert hub.asked_again.wait(10)
		assert worker.token().access.reveal() == "sentinel-token-1"
		hub.may_answer.set()
		assert renewing.result().access.reveal() == "sentinel-token-2"


@pytest.mark.parametrize(
	"error", [HubUnavailable("x"), RateLimited("x", retry_after=60), PayloadError("data", "x")]
)
def test_a_token_that_is_still_good_survives_a_login_that_cannot_be_made(
	redis: Redis, hub: Hub, monkeypatch: pytest.MonkeyPatch, error: InboxHubError
) -> None:
	hub.expires_in = 1000
	authenticator(redis, hub).token()
	jump(monkeypatch, 950)
	hub.error = error
	for _call in range(3):
		assert authenticator(redis, hub).token().access.reveal() == "sentinel-token-1"
	assert hub.logins == 2  # not tried again at once


@pytest.mark.parametrize(
	"error",
	[
		AuthenticationFailed("x", fault="token", status=401, code="AUTHENTICATION_FAILED"),
		InvalidRequest("x", status=400),
	],
)
def test_a_refused_login_is_not_tried_again_for_15_minutes(
	redis: Redis, hub: Hub, error: InboxHubError
) -> None:
	hub.error = error
	for _worker in range(5):
		with pytest.raises(AuthenticationFailed) as caught:
			authenticator(redis, hub).token()
		assert caught.value.fault == "login" and caught.value.status == error.status
	assert hub.logins == 1
	assert "in 15 minutes" in str(caught.value)
	(key,) = redis.keys("*refused")
	assert 890 < redis.ttl(key) <= 900


def test_a_corrected_password_works_at_once(redis: Redis, hub: Hub) -> None:
	hub.error = AuthenticationFailed("x", fault="token", status=401)
	with pytest.raises(AuthenticationFailed):
		authenticator(redis, hub, "wrong").token()
	hub.error = None
	assert authenticator(redis, hub, "right").token().access.reveal() == "sentinel-token-2"


def test_after_the_15_minutes_it_is_tried_again(redis: Redis, hub: Hub) -> None:
	hub.error = AuthenticationFailed("x", fault="token", status=401)
	with pytest.raises(AuthenticationFailed):
		authenticator(redis, hub).token()
	hub.error = None
	redis.delete(*redis.keys("*refused"))
	assert authenticator(redis, hub).token().access.reveal() == "sentinel-token-2"


def test_too_many_logins_wait_as_long_as_the_hub_says(redis: Redis, hub: Hub) -> None:
	hub.error = RateLimited("x", retry_after=500)
	for _worker in range(3):
		with pytest.raises(RateLimited) as caught:
			authenticator(redis, hub).token()
		assert 490 < caught.value.retry_after <= 500
	assert hub.logins == 1


def test_too_many_logins_wait_some_minutes_if_the_hub_does_not_say(redis: Redis, hub: Hub) -> None:
	hub.error = RateLimited("x", retry_after=0)
	with pytest.raises(RateLimited):
		authenticator(redis, hub).token()
	with pytest.raises(RateLimited) as caught:
		authenticator(redis, hub).token()
	assert caught.value.retry_after > 200


@pytest.mark.parametrize("error", [HubUnavailable("x"), NotFound("x"), PayloadError("data", "x")])
def test_threads_that_wait_for_a_login_that_fails_do_not_each_try(
	redis: Redis, hub: Hub, error: InboxHubError
) -> None:
	hub.error, hub.seconds = error, 0.2
	worker, barrier = authenticator(redis, hub), threading.Barrier(20)

	def ask(_number: int) -> type:
		barrier.wait()
		with pytest.raises(InboxHubError) as caught:
			worker.token()
		return type(caught.value)

	with ThreadPoolExecutor(20) as threads:
		kinds = list(threads.map(ask, range(20)))
	assert kinds.count(type(error)) == 1 and kinds.count(RateLimited) == 19
	assert hub.logins == 1


def test_an_answer_without_a_token_is_an_error(redis: Redis) -> None:
	config = HubConfig("https://inbox-hub.example", Secret("key"), "api@crm.example", Secret("p"))
	with pytest.raises(PayloadError):
		Authenticator(redis, "site:", config, lambda: {"data": {}}).token()


def test_a_refused_token_is_forgotten_unless_it_was_replaced_already(redis: Redis, hub: Hub) -> None:
	worker = authenticator(redis, hub)
	first = worker.token()
	worker.discard(first)
	second = worker.token()
	assert second.access.reveal() == "sentinel-token-2"
	worker.discard(first)
	assert worker.token() == second and hub.logins == 2
	worker.discard(second)
	worker.discard(second)
	assert worker.token().access.reveal() == "sentinel-token-3"


def test_a_worker_that_dies_during_its_login_holds_nobody_up_for_ever(redis: Redis, hub: Hub) -> None:
	worker = authenticator(redis, hub)
	redis.set(worker._prefix + "lock", "somebody dead", px=200)
	assert worker.token().access.reveal() == "sentinel-token-1"


def test_who_waits_too_long_for_the_login_of_another_is_told(redis: Redis, hub: Hub) -> None:
	worker = authenticator(redis, hub)
	worker._lease = 0.1
	redis.set(worker._prefix + "lock", "somebody slow", px=60_000)
	with pytest.raises(HubUnavailable) as caught:
		worker.token()
	assert caught.value.nothing_sent and hub.logins == 0
	assert redis.get(worker._prefix + "lock") == b"somebody slow"


def test_a_token_that_came_between_the_look_and_the_lock_is_used(redis: Redis, hub: Hub) -> None:
	worker = authenticator(redis, hub)
	other = Token(Secret("sentinel-other"), time.time() + 50, time.time() + 100)
	take_lock = worker._lock

	def store_then_lock(owner: str) -> bool:
		worker._store(other)
		return take_lock(owner)

	worker._lock = store_then_lock
	assert worker.token().access == other.access and hub.logins == 0


def test_a_refusal_that_came_between_the_look_and_the_lock_is_believed(redis: Redis, hub: Hub) -> None:
	worker = authenticator(redis, hub)
	take_lock = worker._lock

	def be_refused_then_lock(owner: str) -> bool:
		worker.remember_refusal(AuthenticationFailed("x", fault="login", status=401))
		return take_lock(owner)

	worker._lock = be_refused_then_lock
	with pytest.raises(AuthenticationFailed):
		worker.token()
	assert hub.logins == 0 and not redis.exists(worker._prefix + "lock")


def test_a_redis_that_is_away_is_a_typed_error(hub: Hub) -> None:
	with pytest.raises(HubUnavailable) as caught:
		authenticator(Redis(unix_socket_path="/nonexistent/redis.sock"), hub).token()
	assert caught.value.code == "REDIS_UNAVAILABLE" and hub.logins == 0


def test_nothing_but_the_token_itself_is_a_secret_in_redis(redis: Redis, hub: Hub) -> None:
	authenticator(redis, hub).token()
	hub.error = AuthenticationFailed("x", fault="token", status=401)
	with pytest.raises(AuthenticationFailed):
		authenticator(redis, hub, "sentinel-wrong").token()
	for key in redis.keys("*"):
		assert b"sentinel" not in key
		assert key.endswith(b":token") or b"sentinel" not in redis.get(key)
		assert redis.ttl(key) > 0


# What a login says


@pytest.mark.parametrize(
	("claims", "expires_in", "seconds"),
	[
		({"exp": NOW + 600}, "24h", 600),
		({"exp": 5000, "iat": 4000}, "24h", 1000),
		({"exp": NOW - 1}, "2h", 7200),
		({"exp": "never"}, 90, 90),
		({}, "15m", 900),
		({}, None, 3600),
		({}, "soon", 3600),
		({"exp": 9e18}, None, 90 * 86_400),
	],
)
def test_a_token_lives_as_long_as_it_says_itself_or_the_answer_does(claims, expires_in, seconds) -> None:
	access = jwt.encode(claims, "x" * 32, algorithm="HS256")
	token = read_login({"data": {"accessToken": access, "expiresIn": expires_in}}, now=NOW)
	assert token.expires_at - NOW == pytest.approx(seconds)
	assert NOW < token.renew_at < token.expires_at
	assert token.expires_at - token.renew_at <= 3600


def test_a_token_that_is_no_jwt_is_a_token() -> None:
	token = read_login({"accessToken": "opaque", "expiresIn": 100}, now=NOW)
	assert (token.access.reveal(), token.expires_at, token.renew_at) == ("opaque", NOW + 100, NOW + 90)
	assert "opaque" not in repr(token)


@pytest.mark.parametrize("access", [None, "", 5, "a\nb", "ü", {}])
def test_what_cannot_be_a_token_is_refused(access: object) -> None:
	with pytest.raises(PayloadError) as caught:
		read_login({"data": {"accessToken": access}}, now=NOW)
	assert caught.value.path == "data.accessToken"


@pytest.mark.parametrize(
	("value", "seconds"),
	[
		("24h", 86_400),
		("15m", 900),
		("30s", 30),
		("7d", 604_800),
		(" 2 H ", 7200),
		("1500ms", 1.5),
		("3600", 3600),
		(3600, 3600),
		(0, None),
		(-1, None),
		("h", None),
		("1y", None),
		(None, None),
		(True, None),
	],
)
def test_a_lifetime_may_be_written_in_several_ways(value: object, seconds: float | None) -> None:
	assert duration_of(value) == seconds
