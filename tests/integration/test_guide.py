"""docs/guia.md is true: each of its blocks runs here as it stands, and what it says of names exists.

Python blocks run by themselves, with the site connected and the simulator as Inbox Hub. Of bash blocks, `bench --site …`
goes to the bench command of the tests' site, the console gets its lines, and `curl` becomes the same HTTP request to the
simulator. JavaScript runs in Chromium, in tests/browser/test_guide.py. What cannot run is named in NOT_RUN.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import csv
import importlib.util
import inspect
import io
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import frappe
import pytest
import requests

from support import bench, factories, guide
from support.factories import SESSION
from support.guide import Block
from support.linked import connect_site, count, link_session
from xappiens_whatsapp import webhook_handlers
from xappiens_whatsapp.api import sync as sync_api
from xappiens_whatsapp.api import webhook as webhook_api
from xappiens_whatsapp.api import webhook_setup
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.inbox_hub import errors

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator
	from support.web import Web
	from support.worker import Worker

BENCH = "/home/frappe/frappe-bench"
HUB = "https://inbox-hub.example"
NOT_RUN = {
	"bench build --app xappiens_whatsapp": "belongs to the bench tool; the private bench builds with `dev/bench up`",
	"bench restart": "restarts the processes of a production bench through supervisor",
	f"tail -f {BENCH}/logs/web.error.log": "never ends; the file is supervisor's",
	f"tail -f {BENCH}/logs/frappe.log": "never ends; that the file says what the guide says has a test below",
}
SMALL = {"rate": 0, "contacts": 12, "chats": 4, "messages": 6}
FORM_SCRIPTS = Path(guide.GUIDE).parents[1] / "xappiens_whatsapp" / "doctype"


@dataclass(frozen=True)
class Run:
	"""What a block did: the simulator it talked to, and what it printed."""

	hub: Simulator
	output: str
	worker: Worker

	@property
	def answer(self) -> Any:
		return ast.literal_eval(self.output)


def webhook_is_registered(run: Run) -> None:
	(webhook,) = run.hub.state()["webhooks"]
	assert webhook["url"] == guide.section("A. URL del Webhook:").split()[1]
	assert set(webhook["events"]) == set(webhook_setup.WEBHOOK_EVENTS)


def all_is_synced(run: Run) -> None:
	assert run.answer["status"] == "Completed"
	assert count("Message") == run.hub.expected(SESSION)["full_sync"]["messages"]


def message_was_sent(run: Run) -> None:
	assert [call["status"] for call in run.hub.requests(f"/api/messages/{SESSION}/send")] == [200]
	assert count("Message") == 0


def message_is_sent_by_the_worker(run: Run) -> None:
	run.worker.drain()
	assert [call["status"] for call in run.hub.requests(f"/api/messages/{SESSION}/send")] == [200]
	assert count("Message", status="Sent", message_id=("is", "set")) == count("Message") == 1


def contacts_are_found(run: Run) -> None:
	assert {contact["name"] for contact in run.answer["data"]["contacts"]} == {"Juan Pérez"}


def chats_are_listed(run: Run) -> None:
	assert len(run.answer["data"]["chats"]) > 3


def messages_are_listed(run: Run) -> None:
	assert len(run.answer["data"]["messages"]) == SMALL["messages"]


def session_is_connected(run: Run) -> None:
	assert run.answer["data"]["isConnected"] is True


def totals_are_those_of_the_database(run: Run) -> None:
	sent = ("in", ("Sent", "Delivered", "Read"))
	assert run.output.splitlines()[:3] == [
		f"Contactos: {count('Contact')}",
		f"Conversaciones: {count('Conversation')}",
		f"Mensajes: {count('Message', direction='Outgoing', status=sent)}",
	]


def ten_messages_are_shown_the_one_without_text_first(run: Run) -> None:
	lines = re.findall(
		r"^\d{4}-\d{2}-\d{2} .*$", run.output, re.MULTILINE
	)  # a message may have several lines
	assert len(lines) == 10
	assert lines[0].endswith(": [Incoming] ... (Delivered)")


def last_sync_and_events_are_shown(run: Run) -> None:
	first, *others = run.output.splitlines()
	assert "Completed (Manual)" in first
	assert others == ["Waiting 0", "Failed 0", "Dead 1"]


CHECKS: dict[str, Callable[[Run], None]] = {
	"C. Configurar en Inbox Hub:": webhook_is_registered,
	"Desde Python:": all_is_synced,  # and sends, see `check_of`
	"Desde Python, con registro en el CRM:": message_is_sent_by_the_worker,
	"3. Obtener Contactos": contacts_are_found,
	"4. Obtener Chats/Conversaciones": chats_are_listed,
	"5. Obtener Mensajes de un Chat": messages_are_listed,
	'Error: "Session not connected"': session_is_connected,
	"Ver Estado de Sincronización:": totals_are_those_of_the_database,
	"Ver Mensajes Recientes:": ten_messages_are_shown_the_one_without_text_first,
	"Ver Sincronizaciones y Eventos Pendientes:": last_sync_and_events_are_shown,
}


def check_of(block: Block) -> Callable[[Run], None]:
	if block.heading == "Desde Python:" and "send_message" in block.text:
		return message_was_sent
	return CHECKS[block.heading]


@pytest.fixture
def hub(simulator: Simulator) -> Simulator:
	"""Inbox Hub with a connected session that knows the guide's contact; the site is set up for it."""
	simulator.reset(**SMALL)
	connect_site(simulator)
	link_session(simulator)
	simulator.contact(SESSION, "34600000002@s.whatsapp.net", name="Juan Pérez")
	simulator.forget_requests()
	return simulator


def prepare_monitoring() -> None:
	"""A synced session whose newest message is a photo without a caption, and an event that nobody could process."""
	sync_api.sync_session_complete(SESSION)
	conversation = frappe.db.get_value("WhatsApp Conversation", {"session": SESSION}, "name")
	factories.make_message(
		conversation, "", message_type="image", has_media=1, timestamp=frappe.utils.now_datetime()
	)
	factories.make_event(status="Dead")
	frappe.db.commit()


@pytest.mark.parametrize("block", guide.blocks("python"), ids=str)
def test_python_block_runs_and_prints_what_it_says(block: Block, hub: Simulator, worker: Worker) -> None:
	check = check_of(block)
	if block.heading.startswith("Ver "):
		prepare_monitoring()

	with contextlib.redirect_stdout(io.StringIO()) as output:
		exec(compile(block.text, f"docs/guia.md:{block.line}", "exec"), {})

	run = Run(hub, output.getvalue().strip(), worker)
	documented = guide.printed(block)
	if isinstance(documented, dict):
		assert guide.differences(documented, run.answer) == []
	elif documented:
		assert run.output == documented
	check(run)


@pytest.mark.parametrize("block", guide.blocks("python", guide.IN_ENGLISH), ids=str)
def test_python_block_of_the_english_guide_runs(block: Block, hub: Simulator) -> None:
	with contextlib.redirect_stdout(io.StringIO()):
		exec(compile(block.text, f"docs/guide.md:{block.line}", "exec"), {})

	assert count("Message") > 0


@pytest.mark.leaves("DocType", "DocField", "DocPerm", "DocType Link", "DocType Action", "DocType State")
@pytest.mark.parametrize("block", guide.blocks("bash"), ids=str)
def test_bash_block_runs_as_far_as_it_can(block: Block, hub: Simulator) -> None:
	for words in guide.commands(block):
		if " ".join(words) in NOT_RUN:
			continue
		match words:
			case ["cd", folder]:
				assert folder == BENCH
			case ["curl", *arguments]:
				answer = make_request_of_curl(arguments, hub)
				assert answer.status_code in (200, 201), answer.text
			case ["bench", "--site", "crm.example", "console"]:
				assert "'status': 'Completed'" in type_into_console(guide.console_input(block))
			case ["bench", "--site", "crm.example", *command]:
				bench.run(*command)
			case _:
				pytest.fail(f"{block}: this test does not know how to run {' '.join(words)}")


def make_request_of_curl(arguments: list[str], hub: Simulator) -> requests.Response:
	"""The request that curl would make, to the simulator and with its credentials in place of the placeholders."""
	values = {
		HUB: hub.url,
		"{API_KEY}": hub.api_key,
		"{API_EMAIL}": hub.email,
		"{API_PASSWORD}": hub.password,
	}
	if any("{JWT_TOKEN}" in argument for argument in arguments):
		values["{JWT_TOKEN}"] = log_in(hub)
	parser = argparse.ArgumentParser()
	parser.add_argument("url")
	parser.add_argument("-X", dest="method")
	parser.add_argument("-H", dest="headers", action="append")
	parser.add_argument("-d", dest="data")
	call = parser.parse_args([replaced(argument, values) for argument in arguments])
	return requests.request(
		call.method,
		call.url,
		headers=dict(header.split(": ", 1) for header in call.headers),
		data=call.data.encode(),
		timeout=30,
	)


def log_in(hub: Simulator) -> str:
	answer = requests.post(
		f"{hub.url}/api/auth/login", json={"identifier": hub.email, "password": hub.password}, timeout=30
	)
	return answer.json()["data"]["accessToken"]


def replaced(text: str, values: dict[str, str]) -> str:
	for placeholder, value in values.items():
		text = text.replace(placeholder, value)
	return text


def type_into_console(lines: str) -> str:
	assert lines, "the block types nothing into the console"
	result = subprocess.run(
		bench.frappe_command("console"),
		cwd=bench.sites(),
		env=bench.environment(),
		input=lines,
		stdout=subprocess.PIPE,
		stderr=subprocess.STDOUT,
		text=True,
		timeout=120,
	)
	return result.stdout


def test_what_cannot_run_still_stands_in_the_guide() -> None:
	written = {" ".join(words) for block in guide.blocks("bash") for words in guide.commands(block)}
	assert set(NOT_RUN) <= written
	assert {block.language for block in guide.blocks()} == {"", "bash", "javascript", "python"}


def test_clearing_the_cache_keeps_the_login_at_the_hub(hub: Simulator) -> None:
	WhatsAppAPIClient().get_sessions()
	bench.run("clear-cache")
	WhatsAppAPIClient().get_sessions()
	assert len(hub.requests("/api/auth/login")) == 1


def test_refused_webhook_is_told_of_in_the_log_that_the_guide_names(hub: Simulator, web: Web) -> None:
	(log,) = (command.split()[-1] for command in NOT_RUN if command.endswith("frappe.log"))
	file = bench.folder() / Path(log).relative_to(BENCH)
	said_before = file.read_text().count("Webhook signature verification failed") if file.exists() else 0

	answer = web.client().post(
		guide.section("A. URL del Webhook:").split()[1].partition("crm.example")[2], json={}
	)

	assert answer.status_code == 401
	lines = [
		line for line in file.read_text().splitlines() if "Webhook signature verification failed" in line
	]
	assert len(lines) == said_before + 1
	assert errors.SignatureError.MISSING in lines[-1]


def test_message_that_was_sent_past_the_crm_is_written_down_by_its_echo(hub: Simulator, web: Web) -> None:
	connect_site(hub, web)
	(block,) = (block for block in guide.blocks("python") if "client.send_message" in block.text)
	with contextlib.redirect_stdout(io.StringIO()):
		exec(block.text, {})
	bench.wait_until(lambda: count("Message", direction="Outgoing") == 1, "message.sent made the message")


def test_registering_the_webhook_twice_by_hand_is_a_conflict_and_by_the_button_is_not(hub: Simulator) -> None:
	(block,) = (block for block in guide.blocks("python") if block.heading == "C. Configurar en Inbox Hub:")
	with contextlib.redirect_stdout(io.StringIO()):
		exec(block.text, {})
		with pytest.raises(errors.Conflict):
			exec(block.text, {})

	settings = frappe.get_single("WhatsApp Settings")
	settings.webhook_url_override = hub.state()["webhooks"][0]["url"]
	settings.save()
	webhook_setup.register_webhook()
	assert len(hub.state()["webhooks"]) == 1


def test_events_of_the_guide_are_those_that_the_app_registers() -> None:
	listed = guide.code(guide.section("B. Eventos a Suscribir:"))
	assert tuple(listed) == webhook_setup.WEBHOOK_EVENTS
	assert [guide.code(row[0])[0] for row in guide.table("Webhooks (webhook.py)")] == listed


def test_handlers_of_the_guide_are_those_that_the_events_go_to() -> None:
	for event, handler, _description in guide.table("Webhooks (webhook.py)"):
		named = getattr(webhook_api, guide.code(handler)[0].removesuffix("()"))
		assert named is webhook_handlers.HANDLERS[guide.code(event)[0]]


@pytest.mark.parametrize(
	"heading, owner",
	[("WhatsAppAPIClient (base.py)", WhatsAppAPIClient), ("Sincronización (sync.py)", sync_api)],
	ids=["client", "sync"],
)
def test_methods_of_the_guide_have_these_parameters(heading: str, owner: Any) -> None:
	rows = guide.table(heading)
	assert rows
	for methods, _description, parameters in rows:
		for method in guide.code(methods):
			signature = inspect.signature(getattr(owner, method.removesuffix("()")))
			assert set(guide.code(parameters)) <= set(signature.parameters), method


def test_settings_of_the_guide_are_fields_with_these_defaults_and_translations() -> None:
	fields = {field.label: field for field in frappe.get_meta("WhatsApp Settings").fields}
	for labels, translated, _what in guide.table("1. Configurar WhatsApp Settings"):
		assert set(labels.split(", ")) <= set(fields)
		assert ", ".join(in_spanish(label) for label in labels.split(", ")) == translated

	(example,) = (block for block in guide.blocks("") if block.heading == "1. Configurar WhatsApp Settings")
	shown = dict(line.split(": ", 1) for line in example.text.splitlines())
	assert set(shown) <= set(fields)
	for label in ("API Timeout (seconds)", "API Retry Attempts"):
		assert fields[label].default == shown[label]


def test_buttons_of_the_guide_are_on_the_forms_and_have_these_translations() -> None:
	session_form = (FORM_SCRIPTS / "whatsapp_session" / "whatsapp_session.js").read_text()
	settings_form = (FORM_SCRIPTS / "whatsapp_settings" / "whatsapp_settings.js").read_text()
	for cell, _who in guide.table("3. Crear y Conectar la Sesión"):
		button, _, translated = cell.removesuffix(")").partition(" (")
		assert f'add_custom_button(__("{button}")' in session_form
		assert in_spanish(button) == translated
	for button in ("Test Connection", "Register Webhook", "Test Webhook", "Change Webhook Secret"):
		assert f"- **{button}** ({in_spanish(button)}):" in guide.section("1. Configurar WhatsApp Settings")
		assert f'add_custom_button(__("{button}")' in settings_form


def in_spanish(text: str) -> str:
	with (FORM_SCRIPTS.parent / "translations" / "es.csv").open() as file:
		return next((row[1] for row in csv.reader(file) if row and row[0] == text), text)


def test_errors_and_states_of_the_guide_exist() -> None:
	for row in guide.table("Otros errores"):
		for name in guide.code(row[0]):
			assert issubclass(getattr(errors, name), errors.InboxHubError)
	states = frappe.get_meta("WhatsApp Message").get_field("status").options.split("\n")
	named = [
		state for row in guide.table("Desde Python, con registro en el CRM:") for state in row[0].split(", ")
	]
	assert set(named) == set(states) - {"Cancelled"}


def test_files_of_the_guide_are_in_the_app() -> None:
	for path in guide.code(guide.section("Archivos Clave:")):
		assert importlib.util.find_spec(
			path.removeprefix("/apps/xappiens_whatsapp/").removesuffix(".py").replace("/", ".")
		)


def test_the_guide_holds_the_answer_of_the_sync_whole(hub: Simulator) -> None:
	(block,) = (block for block in guide.blocks("python") if "api.sync.sync_session_complete" in block.text)
	assert list(guide.printed(block)) == list(sync_api.sync_session_complete(SESSION))
	rows = {name for row in guide.table("Desde Python:") for name in guide.code(row[0])}
	assert set(guide.printed(block)) - rows == {"session"}
