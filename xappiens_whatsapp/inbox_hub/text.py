"""Translation that works with and without a Frappe site.

`inbox_hub/` is used and tested with no site. What a person reads is nevertheless translated as soon as there is one.
Frappe's extractor finds the texts because the function is called `_`.
"""

from __future__ import annotations

import sys


def _(text: str) -> str:
	"""Return `text` in the language of the bound Frappe site's user; unchanged where no site is bound."""
	frappe = sys.modules.get("frappe")
	if frappe is None or not getattr(getattr(frappe, "local", None), "site", None):
		return text
	return frappe._(text)
