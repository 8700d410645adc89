"""The control API, and the simulator as a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from inbox_hub_simulator.control import Simulator, SimulatorError

pytestmark = pytest.mark.unit

CONTACTS = "/api/contacts/demo_session"


@pytest.fixture(scope="module")
def process() -> Iterator[Simulator]:
	"""A simulator on a port of its own."""
	with Simulator(rate=0, send_rate=0, connect_delay_ms=0, session="demo_session:connected") as simulator:
		yield simulator


def ask(simulator: Simulator, path: str, method: str = "GET", **more: Any) -> httpx.Response:
	headers = {"X-API-Key": simulator.api_key}
	return httpx.request(method, simulator.url + path, headers=headers, timeout=10, **more)


def test_the_process_listens_where_it_says_and_ends_when_told() -> None:
	with Simulator() as simulator:
		port = int(simulator.url.rpartition(":")[2])
		assert httpx.get(f"{simulator.url}/health", timeout=10).json()["success"] is True
		assert Simulator.at(simulator.url).api_key == simulator.api_key
	with pytest.raises(ConnectionRefusedError):
		socket.create_connection(("127.0.0.1", port), timeout=5)


def test_the_process_ends_when_its_starter_is_killed(wait: Callable[..., Any]) -> None:
	script = "from inbox_hub_simulator.control import Simulator; print(Simulator().start().url, flush=True); input()"
	with subprocess.Popen(
		[sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
	) as starter:
		assert starter.stdout is not None
		port = int(starter.stdout.readline().rpartition(":")[2])
		socket.create_connection(("127.0.0.1", port), timeout=5).close()
		starter.kill()

	def is_gone() -> bool:
		with socket.socket() as probe:
			return probe.connect_ex(("127.0.0.1", port)) != 0

	wait(is_gone)


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
	with pytest.raises(SimulatorError, match="There is no fault 'F9'"):
		Simulator(fault="F9").start()
	log = tmp_path / "simulator.log"
	with pytest.raises(SimulatorError, match="invalid choice"):
		Simulator(log=log, shape="round").start()
	assert "invalid choice" in log.read_text()


@pytest.mark.parametrize("when", ["before", "after", "middle"])
def test_a_real_connection_breaks_and_the_next_one_works(process: Simulator, when: str) -> None:
	process.faults(drop={"when": when, "times": 1, "path": "/api/contacts"})
	with pytest.raises(httpx.TransportError):
		ask(process, CONTACTS)
	assert ask(process, CONTACTS).status_code == 200
	assert [each["dropped"] for each in process.requests(CONTACTS)[-2:]] == [True, False]
	process.clear_faults()


def test_every_control_call_works_through_the_python_client(process: Simulator) -> None:
	process.reset(session=["demo_session:connected"])
	made = process.incoming("demo_session", text="Hola", count=2)
	assert [message["text"] for message in made] == ["Hola 1", "Hola 2"]
	sent = process.phone_message("demo_session", text="Desde el móvil")
	process.receipt("demo_session", sent["message_id"], status="read")
	assert process.reaction("demo_session", made[0]["message_id"], "❤️").startswith("3EB0")
	process.contact("demo_session", "34600000002", name="Otro nombre")
	process.archive("demo_session", "34600000002")
	process.disconnect("demo_session", reason="logout")
	assert process.qr("demo_session").startswith("data:image/png")
	assert process.scan("demo_session") == "34600000001"
	process.session("second_session", connected=False)
	assert process.event("demo_session", "odd.event", data={}) == []
	process.wait_for_deliveries()
	process.hold()
	assert process.release(copies_from=2) == 0
	assert process.options(receipt_delay_ms=5)["receipt_delay_ms"] == 5
	process.expire_tokens()
	expected = process.expected("demo_session")
	assert expected["live_messages"] == 3
	assert expected["full_sync"]["messages"] == 20 * 50
	assert process.expected()["live_messages"] == 0
	assert set(process.state()["sessions"]) == {"demo_session", "second_session"}


def test_an_error_of_a_control_call_says_what_is_wrong(process: Simulator) -> None:
	for call, words in (
		(lambda: process.incoming("nobody"), "no session 'nobody'"),
		(lambda: process.incoming("demo_session", txet="x"), "txet"),
		(lambda: process.scan("demo_session"), "shows no QR"),
		(lambda: process.reset(colour="red"), "no option 'colour'"),
		(lambda: process.reset(contacts="many"), "contacts"),
		(lambda: process.options(seed=2), "Only a reset changes seed"),
	):
		process.reset(session=["demo_session:connected"])
		with pytest.raises(SimulatorError, match=words):
			call()


def test_recorded_requests_tell_everything_but_secrets(hub: Any) -> None:
	token = hub.login()
	hub.get(CONTACTS, page=2, limit=10)
	hub.client.get(CONTACTS, headers={"X-API-Key": "another", "Authorization": "Bearer x"})
	whole = hub.client.get("/__sim__/requests").text
	login, right, wrong = hub.client.get("/__sim__/requests").json()["requests"]
	assert (login["path"], login["body"]["identifier"]) == ("/api/auth/login", "api@crm.example")
	assert (right["query"], right["status"], right["session"]) == (
		{"page": "2", "limit": "10"}, 200, "demo_session",
	)  # fmt: skip
	assert (right["headers"]["x-api-key"], right["headers"]["authorization"]) == ("right", "right")
	assert (wrong["headers"]["x-api-key"], wrong["headers"]["authorization"]) == ("wrong", "wrong")
	assert wrong["status"] == 401 and login["at"] <= right["at"] <= wrong["at"]
	for secret in (token, "simulator-api-key", "simulator-password", "another"):
		assert secret not in whole


def test_requests_are_filtered_and_forgotten(hub: Any) -> None:
	hub.get(CONTACTS)
	hub.post("/api/messages/demo_session/send", {"to": "34600000002", "message": "Hola"})
	found = hub.client.get("/__sim__/requests", params={"path": "/api/messages", "method": "post"}).json()
	assert [each["body"]["message"] for each in found["requests"]] == ["Hola"]
	hub.client.delete("/__sim__/requests")
	assert hub.client.get("/__sim__/requests").json()["requests"] == []


def test_a_reset_forgets_everything_and_goes_back_to_the_start_options(hub: Any, receiver: Any) -> None:
	hub.subscribe(receiver.url, "message.received")
	hub.sim("faults", F1=True)
	hub.sim("incoming", session="demo_session")
	hub.sim("reset", contacts=10)
	state = hub.state()
	assert (state["webhooks"], state["faults"], state["requests"]) == ([], {}, 0)
	assert state["sessions"]["demo_session"]["expected"]["contacts"] == 10
	assert state["sessions"]["demo_session"]["expected"]["live_messages"] == 0
	hub.sim("reset")
	assert hub.state()["expected"]["contacts"] == 150


def test_the_expected_counts_follow_what_happens(hub: Any) -> None:
	def expected() -> Any:
		return hub.state()["sessions"]["demo_session"]["expected"]

	assert expected()["full_sync"] == {
		"contacts": 150,
		"contacts_with_those_of_chats": 150,
		"conversations": 25,
		"messages": 1000,
	}
	hub.sim("incoming", session="demo_session", chat="34600000099", count=3)
	hub.sim("incoming", session="demo_session", chat="status@broadcast", sender="34600000002")
	after = expected()
	assert (after["contacts"], after["chats"], after["messages"]) == (151, 26, 1253)
	assert after["messages_outside_conversations"] == 1
	# The new chat is the most recent one, so it takes the place of one with 50 messages
	assert after["full_sync"]["messages"] == 19 * 50 + 3


def test_messages_trickle_in(make_hub: Callable[..., Any], wait: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected"], trickle=0.01)
	wait(lambda: hub.state()["sessions"]["demo_session"]["expected"]["live_messages"] >= 3)


def test_control_calls_are_neither_recorded_nor_limited(make_hub: Callable[..., Any]) -> None:
	hub = make_hub(session=["demo_session:connected"], rate=1, general_limit=1)
	for _ in range(5):
		assert hub.client.get("/__sim__/state").status_code == 200
	assert hub.state()["requests"] == 0


def test_the_world_can_be_asked_for_any_index_and_found_again() -> None:
	from inbox_hub_simulator.data import World
	from inbox_hub_simulator.jids import index_of_jid, jid_of_index

	world = World("1", contacts=1000, chats=300, messages=400, anchor="2025-10-15T10:30:00Z")
	for index in range(0, 1000, 7):
		assert index_of_jid(jid_of_index(index)) == index
	ids = {
		world.message_id(chat, position): (chat, position)
		for chat in range(300)
		for position in (0, 199, 399)
	}
	assert len(ids) == 900
	assert all(world.locate(message_id) == place for message_id, place in ids.items())
	known = world.message_id(7, 7)
	for stranger in (
		"3EB0000000000000000000",
		"",
		"nonsense",
		"3EB0" + "F" * 18,
		f"{known}00",
		f"X{known[1:]}",
	):
		assert world.locate(stranger) is None
