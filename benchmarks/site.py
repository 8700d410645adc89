"""A site for the benchmarks alone: made before, gone afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import frappe

from inbox_hub_simulator.control import Simulator
from support import bench, linked
from support.factories import SESSION
from support.scratch import scratch_site
from support.worker import forget_jobs

APP = "xappiens_whatsapp"
CONTACT, CONVERSATION, MESSAGE = "WhatsApp Contact", "WhatsApp Conversation", "WhatsApp Message"
EVENT, RUN, SESSIONS = "WhatsApp Webhook Event", "WhatsApp Sync Run", "WhatsApp Session"
STORED = (CONTACT, CONVERSATION, MESSAGE)


@contextmanager
def benchmark_site() -> Iterator[None]:
	"""A new site with the app, named by FRAPPE_SITE, to which Frappe is bound in this thread."""
	with scratch_site(os.environ["FRAPPE_SITE"]) as site:
		site.run("install-app", APP)
		try:
			with bench.connected():
				frappe.flags.in_test = False  # as fast and as slow as any other site
				yield
		finally:
			with bench.connected():
				forget_jobs()


def begin_anew(hub: Simulator) -> None:
	"""Nothing stored, and the session linked as on its first day."""
	frappe.db.rollback()
	for doctype in (*STORED, EVENT, RUN, SESSIONS):
		frappe.db.sql_ddl(f"TRUNCATE TABLE `tab{doctype}`")
	frappe.clear_cache(doctype=SESSIONS)
	linked.link_session(hub, SESSION)


def count(doctype: str) -> int:
	"""Rows of a DocType, as committed now."""
	frappe.db.rollback()
	return frappe.db.sql(f"SELECT COUNT(*) FROM `tab{doctype}`")[0][0]


def fill_contacts(table: str, amount: int, session: str) -> None:
	"""So many contacts of a session in a table like that of WhatsApp Contact, with keys as the app makes them."""
	frappe.db.sql(
		f"""
		INSERT INTO `{table}` (name, key_hash, session, contact_id, phone_number, contact_name, is_user, about,
			creation, modified, owner, modified_by, first_seen, last_sync)
		SELECT LEFT(hash, 20), hash, %(session)s, jid, number, CONCAT('Contact ', number), 1, 'stored before',
			NOW(), NOW(), 'Administrator', 'Administrator', NOW(), NOW()
		FROM (
			SELECT number, CONCAT(number, '@s.whatsapp.net') AS jid, LEFT(SHA2(CONCAT(
				%(length)s, ':', %(session)s, LENGTH(number) + 15, ':', number, '@s.whatsapp.net'), 256), 40) AS hash
			FROM (SELECT CONCAT('99', LPAD(seq, 10, '0')) AS number FROM seq_1_to_{amount}) numbers
		) keyed ORDER BY hash
		""",
		{"session": session, "length": len(session)},
	)
	settle(table)


def python_path() -> str:
	"""Where a process of the benchmarks finds this package and the tests' support."""
	return f"{bench.ROOT / 'tests'}:{bench.ROOT / 'dev'}:{bench.ROOT}"


def fill_messages(table: str, amount: int, session: str, chats: int = 2_000) -> None:
	"""So many messages of a session in a table like that of WhatsApp Message: those of the stored conversations and of
	further ones."""
	known = frappe.get_all(CONVERSATION, {"session": session}, pluck="name", order_by="name", limit=chats)
	cases = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(known))
	frappe.db.sql(
		f"""
		INSERT INTO `{table}` (name, key_hash, session, message_id, conversation, content_hash, hub_message_id,
			timestamp, timestamp_ms, creation, modified, owner, modified_by, direction, status, message_type, content,
			from_number)
		SELECT LEFT(hash, 20), hash, %(session)s, CONCAT('3EB0', LEFT(hash, 18)),
			CASE seq MOD {chats} {cases} ELSE LEFT(SHA1(seq MOD {chats}), 20) END, SHA1(CONCAT('said', seq)), seq,
			FROM_UNIXTIME(1600000000 + seq), (1600000000 + seq) * 1000, NOW(), NOW(), 'Administrator',
			'Administrator', 'Incoming', 'Delivered', 'text', CONCAT('Lo necesito para el viernes, gracias ', seq),
			'34600000002'
		FROM (SELECT seq, SHA1(CONCAT('stored ', seq)) AS hash FROM seq_1_to_{amount}) keyed ORDER BY hash
		""",
		{"session": session},
	)
	settle(table)


def settle(table: str) -> None:
	"""Commit, and have MariaDB count what is in a table: it would do so some seconds later, but not if the table is renamed
	before, and take a full table for an empty one."""
	frappe.db.commit()
	frappe.db.sql_ddl(f"ANALYZE TABLE `{table}`")
