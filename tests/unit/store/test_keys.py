"""The identity of rows: exact where MariaDB's collation is not."""

from hypothesis import given
from hypothesis import strategies as st

from xappiens_whatsapp.store.keys import HASH_LENGTH, NAME_LENGTH, key_hash, name_of

ALIKE_FOR_MARIADB = (
	"ABC",
	"abc",
	"ábc",
	"abc ",
	"abc  ",
	"👍",
	"😂",
	"ß",
	"ss",
	"josé",
	"jose\u0301",
	"jose",
)


def test_ids_that_the_collation_takes_for_equal_have_different_keys() -> None:
	keys = {key_hash("demo_session", message_id) for message_id in ALIKE_FOR_MARIADB}
	assert len(keys) == len(ALIKE_FOR_MARIADB)


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_two_keys_never_run_together_into_one(parts: list[str], others: list[str]) -> None:
	assert (key_hash(*parts) == key_hash(*others)) == (parts == others)


def test_the_key_of_a_row_stays_the_same_for_ever() -> None:
	assert (
		key_hash("demo_session", "34600000001@s.whatsapp.net") == "33d8748aee4479b28ccf9b3d04f184c68a56c743"
	)


def test_key_and_name_are_hex_digits_of_a_fixed_length_even_for_a_broken_text() -> None:
	key = key_hash("demo_session", "\ud800")
	assert len(key) == HASH_LENGTH
	assert set(key) <= set("0123456789abcdef")
	assert name_of(key) == key[:NAME_LENGTH]
