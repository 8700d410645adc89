"""Many rows in one statement.

The values are always bound, never written into the SQL. Column and DocType names come from this app's code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import frappe

from xappiens_whatsapp.store import times


@dataclass(slots=True)
class Counts:
	"""What became of records: `processed` were understood; of those some were new and some changed a row."""

	processed: int = 0
	created: int = 0
	updated: int = 0
	errors: int = 0

	def add(self, other: Counts) -> None:
		self.processed += other.processed
		self.created += other.created
		self.updated += other.updated
		self.errors += other.errors

	def as_dict(self) -> dict[str, int]:
		"""In the shape of the sync's answer: processed, created, updated, errors."""
		return {
			"processed": self.processed,
			"created": self.created,
			"updated": self.updated,
			"errors": self.errors,
		}


def rows_by_key(doctype: str, hashes: Sequence[str], columns: Sequence[str]) -> dict[str, frappe._dict]:
	"""The rows with these `key_hash`es.

	Args:
		doctype: a DocType with a `key_hash`.
		hashes: which rows; unknown ones are left out of the answer.
		columns: which columns; `name` and `key_hash` come always.

	Returns:
		key_hash to row.
	"""
	if not hashes:
		return {}
	selected = ", ".join(f"`{column}`" for column in ("name", "key_hash", *columns))
	rows = frappe.db.sql(
		f"SELECT {selected} FROM `tab{doctype}` WHERE key_hash IN %(hashes)s",
		{"hashes": tuple(hashes)},
		as_dict=True,
	)
	return {row.key_hash: row for row in rows}


def locked_rows(doctype: str, names: Iterable[str], columns: Sequence[str]) -> dict[str, frappe._dict]:
	"""These rows as they are now, locked until the commit.

	A page is compared with a snapshot; what it would change is read again here, so that a receipt that came in between
	is not undone. By primary key only, which locks no gaps.

	Args:
		doctype: their DocType.
		names: of existing rows; none is fine.
		columns: which columns; `name` and `key_hash` come always.

	Returns:
		name to row.
	"""
	names = tuple(sorted(names))
	if not names:
		return {}
	selected = ", ".join(f"`{column}`" for column in ("name", "key_hash", *columns))
	rows = frappe.db.sql(
		f"SELECT {selected} FROM `tab{doctype}` WHERE name IN %(names)s ORDER BY name FOR UPDATE",
		{"names": names},
		as_dict=True,
	)
	return {row.name: row for row in rows}


def locked_row(doctype: str, where: Mapping[str, Any], columns: Sequence[str]) -> frappe._dict | None:
	"""The row that these columns identify, as it is now, locked until the commit.

	It is found without a lock and locked by its name. Locked by an index, the gap beside it would be locked, too: who gives
	a message its id needs the neighbouring gap, and three can wait for each other in a circle.

	Args:
		doctype: its DocType.
		where: column to value; at most one row has them.
		columns: which columns to read; `name` comes always.

	Returns:
		The row; None if there is none, and then none is made before the commit either.
	"""
	table, values = f"`tab{doctype}`", list(where.values())
	condition = " AND ".join(f"`{column}` = %s" for column in where)
	selected = ", ".join(f"`{column}`" for column in dict.fromkeys(("name", *where, *columns)))
	rows = frappe.db.sql(
		f"SELECT {selected} FROM {table} WHERE name = (SELECT name FROM {table} WHERE {condition} LIMIT 1) FOR UPDATE",
		values,
		as_dict=True,
	)
	if not rows or any(rows[0][column] != value for column, value in where.items()):
		# The first look is at the past: meanwhile the row may have been made, or its key given to another.
		rows = frappe.db.sql(
			f"SELECT {selected} FROM {table} WHERE {condition} LIMIT 1 FOR UPDATE", values, as_dict=True
		)
	return rows[0] if rows else None


def locked_changes(
	doctype: str,
	stored: Mapping[str, frappe._dict],
	columns: Sequence[str],
	changes_of: Callable[[frappe._dict], dict[str, Any]],
) -> dict[str, dict[str, Any]]:
	"""What is to change in stored rows, decided on their state under a lock.

	Args:
		doctype: their DocType.
		stored: the rows as they were compared, under any key.
		columns: what `changes_of` looks at.
		changes_of: the columns of a row that are to change, with their new values.

	Returns:
		name to changes, for `update_rows`; only rows with changes.
	"""
	candidates = [row.name for row in stored.values() if changes_of(row)]
	fresh = locked_rows(doctype, candidates, columns)
	return {name: changes for name, row in fresh.items() if (changes := changes_of(row))}


def insert_rows(doctype: str, rows: Sequence[Mapping[str, Any]]) -> None:
	"""INSERT these rows with one statement, without running any hook.

	Args:
		doctype: their DocType.
		rows: column to value, `name` included; all with the same columns. Those of Frappe's own that are missing are added.

	Raises:
		The driver's IntegrityError if a key exists already. Run it within `transaction.repeated`.
	"""
	if not rows:
		return
	now, user = times.now(), frappe.session.user
	own = {"creation": now, "modified": now, "owner": user, "modified_by": user, "docstatus": 0, "idx": 0}
	own = {column: value for column, value in own.items() if column not in rows[0]}
	columns = [*rows[0], *own]
	values: list[Any] = []
	for row in rows:
		values.extend(row[column] for column in rows[0])
		values.extend(own.values())
	one_row = f"({', '.join(['%s'] * len(columns))})"
	frappe.db.sql(
		f"INSERT INTO `tab{doctype}` ({', '.join(f'`{column}`' for column in columns)}) "
		f"VALUES {', '.join([one_row] * len(rows))}",
		values,
	)


def update_rows(doctype: str, changes: Mapping[str, Mapping[str, Any]]) -> None:
	"""UPDATE these rows with one statement, each with its own values.

	Args:
		doctype: their DocType.
		changes: name to the columns that change and their new values.
	"""
	if not changes:
		return
	columns = sorted({column for change in changes.values() for column in change})
	assignments: list[str] = []
	values: list[Any] = []
	for column in columns:
		cases = [(name, change[column]) for name, change in changes.items() if column in change]
		assignments.append(f"`{column}` = CASE `name` {'WHEN %s THEN %s ' * len(cases)}ELSE `{column}` END")
		values.extend(value for case in cases for value in case)
	frappe.db.sql(
		f"UPDATE `tab{doctype}` SET {', '.join(assignments)}, `modified` = %s, `modified_by` = %s "
		f"WHERE `name` IN ({', '.join(['%s'] * len(changes))})",
		[*values, times.now(), frappe.session.user, *changes],
	)
