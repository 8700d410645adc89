"""What strangers wrote is kept word for word, and is text wherever the server puts it into HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frappe
import pytest

from support import factories
from support.factories import SESSION
from xappiens_whatsapp.store import messages

if TYPE_CHECKING:
	from support.web import Web

TEXT = "1 < 2 && \"3\" > '2' <b>Hola</b> <img src=x onerror=alert(1)>\n<script>alert(2)</script>"


def test_a_live_message_is_stored_word_for_word() -> None:
	factories.make_session()
	received = messages.receive(SESSION, factories.message_record(TEXT, push_name="Eva <3 <b>"))
	stored = frappe.db.get_value("WhatsApp Message", received.name, ["content", "sender_name"])
	assert stored == (TEXT, "Eva <3 <b>")


@pytest.mark.parametrize("fieldname", ["content", "sender_name", "quoted_message_content"])
def test_a_print_view_shows_text_as_text(fieldname: str, web: Web) -> None:
	factories.make_session()
	message = factories.make_message(factories.make_conversation(), quoted_message_id="3EB0")
	frappe.db.set_value("WhatsApp Message", message, fieldname, TEXT)
	frappe.db.commit()

	page = web.login("Administrator").get(
		"/printview", params={"doctype": "WhatsApp Message", "name": message, "format": "Standard"}
	)

	assert page.status_code == 200
	assert "<img src=x" not in page.text
	assert "&lt;img src=x" in page.text


@pytest.mark.parametrize("doctype", ["WhatsApp Contact", "WhatsApp Conversation"])
def test_suggestions_of_a_link_field_are_escaped_and_only_of_what_the_user_may_read(
	doctype: str, web: Web
) -> None:
	listed = factories.make_user("listed", "WhatsApp User")
	other = factories.make_user("other", "WhatsApp User")
	factories.make_session(users={listed: True})
	make = factories.make_contact if doctype == "WhatsApp Contact" else factories.make_conversation
	name = make(contact_name="Eva <img src=x>")
	frappe.db.commit()

	def suggestions(user: str) -> list[dict[str, str]]:
		answer = web.login(user).call("frappe.desk.search.search_link", doctype=doctype, txt="Eva <").json()
		return answer.get("results", answer.get("message"))

	(suggestion,) = suggestions(listed)
	assert suggestion["value"] == name
	assert "Eva &lt;img src=x&gt;" in suggestion["description"]
	assert suggestions(other) == []
