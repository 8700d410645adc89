"""One sync in a process of its own, and the most memory that the process ever had. Prints JSON."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import frappe

from support import bench
from support.factories import SESSION
from xappiens_whatsapp.api.sync import sync_session_complete


def main() -> None:
	"""Sync the session and say how it went.

	Raises:
		AssertionError: the sync did not finish.
	"""
	with bench.connected():
		frappe.flags.in_test = False
		begun = time.perf_counter()
		answer = sync_session_complete(SESSION)
		seconds = time.perf_counter() - begun
	assert answer["status"] == "Completed", answer["message"]
	print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), "contacts": answer["contacts"]["created"]}))


def peak_mb() -> float:
	"""The most memory this process has had since it began. (`getrusage` counts its parent's before that.)"""
	status = Path("/proc/self/status").read_text()
	return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)[1]) / 1024


if __name__ == "__main__":
	main()
