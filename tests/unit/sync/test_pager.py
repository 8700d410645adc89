"""A list of the Hub ends with not one call more than its pages need, whatever the Hub says of its length."""

import dataclasses
from collections.abc import Callable

import pytest

from xappiens_whatsapp.inbox_hub import records
from xappiens_whatsapp.sync.pager import Pager

LIMIT = 100


def rows(first: int, count: int) -> tuple[records.Contact, ...]:
	return tuple(
		records.Contact(jid=f"346000{row:05d}@s.whatsapp.net") for row in range(first, first + count)
	)


def page_of(count: int, number: int, **says: int) -> records.Page:
	"""Page `number` of a list with so many rows, and what the Hub says besides."""
	start = (number - 1) * LIMIT
	found = rows(start, max(0, min(LIMIT, count - start)))
	return records.Page(records=found, received=len(found), **says)


def read(answer: Callable[[int], records.Page], at_most: int = 50) -> tuple[int, list[str]]:
	"""How many calls a whole list takes, and the rows that are news."""
	pager, calls, news = Pager(), 0, []
	while not pager.is_done:
		calls += 1
		assert calls <= at_most, "the list never ends"
		page = answer(pager.page)
		if pager.advance(page, LIMIT):
			news += [record.jid for record in page.records]
	return calls, news


@pytest.mark.parametrize(("total", "calls"), [(0, 1), (1, 1), (99, 1), (101, 2), (250, 3)])
def test_without_any_total_a_short_page_is_the_last(total: int, calls: int) -> None:
	assert read(lambda number: page_of(total, number)) == (calls, [row.jid for row in rows(0, total)])


@pytest.mark.parametrize(("total", "calls"), [(100, 1), (200, 2), (201, 3)])
def test_with_a_total_no_call_is_made_for_an_empty_page(total: int, calls: int) -> None:
	assert read(lambda number: page_of(total, number, total=total))[0] == calls


@pytest.mark.parametrize(("total", "calls"), [(100, 1), (200, 2), (201, 3)])
def test_with_a_number_of_pages_no_call_is_made_for_an_empty_page(total: int, calls: int) -> None:
	pages = -(-total // LIMIT)
	assert read(lambda number: page_of(total, number, pages=pages))[0] == calls


def test_without_any_total_a_full_last_page_costs_one_more_call() -> None:
	assert read(lambda number: page_of(200, number))[0] == 3


@pytest.mark.parametrize("says", [{}, {"total": 500}, {"total": 500, "pages": 5}])
def test_server_that_ignores_the_page_number_is_asked_three_times_and_what_it_keeps_back_is_missed(
	says: dict[str, int],
) -> None:
	pager = Pager()
	assert [pager.advance(page_of(500, 1, **says), LIMIT) for _call in range(3)] == [True, False, False]
	assert (pager.is_done, pager.is_cut_off, pager.seen) == (True, True, LIMIT)


@pytest.mark.parametrize("says", [{}, {"total": 250}])
def test_server_that_gives_pages_twice_loses_no_row(says: dict[str, int]) -> None:
	answers = iter([1, 1, 2, 2, 3])
	calls, news = read(lambda _number: page_of(250, next(answers), **says))
	assert (calls, news) == (5, [row.jid for row in rows(0, 250)])


@pytest.mark.parametrize(
	("says", "is_cut_off"), [({}, True), ({"total": 250}, True), ({"total": 150}, False)]
)
def test_page_that_came_in_the_place_of_another_one_is_noticed(
	says: dict[str, int], is_cut_off: bool
) -> None:
	"""The second page is missing: a stale first one came instead."""
	pager = Pager()
	for number in (1, 1, 3):
		pager.advance(page_of(250, number, **says), LIMIT)
	if not pager.is_done:
		pager.advance(records.Page(records=(), received=0, **says), LIMIT)
	assert (pager.is_done, pager.is_cut_off) == (True, is_cut_off)


@pytest.mark.parametrize("says", [{}, {"total": 250}, {"total": 500}])
def test_server_that_gives_the_same_rows_in_another_order_each_time_comes_to_an_end(
	says: dict[str, int],
) -> None:
	first = page_of(500, 1, **says)
	turned = dataclasses.replace(first, records=tuple(reversed(first.records)))
	pager = Pager()
	for page in (first, turned, first):
		pager.advance(page, LIMIT)
	assert (pager.is_done, pager.is_cut_off) == (True, True)


def test_list_without_an_understood_row_comes_to_an_end() -> None:
	unreadable = records.Page(records=(), received=LIMIT, errors=(records.RecordError("0", "no address"),))
	pager, calls = Pager(), 0
	while not pager.is_done:
		calls += 1
		pager.advance(unreadable, LIMIT)
	assert (calls, pager.is_cut_off) == (3, True)


def test_total_of_one_page_only_does_not_end_a_list_of_several() -> None:
	calls, news = read(lambda number: page_of(250, number, total=LIMIT, pages=3))
	assert (calls, len(news)) == (3, 250)


def test_server_that_gives_its_last_page_for_each_one_behind_it_has_nothing_left() -> None:
	pager = Pager()
	for number in (1, 2, 2, 2):
		assert not pager.is_done
		pager.advance(page_of(200, number), LIMIT)
	assert pager.is_done and not pager.is_cut_off


@pytest.mark.parametrize("total", [0, 5, 150])
def test_total_that_is_smaller_than_what_came_is_not_believed(total: int) -> None:
	assert len(read(lambda number: page_of(250, number, total=total, pages=1))[1]) == 250


def test_pages_of_fewer_rows_than_asked_for_are_read_until_the_total_is_reached() -> None:
	calls, news = read(
		lambda number: records.Page(
			records=rows((number - 1) * 20, 20), received=20, total=100, pages=1, page=number
		)
	)
	assert (calls, len(news)) == (5, 100)


def test_list_that_shrinks_while_it_is_read_ends_at_its_empty_page() -> None:
	answers = {1: page_of(300, 1, total=300), 2: page_of(300, 2, total=300)}
	calls, news = read(lambda number: answers.get(number, records.Page(records=(), received=0, total=200)))
	assert (calls, len(news)) == (3, 200)


def test_total_that_changes_is_believed_as_it_was_last_said() -> None:
	calls, news = read(lambda number: page_of(250, number, total=150 if number == 1 else 250))
	assert (calls, len(news)) == (3, 250)


def test_page_of_rows_that_nobody_understands_is_not_the_end() -> None:
	pager = Pager()
	unreadable = records.Page(records=(), received=LIMIT, errors=(records.RecordError("0", "no address"),))
	assert pager.advance(unreadable, LIMIT)
	assert not pager.is_done
	assert pager.seen == LIMIT


def test_pager_knows_where_it_is_from_its_values_alone() -> None:
	pager = Pager()
	pager.advance(page_of(250, 1, total=250), LIMIT)
	again = Pager(**{slot: getattr(pager, slot) for slot in Pager.__slots__})
	assert (again.page, again.seen, again.total) == (2, LIMIT, 250)
	assert not again.advance(page_of(250, 1, total=250), LIMIT), (
		"the server repeated the page after a restart"
	)
