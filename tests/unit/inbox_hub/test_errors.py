import sys
from types import SimpleNamespace

import pytest

from xappiens_whatsapp.inbox_hub import errors
from xappiens_whatsapp.inbox_hub.text import _


@pytest.mark.parametrize(
	("error", "heading"),
	[
		(errors.AuthenticationFailed("do this", fault="key"), "Authentication failed: do this"),
		(errors.SessionNotConnected("do this"), "Session not connected: do this"),
		(
			errors.SignatureError(errors.SignatureError.MISSING),
			"Webhook signature verification failed: the request",
		),
		(errors.HubUnavailable("Do this"), "Do this"),
		(errors.SessionNotConnected(), "Session not connected"),
		(errors.NotFound(), "NotFound"),
	],
)
def test_an_error_begins_with_the_heading_of_the_users_document(error: Exception, heading: str) -> None:
	assert str(error).startswith(heading)


def test_an_error_carries_what_is_needed_to_look_it_up() -> None:
	error = errors.InvalidRequest("x", status=400, code="VALIDATION_ERROR", hub_text="no", request_id="r1")
	assert (error.status, error.code, error.hub_text, error.request_id) == (
		400,
		"VALIDATION_ERROR",
		"no",
		"r1",
	)


def test_a_payload_error_names_the_path_from_where_it_is_seen() -> None:
	error = errors.PayloadError("id", "missing")
	assert (error.under("contacts[3]").path, error.under("contacts[3]").reason) == (
		"contacts[3].id",
		"missing",
	)
	assert errors.PayloadError("", "missing").under("contacts[3]").path == "contacts[3]"
	assert "at $" in str(errors.PayloadError("", "missing"))


def test_texts_are_translated_only_where_a_site_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
	site = SimpleNamespace(local=SimpleNamespace(site="test.example"), _=lambda text: f"¡{text}!")
	no_site = SimpleNamespace(local=SimpleNamespace(), _=lambda text: f"¡{text}!")
	for frappe, expected in ((None, "Hello"), (no_site, "Hello"), (site, "¡Hello!")):
		monkeypatch.setitem(sys.modules, "frappe", frappe)
		assert _("Hello") == expected
