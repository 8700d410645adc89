"""Every value of an event replaced by one of a wrong kind: it is understood or refused, and never breaks the processing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import frappe
import pytest

from support import factories, webhooks
from support.webhooks import NOON, PERSON, event, jid_of

if TYPE_CHECKING:
	from support.web import Web


@pytest.fixture(autouse=True)
def session() -> None:
	factories.set_up()
	factories.make_session()
	frappe.db.commit()


WRONG = (
	*(None, True, 0, -1, 2**31, 10**30, 1.5, "", "x" * 10_000, "\ud83d", "a\x00b"),
	*([], [None], {}, {"id": None}, {"_serialized": "a"}, "34600000009@c.us", "9" * 50, "-1"),
)
KEY = {"remoteJid": jid_of(PERSON), "fromMe": False, "id": "3EB0TARGET"}
MEDIA = {"filename": "a.jpg", "filesize": 5, "mimetype": "image/jpeg", "url": "https://media.example/a"}
EXAMPLES: dict[str, dict[str, Any]] = {
	"message.received": {
		"messageId": "3EB0WRONG",
		"from": jid_of(PERSON),
		"chatId": jid_of(PERSON),
		"body": "Hola",
		"type": "image",
		"timestamp": NOON,
		"fromMe": False,
		"participant": jid_of(PERSON),
		"pushName": "Ana",
		"quotedMsgId": "3EB0TARGET",
		"media": MEDIA,
		"location": {"degreesLatitude": 1, "degreesLongitude": 2, "name": "Here"},
		"id": 12,
	},
	"message": {
		"from": jid_of(PERSON),
		"reactionMessage": {"key": KEY, "text": "👍", "senderTimestampMs": "1766145600000"},
	},
	"message.ack": {
		"messageId": "3EB0TARGET",
		"ack": 3,
		"timestamp": NOON,
		"status": "read",
		"error": "none",
	},
	"session.connected": {
		"phoneNumber": PERSON,
		"timestamp": NOON,
		"status": "connected",
		"lastActivity": NOON,
		"id": 12,
	},
	"session.qr": {"qrCode": "data:image/png;base64,AAAA", "expiresAt": NOON + 60, "timestamp": NOON},
	"contact.updated": {
		"contact": {"id": jid_of(PERSON), "phone": PERSON, "name": "Ana", "labels": ["a"], "isBlocked": False}
	},
	"chat.archived": {"chatId": jid_of(PERSON), "isArchived": True, "timestamp": NOON},
}


def with_wrong_values(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
	"""The object with each of its values, at any depth, replaced by each wrong one."""
	for key, value in content.items():
		for wrong in WRONG:
			yield {**content, key: wrong}
		if isinstance(value, Mapping):
			for changed in with_wrong_values(value):
				yield {**content, key: changed}


@pytest.mark.parametrize("name", EXAMPLES)
def test_value_of_a_wrong_kind_anywhere_is_understood_or_refused_and_never_breaks_the_processing(
	web: Web, name: str
) -> None:
	contents = list(with_wrong_values(event(name, **EXAMPLES[name])))
	answers = webhooks.post_together(web, [contents[place::8] for place in range(8)])
	assert Counter(answer.status_code for answer in answers) == {200: len(contents)}
	assert not [answer.text for answer in answers if "Traceback" in answer.text]
	broken = frappe.get_all(webhooks.EVENT, {"status": ("in", ("Failed", "Received"))}, ["error", "body"])
	kinds = Counter((row.error or "")[:90] for row in broken)
	assert not kinds, (kinds, broken[0].body[:300], broken[0].error[-900:])
	assert (
		frappe.get_all("Error Log", {"error": ("not like", "%PayloadError%")}, pluck="error", limit=3) == []
	)
