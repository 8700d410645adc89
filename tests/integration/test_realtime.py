"""Who hears what: real socket.io clients of somebody who may see a session and of somebody who may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import frappe
import pytest

from support import factories, webhooks
from support.factories import SESSION
from support.linked import connect_site
from xappiens_whatsapp import realtime, webhook_processing
from xappiens_whatsapp.api.sync import sync_session_complete
from xappiens_whatsapp.store import events

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.realtime import Socket
	from support.web import Web

OURS = {
	realtime.MESSAGE,
	realtime.MESSAGE_STATUS,
	realtime.CONVERSATION,
	realtime.SESSION_STATUS,
	realtime.QR_CODE,
	realtime.SYNC_PROGRESS,
}
TEXT = "the surgeon said Tuesday"
PICTURE = "data:image/png;base64,c3VyZ2Vvbg=="
NAME = "Señora Secreta"
SECRETS = (TEXT, PICTURE, NAME, webhooks.PERSON)


@dataclass
class Audience:
	"""Somebody who may see the session, and others who may not; all of them ask for every room."""

	listed: Socket
	others: list[Socket]
	conversation: str

	def hears(self) -> list[tuple[str, Any]]:
		"""What the listed user has heard of us since the last call. The others have heard nothing of us, and nobody has
		heard what was said."""
		frappe.publish_realtime("end", room="website")  # where everybody is
		heard = self.listed.everything_until("end")
		by_others = [entry for other in self.others for entry in other.everything_until("end")]
		assert not [entry for entry in by_others if entry[0] in OURS]
		said = json.dumps([heard, by_others], ensure_ascii=False)
		assert not [secret for secret in SECRETS if secret in said], said
		return [entry for entry in heard if entry[0] in OURS]


@pytest.fixture
def audience(web: Web, socket: Callable[..., Socket]) -> Audience:
	"""A session that lists one user; the others are a WhatsApp User who is not listed, and a visitor of the website."""
	listed = factories.make_user("listed", "WhatsApp User")
	others = [factories.make_user("unlisted", "WhatsApp User"), factories.make_user("visitor")]
	assert frappe.db.get_value("User", others[1], "user_type") == "Website User"
	factories.set_up()
	factories.make_session(users={listed: True})
	conversation = factories.make_conversation(number=webhooks.PERSON)
	frappe.db.commit()
	found = Audience(socket(listed), [socket(user) for user in others], conversation)
	for client in (found.listed, *found.others):
		client.subscribe("WhatsApp Session", SESSION)
		client.subscribe("WhatsApp Conversation", conversation)
		for doctype in ("Session", "Contact", "Conversation", "Message", "Webhook Event", "Sync Run"):
			client.subscribe(f"WhatsApp {doctype}")
	return found


def in_both_rooms(*entries: tuple[str, dict]) -> list[tuple[str, dict]]:
	"""What is said in the session's room and in the conversation's."""
	return [entry for entry in entries for _room in range(2)]


def message_named(message_id: str) -> str:
	return frappe.db.get_value("WhatsApp Message", {"message_id": message_id}, "name")


def test_who_may_see_a_session_hears_of_each_event_by_name_and_nobody_else_hears_or_reads_anything(
	web: Web, audience: Audience
) -> None:
	chat = {"session": SESSION, "conversation": audience.conversation}

	webhooks.deliver(web, webhooks.received(TEXT, "3EB0IN", pushName=NAME))
	message = {**chat, "message": message_named("3EB0IN"), "direction": "Incoming"}
	assert audience.hears() == in_both_rooms((realtime.MESSAGE, message), (realtime.CONVERSATION, chat))

	webhooks.deliver(web, webhooks.sent(TEXT, "3EB0OUT"))
	message = {**chat, "message": message_named("3EB0OUT"), "direction": "Outgoing"}
	assert audience.hears() == in_both_rooms((realtime.MESSAGE, message), (realtime.CONVERSATION, chat))

	webhooks.deliver(web, webhooks.event("message.read", messageId="3EB0OUT"))
	status = {**chat, "message": message_named("3EB0OUT"), "status": "Read"}
	assert audience.hears() == in_both_rooms((realtime.MESSAGE_STATUS, status))

	webhooks.deliver(web, webhooks.event("chat.archived", chatId=webhooks.jid_of(webhooks.PERSON)))
	assert audience.hears() == in_both_rooms((realtime.CONVERSATION, chat))

	webhooks.deliver(web, webhooks.event("session.disconnected", reason="logout"))
	gone = {"session": SESSION, "status": "Disconnected", "connected": False}
	assert audience.hears() == [(realtime.SESSION_STATUS, gone)]

	webhooks.deliver(web, webhooks.event("session.qr", qrCode=PICTURE))
	waits = {"session": SESSION, "status": "QR Code Required", "connected": False}
	assert audience.hears() == [(realtime.QR_CODE, {"session": SESSION}), (realtime.SESSION_STATUS, waits)]

	webhooks.deliver(web, webhooks.event("session.connected", phoneNumber=factories.NUMBER))
	back = {"session": SESSION, "status": "Connected", "connected": True}
	assert audience.hears() == [(realtime.SESSION_STATUS, back)]

	path = f"/api/resource/WhatsApp Message/{message_named('3EB0IN')}"
	assert web.login("listed@crm.example").get(path).json()["data"]["content"] == TEXT
	for other in ("unlisted@crm.example", "visitor@crm.example"):
		answer = web.login(other).get(path)
		assert answer.status_code == 403
		assert TEXT not in answer.text


@pytest.mark.simulator(rate=0, contacts=3, chats=2, messages=2)
def test_progress_of_a_sync_is_heard_by_the_same_people(simulator: Simulator, audience: Audience) -> None:
	connect_site(simulator)
	frappe.db.set_value("WhatsApp Session", SESSION, "session_db_id", simulator.session(SESSION)["id"])
	frappe.db.commit()
	answer = sync_session_complete(SESSION)
	heard = [body for name, body in audience.hears() if name == realtime.SYNC_PROGRESS]
	assert heard[-1]["state"] == answer["status"] == "Completed"
	assert {(body["session"], body["sync_run"]) for body in heard} == {(SESSION, answer["sync_run"])}


def test_nothing_is_heard_of_what_was_rolled_back(
	web: Web, audience: Audience, neighbour: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
	neighbour.raise_at("on_update")  # after everything else of the first attempt
	webhooks.deliver(web, webhooks.received(TEXT), status="Failed")
	heard = [name for name, _body in audience.hears()]
	assert heard.count(realtime.MESSAGE) == len(in_both_rooms(("of the second attempt", {})))

	archived = webhooks.store(webhooks.event("chat.archived", chatId=webhooks.jid_of(webhooks.PERSON)))

	def fails(*arguments: object, **options: object) -> None:
		raise RuntimeError("everything is done but this")

	with monkeypatch.context() as broken:
		broken.setattr(events, "mark_processed", fails)
		assert webhook_processing.process_event(archived) == "Failed"
	assert not frappe.db.get_value("WhatsApp Conversation", audience.conversation, "is_archived")
	assert audience.hears() == []

	assert webhook_processing.process_event(archived) == "Processed"
	assert {name for name, _body in audience.hears()} == {realtime.CONVERSATION}
