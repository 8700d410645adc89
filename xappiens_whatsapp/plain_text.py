"""What strangers wrote is text, not HTML.

Messages and names are kept word for word (their fields have `ignore_xss_filter`, else Frappe would store and send "1 < 2" as
"1 &lt; 2"). Where Frappe puts a field into HTML by itself it must be escaped: in print views and in the suggestions of
link fields here, in forms, lists and reports by public/js/plain_text_fields.js.
"""

from typing import Any

import frappe
from frappe.model.document import Document
from frappe.utils import cstr, escape_html


class PlainTextDocument(Document):
	"""A document whose unfiltered fields are printed as the text they are."""

	def get_formatted(self, fieldname: str, *args: Any, **kwargs: Any) -> Any:
		field = self.meta.get_field(fieldname)
		if field and field.ignore_xss_filter:
			return escape_html(cstr(self.get(fieldname))).replace("\n", "<br>")
		return super().get_formatted(fieldname, *args, **kwargs)


@frappe.whitelist()
@frappe.validate_and_sanitize_search_inputs
def suggestions(
	doctype: str,
	txt: str,
	searchfield: str,
	start: int,
	page_len: int,
	filters: dict | list | None,
	**options: Any,
) -> list[list[str]]:
	"""Suggest documents for a link field (hook `standard_queries`), as Frappe does, with the descriptions escaped.

	Args:
		doctype: one of this app, by its `search_fields`.
		txt: what was typed.
		searchfield: of Frappe; all search fields are looked into.
		start, page_len: which suggestions.
		filters: of the link field.
		options: what other versions of Frappe give.

	Returns:
		Name and descriptions of what the user may read.
	"""
	fields = [field for field in frappe.get_meta(doctype).get_search_fields() if field != "name"]
	try:
		rows = frappe.get_list(
			doctype,
			filters=filters,
			or_filters=[[doctype, field, "like", f"%{txt}%"] for field in ("name", *fields)],
			fields=["name", *fields],
			start=start,
			page_length=page_len,
			as_list=True,
		)
	except frappe.PermissionError:
		return []  # Frappe's search has no answer for a query that raises
	return [[name, *(escape_html(cstr(value)) for value in values)] for name, *values in rows]
