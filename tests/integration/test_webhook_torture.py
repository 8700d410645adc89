"""Events of all kinds, each several times, shuffled, over 8 connections, while gunicorn and the worker are killed again and
again: in the end everything is there, once.

A run of the suite does a short form, always the same. `./dev/test --torture` does the long one, another each time;
`--torture=SEED` repeats one.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import frappe
import pytest

from support import factories, torture, webhooks
from xappiens_whatsapp import jobs

if TYPE_CHECKING:
	from support.web import Web
	from support.worker import Worker

SHORT = {"events": 300, "copies": (2, 3), "kills": 3}
LONG = {"events": 10_000, "copies": (3, 5), "kills": 20}
ROUNDS = 50  # of what is due, until nothing is left


def test_everything_is_there_once_whatever_was_killed(
	web: Web, worker: Worker, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
	seed = request.config.getoption("--torture")
	form, chance = (LONG if seed else SHORT), random.Random(seed or "short")
	plan = torture.make_plan(chance, form["events"])
	prepare(plan)
	worker.start()
	posts = torture.make_posts(plan, chance, form["copies"])
	senders = torture.Senders(web.port, posts)
	began = time.monotonic()
	senders.start()
	for kill in range(form["kills"]):
		senders.wait_until(len(posts) * (kill + 1) // (form["kills"] + 1))
		kill_both(web, worker)
	senders.wait_until(len(posts))
	seconds = time.monotonic() - began
	left = webhooks.statuses()
	finish()

	with capsys.disabled():
		if seed:
			print(
				f"\n--torture={seed}: {len(plan.posts)} events, {len(posts)} posts answered in {seconds:.0f} s,"
			)
			print(f"{form['kills']} kills; answers {dict(senders.answers)} (0: none)")
			print(f"statuses when all was answered: {left}")
	compare(plan, posts)


def prepare(plan: torture.Plan) -> None:
	"""The sessions, and those messages that were written here and wait for their echo."""
	factories.set_up()
	for session in torture.SESSIONS:
		factories.make_session(session)
	chats: dict[tuple[str, str], str] = {}
	for message in plan.written_here():
		key = message.session, message.chat
		chats[key] = chats.get(key) or factories.make_conversation(*key)
		own = {
			"direction": "Outgoing",
			"status": "Unconfirmed",
			"message_id": None,
			"timestamp_ms": message.at,
		}
		factories.make_message(chats[key], message.text, **own)
	frappe.db.commit()


def kill_both(web: Web, worker: Worker) -> None:
	"""SIGKILL; then time passes, and both come back while the senders try again."""
	web.kill()
	worker.kill()
	webhooks.make_due()
	frappe.enqueue("xappiens_whatsapp.jobs.every_minute", queue="short")
	starts = [threading.Thread(target=process.start) for process in (web, worker)]
	for start in starts:
		start.start()
	for start in starts:
		start.join(120)
	assert web.is_running
	assert worker.is_running


def finish() -> None:
	"""The minute job, until nothing is left to do."""
	for _round in range(ROUNDS):
		if set(webhooks.statuses()) <= {"Processed", "Ignored"}:
			return
		webhooks.make_due()
		jobs.every_minute()


def compare(plan: torture.Plan, posts: list[torture.Post]) -> None:
	"""What is stored is what is to be there, row by row."""
	different = {(post.body, post.headers.get("X-Webhook-Timestamp")) for post in posts}
	assert webhooks.statuses() == {"Processed": len(different) - plan.ignored, "Ignored": plan.ignored}, (
		frappe.get_all(
			webhooks.EVENT, {"status": ("not in", ("Processed", "Ignored"))}, ["event", "status", "error"]
		)
	)
	assert_same(
		{key: message.stored() for key, message in plan.messages.items()},
		{
			(row.session, row.message_id): (
				*(row.direction, row.status, row.error_message or "", row.is_edited, row.is_deleted),
				"" if row.is_deleted else row.content,
			)
			for row in rows("Message")
		},
	)
	assert len(rows("Message")) == len(plan.messages)
	assert_same(
		{key: emoji for key, (_at, emoji) in plan.reactions.items()},
		{
			(session, message_id, who): emoji
			for session, message_id, who, emoji in frappe.db.sql(
				"""
				SELECT message.session, message.message_id, reaction.from_jid, COALESCE(reaction.emoji, '')
				FROM `tabWhatsApp Message Reaction` reaction
				JOIN `tabWhatsApp Message` message ON message.name = reaction.parent
				"""
			)
		},
	)
	assert_same(
		expected_chats(plan),
		{
			(row.session, row.chat_id): (
				*(
					row.unread_count,
					row.total_messages,
					row.last_message_timestamp_ms,
					row.last_message or "",
				),
				bool(row.is_archived),
			)
			for row in rows("Conversation")
		},
	)
	names = {(row.session, row.contact_id): row.contact_name for row in rows("Contact")}
	assert_same(plan.names, {key: name for key, name in names.items() if key in plan.names})
	for row in rows("Session"):
		_at, status, what = plan.states.get(row.name, (0, "Connected", ""))
		said = {"Disconnected": row.error_message, "QR Code Required": row.qr_code}.get(row.status, "")
		assert (row.status, said) == (status, what)


def expected_chats(plan: torture.Plan) -> dict[tuple[str, str], tuple[Any, ...]]:
	"""Unread, number of messages, time and text of the last one, archived: of each chat of each session."""
	told: dict[tuple[str, str], list[torture.Message]] = {
		(message.session, message.chat): [] for message in plan.messages.values()
	}
	for message in plan.messages.values():
		if not message.is_written_here:  # those were counted when they were written
			told[message.session, message.chat].append(message)
	expected = {}
	for key in {*told, *plan.archived}:
		messages = told.get(key, [])
		last = max(messages, key=lambda message: message.at, default=None)
		expected[key] = (
			sum(1 for message in messages if message.sender),
			len(messages),
			last.at if last else 0,
			last.text if last and not last.is_deleted else "",
			plan.archived.get(key, (0, False))[1],
		)
	return expected


def rows(doctype: str) -> list[frappe._dict]:
	frappe.db.rollback()
	return frappe.get_all(f"WhatsApp {doctype}", fields=["*"])


def assert_same(expected: dict, found: dict) -> None:
	"""Says what differs, not all that there is."""
	missing, extra = expected.keys() - found.keys(), found.keys() - expected.keys()
	wrong = {
		key: (expected[key], found[key])
		for key in expected.keys() & found.keys()
		if expected[key] != found[key]
	}
	first = dict(list(wrong.items())[:5])
	counts = Counter(missing=len(missing), extra=len(extra), wrong=len(wrong))
	assert not (missing or extra or wrong), (dict(counts), sorted(missing)[:5], sorted(extra)[:5], first)
