"""A Redis of a test's own: on a socket in its own folder, saving nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis
from redis.exceptions import ConnectionError

START_SECONDS = 20


@contextmanager
def redis_server() -> Iterator[Redis]:
	"""Start a server and give a connection to it; both end with the block."""
	with TemporaryDirectory(prefix="redis-") as folder:
		socket = Path(folder) / "redis.sock"
		command = [shutil.which("redis-server") or "redis-server", "--port", "0", "--unixsocket", str(socket)]
		process = subprocess.Popen(
			[*command, "--save", "", "--appendonly", "no", "--dir", folder], stdout=subprocess.DEVNULL
		)
		connection = Redis(unix_socket_path=str(socket))
		try:
			_wait_for(connection, process)
			yield connection
		finally:
			connection.close()
			process.kill()
			process.wait()


def _wait_for(connection: Redis, process: subprocess.Popen[bytes]) -> None:
	deadline = time.monotonic() + START_SECONDS
	while time.monotonic() < deadline and process.poll() is None:
		try:
			connection.ping()
			return
		except ConnectionError:
			time.sleep(0.02)
	raise RuntimeError("redis-server did not start")
