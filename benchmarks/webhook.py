"""Webhooks over HTTP, beside Frappe's ping and a plain handler on the same workers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import frappe

from benchmarks import load, mariadb, site
from benchmarks.arithmetic import median, percentile
from benchmarks.report import Figure, at_least, at_most, say
from support import bench
from support.factories import SECRET, SESSION, make_session, set_up
from support.realtime import Realtime, Socket
from support.web import Web
from xappiens_whatsapp.inbox_hub.signature import sign
from xappiens_whatsapp.xappiens_whatsapp.doctype.whatsapp_settings.whatsapp_settings import WEBHOOK_PATH

CHATS = 50
CONNECTIONS = 2  # of each worker of gunicorn: enough to keep it busy
HEARD_WITHIN = 0.3  # seconds
PING, OURS = "ping", "webhook"
FOUR, FOUND = "four inserts", "found or inserted"
PATHS = {
	PING: "/api/method/ping",
	OURS: WEBHOOK_PATH,
	FOUR: "/api/method/frappe.reference_handler.four_inserts",
	FOUND: "/api/method/frappe.reference_handler.find_or_insert",
}
_number = count(1)


@dataclass(frozen=True, slots=True)
class Sizes:
	rounds: int = 8
	events: int = 200  # of each kind in a round
	stored: tuple[int, int] = (1_000, 1_000_000)
	stored_rounds: int = 8
	heard: int = 200


QUICK = Sizes(3, 60, (1_000, 100_000), 3, 60)


class BenchmarkWeb(Web):
	"""gunicorn as the tests have it, with the reference handlers and a number of workers."""

	def __init__(self, workers: int) -> None:
		super().__init__()
		self.workers = workers
		self.command[self.command.index("--workers") + 1] = str(workers)
		self.command[self.command.index("--pythonpath") + 1] = site.python_path().replace(":", ",")
		self.command[-1] = "benchmarks.wsgi:application"
		self.env["DEV_SERVER"] = "0"  # with it Frappe reads controllers from the database for each document


def run(sizes: Sizes) -> list[Figure]:
	"""All figures of the webhook. The site is new; gunicorn and the realtime server are started here."""
	set_up(webhook_secret=SECRET)
	make_session(SESSION)
	frappe.db.commit()
	figures = []
	for workers in (1, 2):
		with gunicorn(workers) as web:
			figures += beside_others(web, sizes)
	with gunicorn(1) as web:
		figures += at_different_sizes(web, sizes)
	with gunicorn(2) as web:
		figures += until_heard(web, sizes)
	return figures


@contextmanager
def gunicorn(workers: int) -> Iterator[BenchmarkWeb]:
	web = BenchmarkWeb(workers)
	web.start()
	try:
		for kind in PATHS:  # what is imported and cached once
			send(web, kind, CHATS)
		yield web
	finally:
		web.stop()


def send(web: BenchmarkWeb, kind: str, amount: int) -> load.Answers:
	"""So many requests of a kind, all different.

	Raises:
		AssertionError: one was not answered 200.
	"""
	answers = load.send([make_request(kind) for _ in range(amount)], web.port, CONNECTIONS * web.workers)
	assert not answers.failures, answers.failures[0][:2000]
	return answers


def make_request(kind: str, chat: int | None = None) -> bytes:
	"""The next request of a kind: a text message in one of the chats, for four inserts in a chat of its own."""
	host = bench.site_name()
	if kind == PING:
		return load.request(PATHS[kind], host)
	number = next(_number)
	jid = f"99{10**9 + number}@c.us" if kind == FOUR else f"346000000{(chat or number) % CHATS:02d}@c.us"
	message_id = f"3EB0{number:018X}"
	now = int(time.time())
	body = json.dumps(
		{
			"event": "message.received",
			"sessionId": SESSION,
			"timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(now)),
			"data": {
				"id": {
					"fromMe": False,
					"remote": jid,
					"id": message_id,
					"_serialized": f"false_{jid}_{message_id}_in",
				},
				"body": f"¿Tenéis el modelo azul en stock? Es para el viernes 🙏 ({number})",
				"timestamp": now,
				"from": jid,
				"to": "34600000001@c.us",
				"fromMe": False,
				"type": "chat",
				"hasMedia": False,
				"isForwarded": False,
				"isStarred": False,
				"isStatus": False,
				"quotedMsgId": None,
				"pushName": "Begoña Núñez",
			},
		},
		ensure_ascii=False,
		separators=(",", ":"),
	).encode()
	headers = [
		f"X-Webhook-Signature: {sign(body, SECRET)}",
		"X-Webhook-Event: message.received",
		f"X-Webhook-Session: {SESSION}",
		f"X-Webhook-Timestamp: {now * 1000}",
	]
	return load.request(PATHS[kind], host, "POST", body, headers)


def in_turn(web: BenchmarkWeb, kinds: list[str], rounds: int, amount: int) -> dict[str, load.Answers]:
	"""Requests of all kinds by turns, so that whatever else the machine does falls on all of them."""
	answers = {kind: load.Answers() for kind in kinds}
	for _round in range(rounds):
		for kind in kinds:
			answers[kind].add(send(web, kind, amount))
	return answers


def beside_others(web: BenchmarkWeb, sizes: Sizes) -> list[Figure]:
	"""Our events a second beside the others'; every one of ours is stored and processed in the end."""
	say(f"{web.workers} workers of gunicorn: {sizes.rounds} rounds of {sizes.events}")
	before = stored_events()
	answers = in_turn(web, list(PATHS), sizes.rounds, sizes.events)
	processed = stored_events() - before
	assert processed == 3 * sizes.rounds * sizes.events, f"{processed} events are stored and processed"
	a_second = {kind: each.a_second for kind, each in answers.items()}
	rows = {
		PING: "Frappe's `ping`",
		OURS: "webhook: verified, stored, processed, committed",
		FOUR: "plain handler, four inserts an event",
		FOUND: "plain handler, contact and conversation found",
	}
	workers = "1 worker" if web.workers == 1 else f"{web.workers} workers"
	return [
		Figure(f"**gunicorn with {workers}**", ""),
		*(Figure(text, in_words(answers[kind])) for kind, text in rows.items()),
		at_least("webhook : ping", a_second[OURS] / a_second[PING], 0.25, "{:.2f}"),
		at_least("webhook : plain handler, four inserts", a_second[OURS] / a_second[FOUR], 1.5, "{:.2f}"),
		Figure("webhook : plain handler, found", f"{a_second[OURS] / a_second[FOUND]:.2f}"),
	]


def in_words(answers: load.Answers) -> str:
	middle, most = median(answers.each) * 1000, percentile(answers.each, 0.95) * 1000
	return f"{answers.a_second:.0f} /s, median {middle:.1f} ms, p95 {most:.1f} ms"


def stored_events() -> int:
	"""Events that are stored and processed, as committed now."""
	frappe.db.rollback()
	return frappe.db.count(site.EVENT, {"status": "Processed"})


def at_different_sizes(web: BenchmarkWeb, sizes: Sizes) -> list[Figure]:
	"""An event's cost where few and where many messages are stored. Both tables are there all the time, and change places
	before each measurement."""
	small, large = sizes.stored
	names = {small: "benchmark_small", large: "benchmark_large"}
	frappe.db.rollback()
	with mariadb.buffer_pool():
		for amount, name in names.items():
			say(f"{amount} stored messages are made")
			frappe.db.sql_ddl(f"CREATE TABLE `{name}` LIKE `tab{site.MESSAGE}`")
			site.fill_messages(name, amount, SESSION)
		frappe.db.sql_ddl(f"RENAME TABLE `tab{site.MESSAGE}` TO benchmark_none")
		answers = {amount: load.Answers() for amount in names}
		say(f"an event's cost: {sizes.stored_rounds} rounds of {sizes.events}")
		for round_number in range(sizes.stored_rounds + 1):
			for amount, name in names.items():
				frappe.db.sql_ddl(f"RENAME TABLE `{name}` TO `tab{site.MESSAGE}`")
				part = send(web, OURS, sizes.events)
				if round_number:  # the first one fetches the table's pages
					answers[amount].add(part)
				frappe.db.sql_ddl(f"RENAME TABLE `tab{site.MESSAGE}` TO `{name}`")
		frappe.db.sql_ddl(f"RENAME TABLE benchmark_none TO `tab{site.MESSAGE}`")
		frappe.db.sql_ddl("DROP TABLE benchmark_small, benchmark_large")
	cost = {amount: each.seconds / len(each.each) for amount, each in answers.items()}
	return [
		Figure("**An event where so many messages are stored (1 worker)**", ""),
		*(Figure(f"{amount}", in_words(each)) for amount, each in answers.items()),
		at_most("the cost of the second : the first", cost[large] / cost[small], 1.2, "{:.2f}"),
	]


def until_heard(web: BenchmarkWeb, sizes: Sizes) -> list[Figure]:
	"""From the POST until a browser hears of the message: one after the other, as people write."""
	say(f"{sizes.heard} messages until they are heard")
	realtime = Realtime()
	realtime.ensure()
	try:
		sid = web.login().cookies["sid"]
		with Socket(realtime.url, sid) as socket:
			socket.subscribe(site.SESSIONS, SESSION)
			seconds = [heard_after(web, socket) for _ in range(sizes.heard)]
	finally:
		realtime.stop()
	return [
		Figure("**From the POST to a listening socket.io client**", ""),
		Figure("median", f"{median(seconds) * 1000:.1f} ms"),
		at_most("p95", percentile(seconds, 0.95) * 1000, HEARD_WITHIN * 1000, "{:.1f} ms"),
	]


def heard_after(web: BenchmarkWeb, socket: Socket) -> float:
	request = make_request(OURS)
	begun = time.perf_counter()
	sender = threading.Thread(target=load.exchange, args=(request, web.port))
	sender.start()
	socket.wait_for("whatsapp_message")
	seconds = time.perf_counter() - begun
	sender.join()
	return seconds
