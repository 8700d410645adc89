"""A sync, beside what the same rows would cost otherwise."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import frappe

from benchmarks import mariadb, site
from benchmarks.arithmetic import Account, call_floor, median, paced_seconds, pages
from benchmarks.report import Figure, at_least, at_most, say
from inbox_hub_simulator.control import Simulator
from support import bench, linked
from support.factories import SESSION
from support.worker import Worker
from xappiens_whatsapp import jobs
from xappiens_whatsapp.api.sync import request_sync, sync_session_complete

PAGE = 100
BROADCASTS = 1  # the simulator lists one beside its chats
BACKGROUND_CALLS = 24  # of the Hub's 30 a minute; 6 are kept for people
FRAPPES_OWN = {"creation", "modified", "modified_by", "owner", "docstatus", "idx"}


@dataclass(frozen=True, slots=True)
class Sizes:
	contacts: int = 20_000
	chats: int = 2_000
	rounds: int = 3
	sample: int = 300  # documents inserted one by one, of each DocType
	paced_contacts: int = 7_400
	memory: tuple[int, int] = (1_000, 100_000)
	stored: tuple[int, int] = (2_000, 200_000)
	stored_rounds: int = 5


QUICK = Sizes(2_000, 200, 1, 100, 2_600, (1_000, 20_000), (2_000, 20_000), 2)


@dataclass(slots=True)
class Times:
	"""Seconds that one round took, for so many rows."""

	rows: int
	first: float
	second: float
	scheduled: float
	written_twice: int
	calls: tuple[int, int, int]
	bulk_insert: float
	document_insert: float


def run(sizes: Sizes) -> list[Figure]:
	"""All figures of the sync. The site is new; the simulator is started here."""
	with Simulator(rate=0, contacts=sizes.contacts, chats=sizes.chats) as hub:
		linked.connect_site(hub, sync_recent_chats=20, sync_messages_per_chat=50)
		hub.reset(contacts=PAGE)
		site.begin_anew(hub)
		timed_sync(hub)  # what is imported and cached once
		return [
			*compare(hub, sizes, recent=20, newest=50, rounds=sizes.rounds),
			*compare(hub, sizes, recent=100, newest=500, rounds=1),
			*at_different_sizes(hub, sizes),
			*memory(hub, sizes),
			*paced(hub, sizes),
		]


def compare(hub: Simulator, sizes: Sizes, *, recent: int, newest: int, rounds: int) -> list[Figure]:
	"""First and second sync beside bulk_insert and Document.insert of the rows they store."""
	recent = min(recent, sizes.chats)
	hub.reset(contacts=sizes.contacts, chats=sizes.chats, messages=newest)
	linked.connect_site(hub, sync_recent_chats=recent, sync_messages_per_chat=newest)
	all_rounds = []
	for number in range(1, rounds + 1):
		say(f"sync of {recent} x {newest} messages, round {number} of {rounds}")
		all_rounds.append(one_round(hub, sizes))
	rows = all_rounds[0].rows
	account = Account(sizes.contacts, sizes.chats + BROADCASTS, newest, recent, newest)
	floor = call_floor(account)
	title = f"{sizes.contacts} contacts, {sizes.chats} chats, {recent} x {newest} messages"
	calls = [max(times.calls[place] for times in all_rounds) for place in range(3)]
	rate = median([times.rows / times.first for times in all_rounds])
	bulk = median([times.rows / times.bulk_insert for times in all_rounds])
	single = median([times.rows / times.document_insert for times in all_rounds])
	return [
		Figure(f"**{title}**", f"{rows} rows"),
		Figure("first sync, HTTP and parsing included", f"{rate:.0f} rows/s"),
		Figure("`frappe.db.bulk_insert` of the same rows, committed pages of 100", f"{bulk:.0f} rows/s"),
		Figure("`Document.insert` of the same rows", f"{single:.0f} rows/s"),
		at_least(
			"first sync : bulk_insert",
			median([times.bulk_insert / times.first for times in all_rounds]),
			0.6,
			"{:.2f}",
		),
		at_least(
			"first sync : Document.insert",
			median([times.document_insert / times.first for times in all_rounds]),
			10,
			"{:.1f}",
		),
		at_most(
			"rows that a second sync and a scheduled one wrote",
			max(times.written_twice for times in all_rounds),
			0,
			"{:.0f}",
		),
		at_most(
			"second sync of everything (Sync now) : first sync, in time",
			median([times.second / times.first for times in all_rounds]),
			0.5,
			"{:.2f}",
		),
		at_most(
			"second sync by the scheduler (what is new) : first sync, in time",
			median([times.scheduled / times.first for times in all_rounds]),
			0.5,
			"{:.2f}",
		),
		at_most("calls to the Hub, first sync", calls[0], floor, "{:.0f}"),
		at_most("calls to the Hub, second sync of everything", calls[1], floor, "{:.0f}"),
		at_most(
			"calls to the Hub, second sync by the scheduler: the pages of chats",
			calls[2],
			pages(account.listed_chats, tells_total=False),
			"{:.0f}",
		),
	]


def one_round(hub: Simulator, sizes: Sizes) -> Times:
	site.begin_anew(hub)
	first, first_calls = timed_sync(hub)
	begun = frappe.utils.now_datetime()
	second, second_calls = timed_sync(hub)
	scheduled, scheduled_calls = timed(hub, scheduled_sync)
	written = sum(
		frappe.db.sql(f"SELECT COUNT(*) FROM `tab{doctype}` WHERE modified >= %s", begun)[0][0]
		for doctype in site.STORED
	)
	rows = {doctype: read_all(doctype) for doctype in site.STORED}
	for doctype in site.STORED:
		frappe.db.sql_ddl(f"TRUNCATE TABLE `tab{doctype}`")
	bulk = sum(insert_in_pages(doctype, each) for doctype, each in rows.items())
	single = sum(insert_documents(doctype, each, sizes.sample) for doctype, each in rows.items())
	number = sum(map(len, rows.values()))
	calls = (first_calls, second_calls, scheduled_calls)
	return Times(number, first, second, scheduled, written, calls, bulk, single)


def timed_sync(hub: Simulator) -> tuple[float, int]:
	"""Seconds and calls of a sync of everything, as a person at the console starts it."""
	return timed(hub, sync_everything)


def timed(hub: Simulator, work: Callable[[], None]) -> tuple[float, int]:
	"""Seconds and calls to the Hub that a piece of work takes."""
	hub.forget_requests()
	begun = time.perf_counter()
	work()
	return time.perf_counter() - begun, calls_to(hub)


def calls_to(hub: Simulator) -> int:
	"""Calls that the Hub has counted since they were forgotten, logins apart."""
	return len([request for request in hub.requests() if "/login" not in request["path"]])


def sync_everything() -> None:
	"""A sync as "Sync now" makes it, to its end.

	Raises:
		AssertionError: it did not finish.
	"""
	answer = sync_session_complete(SESSION)
	assert answer["status"] == "Completed", answer["message"]


def scheduled_sync() -> None:
	"""A sync as the scheduler makes it: of what is new.

	Raises:
		AssertionError: it did not finish.
	"""
	before = site.count(site.RUN)
	request_sync(SESSION, "Scheduler")
	frappe.db.commit()
	jobs.sync_sessions()
	newest = frappe.get_last_doc(site.RUN)
	assert site.count(site.RUN) == before + 1 and newest.state == "Completed", newest.state


def read_all(doctype: str) -> list[frappe._dict]:
	return frappe.db.sql(f"SELECT * FROM `tab{doctype}`", as_dict=True)


def insert_in_pages(doctype: str, rows: Sequence[frappe._dict]) -> float:
	"""Seconds that Frappe's bulk_insert takes for these rows, committed a page at a time."""
	fields = list(rows[0])
	values = [tuple(row.values()) for row in rows]
	begun = time.perf_counter()
	for start in range(0, len(values), PAGE):
		frappe.db.bulk_insert(doctype, fields, values[start : start + PAGE])
		frappe.db.commit()
	return time.perf_counter() - begun


def insert_documents(doctype: str, rows: Sequence[frappe._dict], sample: int) -> float:
	"""Seconds that Document.insert would take for these rows, measured on some of them, committed a page at a time."""
	chosen = rows[:: max(len(rows) // sample, 1)][:sample]
	names = {row.name for row in chosen}
	chosen = [
		row for row in chosen if row.get("quoted_message") not in names
	]  # nor does it link to what is gone
	frappe.db.delete(doctype, {"name": ("in", [row.name for row in chosen])})
	frappe.db.commit()
	documents = [
		{"doctype": doctype, **{field: row[field] for field in row if field not in FRAPPES_OWN}}
		for row in chosen
	]
	begun = time.perf_counter()
	for number, values in enumerate(documents, 1):
		frappe.get_doc(values).insert(ignore_permissions=True)
		if number % PAGE == 0:
			frappe.db.commit()
	frappe.db.commit()
	return (time.perf_counter() - begun) / len(chosen) * len(rows)


def at_different_sizes(hub: Simulator, sizes: Sizes) -> list[Figure]:
	"""What a thousand new contacts cost where few and where many are stored. Both tables are there all the time, and
	change places before each measurement."""
	new = 2_000
	hub.reset(contacts=new, chats=20, messages=1)
	linked.connect_site(hub, sync_recent_chats=0)
	small, large = sizes.stored
	names = {small: "benchmark_small", large: "benchmark_large"}
	site.begin_anew(hub)
	sync_session_complete(SESSION)  # chats are there, so that only contacts are new
	seconds: dict[int, list[float]] = {small: [], large: []}
	with mariadb.buffer_pool():
		for amount, name in names.items():
			say(f"{amount} stored contacts are made")
			frappe.db.sql_ddl(f"CREATE TABLE `{name}` LIKE `tab{site.CONTACT}`")
			site.fill_contacts(name, amount, SESSION)
		frappe.db.sql_ddl(f"RENAME TABLE `tab{site.CONTACT}` TO benchmark_none")
		for _round in range(sizes.stored_rounds):
			for amount, name in names.items():
				frappe.db.sql_ddl(f"RENAME TABLE `{name}` TO `tab{site.CONTACT}`")
				seconds[amount].append(timed_sync(hub)[0])
				frappe.db.sql(f"DELETE FROM `tab{site.CONTACT}` WHERE about != 'stored before'")
				frappe.db.commit()
				mariadb.wait_for_purge()
				frappe.db.sql_ddl(f"RENAME TABLE `tab{site.CONTACT}` TO `{name}`")
		frappe.db.sql_ddl(f"RENAME TABLE benchmark_none TO `tab{site.CONTACT}`")
		frappe.db.sql_ddl("DROP TABLE benchmark_small, benchmark_large")
	each = {amount: median(values) / new * 1000 for amount, values in seconds.items()}
	return [
		Figure("**1 000 new contacts**", ""),
		Figure(f"where {small} are stored", f"{each[small]:.3f} s"),
		Figure(f"where {large} are stored", f"{each[large]:.3f} s"),
		at_most("the second : the first", each[large] / each[small], 1.3, "{:.2f}"),
	]


def memory(hub: Simulator, sizes: Sizes) -> list[Figure]:
	"""The most memory that a process needs for a small and for a large sync, each in a process of its own."""
	peaks = []
	for contacts in sizes.memory:
		say(f"memory for {contacts} contacts")
		hub.reset(contacts=contacts, chats=20, messages=1)
		linked.connect_site(hub, sync_recent_chats=20, sync_messages_per_chat=50)
		site.begin_anew(hub)
		peaks.append(in_a_process()["peak_mb"])
	small, large = sizes.memory
	return [
		Figure("**Memory of a worker**", ""),
		Figure(f"at most, {small} contacts", f"{peaks[0]:.0f} MB"),
		Figure(f"at most, {large} contacts", f"{peaks[1]:.0f} MB"),
		at_most("growth", peaks[1] - peaks[0], 50, "{:.0f} MB"),
	]


def in_a_process() -> dict[str, Any]:
	"""What `benchmarks.one_sync` says of a sync in a fresh process."""
	result = subprocess.run(
		[str(bench.python()), "-m", "benchmarks.one_sync"],
		cwd=bench.sites(),
		env=bench.environment(PYTHONPATH=site.python_path()),
		stdout=subprocess.PIPE,
		text=True,
		check=True,
	)
	return json.loads(result.stdout.splitlines()[-1])


def paced(hub: Simulator, sizes: Sizes) -> list[Figure]:
	"""A sync by a worker against a Hub that allows 30 calls a minute, beside what the background's share allows.

	The minute job is put into the queue each minute, as Frappe's scheduler does.
	"""
	account = Account(sizes.paced_contacts, 150 + BROADCASTS, 50, 20, 50)
	calls = call_floor(account)
	bound = paced_seconds(calls, BACKGROUND_CALLS)
	say(f"{calls} calls at {BACKGROUND_CALLS} a minute: {bound:.0f} s at least")
	hub.reset(rate=30, contacts=account.contacts, chats=account.listed_chats - BROADCASTS, messages=50)
	linked.connect_site(hub, sync_recent_chats=20, sync_messages_per_chat=50)
	site.begin_anew(hub)
	site.forget_jobs()
	hub.forget_requests()
	worker = Worker()
	worker.start()
	try:
		begun = time.monotonic()
		request_sync(SESSION, "Manual")
		frappe.db.commit()
		minute = begun + 60
		while not (state := finished_state()):
			if time.monotonic() > minute:
				minute += 60
				frappe.enqueue("xappiens_whatsapp.jobs.every_minute", queue="default")
			assert time.monotonic() < begun + 3 * bound + 120, "the paced sync does not come to its end"
			time.sleep(0.2)
		seconds = time.monotonic() - begun
	finally:
		worker.kill()
	assert state == "Completed", state
	made = calls_to(hub)
	return [
		Figure("**The Hub's limit of 30 calls a minute, of which 24 are the background's**", ""),
		at_most("calls", made, calls, "{:.0f}"),
		Figure("bound: calls / 24, a minute each", f"{bound:.0f} s"),
		Figure("elapsed", f"{seconds:.0f} s"),
		at_most("elapsed : bound", seconds / bound, 1.1, "{:.2f}"),
	]


def finished_state() -> str | None:
	frappe.db.rollback()
	return frappe.db.get_value(
		site.RUN, {"session": SESSION, "state": ("in", ("Completed", "Failed"))}, "state"
	)
