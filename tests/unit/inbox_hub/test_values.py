import pytest
from hypothesis import given
from hypothesis import strategies as st

from xappiens_whatsapp.inbox_hub import values
from xappiens_whatsapp.inbox_hub.errors import PayloadError

json_values = st.recursive(
	st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
	lambda inner: st.one_of(
		st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
	),
	max_leaves=8,
)


def test_text_keeps_everything_but_what_cannot_be_stored() -> None:
	assert values.clean("a\x00b") == "ab"
	assert values.clean("\ud83d\ude00 ok") == "😀 ok"
	assert values.clean("lone \ud83d.") == "lone \ufffd."
	assert values.clean("¡Ñandú 👋🏽\n") == "¡Ñandú 👋🏽\n"


@given(st.text(alphabet=st.characters(), max_size=40))
def test_a_cleaned_text_can_be_written_as_utf8_without_nul(text: str) -> None:
	cleaned = values.clean(text)
	assert b"\x00" not in cleaned.encode() and values.clean(cleaned) == cleaned


@pytest.mark.parametrize(
	("value", "text"), [("x", "x"), (12, "12"), (1.5, "1.5"), (True, ""), (None, ""), ([], ""), (10**30, "")]
)
def test_a_text_may_come_as_a_number_and_is_empty_otherwise(value: object, text: str) -> None:
	assert values.as_text(value) == text


def test_a_label_is_one_line() -> None:
	assert values.as_label("  Ana \n\t López ") == "Ana López"


@pytest.mark.parametrize(
	("value", "flag"),
	[
		(True, True),
		(False, False),
		(1, True),
		(0, False),
		(1_729_443_600, True),
		(-1, None),
		(float("nan"), None),
		("true", True),
		(" False ", False),
		("1", True),
		("0", False),
		("perhaps", None),
		(None, None),
		([], None),
	],
)
def test_a_flag_is_true_false_or_not_said(value: object, flag: bool | None) -> None:
	assert values.as_flag(value) is flag


@pytest.mark.parametrize(
	("value", "number"),
	[
		(3, 3),
		("3", 3),
		(" 03 ", 3),
		(3.0, 3),
		(3.5, None),
		(-1, -1),
		("-1", -1),
		("٣", None),
		("1" * 17, None),
		("", None),
		("-", None),
		(float("inf"), None),
		(2**60, None),
		(True, None),
		({}, None),
	],
)
def test_a_whole_number_may_come_in_digits(value: object, number: int | None) -> None:
	assert values.as_integer(value) == number
	assert values.as_count(value) == (number if number is not None and number >= 0 else None)


@pytest.mark.parametrize(
	("value", "number"),
	[
		(1, 1.0),
		("40.4", 40.4),
		("nan", None),
		("x", None),
		(10**400, None),
		(True, None),
		(None, None),
		([], None),
	],
)
def test_a_number_is_finite_or_not_said(value: object, number: float | None) -> None:
	assert values.as_number(value) == number


@pytest.mark.parametrize(
	"value",
	[
		"34600000001@c.us",
		"34600000001",
		34600000001,
		{"_serialized": "34600000001@c.us", "user": "34600000001"},
		{"user": "34600000001", "server": "c.us"},
		{"id": "34600000001"},
		{"jid": "34600000001@s.whatsapp.net"},
		{"phone": 34600000001},
	],
)
def test_an_address_may_come_in_objects_and_numbers(value: object) -> None:
	assert values.as_address(value) == "34600000001@s.whatsapp.net"


@pytest.mark.parametrize("value", [None, True, -1, 2**60, {}, {"id": {}}, [], "demo_session", 1.5])
def test_what_is_no_address_is_empty(value: object) -> None:
	assert values.as_address(value) == ""


def test_only_web_addresses_are_links() -> None:
	assert values.as_web_address("https://media.example/x?y=1") == "https://media.example/x?y=1"
	for value in ("changed", "javascript:alert(1)", "data:image/png;base64,AAAA", "https://[::1", None, 5):
		assert values.as_web_address(value) == ""


def test_labels_come_as_texts_or_objects() -> None:
	assert values.as_labels(["a", {"name": "b"}, {"id": 1}, "", 3]) == ("a", "b", "3")
	assert values.as_labels([]) == () and values.as_labels("a") is None


def test_ids_that_cannot_be_stored_become_ids_that_can_and_stay_distinct() -> None:
	odd = ["A" * 141, "A" * 142, "A\x00", "A\x00\x00", "\ud800", "\ud801"]
	settled = [values.settle_id(text) for text in odd]
	assert len(set(settled)) == len(odd)
	assert all(text.startswith("HASH-") and len(text) <= values.MAX_ID_LENGTH for text in settled)
	assert settled == [values.settle_id(text) for text in settled] == [values.settle_id(text) for text in odd]
	assert values.settle_id("3EB0AAAA00000000F1") == "3EB0AAAA00000000F1"


def test_what_says_nothing_gives_way_to_the_next_alias() -> None:
	assert values.said({"a": None, "b": "", "c": [], "d": {}, "e": 0, "f": False}) == {"e": 0, "f": False}


def test_a_model_that_meets_the_wrong_kind_names_the_path() -> None:
	class Strict(values.HubModel):
		count: int

	for raw, path in (({"count": "many"}, "data.count"), ({}, "data.count"), (["x"], "data")):
		with pytest.raises(PayloadError) as caught:
			Strict.read(raw, "data")
		assert caught.value.path == path and "many" not in str(caught.value)
	assert Strict.read({"count": 1}).count == 1


@given(json_values)
def test_no_value_of_json_raises(value: object) -> None:
	readers = (
		values.as_text,
		values.as_label,
		values.as_flag,
		values.as_count,
		values.as_integer,
		values.as_number,
		values.as_instant,
		values.as_far_instant,
		values.as_address,
		values.as_web_address,
		values.as_labels,
	)
	for read in readers:
		read(value)
