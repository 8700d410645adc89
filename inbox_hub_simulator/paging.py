"""Pages of lists, with the paging keys of each shape and the faults that servers have in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .calls import Call
from .faults import Faults

Fetch = Callable[[int, int], Iterable[dict[str, Any]]]


def page_of(
	faults: Faults,
	call: Call,
	key: str,
	fetch: Fetch,
	total: int,
	page: int,
	limit: int,
	style: str,
) -> dict[str, Any]:
	"""`data` of a list answer.

	Args:
		key: name of the list in the answer.
		fetch: rows from a start to before a stop.
		total: how many rows there are.
		page, limit: as asked.
		style: `pagination` (an object), `plain` (total and page), `source` (total and source), `none`.
	"""
	shown_limit = limit

	def fault(kind: str, **particulars: Any) -> Any:
		return faults.take(kind, call.path, call.method, call.session, **particulars)

	if cap := fault("cap_limit"):
		limit = min(limit, cap.parameters["limit"])
	if fault("ignore_page"):
		page = 1
	if page > 1 and fault("repeat_page"):
		page -= 1
	removed = 0
	if shrink := fault("shrink"):
		if page > 1:
			shrink.state["removed"] = shrink.state.get("removed", 0) + shrink.parameters["by"]
		removed = min(shrink.state.get("removed", 0), total)
		total -= removed
	start = removed + (page - 1) * limit
	rows: list[Any] = list(fetch(start, start + limit))
	if fault("shuffled_rows"):
		rows = rows[1::2] + rows[0::2]
	if broken := fault("broken_row", page=page):
		position = min(broken.parameters["index"], len(rows) - 1)
		if position >= 0:
			rows[position] = broken.parameters["row"]
	shown_total = total
	if wrong := fault("wrong_total"):
		shown_total = wrong.parameters["total"]
	data: dict[str, Any] = {key: rows}
	if fault("no_totals") or style == "none":
		return data
	if style == "pagination":
		pages = -(-shown_total // shown_limit)
		data["pagination"] = {"total": shown_total, "page": page, "limit": shown_limit, "pages": pages}
	elif style == "plain":
		data |= {"total": shown_total, "page": page}
	else:
		data |= {"total": shown_total, "source": "whatsapp"}
	return data
