"""`bench worker`, as in production, with what jobs need imported before it begins: each job runs in a fork, which would
import it anew, for most of a second.

	python -m support.worker_process frappe --site test.localhost worker --queue short,default,long
"""

from __future__ import annotations

import runpy
from importlib import import_module

MODULES = (
	"frappe.desk.doctype.notification_log.notification_log",
	"frappe.model.document",
	"xappiens_whatsapp.api.webhook",
	"xappiens_whatsapp.outbox",
	"xappiens_whatsapp.sync.rounds",
)

if __name__ == "__main__":
	for name in MODULES:
		import_module(name)
	runpy.run_module("frappe.utils.bench_helper", run_name="__main__", alter_sys=True)
