"""The status of a message: the one table that says what may follow what."""

from __future__ import annotations

# Nothing moves down. Failed ranks with Sent: the later of the two wins, and any receipt above wins over both.
RANK = {
	"Pending": 0,
	"Sending": 1,
	"Unconfirmed": 2,
	"Sent": 3,
	"Failed": 3,
	"Delivered": 4,
	"Read": 5,
}
CANCELLED = "Cancelled"  # only from Pending, and for good

# The column that keeps when a status was reached.
REACHED_AT = {"Sent": "sent_at", "Delivered": "delivered_at", "Read": "read_at", "Failed": "failed_at"}


def merged(current: str, new: str, *, new_is_later: bool = True) -> str:
	"""The status of a message that has `current` and of which `new` is heard.

	Args:
		current: the stored status.
		new: what a receipt, an echo or a list says; "" says nothing.
		new_is_later: between Sent and Failed, whether `new` happened after `current`.

	Returns:
		The status to store, which is `current` if nothing changes.
	"""
	if not new or new == current or current == CANCELLED:
		return current
	if new == CANCELLED:
		return CANCELLED if current == "Pending" else current
	if RANK[new] == RANK[current]:
		return new if new_is_later else current
	return new if RANK[new] > RANK[current] else current
