"""What the benchmarks' gunicorn serves: the tests' Frappe and the reference handlers.

Frappe calls functions of installed apps only, and the handlers belong to none: they appear as a module of its own.
"""

import sys

from benchmarks import reference
from support.wsgi import application

sys.modules["frappe.reference_handler"] = reference

__all__ = ["application"]
