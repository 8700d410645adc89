"""The Frappe module "Xappiens Whatsapp".

Frappe looks for a module's files beside the `__file__` of the Python package `<app>.<module>`. The app keeps them one
folder higher (`xappiens_whatsapp/doctype`), so this package says that it lives there. See `docs/architecture.md` 3.1.
"""

if __name__.count(".") > 1:
	# This package would find itself inside itself; without this line a package walk would never end.
	raise ImportError(__name__)

import os

__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
__file__ = os.path.join(__path__[0], "__init__.py")
