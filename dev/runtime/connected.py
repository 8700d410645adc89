"""`python connected.py SITE SCRIPT [ARGUMENT…]` runs a script with the site connected, as `bench execute` runs a
function: committed at the end, rolled back if it raises. SCRIPT may be `-` (standard input) or `-c CODE`. Run it in the
sites folder; the caller's folder is in BENCH_CALLER."""

import os
import sys
from pathlib import Path

import frappe


def source(arguments: list[str]) -> tuple[str, str, list[str]]:
	"""The program's text, its name and what its sys.argv shall be."""
	if arguments[0] == "-c":
		return arguments[1], "<string>", ["-c", *arguments[2:]]
	if arguments[0] == "-":
		return sys.stdin.read(), "<stdin>", arguments
	file = Path(os.environ.get("BENCH_CALLER", "."), arguments[0])
	sys.path.insert(0, str(file.parent))
	return file.read_text(), str(file), [str(file), *arguments[1:]]


def main(site: str, arguments: list[str]) -> None:
	code, name, sys.argv = source(arguments)
	frappe.init(site=site)
	frappe.connect()
	try:
		exec(compile(code, name, "exec"), {"__name__": "__main__", "__file__": name, "frappe": frappe})
		frappe.db.commit()
	finally:
		frappe.destroy()


if __name__ == "__main__":
	main(sys.argv[1], sys.argv[2:])
