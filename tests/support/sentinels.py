"""The secrets of the tests are sentinels: wherever one of them turns up, something has leaked.

Each test that touches a site is watched: the rows it leaves behind (before they are put back), what the app keeps in the
queues' Redis, and the HTTP answers its clients get; the logs of all processes are read once, after the last test."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inbox_hub_simulator.options import API_KEY, PASSWORD
from support import bench, factories

if TYPE_CHECKING:
	import requests
	from redis import Redis

MARK = "sentinel-"  # how secrets begin that a test makes up
SECRETS = (API_KEY, PASSWORD, factories.SECRET, MARK)
# The login's token is another at each login, but it always looks like one.
TOKEN = r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
FOUND = re.compile("|".join([*map(re.escape, SECRETS), TOKEN]))
TABLES_OF_SECRETS = {"__Auth"}

answers: list[str] = []  # what was found in HTTP answers since the test began


def in_rows(table: str, rows: Iterable[tuple]) -> Iterator[str]:
	"""What leaked into these rows of a table."""
	if table in TABLES_OF_SECRETS:
		return
	for row in rows:
		for value in row:
			if isinstance(value, str) and (found := FOUND.search(value)):
				yield f"{table}: {found[0][:20]}"


def in_redis(connection: Redis) -> Iterator[str]:
	"""What leaked into Redis; the token is at home under its own key."""
	for key in connection.scan_iter(match="*"):
		shown = key + b" " + plain_value(connection, key)
		text = shown.decode(errors="replace")
		if key.endswith(b":token"):
			text = re.sub(TOKEN, "", text)
		if found := FOUND.search(text):
			yield f"Redis {key.decode(errors='replace')}: {found[0][:20]}"


def plain_value(connection: Redis, key: bytes) -> bytes:
	"""The value of a key as text: a dump would be compressed."""
	readers = {
		b"string": ("GET", key),
		b"hash": ("HGETALL", key),
		b"list": ("LRANGE", key, 0, -1),
		b"set": ("SMEMBERS", key),
		b"zset": ("ZRANGE", key, 0, -1),
	}
	with suppress(Exception):  # a key may end between the look and the read
		kind = connection.type(key)
		value = connection.execute_command(*readers[kind])
		if kind == b"hash":
			value = [_unpacked(part) for part in (*value.keys(), *value.values())]
		return repr(value).encode()
	return b""


def _unpacked(value: bytes) -> bytes:
	"""A job's arguments, which RQ compresses."""
	with suppress(zlib.error):
		return zlib.decompress(value)
	return value


def look_at_answer(response: requests.Response, *arguments: object, **options: object) -> None:
	"""A hook of `requests`: remember what leaked into an answer."""
	if found := FOUND.search(response.text):
		answers.append(f"the answer to {response.request.method} {response.url}: {found[0][:20]}")


def take_answers() -> list[str]:
	"""What was found in answers since the last look."""
	found = list(answers)
	answers.clear()
	return found


def log_sizes() -> dict[Path, int]:
	"""How long each log is now."""
	return {path: path.stat().st_size for path in _logs()}


def in_logs(sizes: dict[Path, int]) -> Iterator[str]:
	"""What leaked into the logs since they were so long."""
	for path in _logs():
		with path.open("rb") as log:
			begin = sizes.get(path, 0)
			log.seek(begin if begin <= path.stat().st_size else 0)
			text = log.read().decode(errors="replace")
		yield from (f"{path.name}: {found[:20]}" for found in sorted(set(FOUND.findall(text))))


def cut_logs(sizes: dict[Path, int]) -> None:
	"""Take away what was written to the logs since they were so long: a test leaked on purpose."""
	for path in _logs():
		os.truncate(path, sizes.get(path, 0))


def _logs() -> Iterator[Path]:
	folders = {bench.folder() / "logs", bench.sites() / bench.site_name() / "logs", bench.ARTIFACTS / "logs"}
	for folder in folders:
		yield from (path for path in folder.glob("*.log") if path.is_file())
