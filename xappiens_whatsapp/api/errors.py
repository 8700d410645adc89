"""Errors of Inbox Hub, as Frappe shows them to a person."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import frappe
from frappe import _

from xappiens_whatsapp.inbox_hub.errors import InboxHubError

P = ParamSpec("P")
R = TypeVar("R")


class InboxHubRequestError(frappe.ValidationError):
	"""Inbox Hub could not do what was asked; the message says why and what to do."""


def show_hub_errors(function: Callable[P, R]) -> Callable[P, R]:
	"""Decorate a whitelisted function: in a web request an `InboxHubError` becomes a message with what to do next.

	From Python and the console the typed error goes through as it is.
	"""

	@functools.wraps(function)
	def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
		try:
			return function(*args, **kwargs)
		except InboxHubError as error:
			if not getattr(frappe.local, "request", None):
				raise
			frappe.db.rollback()
			frappe.throw(frappe.utils.escape_html(str(error)), InboxHubRequestError, title=_("Inbox Hub"))

	return wrapper
