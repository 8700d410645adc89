"""State that all workers of a site share, in Redis. A Redis that cannot be reached is a typed error, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

from .errors import HubUnavailable
from .text import _


@contextmanager
def shared_state() -> Iterator[None]:
	"""Turn an error of Redis within the block into HubUnavailable: without the common count nobody may call."""
	failed = False
	try:
		yield
	except RedisError:
		failed = True
	if failed:
		# Outside of the handler: the driver's frames hold values that do not belong into a log.
		raise HubUnavailable(
			_("The queue Redis, where calls to Inbox Hub are counted, cannot be reached. Check redis_queue."),
			code="REDIS_UNAVAILABLE",
			nothing_sent=True,
		)


def text_of(value: bytes | str | None) -> str | None:
	"""Return a value of Redis as text, whether or not the connection decodes."""
	return value.decode() if isinstance(value, bytes) else value
