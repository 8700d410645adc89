"""The demo, told step by step. Runs with the demo's site connected: `dev/demo` starts it.

It does what a company does on its first day: enters the Hub's address and keys, registers the webhook, links a number,
lets it sync, receives messages and sends one. Each step is looked up in the database before the next one begins.
"""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import frappe
import requests
from narrator import Narrator, StepFailed, table

from inbox_hub_simulator.control import Simulator
from xappiens_whatsapp.api import messages, session, webhook_setup
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.store import sessions

SESSION = "demo_session"
SECRET = "demo-webhook-secret-of-this-bench"
# Fixed ids: the demo run again sends the same messages again, which must not double them.
INCOMING = (
	("3EB0D0000000000000000001", "¡Hola! ¿Tenéis el modelo azul en stock? 😊"),
	("3EB0D0000000000000000002", "Lo necesito para el viernes 🙏"),
	("3EB0D0000000000000000003", "Y otra cosa: ¿hacéis envíos a las islas?"),
)
ANSWER = "¡Hola! Sí, queda uno azul. Te lo enviamos mañana. 👍"
TRICKLE_SECONDS = 8
TRICKLE = (
	"Gracias 🙌",
	"¿Me pasáis la factura?",
	"Perfecto, mañana lo recojo",
	"¿A qué hora abrís?",
	"👍",
	"Vale, ¡hasta luego!",
)


def main(arguments: list[str]) -> int:
	parser = argparse.ArgumentParser(prog="dev/demo", description=__doc__.splitlines()[0])
	parser.add_argument("--once", action="store_true", help="end after the table")
	parser.add_argument("--contacts", type=int, default=150)
	parser.add_argument("--chats", type=int, default=25)
	parser.add_argument(
		"--shape", choices=("seed", "full", "crm"), default="seed", help="how the Hub spells its answers"
	)
	options = parser.parse_args(arguments)

	narrator = Narrator(steps=7)
	hub = Simulator(
		contacts=options.contacts,
		chats=options.chats,
		shape=options.shape,
		rate=60,  # twice the real one, so that nobody waits a minute for the last page of contacts
		receipt_delay_ms=700,
	)
	try:
		with hub:
			tell(narrator, hub)
			if not options.once:
				keep_running(hub)
	except StepFailed as failure:
		print(f"\nThe demo failed: {failure}\nLook at: dev/bench logs", file=sys.stderr)
		return 1
	except KeyboardInterrupt:
		print("\nThe demo has ended; the bench still runs (dev/bench down ends it).")
	return 0


def tell(narrator: Narrator, hub: Simulator) -> None:
	"""All steps and the table.

	Raises:
		StepFailed: a step was not seen in the database.
	"""
	narrator.step(f"A simulated Inbox Hub runs at {hub.url}")
	narrator.check("the Desk lets the Administrator in", log_in(), "Logged In")
	expected = hub.expected()["full_sync"]

	narrator.step("WhatsApp Settings are filled in")
	fill_settings(hub)
	narrator.check("the Hub accepts address, key and login", session.test_connection()["ok"], True)

	narrator.step("The webhook is registered at the Hub, with its eleven events")
	url = register_webhook()
	narrator.check("registered", [webhook["url"] for webhook in hub.state()["webhooks"]], [url])

	narrator.step(f"A number is linked: session {SESSION}")
	last_sync = link(narrator, hub)

	narrator.step("The automatic sync runs in a background worker")
	narrator.wait(
		"the sync has finished",
		lambda: frappe.db.get_value(sessions.DOCTYPE, SESSION, "last_sync") != last_sync,
		timeout=180,
		progress=sync_progress,
	)
	run = last_run()
	narrator.check("the sync's state", run.state, "Completed")
	narrator.check("contacts", count("WhatsApp Contact"), expected["contacts_with_those_of_chats"])
	narrator.check("conversations", count("WhatsApp Conversation"), expected["conversations"])
	narrator.check("messages of the history", count("WhatsApp Message", is_history=1), expected["messages"])
	narrator.detail(f"{run.calls} calls to the Hub, {run.seconds_waited:.0f} s waited for its limit")

	narrator.step("Customers write; the messages come by webhook")
	chat = receive(narrator, hub)

	narrator.step("An answer is sent from the CRM and gets its ticks")
	answer(narrator, chat)

	history, live = expected["messages"], len(INCOMING)
	ids = [message_id for message_id, _text in INCOMING]
	table(
		[
			("contacts", count("WhatsApp Contact"), expected["contacts_with_those_of_chats"]),
			("conversations", count("WhatsApp Conversation"), expected["conversations"]),
			("messages of the history", count("WhatsApp Message", is_history=1), history),
			("messages received live", count("WhatsApp Message", message_id=("in", ids)), live),
			("messages sent", count("WhatsApp Message", content=ANSWER), 1),
			("webhook events processed", count_events("Processed"), "-"),
			("webhook events failed", count_events("Failed") + count_events("Dead"), 0),
			("seconds", f"{narrator.seconds:.0f}", "-"),
		]
	)
	narrator.check("messages sent", count("WhatsApp Message", content=ANSWER), 1)
	narrator.check("events that failed", count_events("Failed") + count_events("Dead"), 0)
	print(
		f"The Desk:  http://{frappe.local.site}:{frappe.conf.webserver_port}/app/whatsapp-conversation\n"
		"           user Administrator, password admin\n"
	)


def log_in() -> str:
	"""Log in as the person will. (On a site where nobody ever did, Frappe's scheduler sleeps.)"""
	answer = requests.post(
		f"http://127.0.0.1:{frappe.conf.webserver_port}/api/method/login",
		data={"usr": "Administrator", "pwd": "admin"},
		headers={"X-Frappe-Site-Name": frappe.local.site},
		timeout=30,
	)
	return answer.json().get("message", "")


def fill_settings(hub: Simulator) -> None:
	"""What the user's guide says to enter."""
	settings = frappe.get_single("WhatsApp Settings")
	settings.update(
		{
			"enabled": 1,
			"api_base_url": hub.url,
			"api_key": hub.api_key,
			"api_email": hub.email,
			"api_password": hub.password,
			"organization_id": hub.organization_id,
			"webhook_secret": SECRET,
			# The simulator is a Python program, and Python does not resolve *.localhost.
			"webhook_url_override": f"http://127.0.0.1:{frappe.conf.webserver_port}"
			"/api/method/xappiens_whatsapp.api.webhook.handle_webhook",
			"auto_sync_enabled": 1,
		}
	)
	settings.save()
	frappe.db.commit()


def register_webhook() -> str:
	"""As the user's guide does it from Python, with all eleven events."""
	settings = frappe.get_single("WhatsApp Settings")
	WhatsAppAPIClient().post(
		"/api/webhooks",
		data={
			"name": "CRM Webhook",
			"url": settings.webhook_url,
			"method": "POST",
			"events": list(webhook_setup.WEBHOOK_EVENTS),
			"secret": settings.get_password("webhook_secret"),
		},
		use_session_id=False,
	)
	return settings.webhook_url


def link(narrator: Narrator, hub: Simulator) -> object:
	"""Connect, wait for the QR code, scan it. Returns when the session was synced last before."""
	if not frappe.db.exists(sessions.DOCTYPE, SESSION):
		frappe.get_doc(doctype=sessions.DOCTYPE, session_id=SESSION, session_name="Demo").insert()
		frappe.db.commit()
	last_sync = frappe.db.get_value(sessions.DOCTYPE, SESSION, "last_sync")
	session.connect_session(SESSION)
	frappe.db.commit()
	narrator.wait("the QR code came by webhook", lambda: status_of(SESSION) == "QR Code Required")
	phone = hub.scan(SESSION)
	narrator.detail(f"somebody scans it with the phone +{phone}")
	narrator.wait("session.connected came by webhook", lambda: status_of(SESSION) == "Connected")
	return last_sync


def receive(narrator: Narrator, hub: Simulator) -> str:
	"""Three incoming messages. Returns the conversation they are in."""
	# The most recent chat: in another one the next sync would find more history to fetch.
	conversation = frappe.get_last_doc(
		"WhatsApp Conversation",
		filters={"session": SESSION, "is_group": 0, "phone_number": ("is", "set")},
		order_by="last_message_timestamp_ms desc",
	)
	for message_id, text in INCOMING:
		hub.incoming(SESSION, chat=conversation.chat_id, text=text, message_id=message_id)
	for message_id, text in INCOMING:
		narrator.wait(
			f"«{text}»",
			lambda message_id=message_id: (
				count("WhatsApp Message", message_id=message_id, conversation=conversation.name) == 1
			),
		)
	return conversation.name


def answer(narrator: Narrator, conversation: str) -> None:
	"""One message from the CRM, until the other side has read it. Only once, however often the demo runs."""
	name = frappe.db.get_value("WhatsApp Message", {"content": ANSWER, "session": SESSION}, "name")
	if name:
		narrator.detail("an earlier run has sent it already; it is not sent twice")
	else:
		name = messages.send_message(ANSWER, conversation=conversation)
		frappe.db.commit()
	for status in ("Sent", "Delivered", "Read"):
		narrator.wait(
			f"{ {'Sent': '✓', 'Delivered': '✓✓', 'Read': '✓✓ blue'}[status] } {status}",
			lambda status=status: reached(name, status),
		)


def reached(message: str, status: str) -> bool:
	order = ("Pending", "Sending", "Sent", "Delivered", "Read")
	current = frappe.db.get_value("WhatsApp Message", message, "status")
	return current in order and order.index(current) >= order.index(status)


def keep_running(hub: Simulator) -> None:
	"""A trickle of incoming messages until Ctrl-C."""
	chats = frappe.get_all(
		"WhatsApp Conversation",
		filters={"session": SESSION, "is_group": 0, "phone_number": ("is", "set")},
		pluck="chat_id",
		limit=8,
	)
	frappe.db.rollback()
	print(f"A customer writes every {TRICKLE_SECONDS} seconds. Ctrl-C ends the demo.", flush=True)
	for number in range(1_000_000):
		time.sleep(TRICKLE_SECONDS)
		message_id = f"3EB0{uuid.uuid4().hex[:18].upper()}"
		hub.incoming(
			SESSION,
			chat=chats[number % len(chats)],
			text=TRICKLE[number % len(TRICKLE)],
			message_id=message_id,
		)


def status_of(name: str) -> str:
	return frappe.db.get_value(sessions.DOCTYPE, name, "status")


def last_run() -> frappe._dict:
	return frappe.get_last_doc("WhatsApp Sync Run", filters={"session": SESSION})


def sync_progress() -> str:
	if not (
		run := frappe.get_all(
			"WhatsApp Sync Run", filters={"session": SESSION}, fields=["*"], limit=1, order_by="creation desc"
		)
	):
		return ""
	run = run[0]
	stored = ", ".join(f"{run[f'{phase}_processed']} {phase}" for phase in ("chats", "messages", "contacts"))
	return f"{run.state}: {stored}" if run.phase else ""


def count(doctype: str, **filters: object) -> int:
	return frappe.db.count(doctype, {"session": SESSION, **filters})


def count_events(status: str) -> int:
	return frappe.db.count("WhatsApp Webhook Event", {"status": status})


if __name__ == "__main__":
	status = main(sys.argv[1:])
	frappe.db.rollback()
	sys.exit(status)
