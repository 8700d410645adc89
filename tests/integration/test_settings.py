"""WhatsApp Settings refuse what cannot work, saying which field and what to do, and give no secret away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import frappe
import pytest
from frappe.utils import add_days, get_url, now_datetime, strip_html

from support import factories
from xappiens_whatsapp.api.webhook import PATH

if TYPE_CHECKING:
	from support.web import Web

DOCTYPE = "WhatsApp Settings"
SECRETS = {
	"api_key": "key-0123456789abcdef",
	"api_password": "password-0123456789",
	"webhook_secret": "secret-0123456789abcdef",
	"webhook_secret_previous": "previous-0123456789abcdef",
}

# what is entered, the label of the field to blame, a word of the remedy
REFUSED = [
	({"api_base_url": ""}, "API Base URL", "Enter the address"),
	({"api_base_url": "inbox-hub.example"}, "API Base URL", "https://"),
	({"api_base_url": "ftp://inbox-hub.example"}, "API Base URL", "https://"),
	({"api_base_url": "https://"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://:8443"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example:port"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example:99999"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://user:pass@inbox-hub.example"}, "API Base URL", "https://inbox-hub.example"),
	(
		{"api_base_url": "https://inbox-hub.example@other.example"},
		"API Base URL",
		"https://inbox-hub.example",
	),
	(
		{"api_base_url": "https://inbox-hub.example\\@other.example"},
		"API Base URL",
		"https://inbox-hub.example",
	),
	({"api_base_url": "https://inbox hub.example"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example/a/../b"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example/%2e%2e"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example//a"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example?a=b"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example#a"}, "API Base URL", "https://inbox-hub.example"),
	({"api_base_url": "https://inbox-hub.example/api"}, "API Base URL", "https://inbox-hub.example"),
	({"api_email": "agent@crm.example", "api_password": ""}, "API Password", "clear the API Email"),
	({"api_email": "", "api_password": "word"}, "API Email", "clear the API Password"),
	({"api_timeout": 0}, "API Timeout (seconds)", "from 1 to 300"),
	({"api_timeout": 301}, "API Timeout (seconds)", "from 1 to 300"),
	({"api_retry_attempts": -1}, "API Retry Attempts", "from 0 to 10"),
	({"api_retry_attempts": 11}, "API Retry Attempts", "from 0 to 10"),
	({"sync_interval": 0}, "Sync Interval (minutes)", "from 1 to"),
	({"sync_recent_chats": -1}, "Recent Chats", "from 0 to"),
	({"sync_messages_per_chat": 0}, "Messages per Chat", "from 1 to"),
	({"webhook_secret": "fifteen letters"}, "Webhook Secret", "16 to 255"),
	({"webhook_secret": "x" * 256}, "Webhook Secret", "255"),
	(
		{"webhook_secret_previous": "short", "webhook_secret_previous_until": "2030-01-01"},
		"Previous Webhook Secret",
		"16 to 255",
	),
	({"webhook_secret_previous": "x" * 16}, "Previous Secret Valid Until", "until when"),
	({"webhook_url_override": "crm.example/hook"}, "Webhook URL Override", "https://"),
	({"webhook_url_override": "javascript:alert(1)"}, "Webhook URL Override", "https://"),
]


@pytest.mark.parametrize(("entered", "label", "remedy"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_work_is_refused_with_the_field_and_the_remedy(
	entered: dict[str, object], label: str, remedy: str
) -> None:
	with pytest.raises(frappe.ValidationError) as refusal:
		factories.set_up(**entered)
	sentence = strip_html(str(refusal.value))
	assert sentence.startswith(label), sentence
	assert remedy in sentence
	for value in entered.values():
		assert "pass@" not in sentence
		assert not (isinstance(value, str) and len(value) > 200 and value in sentence)


@pytest.mark.parametrize(
	("entered", "stored"),
	[
		(" https://inbox-hub.example/ ", "https://inbox-hub.example"),
		("https://inbox-hub.example///", "https://inbox-hub.example"),
		("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
		("http://[::1]:3000", "http://[::1]:3000"),
		("https://inbox-hub.example/hub/v1/", "https://inbox-hub.example/hub/v1"),
	],
)
def test_address_is_stored_without_blanks_and_trailing_slashes(entered: str, stored: str) -> None:
	factories.set_up(api_base_url=entered)
	assert frappe.db.get_single_value(DOCTYPE, "api_base_url") == stored


def test_settings_that_are_switched_off_need_no_address() -> None:
	factories.set_up(enabled=0, api_base_url="")
	assert not frappe.db.get_single_value(DOCTYPE, "enabled")


def test_limits_themselves_are_accepted() -> None:
	for values in (
		{"api_timeout": 1, "api_retry_attempts": 0, "webhook_secret": "x" * 16},
		{"api_timeout": 300, "api_retry_attempts": 10, "webhook_secret": "x" * 255},
	):
		factories.set_up(**values)
		settings = frappe.get_single(DOCTYPE)
		assert (settings.api_timeout, settings.api_retry_attempts) == (
			values["api_timeout"],
			values["api_retry_attempts"],
		)
		assert settings.get_password("webhook_secret") == values["webhook_secret"]


def test_webhook_address_is_the_sites_own_unless_it_is_overridden() -> None:
	factories.set_up(webhook_url="https://nonsense.example")
	assert frappe.db.get_single_value(DOCTYPE, "webhook_url") == get_url(PATH)
	factories.set_up(webhook_url_override=" https://proxy.crm.example/whatsapp ")
	assert frappe.db.get_single_value(DOCTYPE, "webhook_url") == "https://proxy.crm.example/whatsapp"


def test_saving_again_keeps_the_secrets_that_the_form_shows_as_stars() -> None:
	enter_secrets()
	frappe.get_single(DOCTYPE).save()
	settings = frappe.get_single(DOCTYPE)
	assert {field: settings.get_password(field) for field in SECRETS} == SECRETS


def test_no_secret_is_in_the_document_its_versions_its_table_or_its_rest_answer(web: Web) -> None:
	enter_secrets()
	changed = {field: f"{value}-changed" for field, value in SECRETS.items()}
	enter_secrets(changed)
	frappe.db.commit()
	client = web.login()
	given_out = [
		frappe.as_json(frappe.get_single(DOCTYPE).as_dict()),
		frappe.as_json(frappe.get_doc(DOCTYPE, DOCTYPE)),
		frappe.as_json(frappe.get_all("Version", {"ref_doctype": DOCTYPE}, ["*"])),
		frappe.as_json(frappe.db.sql("SELECT field, value FROM tabSingles WHERE doctype = %s", DOCTYPE)),
		client.get(f"/api/resource/{DOCTYPE}/{DOCTYPE}").text,
		client.get(f"/api/method/frappe.desk.form.load.getdoc?doctype={DOCTYPE}&name={DOCTYPE}").text,
		client.get(f"/api/method/frappe.client.get?doctype={DOCTYPE}").text,
		*(
			client.get(f"/api/method/frappe.client.get_single_value?doctype={DOCTYPE}&field={field}").text
			for field in SECRETS
		),
	]
	assert "inbox-hub.example" in given_out[4], "the document was not given out at all"
	for text in given_out:
		assert not [secret for secret in (*SECRETS.values(), *changed.values()) if secret in text]


def enter_secrets(secrets: dict[str, str] = SECRETS) -> None:
	factories.set_up(
		api_email="agent@crm.example",
		webhook_secret_previous_until=add_days(now_datetime(), 1),
		**secrets,
	)
