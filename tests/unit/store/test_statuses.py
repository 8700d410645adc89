"""A message's status moves up, whatever order its receipts come in."""

import functools
import itertools

import pytest

from xappiens_whatsapp.store.statuses import CANCELLED, RANK, merged

STATUSES = (*RANK, CANCELLED)


def test_no_status_moves_down() -> None:
	for current, new in itertools.product(RANK, RANK):
		after = merged(current, new)
		assert after in (current, new)
		assert RANK[after] == max(RANK[current], RANK[new]), (current, new)


def test_receipts_in_any_order_end_with_the_highest() -> None:
	for order in itertools.permutations(("Pending", "Failed", "Sent", "Delivered", "Read")):
		assert functools.reduce(merged, order, "Sending") == "Read", order


@pytest.mark.parametrize("above", ["Delivered", "Read"])
def test_receipt_that_proves_the_arrival_wins_over_a_failure(above: str) -> None:
	assert merged("Failed", above) == above
	assert merged(above, "Failed") == above


def test_of_sent_and_failed_the_later_one_wins() -> None:
	assert merged("Sent", "Failed") == "Failed"
	assert merged("Failed", "Sent") == "Sent"
	assert merged("Sent", "Failed", new_is_later=False) == "Sent"
	assert merged("Failed", "Sent", new_is_later=False) == "Failed"


def test_only_what_is_pending_can_be_cancelled_and_that_is_for_good() -> None:
	assert [status for status in RANK if merged(status, CANCELLED) == CANCELLED] == ["Pending"]
	assert {merged(CANCELLED, status) for status in RANK} == {CANCELLED}


def test_what_says_nothing_changes_nothing() -> None:
	assert [merged(status, "") for status in STATUSES] == [*STATUSES]
