"""Pages of lists, and answers to a send, in the Hub's three shapes (docs/hub.md, "Objects")."""

import pytest

from support.parsed import GROUP, PERSON
from xappiens_whatsapp.inbox_hub import payloads, records
from xappiens_whatsapp.inbox_hub.errors import PayloadError

CONTACT = {"id": PERSON, "name": "Demo Contact"}


# Pages


@pytest.mark.parametrize(
	"body",
	[
		{"data": {"contacts": [CONTACT]}},
		{"data": {"items": [CONTACT]}},
		{"data": {"data": [CONTACT]}},
		{"data": [CONTACT]},
		{"contacts": [CONTACT]},
		{"contacts": [CONTACT], "data": {}},
		{"contacts": [CONTACT], "data": None},
	],
)
def test_a_list_is_found_wherever_the_hub_puts_it(body: dict) -> None:
	assert [each.jid for each in payloads.parse_contacts(body).records] == [PERSON]


@pytest.mark.parametrize(
	"body", [None, [], "x", {}, {"data": {}}, {"data": {"contacts": None}}, {"data": {"contacts": {}}}]
)
def test_a_body_without_the_list_is_an_error_and_no_empty_page(body: object) -> None:
	with pytest.raises(PayloadError):
		payloads.parse_contacts(body)


def test_a_null_list_is_empty_only_if_the_hub_says_so() -> None:
	assert payloads.parse_contacts({"data": {"contacts": None, "total": 0}}).received == 0


@pytest.mark.parametrize(
	("body", "paging"),
	[
		(
			{"data": {"contacts": [], "pagination": {"total": 150, "page": 1, "limit": 50, "pages": 3}}},
			(150, 1, 3),
		),
		({"data": {"contacts": [], "total": 150, "page": 1}}, (150, 1, None)),
		({"data": {"contacts": [], "total": "150", "source": "whatsapp"}}, (150, None, None)),
		({"data": {"contacts": []}}, (None, None, None)),
		({"data": [], "pagination": {"total": 2, "pages": 1}}, (2, None, 1)),
		({"contacts": [], "total": 7}, (7, None, None)),
	],
)
def test_each_way_to_count_pages_is_understood(body: dict, paging: tuple) -> None:
	page = payloads.parse_contacts(body)
	assert (page.total, page.page, page.pages) == paging


def test_a_row_that_cannot_be_understood_is_named_and_the_page_goes_on() -> None:
	rows = [CONTACT, {"name": "nobody"}, "text", None, {"id": "x" * 200}, {**CONTACT, "id": GROUP}]
	page = payloads.parse_contacts({"data": {"contacts": rows}})
	assert [each.jid for each in page.records] == [PERSON, GROUP]
	assert page.received == 6
	assert [(error.path, error.reason) for error in page.errors] == [
		("data.contacts[1].id", "missing"),
		("data.contacts[2]", "expected an object"),
		("data.contacts[3]", "expected an object"),
		("data.contacts[4].id", "not an address"),
	]


# Answers to a send


@pytest.mark.parametrize(
	"data",
	[
		{
			"messageId": "3EB0F1",
			"to": "34600000002",
			"status": "sent",
			"timestamp": "2025-10-15T10:45:00.000Z",
		},
		{
			"messageId": "3EB0F1",
			"to": "34600000002",
			"message": "Hello",
			"status": "sent",
			"timestamp": 1_760_525_100,
		},
		{
			"message": {
				"whatsappMessageId": "3EB0F1",
				"fromMe": True,
				"status": "sent",
				"timestamp": "2025-10-15T10:45:00Z",
			}
		},
	],
)
def test_an_accepted_message_is_the_same_in_every_shape(data: dict) -> None:
	assert payloads.parse_sent({"success": True, "data": data}) == records.SentMessage(
		"3EB0F1", "Sent", 1_760_525_100_000
	)


def test_an_accepted_message_may_have_no_id() -> None:
	body = {"success": True, "data": {"message": {"id": 10854, "status": "pending"}}}
	assert payloads.parse_sent(body) == records.SentMessage("", "Pending", None, 10854)
	assert payloads.parse_sent({"success": True}) == records.SentMessage("")


@pytest.mark.parametrize("body", [None, [], {"data": []}, {"data": "ok"}])
def test_an_answer_to_a_send_that_is_none_is_an_error(body: object) -> None:
	with pytest.raises(PayloadError):
		payloads.parse_sent(body)
