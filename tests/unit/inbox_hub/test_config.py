import pytest

from xappiens_whatsapp.inbox_hub.config import HubConfig, Secret
from xappiens_whatsapp.inbox_hub.errors import Misconfigured

KEY = Secret("sentinel-key")


@pytest.mark.parametrize(
	("given", "used"),
	[
		("https://inbox-hub.example", "https://inbox-hub.example"),
		(" https://inbox-hub.example/ ", "https://inbox-hub.example"),
		("https://inbox-hub.example/hub//", "https://inbox-hub.example/hub"),
		("https://inbox-hub.example/api", "https://inbox-hub.example"),
		("http://127.0.0.1:8084", "http://127.0.0.1:8084"),
	],
)
def test_the_address_is_brought_into_the_form_that_endpoints_are_put_behind(given: str, used: str) -> None:
	assert HubConfig(given, KEY).base_url == used


@pytest.mark.parametrize(
	"url",
	[
		"",
		"inbox-hub.example",
		"ftp://inbox-hub.example",
		"https://",
		"https://user:pass@inbox-hub.example",
		"https://inbox-hub.example?x=1",
		"https://inbox-hub.example#x",
		"https://inbox-hub.example:99999",
		"https://[::1",
	],
)
def test_an_address_that_cannot_be_meant_is_refused(url: str) -> None:
	with pytest.raises(Misconfigured):
		HubConfig(url, KEY)


@pytest.mark.parametrize(
	("key", "email", "password"),
	[
		("", "", ""),
		("a b", "", ""),
		("a\nb", "", ""),
		("ключ", "", ""),
		("k", "api@crm.example", ""),
		("k", "", "p"),
	],
)
def test_credentials_that_cannot_work_are_refused_without_quoting_them(key, email, password) -> None:
	with pytest.raises(Misconfigured) as caught:
		HubConfig("https://inbox-hub.example", Secret(key), email, Secret(password))
	assert not password or password not in str(caught.value).split()


def test_secrets_do_not_show_themselves() -> None:
	config = HubConfig("https://inbox-hub.example", KEY, "api@crm.example", Secret("sentinel-password"))
	assert "sentinel" not in repr(config) and "sentinel" not in f"{KEY} {[KEY]!r}"
	assert "sentinel" not in config.fingerprint + config.account
	assert config.secrets == ("sentinel-key", "sentinel-password")


def test_a_changed_credential_is_another_fingerprint_but_the_same_account() -> None:
	def config(password: str) -> HubConfig:
		return HubConfig("https://inbox-hub.example", KEY, "api@crm.example", Secret(password))

	assert config("a").fingerprint != config("b").fingerprint
	assert config("a").account == config("b").account


def test_secrets_compare_by_what_they_hold() -> None:
	assert Secret("a") == Secret("a") and Secret("a") != Secret("b") and Secret("a") != "a"
	assert len({Secret("a"), Secret("a"), Secret(None)}) == 2
	assert not Secret(None) and not Secret("")
