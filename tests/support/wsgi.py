"""What the tests' gunicorn serves: Frappe with one site, whatever the Host header says, and its static files."""

import os

import frappe.app
from frappe.middlewares import StaticDataMiddleware
from werkzeug.middleware.shared_data import SharedDataMiddleware

SITES = os.getcwd()
frappe.app._site = os.environ["FRAPPE_SITE"]

with_assets = SharedDataMiddleware(frappe.app.application, {"/assets": os.path.join(SITES, "assets")})
application = StaticDataMiddleware(with_assets, {"/files": SITES})
