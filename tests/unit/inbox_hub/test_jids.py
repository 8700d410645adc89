import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xappiens_whatsapp.inbox_hub import jids
from xappiens_whatsapp.inbox_hub.errors import PayloadError

PERSON = "34600000001@s.whatsapp.net"


@pytest.mark.parametrize(
	"spelling",
	[
		PERSON,
		"34600000001@c.us",
		"34600000001:71@s.whatsapp.net",
		"34600000001.0:71@s.whatsapp.net",
		"34600000001_1:2@c.us",
		"34600000001@S.WhatsApp.Net",
		" 34600000001@c.us\n",
		"34600000001",
		"+34600000001",
		"0034600000001",
		"+34 600 000 001",
		"(34) 600-00.00-01",
		"34\u00a0600\u2011000\u2011001",
	],
)
def test_every_spelling_of_a_person_is_one(spelling: str) -> None:
	assert jids.normalise(spelling) == PERSON
	assert jids.phone_of(jids.normalise(spelling)) == "34600000001"


@pytest.mark.parametrize(
	("jid", "kind"),
	[
		(PERSON, jids.is_user),
		("120363000000000001@g.us", jids.is_group),
		("34600000001-1400000000@g.us", jids.is_group),
		("100000000000001@lid", jids.is_lid),
		("1400000000@broadcast", jids.is_broadcast),
		("120363000000000002@newsletter", jids.is_newsletter),
	],
)
def test_each_kind_of_address_is_told_apart_and_left_as_it_is(jid: str, kind) -> None:
	assert jids.normalise(jid) == jid
	kinds = [jids.is_user, jids.is_group, jids.is_lid, jids.is_broadcast, jids.is_newsletter]
	assert [is_kind for is_kind in kinds if is_kind(jid)] == [kind]


def test_the_status_feed_is_a_broadcast_of_its_own() -> None:
	assert jids.normalise("Status@Broadcast") == "status@broadcast"
	assert jids.is_status("status@broadcast") and jids.is_broadcast("status@broadcast")
	assert not jids.is_status("1400000000@broadcast")


def test_the_devices_of_a_pseudonym_are_one() -> None:
	assert jids.normalise("100000000000001:3@lid") == "100000000000001@lid"


def test_a_bot_is_an_address_too() -> None:
	assert jids.normalise("800000000000001@bot") == "800000000000001@bot"


@pytest.mark.parametrize(
	"jid", ["100000000000001@lid", "34600000001-1400000000@g.us", "1400000000@broadcast", "0@s.whatsapp.net"]
)
def test_digits_that_are_no_phone_number_are_never_one(jid: str) -> None:
	assert jids.phone_of(jids.normalise(jid)) == ""


@pytest.mark.parametrize(
	"text",
	[
		"",
		"@",
		"demo_session",
		"demo_session@c.us",
		"joe@crm.example",
		"34600000001@",
		"@s.whatsapp.net",
		"34600000001@s.whatsapp.net@c.us",
		"123456",
		"1234567890123456",
		"0600000001",
		"++34600000001",
		"３４６００００００００１",
		"34600000001@s.whatsapp.net\x00",
		"3460000\ud8000001",
		"1" * 141,
		"1" * 130 + "@s.whatsapp.net",
		None,
		34600000001,
		["34600000001"],
	],
)
def test_what_is_no_address_is_a_payload_error(text: object) -> None:
	with pytest.raises(PayloadError) as caught:
		jids.normalise(text)
	assert caught.value.path == ""
	assert "34600000001" not in str(caught.value)


@given(
	st.one_of(
		st.text(max_size=150),
		st.from_regex(
			r"\+?[0-9 ().-]{1,24}(@(c\.us|s\.whatsapp\.net|g\.us|lid|broadcast|newsletter))?", fullmatch=True
		),
		st.from_regex(r"[0-9]{1,20}(:[0-9]{1,5})?@(c\.us|s\.whatsapp\.net|lid)", fullmatch=True),
	)
)
@example("00346000000001")
def test_normalising_twice_is_normalising_once(text: str) -> None:
	try:
		jid = jids.normalise(text)
	except PayloadError:
		return
	assert jids.normalise(jid) == jid
	assert len(jid) <= jids.MAX_LENGTH and jid.isascii()
	assert not (jids.is_lid(jid) and jids.phone_of(jid))


@pytest.mark.parametrize(
	("to", "style", "recipient"),
	[
		("+34 600 000 002", "Digits", "34600000002"),
		("34600000002@c.us", "Digits", "34600000002"),
		("34600000002", "JID", "34600000002@s.whatsapp.net"),
		("120363000000000001@g.us", "Digits", "120363000000000001@g.us"),
		("100000000000001@lid", "Digits", "100000000000001@lid"),
		("100000000000001@lid", "JID", "100000000000001@lid"),
	],
)
def test_a_recipient_is_written_in_the_style_of_the_hub(to: str, style: str, recipient: str) -> None:
	assert jids.to_recipient(to, style) == recipient


@pytest.mark.parametrize(
	"to", ["status@broadcast", "1400000000@broadcast", "120363000000000002@newsletter", "nobody"]
)
def test_nobody_can_be_written_to_at_a_broadcast_a_channel_or_a_word(to: str) -> None:
	with pytest.raises(PayloadError) as caught:
		jids.to_recipient(to, "Digits")
	assert caught.value.path == "to"
