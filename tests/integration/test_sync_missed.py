"""What was missed while no webhook came is fetched, all of it, once, and with not one call too many."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_to_date

from support import bench, webhooks
from support.factories import SESSION, make_user, new_id
from support.linked import calls, connect_site, count, link_session, rows, wait_for_sync
from xappiens_whatsapp import jobs
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.api.sync import request_sync, sync_session_complete
from xappiens_whatsapp.inbox_hub import clock, payloads
from xappiens_whatsapp.store import sync_runs, times
from xappiens_whatsapp.sync import engine
from xappiens_whatsapp.webhook_processing import process_event

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web
	from support.worker import Worker

MINUTE_MS = 60_000
# What differs from one sync to the next: when it was.
TIMES = ("creation", "modified", "first_seen", "last_sync", "last_synced_at")
SMALL = {"rate": 0, "contacts": 30, "chats": 25, "messages": 5}
TINY = {"rate": 0, "contacts": 5, "chats": 2, "messages": 5}
CHATS = f"/api/messages/{SESSION}/chats"


def synced(hub: Simulator) -> None:
	"""A session whose first sync is done, as if ten minutes ago."""
	connect_site(hub)
	link_session(hub)
	sync_session_complete(SESSION)
	frappe.db.set_value("WhatsApp Session", SESSION, "history_until_ms", ago_ms(10))
	frappe.db.commit()
	hub.forget_requests()


def ago_ms(minutes: float) -> int:
	return clock.now_ms() - int(minutes * MINUTE_MS)


def miss(hub: Simulator, chat: str, messages: int) -> None:
	"""So many messages came to a chat five minutes ago, and no webhook told of them."""
	hub.incoming(SESSION, chat=chat, text="perdido", count=messages, webhook=False, timestamp_ms=ago_ms(5))


def sync_what_is_new() -> frappe._dict:
	"""What the scheduler brings about, here and now; returns the finished run."""
	request_sync(SESSION, "Scheduler")
	frappe.db.commit()
	jobs.sync_sessions()
	frappe.db.rollback()
	run = sync_runs.load(sync_runs.latest(SESSION).name)
	assert (run.state, run.scope) == ("Completed", "Incremental")
	return run


def chats(limit: int = 100) -> list[frappe._dict]:
	"""The most recent first; groups are left out."""
	return frappe.get_all(
		"WhatsApp Conversation",
		filters={"is_group": 0, "phone_number": ("is", "set")},
		fields=["name", "chat_id", "unread_count"],
		order_by="last_message_timestamp_ms desc",
		limit=limit,
	)


@pytest.mark.simulator(**SMALL)
def test_reactions_that_a_list_brings_are_shown_on_their_messages(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	"""The simulator keeps reactions out of its lists: one is put in as Baileys would."""
	connect_site(simulator)
	link_session(simulator)
	ask = WhatsAppAPIClient.get_chat_messages

	def with_reaction(client: WhatsAppAPIClient, chat: str, **paging: int) -> dict:
		answer = ask(client, chat, **paging)
		rows = answer["data"]["messages"]
		key = {"remoteJid": chat, "fromMe": rows[0]["fromMe"], "id": rows[0]["messageId"]}
		rows.append({"chatId": chat, "fromMe": True, "reactionMessage": {"key": key, "text": "👍"}})
		return answer

	monkeypatch.setattr(WhatsAppAPIClient, "get_chat_messages", with_reaction)
	for _turn in range(2):
		sync_session_complete(SESSION)
		reactions = frappe.get_all("WhatsApp Message Reaction", fields=["parent", "emoji"])
		assert len(reactions) == 20  # one in each of the recent chats
		assert {reaction.emoji for reaction in reactions} == {"👍"}


@pytest.mark.simulator(**SMALL)
def test_a_quiet_account_costs_its_chat_pages_only(simulator: Simulator) -> None:
	synced(simulator)

	sync_what_is_new()

	assert calls(simulator) == [CHATS]


@pytest.mark.simulator(**SMALL)
def test_all_that_a_chat_missed_comes_however_much_it_is_and_once(simulator: Simulator) -> None:
	synced(simulator)
	chat = chats()[-1]
	miss(simulator, chat.chat_id, 120)

	run = sync_what_is_new()

	assert count("Message", conversation=chat.name, content=("like", "perdido%")) == 120
	unread = frappe.db.get_value("WhatsApp Conversation", chat.name, "unread_count")
	assert unread == chat.unread_count + 120
	assert count("Message", is_history=0) == 120
	# 125 messages in pages of 50: the third one reaches the mark, and what is on it is stored, too.
	assert run.messages_created == 125
	assert len(calls(simulator)) == 1 + 3

	simulator.forget_requests()
	sync_what_is_new()
	assert calls(simulator) == [CHATS]


# A worker that is killed as soon as its third missed message is written, and not committed.
DIES_OF_THE_THIRD = """
import os, signal
from support import bench
from xappiens_whatsapp import jobs
from xappiens_whatsapp.store import messages

receive, received = messages.receive, []

def receive_and_die(*arguments, **options):
	received.append(receive(*arguments, **options))
	if len(received) == 3:
		os.kill(os.getpid(), signal.SIGKILL)
	return received[-1]

messages.receive = receive_and_die
with bench.connected():
	jobs.sync_sessions()
"""


@pytest.mark.simulator(**TINY)
def test_missed_messages_are_stored_once_though_the_worker_is_killed_in_the_middle_of_them(
	simulator: Simulator,
) -> None:
	synced(simulator)
	chat = chats()[0]
	miss(simulator, chat.chat_id, 6)
	request_sync(SESSION, "Scheduler")
	frappe.db.commit()

	killed = subprocess.run(
		[str(bench.python()), "-c", DIES_OF_THE_THIRD],
		cwd=bench.sites(),
		env=bench.environment(PYTHONPATH=f"{bench.ROOT / 'tests'}:{bench.ROOT}"),
		timeout=60,
	)
	assert killed.returncode == -signal.SIGKILL
	assert count("Message", is_history=0) == 2
	frappe.db.set_value(
		"WhatsApp Sync Run", {"state": "Running"}, "heartbeat", add_to_date(times.now(), minutes=-2)
	)
	frappe.db.commit()
	jobs.sync_sessions()

	stored = frappe.get_all("WhatsApp Message", {"is_history": 0}, pluck="content")
	assert sorted(stored) == [f"perdido {number}" for number in range(1, 7)]
	unread = frappe.db.get_value("WhatsApp Conversation", chat.name, "unread_count")
	assert unread == chat.unread_count + 6
	assert [run.state for run in frappe.get_all("WhatsApp Sync Run", fields=["state"])] == ["Completed"] * 2


@pytest.mark.simulator(**TINY)
@pytest.mark.parametrize("phase", ["chats", "messages"])
def test_a_message_that_comes_during_the_first_sync_is_the_same_whoever_brings_it_first(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
	"""It comes just before the Hub lists its chats, or their messages."""
	now, message_id, fetch = clock.now_ms() // 1000 * 1000, new_id(), engine.phases.fetch
	monkeypatch.setattr(clock, "now_ms", lambda: now)
	stored, unread = [], []
	for is_webhook_first in (True, False):
		simulator.reset(**TINY)
		connect_site(simulator)
		link_session(simulator)
		came: list[dict] = []

		def deliver(came: list[dict] = came) -> None:
			said = webhooks.received(
				"a la vez", message_id, came[0]["chat_id"], timestamp=now, pushName="María"
			)
			assert process_event(webhooks.store(said)) == "Processed"

		def fetch_meanwhile(
			client: object,
			scope: object,
			cursor: engine.Cursor,
			came: list[dict] = came,
			deliver: Callable[[], None] | None = deliver if is_webhook_first else None,
		) -> object:
			if cursor.phase == phase and not came:
				message = {"text": "a la vez", "message_id": message_id, "push_name": "María"}
				came += simulator.incoming(SESSION, timestamp_ms=now, webhook=False, **message)
				if deliver:
					deliver()
			return fetch(client, scope, cursor)

		monkeypatch.setattr(engine.phases, "fetch", fetch_meanwhile)
		assert sync_session_complete(SESSION)["status"] == "Completed"
		if not is_webhook_first:
			deliver()
		listed = payloads.parse_chats(WhatsAppAPIClient(SESSION).get_session_chats()).records
		unread.append({chat.jid: chat.unread_count for chat in listed})
		stored.append(rows(*TIMES))
		assert count("Message", message_id=message_id, is_history=0) == 1
		frappe.delete_doc("WhatsApp Session", SESSION)
		frappe.db.commit()

	assert stored[0] == stored[1]
	conversations = [row for name, row in stored[0].items() if name.startswith("Conversation")]
	assert conversations
	assert all(row["unread_count"] == unread[0][row["chat_id"]] for row in conversations)


@pytest.mark.simulator(**SMALL)
def test_what_a_hub_that_repeats_its_pages_keeps_back_comes_when_it_does_not(simulator: Simulator) -> None:
	synced(simulator)
	chat = chats()[0]
	miss(simulator, chat.chat_id, 120)
	simulator.faults(ignore_page={"path": f"/api/messages/{SESSION}/346*"})

	run = sync_what_is_new()

	assert count("Message", content=("like", "perdido%")) == 50
	assert run.messages_errors == 1
	assert "repeats a page" in run.notes
	assert len(calls(simulator)) == 1 + 3  # it is asked again, in case it repeats a page once

	simulator.clear_faults()
	sync_what_is_new()
	assert count("Message", content=("like", "perdido%"), is_history=0) == 120


@pytest.mark.simulator(**SMALL)
def test_a_row_without_a_time_does_not_end_the_search_for_what_was_missed(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	synced(simulator)
	chat = chats()[0]
	miss(simulator, chat.chat_id, 120)
	ask = WhatsAppAPIClient.get_chat_messages

	def with_an_odd_row(client: WhatsAppAPIClient, chat: str, **paging: int) -> dict:
		answer = ask(client, chat, **paging)
		for key in ("timestamp", "messageTimestamp", "sentAt", "createdAt"):
			if key in answer["data"]["messages"][3]:
				answer["data"]["messages"][3][key] = 0
				answer["data"]["messages"][3].record = None
		return answer

	monkeypatch.setattr(WhatsAppAPIClient, "get_chat_messages", with_an_odd_row)
	sync_what_is_new()
	assert count("Message", content=("like", "perdido%")) == 120


@pytest.mark.simulator(**SMALL)
def test_a_page_that_came_in_the_place_of_another_one_leaves_no_gap(
	simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
	synced(simulator)
	chat = chats()[0]
	miss(simulator, chat.chat_id, 120)
	ask = WhatsAppAPIClient.get_chat_messages

	def with_a_stale_page(client: WhatsAppAPIClient, chat: str, page: int, limit: int) -> dict:
		return ask(client, chat, page=1 if page == 2 else page, limit=limit)

	with monkeypatch.context() as patch:
		patch.setattr(WhatsAppAPIClient, "get_chat_messages", with_a_stale_page)
		run = sync_what_is_new()
	assert (count("Message", content=("like", "perdido%")), run.messages_errors) == (70, 1)
	sync_what_is_new()
	assert count("Message", content=("like", "perdido%"), is_history=0) == 120


@pytest.mark.simulator(**SMALL)
def test_what_a_chat_is_said_to_hold_but_does_not_list_yet_is_looked_for_once_more(
	simulator: Simulator,
) -> None:
	synced(simulator)
	chat = chats()[0]
	miss(simulator, chat.chat_id, 3)
	nothing = {"success": True, "data": {"messages": [], "total": 0, "page": 1}}
	simulator.faults(not_object={"path": f"/api/messages/{SESSION}/346*", "body": nothing})
	sync_what_is_new()
	assert len(calls(simulator)) == 1 + 1
	simulator.clear_faults()
	sync_what_is_new()
	assert count("Message", content=("like", "perdido%"), is_history=0) == 3


@pytest.mark.simulator(**SMALL)
def test_what_a_chat_never_lists_costs_two_calls_and_no_more(simulator: Simulator) -> None:
	synced(simulator)
	chat = chats()[0]
	miss(simulator, chat.chat_id, 1)
	nothing = {"success": True, "data": {"messages": [], "total": 0, "page": 1}}
	simulator.faults(not_object={"path": f"/api/messages/{SESSION}/346*", "body": nothing})
	for _turn in range(3):
		sync_what_is_new()
		# As if the sync had been half an hour ago.
		synced_until_ms = clock.now_ms() + 30 * MINUTE_MS
		frappe.db.set_value("WhatsApp Session", SESSION, "synced_until_ms", synced_until_ms)
		frappe.db.commit()
	assert len([path for path in calls(simulator) if path != CHATS]) == 2


@pytest.mark.simulator(**SMALL)
def test_every_chat_with_news_is_read_not_only_the_most_recent_twenty(simulator: Simulator) -> None:
	synced(simulator)
	missed = chats()
	for chat in missed:
		simulator.incoming(SESSION, chat=chat.chat_id, text="¿Hola?", webhook=False, timestamp_ms=ago_ms(5))

	sync_what_is_new()

	assert len(missed) > 20
	assert count("Message", content="¿Hola?") == len(missed)
	assert len(calls(simulator)) == 1 + len(missed)


@pytest.mark.simulator(**SMALL)
def test_a_chat_that_was_read_in_the_minute_of_its_last_message_is_read_once_more(
	simulator: Simulator,
) -> None:
	synced(simulator)
	chat, now = chats()[0], clock.now_ms()
	simulator.incoming(SESSION, chat=chat.chat_id, text="uno", webhook=False, timestamp_ms=now)
	sync_what_is_new()
	simulator.incoming(SESSION, chat=chat.chat_id, text="dos", webhook=False, timestamp_ms=now)

	sync_what_is_new()

	assert count("Message", conversation=chat.name, content=("in", ("uno", "dos"))) == 2


@pytest.mark.simulator(**SMALL)
def test_what_a_hub_without_a_list_of_chats_missed_comes_too(simulator: Simulator) -> None:
	synced(simulator)
	frappe.db.set_single_value("WhatsApp Settings", {"sync_recent_chats": 1, "sync_messages_per_chat": 50})
	simulator.faults(F1=True)
	for chat in chats():
		simulator.incoming(
			SESSION, chat=chat.chat_id, text="¿Hola?", count=5, webhook=False, timestamp_ms=ago_ms(5)
		)

	sync_what_is_new()

	assert count("Message", content=("like", "¿Hola?%")) == 5 * len(chats()) > 100


@pytest.mark.simulator(**SMALL)
def test_contacts_are_fetched_again_after_a_day(simulator: Simulator) -> None:
	synced(simulator)
	frappe.db.set_value(
		"WhatsApp Session", SESSION, "contacts_synced_at", add_to_date(times.now(), hours=-25)
	)

	sync_what_is_new()
	sync_what_is_new()

	assert calls(simulator) == [CHATS, f"/api/contacts/{SESSION}", CHATS]


@pytest.mark.parametrize(
	("trigger", "hours_ago", "scope"),
	[
		("Scheduler", 5, "Incremental"),
		("Connected", 0.9, "Incremental"),
		("Connected", 1.1, "Full"),
		("Manual", 0, "Full"),
		("Scheduler", None, "Full"),
	],
)
def test_what_a_sync_covers_depends_on_who_wants_it_and_when_the_last_one_was(
	trigger: str, hours_ago: float | None, scope: str
) -> None:
	last_sync = None if hours_ago is None else add_to_date(times.now(), hours=-hours_ago)
	frappe.get_doc(
		doctype="WhatsApp Session", session_id=SESSION, session_name="Demo", last_sync=last_sync
	).insert()

	run = sync_runs.open_run(SESSION, trigger)
	assert frappe.db.get_value("WhatsApp Sync Run", run, "scope") == scope
	# Somebody who asks for all while it waits gets all.
	assert sync_runs.open_run(SESSION, "Manual") == run
	assert frappe.db.get_value("WhatsApp Sync Run", run, "scope") == "Full"


@pytest.mark.simulator(**SMALL)
def test_who_asks_for_all_while_what_is_new_is_synced_gets_all_after_it(simulator: Simulator) -> None:
	synced(simulator)
	run = sync_runs.open_run(SESSION, "Scheduler")
	frappe.db.set_value("WhatsApp Sync Run", run, "started_at", times.now())
	frappe.db.commit()

	answer = sync_session_complete(SESSION)

	assert answer["contacts"]["processed"] == 30
	frappe.db.rollback()
	states = frappe.get_all("WhatsApp Sync Run", fields=["state", "scope"], order_by="creation asc")
	assert [(run.state, run.scope) for run in states[1:]] == [
		("Completed", "Incremental"),
		("Completed", "Full"),
	]
	assert not frappe.db.get_value("WhatsApp Session", SESSION, "sync_due")


def make_rule() -> None:
	"""Tells the managers of each incoming message, as a person would set it up."""
	make_user("manager", "WhatsApp Manager")
	frappe.get_doc(
		{
			"doctype": "Notification",
			"name": "Rule of the tests",
			"enabled": 1,
			"channel": "System Notification",
			"document_type": "WhatsApp Message",
			"event": "New",
			"condition": "doc.direction == 'Incoming'",
			"subject": "{{ doc.content }}",
			"message": "{{ doc.content }}",
			"recipients": [{"receiver_by_role": "WhatsApp Manager"}],
		}
	).insert()
	frappe.db.commit()
	frappe.clear_cache()


def told() -> list[str]:
	"""What the rule has told the manager."""
	frappe.db.rollback()
	return frappe.get_all("Notification Log", {"document_type": "WhatsApp Message"}, pluck="subject")


@pytest.mark.leaves("Notification", "Notification Recipient")
@pytest.mark.simulator(**SMALL)
def test_a_rule_tells_of_each_missed_message_once_and_never_of_history(simulator: Simulator) -> None:
	make_rule()
	synced(simulator)
	assert count("Message") > 50
	assert told() == []
	chat = chats()[0]
	simulator.incoming(SESSION, chat=chat.chat_id, text="perdido", count=5, webhook=False)

	sync_what_is_new()
	sync_session_complete(SESSION)

	assert sorted(told()) == sorted(f"perdido {number}" for number in range(1, 6))


@pytest.mark.leaves("Notification", "Notification Recipient")
@pytest.mark.simulator(**SMALL)
def test_webhooks_and_a_sync_at_the_same_time_store_each_message_once(
	simulator: Simulator, web: Web, worker: Worker
) -> None:
	make_rule()
	connect_site(simulator, web)
	link_session(simulator)
	sync_session_complete(SESSION)
	before, some, each = count("Message"), chats(4), 2
	simulator.hold()
	for chat in some:
		simulator.incoming(SESSION, chat=chat.chat_id, text="a la vez", count=each)

	def sync() -> None:
		with bench.connected():
			sync_session_complete(SESSION)

	syncing = threading.Thread(target=sync)
	syncing.start()
	simulator.release(shuffle=True, connections=4, copies_from=1, copies_to=2, attempts=100)
	syncing.join()
	simulator.wait_for_deliveries(60)

	run = wait_for_sync(SESSION, runs=2)
	assert run.state == "Completed"
	assert count("Message") == before + each * len(some)
	for chat in some:
		unread = frappe.db.get_value("WhatsApp Conversation", chat.name, "unread_count")
		assert unread == chat.unread_count + each
	worker.drain()
	assert len(told()) == each * len(some)
