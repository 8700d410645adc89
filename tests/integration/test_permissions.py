"""Who sees what: one table, asked in every way in which Frappe gives data out.

There are two sessions, a closed one that lists its users and an open one that lists none, each with one document of
every DocType. The table says which of them a person sees; every way must agree with it.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import frappe
import frappe.client
import frappe.desk.form.load
import frappe.desk.listview
import frappe.desk.reportview
import frappe.desk.search
import frappe.share
import pytest
from frappe.utils import add_to_date, now_datetime

from support import factories
from support.realtime import Socket
from support.web import Client, Web
from xappiens_whatsapp import api, permissions, realtime
from xappiens_whatsapp.api import session as session_api

CLOSED, OPEN = "closed_session", "open_session"
NUMBERS = {CLOSED: "34600000001", OPEN: "34600000002"}

FOLLOWERS = (
	"WhatsApp Contact",
	"WhatsApp Conversation",
	"WhatsApp Message",
	"WhatsApp Webhook Event",
	"WhatsApp Sync Run",
)
DOCUMENTS = ("WhatsApp Session", *FOLLOWERS)
SHARED_IN_LISTS = tuple(doctype for doctype in FOLLOWERS if doctype != "WhatsApp Webhook Event")
PARENT_OF = {"WhatsApp Session User": "WhatsApp Session", "WhatsApp Message Reaction": "WhatsApp Message"}

BOTH, NONE = {CLOSED, OPEN}, set()


@dataclass(frozen=True)
class Person:
	"""Somebody, and what they see. `shares`: the closed session's document of each of these DocTypes is shared with
	them."""

	roles: tuple[str, ...]
	sessions: set[str]  # and their contacts, conversations, messages, runs
	events: set[str]
	settings: bool = False
	may_export: bool = False
	listed: bool = False
	may_send: set[str] = field(default_factory=set)
	shares: tuple[str, ...] = ()
	logs_in: bool = True

	def lists(self, doctype: str) -> bool:
		"""Frappe shows, but does not list, what is shared with somebody whose roles give them nothing of the DocType."""
		return bool(self.roles) or doctype not in self.shares


USER = "WhatsApp User"
PEOPLE = {
	# who                            roles                   sessions   events
	"System Manager": Person(("System Manager",), BOTH, BOTH, True, True, may_send=BOTH),
	"WhatsApp Manager": Person(("WhatsApp Manager",), BOTH, BOTH, True, True, may_send=BOTH),
	"listed": Person((USER,), BOTH, NONE, listed=True, may_send=BOTH),
	"listed, may not send": Person((USER,), BOTH, NONE, listed=True, may_send={OPEN}),
	"not listed": Person((USER,), {OPEN}, NONE, may_send={OPEN}),
	"not listed, shares": Person((USER,), {OPEN}, NONE, may_send={OPEN}, shares=SHARED_IN_LISTS),
	"no role": Person((), NONE, NONE),
	"no role, shares": Person((), NONE, NONE, shares=FOLLOWERS),
	"Guest": Person((), NONE, NONE, logs_in=False),
}


def sees(person: Person, doctype: str) -> set[str]:
	"""The sessions whose document of this DocType the person sees."""
	if doctype in PARENT_OF:
		return sees(person, PARENT_OF[doctype]) & {CLOSED} | (
			# nobody is listed in the open session, so there is no row to see
			sees(person, PARENT_OF[doctype]) & {OPEN} if doctype == "WhatsApp Message Reaction" else NONE
		)
	seen = person.events if doctype == "WhatsApp Webhook Event" else person.sessions
	return seen | {CLOSED} if doctype in person.shares else seen


@dataclass
class World:
	"""The documents of the test: DocType, then session, then name."""

	names: dict[str, dict[str, str]]
	user: str
	client: Client

	def of_sessions(self, doctype: str, names: set[str]) -> set[str]:
		return {session for session, name in self.names[doctype].items() if name in names}


def make_world(who: str, web: Web) -> World:
	person = PEOPLE[who]
	user = factories.make_user("asking", *person.roles) if person.logs_in else "Guest"
	colleague = factories.make_user("colleague", USER)
	listed = {colleague: True} | ({user: CLOSED in person.may_send} if person.listed else {})
	factories.make_session(CLOSED, users=listed)
	factories.make_session(OPEN)
	names: dict[str, dict[str, str]] = {doctype: {} for doctype in (*DOCUMENTS, *PARENT_OF)}
	for session, number in NUMBERS.items():
		conversation = factories.make_conversation(session, number)
		message = factories.make_message(conversation, f"secret of {session}")
		names["WhatsApp Session"][session] = session
		names["WhatsApp Contact"][session] = factories.make_contact(session, number)
		names["WhatsApp Conversation"][session] = conversation
		names["WhatsApp Message"][session] = message
		names["WhatsApp Message Reaction"][session] = factories.make_reaction(message)
		names["WhatsApp Webhook Event"][session] = factories.make_event(session)
		names["WhatsApp Sync Run"][session] = factories.make_sync_run(session)
	names["WhatsApp Session User"][CLOSED] = frappe.db.get_value(
		"WhatsApp Session User", {"parent": CLOSED, "user": colleague}, "name"
	)
	for doctype in person.shares:
		frappe.share.add_docshare(
			doctype, names[doctype][CLOSED], user, read=1, flags={"ignore_share_permission": True}
		)
	factories.set_up()
	frappe.db.commit()
	return World(names, user, web.login(user) if person.logs_in else web.client())


# Ways in. Each returns the names that are given out; PermissionError means none.

Names = set[str]


def by_get_list(world: World, doctype: str) -> Names:
	return set(frappe.get_list(doctype, pluck="name", limit=0))


def by_get_doc(world: World, doctype: str) -> Names:
	return {
		name for name in world.names[doctype].values() if frappe.get_doc(doctype, name).has_permission("read")
	}


def by_form(world: World, doctype: str) -> Names:
	given = set()
	for name in world.names[doctype].values():
		frappe.local.response = frappe._dict(docs=[])
		with suppress(frappe.PermissionError):
			frappe.desk.form.load.getdoc(doctype, name)
			given |= {doc.name for doc in frappe.response.docs}
	return given


def by_rest_list(world: World, doctype: str) -> Names:
	return names_of(world.client.get(f"/api/resource/{doctype}?limit_page_length=100"))


def by_rest_document(world: World, doctype: str) -> Names:
	answers = {
		name: world.client.get(f"/api/resource/{doctype}/{name}") for name in world.names[doctype].values()
	}
	return {name for name, answer in answers.items() if answer.status_code == 200}


def by_report_view(world: World, doctype: str) -> Names:
	data = in_form(frappe.desk.reportview.get, doctype=doctype, fields=json.dumps([f"`tab{doctype}`.`name`"]))
	return {row[0] for row in data["values"]} if data else set()


def by_link_search(world: World, doctype: str) -> Names:
	frappe.local.response = frappe._dict()
	frappe.is_whitelisted(frappe.desk.search.search_link)  # as a request is asked: a Guest gets no further
	frappe.desk.search.search_link(doctype, "", page_length=100)
	return {row["value"] for row in frappe.response.results}


def by_group(world: World, doctype: str) -> Names:
	groups = frappe.desk.listview.get_group_by_count(doctype, "[]", "name")
	return {group.name for group in groups}


def by_client_get_value(world: World, doctype: str) -> Names:
	rows = [
		frappe.client.get_value(doctype, "name", {"name": name}) for name in world.names[doctype].values()
	]
	return {row["name"] for row in rows if row}


def by_room(world: World, doctype: str) -> Names:
	"""What the realtime server asks before it lets a browser into a document's room."""
	given = set()
	for name in world.names[doctype].values():
		answer = world.client.get(
			"/api/method/frappe.realtime.can_subscribe_doc", params={"doctype": doctype, "docname": name}
		)
		if answer.status_code == 200 and answer.json().get("message"):
			given.add(name)
	return given


def by_export(world: World, doctype: str) -> Names:
	in_form(
		frappe.desk.reportview.export_query,
		doctype=doctype,
		fields=json.dumps([f"`tab{doctype}`.`name`"]),
		file_format_type="CSV",
	)
	content = frappe.response["filecontent"].decode()
	return {name for name in world.names[doctype].values() if name in content}


def by_report_count(world: World, doctype: str) -> int:
	return in_form(frappe.desk.reportview.get_count, doctype=doctype, filters="[]")


def by_rest_count(world: World, doctype: str) -> int:
	return (
		world.client.get("/api/method/frappe.client.get_count", params={"doctype": doctype})
		.json()
		.get("message", 0)
	)


def by_client_list_of_rows(world: World, doctype: str) -> Names:
	rows = frappe.client.get_list(doctype, parent=PARENT_OF[doctype], limit_page_length=100)
	return {row["name"] for row in rows}


def by_rest_list_of_rows(world: World, doctype: str) -> Names:
	return names_of(
		world.client.get(f"/api/resource/{doctype}?parent={PARENT_OF[doctype]}&limit_page_length=100")
	)


def by_client_row(world: World, doctype: str) -> Names:
	rows = [
		frappe.client.get_value(doctype, "name", {"name": name}, parent=PARENT_OF[doctype])
		for name in world.names[doctype].values()
	]
	return {row["name"] for row in rows if row}


def by_joined_report(world: World, doctype: str) -> Names:
	"""A child table's columns in the report view of its parent."""
	data = in_form(
		frappe.desk.reportview.get, doctype=PARENT_OF[doctype], fields=json.dumps([f"`tab{doctype}`.`name`"])
	)
	return {row[0] for row in data["values"]} - {None} if data else set()


WAYS_TO_DOCUMENT = (by_get_doc, by_form, by_rest_document, by_room)
WAYS_TO_LIST = (by_get_list, by_rest_list, by_report_view, by_link_search, by_group, by_client_get_value)
WAYS_TO_COUNT = (by_report_count, by_rest_count)
WAYS_TO_ROWS = (by_client_list_of_rows, by_rest_list_of_rows, by_client_row, by_joined_report)
WAYS_TO_SETTINGS = {
	"get_doc": lambda client: frappe.get_doc("WhatsApp Settings").has_permission("read"),
	"REST": lambda client: client.get("/api/resource/WhatsApp Settings/WhatsApp Settings").status_code == 200,
	"single value": lambda client: bool(frappe.client.get_single_value("WhatsApp Settings", "api_base_url")),
	"client.get_value": lambda client: bool(frappe.client.get_value("WhatsApp Settings", "api_base_url")),
	"room": lambda client: (
		client.get(
			"/api/method/frappe.realtime.can_subscribe_doc",
			params={"doctype": "WhatsApp Settings", "docname": "WhatsApp Settings"},
		).status_code
		== 200
	),
}


def names_of(answer: Any) -> Names:
	return {row["name"] for row in answer.json()["data"]} if answer.status_code == 200 else set()


def in_form(function: Callable[[], Any], **form: str) -> Any:
	"""What a function of the Desk answers to a form; these read `frappe.form_dict`."""
	frappe.local.response = frappe._dict()
	frappe.local.form_dict = frappe._dict(form)
	return function()


def ask(user: str, question: Callable[..., Any], *arguments: Any, refused: Any) -> Any:
	frappe.set_user(user)
	try:
		return question(*arguments)
	except (
		frappe.PermissionError,
		frappe.db.ProgrammingError,
	):  # the latter is how Frappe fails to list shared ones
		return refused
	finally:
		frappe.set_user("Administrator")


@pytest.mark.parametrize("who", PEOPLE)
def test_every_way_to_the_data_gives_a_person_what_the_table_says(who: str, web: Web) -> None:
	person, world = PEOPLE[who], make_world(who, web)
	wrong: list[str] = []

	def compare(way: Callable[..., Any], doctype: str, expected: set[str]) -> None:
		given = ask(world.user, way, world, doctype, refused=NONE)
		sessions = given if isinstance(given, int) else world.of_sessions(doctype, given)
		if sessions != (len(expected) if isinstance(given, int) else expected):
			wrong.append(
				f"{doctype} {way.__name__}: {sessions or 'nothing'} instead of {expected or 'nothing'}"
			)

	for doctype in DOCUMENTS:
		expected = sees(person, doctype)
		for way in WAYS_TO_DOCUMENT:
			compare(way, doctype, expected)
		for way in (*WAYS_TO_LIST, *WAYS_TO_COUNT) if person.lists(doctype) else ():
			compare(way, doctype, expected)
		compare(by_export, doctype, expected if person.may_export else NONE)
	for doctype, parent in PARENT_OF.items():
		for way in WAYS_TO_ROWS if person.lists(parent) else ():
			compare(way, doctype, sees(person, doctype))
		compare(by_rest_list, doctype, NONE)  # as long as no parent is named
		compare(by_report_view, doctype, NONE)
	for way, question in WAYS_TO_SETTINGS.items():
		if ask(world.user, question, world.client, refused=False) != person.settings:
			wrong.append(f"WhatsApp Settings by {way}: {not person.settings} instead of {person.settings}")
	if (sent := sends(world)) != person.may_send:
		wrong.append(f"sends in {sent or 'none'} instead of {person.may_send or 'none'}")

	assert not wrong, "\n" + "\n".join(wrong)


def sends(world: World) -> set[str]:
	"""The sessions in whose name this person can write a message."""
	for conversation in world.names["WhatsApp Conversation"].values():
		world.client.call(
			"xappiens_whatsapp.api.messages.send_message", content="Hola", conversation=conversation
		)
	frappe.db.rollback()
	return set(frappe.get_all("WhatsApp Message", {"direction": "Outgoing"}, pluck="session"))


def test_room_of_a_session_is_heard_by_its_people_only(socket: Callable[[str], Socket]) -> None:
	listed, stranger = factories.make_user("listed", USER), factories.make_user("stranger", USER)
	session = factories.make_session(CLOSED, users={listed: True})
	conversation = factories.make_conversation(session)
	frappe.db.commit()
	ears = {user: socket(user) for user in (listed, stranger)}
	for ear in ears.values():
		ear.subscribe("WhatsApp Session", session)
		ear.subscribe("WhatsApp Conversation", conversation)

	realtime.message(session, conversation, "0123456789", "Incoming")
	for user in ears:
		frappe.publish_realtime("end_of_test", {}, user=user, after_commit=True)
	frappe.db.commit()

	assert ears[listed].wait_for(realtime.MESSAGE)["message"] == "0123456789"
	assert realtime.MESSAGE not in dict(ears[stranger].everything_until("end_of_test"))


@pytest.mark.parametrize(
	("role", "is_shown"), [("System Manager", True), ("WhatsApp Manager", True), (USER, False)]
)
def test_qr_code_is_shown_to_those_only_who_may_change_the_session(
	role: str, is_shown: bool, web: Web
) -> None:
	factories.make_session()
	in_a_minute = add_to_date(now_datetime(), minutes=1)
	picture = "data:image/png;base64,UVItQ09ERQ=="
	frappe.db.set_value(
		"WhatsApp Session", factories.SESSION, {"qr_code": picture, "qr_expires_at": in_a_minute}
	)
	user = factories.make_user("asking", role)
	client = web.login(user)
	answers = [
		client.get(f"/api/resource/WhatsApp Session/{factories.SESSION}"),
		client.get('/api/resource/WhatsApp Session?fields=["name","qr_code"]'),
		client.get(
			f"/api/method/frappe.desk.form.load.getdoc?doctype=WhatsApp Session&name={factories.SESSION}"
		),
		client.get("/api/method/frappe.client.get_value?doctype=WhatsApp Session&fieldname=qr_code"),
	]
	assert [picture in answer.text for answer in answers] == [is_shown] * len(answers)
	frappe.set_user(user)
	assert (session_api._status(factories.SESSION).qr_code == picture) == is_shown


def test_list_and_document_agree_for_a_user_who_is_taken_off_the_list() -> None:
	user = factories.make_user("leaving", USER)
	doc = frappe.get_doc("WhatsApp Session", factories.make_session(CLOSED, users={user: True}))
	doc.append("assigned_users", {"user": factories.make_user("staying", USER)})
	doc.assigned_users.pop(0)
	doc.save()

	frappe.set_user(user)

	assert frappe.get_list("WhatsApp Session") == []
	assert not doc.has_permission("read")
	assert not permissions.may_send(CLOSED)


# What each whitelisted function is asked; `{name}` is a document of the closed session.
CALLS: dict[str, dict[str, str]] = {
	"conversations.get_messages": {"conversation": "{WhatsApp Conversation}"},
	"conversations.mark_as_read": {"conversation": "{WhatsApp Conversation}"},
	"messages.send_message": {"content": "Hola", "conversation": "{WhatsApp Conversation}"},
	"session.connect_session": {"session": CLOSED},
	"session.disconnect_session": {"session": CLOSED},
	"session.get_session_status": {"session": CLOSED},
	"session.get_qr_code": {"session": CLOSED},
	"session.test_connection": {"session": CLOSED},
	"sync.sync_session_complete": {"session_name": CLOSED},
	"sync.sync_conversation_history": {"conversation": "{WhatsApp Conversation}"},
	"sync.resume_sync": {"session_name": CLOSED},
	"webhook_events.retry_events": {"names": '["{WhatsApp Webhook Event}"]'},
	"webhook_setup.register_webhook": {},
	"webhook_setup.register_session_webhook": {"session": CLOSED},
	"webhook_setup.change_webhook_secret": {},
	"webhook_setup.test_webhook": {},
	"webhook_setup.get_refusals": {},
}


def whitelisted() -> set[str]:
	"""The app's functions that may be called from outside, the webhook's aside."""
	found = set()
	for module in pkgutil.iter_modules(api.__path__):
		functions = vars(importlib.import_module(f"{api.__name__}.{module.name}")).values()
		found |= {
			f"{module.name}.{function.__name__}"
			for function in functions
			if function in frappe.whitelisted and function.__module__ == f"{api.__name__}.{module.name}"
		}
	return found - {"webhook.handle_webhook"}


@pytest.mark.parametrize("who", ["no role", "not listed"])
def test_every_function_that_may_be_called_refuses_who_may_not_see_the_session(who: str, web: Web) -> None:
	assert set(CALLS) == whitelisted()
	world = make_world(who, web)
	answers = {}
	for function, arguments in CALLS.items():
		filled = dict(arguments)
		for doctype in FOLLOWERS:
			name = world.names[doctype][CLOSED]
			filled = {key: value.replace(f"{{{doctype}}}", name) for key, value in filled.items()}
		answers[function] = world.client.call(f"{api.__name__}.{function}", **filled).status_code
	assert {function: status for function, status in answers.items() if status != 403} == {}
