"""Ports for this checkout: chosen once where nobody listens, then remembered in `.bench/run/ports.json`."""

import json
import socket
import zlib
from pathlib import Path

from bench_tool.console import say

NAMES = (
	"mariadb",
	"redis-cache",
	"redis-queue",
	"web",
	"realtime",
	"test-redis-cache",
	"test-redis-queue",
	"test-web",
	"test-realtime",
)
FIRST, LAST = 20_000, 30_000  # below the range from which Linux takes ports for outgoing connections


class Ports:
	"""The port of each service, by its name."""

	def __init__(self, file: Path) -> None:
		self.file = file
		self.numbers: dict[str, int] = {}
		if file.exists():
			try:
				self.numbers = {name: int(port) for name, port in json.loads(file.read_text()).items()}
			except (ValueError, AttributeError):
				say(f"  {file} was not readable: ports are chosen anew")
		missing = [name for name in NAMES if name not in self.numbers]
		for name in missing:
			self.numbers[name] = self.choose()
		if missing:
			self.save()

	def __getitem__(self, name: str) -> int:
		return self.numbers[name]

	def choose(self) -> int:
		"""A free port; the search starts at a number that depends on the checkout, so that two checkouts which
		are made at the same moment do not meet."""
		span = LAST - FIRST
		start = zlib.crc32(str(self.file).encode()) % span // 20 * 20
		for offset in range(span):
			port = FIRST + (start + offset) % span
			if port not in self.numbers.values() and not is_taken(port):
				return port
		raise OSError(f"no free port between {FIRST} and {LAST}")

	def replace(self, name: str) -> None:
		"""Another port for a service whose port somebody else has taken meanwhile."""
		old = self.numbers[name]
		self.numbers[name] = self.choose()
		self.save()
		say(f"  port {old} is taken by another program: {name} moves to {self.numbers[name]}")

	def save(self) -> None:
		self.file.parent.mkdir(parents=True, exist_ok=True)
		new = self.file.with_suffix(".new")
		new.write_text(json.dumps(self.numbers, indent=1) + "\n")
		new.replace(self.file)


def is_taken(port: int) -> bool:
	"""Whether this port of 127.0.0.1 cannot be listened on."""
	with socket.socket() as probe:
		probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		try:
			probe.bind(("127.0.0.1", port))
		except OSError:
			return True
	return False


def answers(port: int) -> bool:
	"""Whether something accepts connections on this port of 127.0.0.1."""
	with socket.socket() as probe:
		probe.settimeout(1)
		return probe.connect_ex(("127.0.0.1", port)) == 0
