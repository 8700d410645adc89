"""Messages that keep coming in, for a demo."""

from __future__ import annotations

import asyncio
import itertools
from hashlib import blake2b
from typing import TYPE_CHECKING

from . import texts
from .conversation import Draft, receive
from .jids import is_group

if TYPE_CHECKING:
	from .hub import Hub


async def trickle(hub: Hub, seconds: float) -> None:
	"""Every so many `seconds` one incoming message in each connected session, until cancelled."""
	for turn in itertools.count():
		await asyncio.sleep(seconds)
		for session in hub.sessions.all():
			if not session.is_connected or not session.store.world.chats:
				continue
			b = blake2b(f"{hub.options.seed}:trickle:{turn}".encode(), digest_size=16).digest()
			like = session.store.world.message(turn * 7 % session.store.world.chats, 0)
			sender = like.sender or like.chat
			if is_group(sender):
				continue
			contact = session.store.contact(sender)
			receive(
				hub,
				session,
				Draft(
					like.chat,
					text=texts.message_text(b, "text"),
					sender=sender,
					push_name=contact.notify if contact else None,
				),
			)
