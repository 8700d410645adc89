"""What gunicorn serves: Frappe, with /assets and /files as nginx serves them in a bench for production.

Frappe picks the site by the host's name, and Python resolves no `*.localhost`: a request that names the machine only
by number is for the bench's default site."""

import os
from collections.abc import Callable, Iterable
from typing import Any

import frappe
from frappe.app import application as frappe_application
from frappe.middlewares import StaticDataMiddleware
from werkzeug.middleware.shared_data import SharedDataMiddleware

SITES = os.getcwd()
DEFAULT_SITE = os.environ.get("FRAPPE_SITE") or frappe.get_site_config(sites_path=SITES).get("default_site")


def with_default_site(environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
	host = environ.get("HTTP_HOST", "").partition(":")[0]
	if host in ("127.0.0.1", "localhost") and "HTTP_X_FRAPPE_SITE_NAME" not in environ:
		environ["HTTP_X_FRAPPE_SITE_NAME"] = DEFAULT_SITE
	return with_files(environ, start_response)


with_assets = SharedDataMiddleware(frappe_application, {"/assets": os.path.join(SITES, "assets")})
with_files = StaticDataMiddleware(with_assets, {"/files": SITES})
application = with_default_site
