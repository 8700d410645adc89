"""Every test leaves the database as it found it.

Integration tests commit, since gunicorn and workers must see their rows. So the whole database is read once; after each
test the tables whose checksum differs are put back row by row. A test may leave rows in the app's own tables and in
Frappe's logs without a word; rows anywhere else are put back too, but the test fails unless it is marked
`@pytest.mark.leaves("Notification", …)`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import frappe

from support import sentinels

APP = "xappiens_whatsapp"

# What Frappe writes beside what it is told to write
LOGS = {
	"Access Log",
	"Activity Log",
	"Comment",
	"Communication",
	"Communication Link",
	"Contact",
	"Contact Email",
	"Contact Phone",
	"DefaultValue",
	"Deleted Document",
	"Document Follow",
	"DocShare",
	"Email Queue",
	"Email Queue Recipient",
	"Error Log",
	"Error Snapshot",
	"File",
	"Has Role",
	"Notification Log",
	"Notification Settings",
	"Notification Subscribed Document",
	"Prepared Report",
	"Route History",
	"Scheduled Job Log",
	"Scheduled Job Type",
	"Series",
	"Sessions",
	"Singles",
	"ToDo",
	"User",
	"User Email",
	"User Permission",
	"User Social Login",
	"Version",
	"View Log",
}
FRAPPES_OWN = {"__Auth", "__UserSettings", "__global_search"}
OF_USERS = {"DefaultValue", "Has Role", "User", "User Permission"}
CHUNK = 500

Row = tuple


@dataclass(frozen=True)
class Table:
	name: str
	columns: tuple[str, ...]
	key: tuple[int, ...]  # places of the primary key among the columns; empty if there is none

	@property
	def doctype(self) -> str:
		return self.name.removeprefix("tab")


class RowGuard:
	"""The database of a site as it was when the guard was made."""

	def __init__(self) -> None:
		self.tables = {table.name: table for table in read_tables()}
		self.rows = {name: read_rows(table) for name, table in self.tables.items()}
		self.checksums = checksums(self.tables)
		self.leaks: list[str] = []  # secrets in the rows that the last test left
		own = frappe.get_all("DocType", {"module": ("in", frappe.get_module_list(APP))}, pluck="name")
		self.expected = {f"tab{doctype}" for doctype in {*own, *LOGS}} | FRAPPES_OWN
		frappe.db.rollback()

	def restore(self) -> list[str]:
		"""Puts every changed table back and commits; returns the names of those that were changed."""
		frappe.db.rollback()
		now = checksums(self.tables)
		changed = [name for name in self.tables if now[name] != self.checksums[name]]
		self.leaks = []
		for name in changed:
			self.restore_table(self.tables[name])
		frappe.db.commit()
		if not self.expected.issuperset(changed):  # it may have been metadata
			frappe.clear_cache()
		return changed

	def unexpected(self, changed: Iterable[str], allowed: Iterable[str]) -> list[str]:
		"""Those of the changed tables in which a test must not leave rows."""
		known = self.expected | {f"tab{doctype}" for doctype in allowed}
		return [name for name in changed if name not in known]

	def restore_table(self, table: Table) -> None:
		before, after = self.rows[table.name], read_rows(table)
		extra, missing = after - before, before - after
		self.leaks += sentinels.in_rows(table.name, extra)
		if extra and not before:
			frappe.db.sql(f"DELETE FROM `{table.name}`")
		else:
			delete(table, list(extra.elements()))
		insert(table, list(missing.elements()))
		forget_cached(table, [*extra, *missing])


def read_tables() -> list[Table]:
	columns: dict[str, list[str]] = {}
	keys: dict[str, list[int]] = {}
	for name, column, key in frappe.db.sql(
		"""SELECT c.table_name, c.column_name, c.column_key
		FROM information_schema.columns c
		JOIN information_schema.tables t USING (table_schema, table_name)
		WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'
		ORDER BY c.table_name, c.ordinal_position"""
	):
		if key == "PRI":
			keys.setdefault(name, []).append(len(columns.get(name, [])))
		columns.setdefault(name, []).append(column)
	return [Table(name, tuple(names), tuple(keys.get(name, []))) for name, names in columns.items()]


def read_rows(table: Table) -> Counter[Row]:
	return Counter(frappe.db.sql(f"SELECT {column_list(table)} FROM `{table.name}`"))


def checksums(tables: Iterable[str]) -> dict[str, int]:
	"""MariaDB's checksum over all rows of each table, as they are committed now."""
	answer = frappe.db.sql("CHECKSUM TABLE " + ", ".join(f"`{name}`" for name in tables))
	return {name.partition(".")[2]: value for name, value in answer}


def column_list(table: Table) -> str:
	return ", ".join(f"`{column}`" for column in table.columns)


def delete(table: Table, rows: Sequence[Row]) -> None:
	if not table.key:
		condition = " AND ".join(f"`{column}` <=> %s" for column in table.columns)
		for row in rows:
			frappe.db.sql(f"DELETE FROM `{table.name}` WHERE {condition} LIMIT 1", row)
		return
	names = ", ".join(f"`{table.columns[place]}`" for place in table.key)
	for start in range(0, len(rows), CHUNK):
		keys = [tuple(row[place] for place in table.key) for row in rows[start : start + CHUNK]]
		one = "(" + ", ".join(["%s"] * len(table.key)) + ")"
		frappe.db.sql(
			f"DELETE FROM `{table.name}` WHERE ({names}) IN ({', '.join([one] * len(keys))})",
			[value for key in keys for value in key],
		)


def insert(table: Table, rows: Sequence[Row]) -> None:
	one = "(" + ", ".join(["%s"] * len(table.columns)) + ")"
	for start in range(0, len(rows), CHUNK):
		chunk = rows[start : start + CHUNK]
		frappe.db.sql(
			f"INSERT INTO `{table.name}` ({column_list(table)}) VALUES {', '.join([one] * len(chunk))}",
			[value for row in chunk for value in row],
		)


def forget_cached(table: Table, rows: Sequence[Row]) -> None:
	"""Frappe keeps documents, users' roles and metadata in Redis."""
	if table.name in FRAPPES_OWN or "name" not in table.columns:
		for doctype in {row[0] for row in rows} if table.name == "tabSingles" else ():
			frappe.clear_document_cache(doctype, doctype)
		return
	place = table.columns.index("name")
	for row in rows:
		frappe.clear_document_cache(table.doctype, row[place])
	if table.doctype in OF_USERS:
		owners = {"User": "name", "User Permission": "user"}.get(table.doctype, "parent")
		for user in {row[table.columns.index(owners)] for row in rows}:
			frappe.clear_cache(user=user)
