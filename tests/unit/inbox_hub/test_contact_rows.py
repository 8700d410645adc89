"""Contacts in the Hub's three shapes (docs/hub.md, "Objects")."""

import pytest

from support.parsed import GROUP, PERSON, chat, contact
from xappiens_whatsapp.inbox_hub import payloads, records


def test_the_contact_of_the_users_document() -> None:
	read = contact(id=PERSON, name="Juan Pérez", phone="34600000002", isUser=True, isGroup=False)
	assert read == records.Contact(jid=PERSON, phone_number="34600000002", name="Juan Pérez", is_user=True)


def test_a_contact_with_everything_a_hub_says() -> None:
	read = contact(
		id=PERSON,
		name="Juan",
		notify="juanito",
		shortName="Ju",
		verifiedName="Juan S.L.",
		imgUrl="https://pps.example/1.jpg",
		about="¡Hola!",
		isMyContact=True,
		isWAContact=True,
		isBlocked=False,
		isEnterprise=True,
		isVerified="true",
		labels=["cliente"],
		firstSeen=1_729_443_600,
		lastSeen="2025-10-14T06:30:00Z",
	)
	assert read == records.Contact(
		jid=PERSON,
		phone_number="34600000002",
		name="Juan",
		push_name="juanito",
		short_name="Ju",
		verified_name="Juan S.L.",
		about="¡Hola!",
		photo_url="https://pps.example/1.jpg",
		is_my_contact=True,
		is_wa_contact=True,
		is_blocked=False,
		is_business=True,
		is_verified=True,
		labels=("cliente",),
		first_seen_ms=1_729_443_600_000,
		last_seen_ms=1_760_423_400_000,
	)
	assert read.display_name == "Juan"


@pytest.mark.parametrize(
	"row",
	[
		{"id": "34600000002@c.us"},
		{"id": {"_serialized": "34600000002@c.us", "user": "34600000002"}},
		{"contactId": PERSON},
		{"jid": PERSON, "id": 77},
		{"waId": "34600000002"},
		{"id": None, "number": "34600000002"},
		{"phoneNumber": "+34 600 000 002"},
		{"msisdn": 34600000002},
	],
)
def test_whose_a_contact_is_may_be_said_in_many_ways(row: dict) -> None:
	assert contact(**row).jid == PERSON
	assert contact(**row).phone_number == "34600000002"


def test_a_row_number_alone_is_nobody() -> None:
	page = payloads.parse_contacts({"data": {"contacts": [{"id": 34600000002, "name": "x"}]}})
	assert page.records == () and page.errors[0].path == "data.contacts[0].id"


@pytest.mark.parametrize(
	"name", ["34600000002", "+34600000002", "+34 600 000 002", "34600000002@c.us", PERSON]
)
def test_a_name_that_only_repeats_the_number_is_no_name(name: str) -> None:
	assert contact(id=PERSON, name=name, notify=name, verifiedName=name, shortName=name).display_name == ""
	assert chat(chatId=PERSON, name=name).name == ""


def test_a_pseudonyms_digits_are_neither_its_phone_nor_its_name() -> None:
	read = contact(id="100000000000001@lid", name="100000000000001", phone="100000000000001")
	assert (read.jid, read.phone_number, read.name) == ("100000000000001@lid", "", "")


def test_a_group_in_the_contacts_is_a_group() -> None:
	read = contact(id=GROUP, name="Team 🌻", isGroup=True)
	assert read.is_group and read.phone_number == "" and read.name == "Team 🌻"


def test_a_photo_that_is_no_link_is_none() -> None:
	assert contact(id=PERSON, imgUrl="changed", profilePicUrl="https://x.example/1").photo_url == ""
	assert (
		contact(id=PERSON, imgUrl=None, profilePicUrl="https://x.example/1").photo_url
		== "https://x.example/1"
	)


@pytest.mark.parametrize(
	("body", "jid"),
	[
		({"data": {"contact": {"id": PERSON}}}, PERSON),
		({"data": {"id": PERSON}}, PERSON),
		({"data": {"contact": None, "message": "not found"}}, None),
	],
)
def test_a_contact_that_was_searched_for_is_there_or_not(body: dict, jid: str | None) -> None:
	found = payloads.parse_contact(body)
	assert (found and found.jid) == jid
