"""The sums and tables of the benchmarks."""

import pytest

from benchmarks import load, report
from benchmarks.arithmetic import Account, call_floor, median, paced_seconds, pages, percentile


def test_a_list_with_a_total_costs_its_pages_and_one_without_a_further_one_after_a_full_page() -> None:
	assert [pages(rows, tells_total=True) for rows in (0, 1, 100, 101, 200)] == [1, 1, 1, 2, 2]
	assert [pages(rows, tells_total=False) for rows in (0, 1, 99, 100, 101)] == [1, 1, 1, 2, 2]


@pytest.mark.parametrize(
	("account", "calls"),
	[
		(Account(1000, 99, 50, 20, 50), 10 + 1 + 20),
		(Account(20_000, 2_001, 500, 100, 500), 200 + 21 + 100 * 5),
		(Account(20_000, 2_001, 30, 20, 500), 200 + 21 + 20),
		(Account(150, 8, 50, 20, 50), 2 + 1 + 8),
	],
)
def test_a_sync_costs_no_fewer_calls_than_its_pages(account: Account, calls: int) -> None:
	assert call_floor(account) == calls


def test_calls_beyond_the_minutes_share_wait_for_the_next_minute() -> None:
	assert [paced_seconds(calls, 24) for calls in (1, 24, 25, 48, 49, 96)] == [0, 0, 60, 60, 120, 180]


def test_a_percentile_is_one_of_the_values_and_not_exceeded_by_its_share() -> None:
	values = [5.0, 1.0, 4.0, 2.0, 3.0]
	assert [percentile(values, share) for share in (0.2, 0.5, 0.95, 1)] == [1, 3, 5, 5]
	assert median([2.0, 1.0]) == 1
	with pytest.raises(ValueError, match="no values"):
		percentile([], 0.5)


def test_a_figure_says_whether_its_target_is_met() -> None:
	table = report.as_table(
		[
			report.Figure("rows", "3 rows"),
			report.at_least("ratio", 0.61, 0.6, "{:.2f}"),
			report.at_most("growth", 51, 50, "{:.0f} MB"),
		]
	)
	assert table.splitlines()[2:] == [
		"| rows | 3 rows |  |  |",
		"| ratio | 0.61 | ≥ 0.60 | yes |",
		"| growth | 51 MB | ≤ 50 MB | **no** |",
	]


def test_a_table_replaces_what_stands_between_its_marks_and_nothing_else() -> None:
	document = "a <!-- sync: begin --> old <!-- sync: end --> b <!-- webhook: begin --><!-- webhook: end -->"
	changed = report.put_between_marks(document, "sync", "new")
	assert (
		changed
		== "a <!-- sync: begin -->\n\nnew\n\n<!-- sync: end --> b <!-- webhook: begin --><!-- webhook: end -->"
	)
	with pytest.raises(ValueError, match="no marks for memory"):
		report.put_between_marks(document, "memory", "new")


def test_a_request_says_how_long_its_body_is_in_bytes() -> None:
	content = load.request("/path", "host.example", "POST", "ñ".encode(), ["X-Name: value"])
	head, _, body = content.partition(b"\r\n\r\n")
	assert head.split(b"\r\n") == [
		b"POST /path HTTP/1.1",
		b"Host: host.example",
		b"Connection: close",
		b"X-Name: value",
		b"Content-Type: application/json",
		b"Content-Length: 2",
	]
	assert body == "ñ".encode()
