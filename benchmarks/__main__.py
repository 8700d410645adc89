"""`./dev/benchmark [sync|webhook] [--quick] [--write]`; see docs/benchmarks.md."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from benchmarks import report
from benchmarks.site import benchmark_site
from support import bench

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
PARTS = ("sync", "webhook")


def main() -> None:
	"""Measure what was asked for, print the tables, and with --write put them into the document."""
	parser = argparse.ArgumentParser(prog="dev/benchmark", description=__doc__)
	parser.add_argument("parts", nargs="*", metavar="sync|webhook", help="default: both")
	parser.add_argument("--quick", action="store_true", help="small sizes: two minutes, rough figures")
	parser.add_argument("--write", action="store_true", help=f"put the tables into {DOCUMENT.name}")
	options = parser.parse_args()
	if unknown := set(options.parts) - set(PARTS):
		parser.error(f"there is no {', '.join(sorted(unknown))}: sync or webhook")

	os.chdir(bench.sites())
	for part in options.parts or PARTS:
		begun = time.monotonic()
		with benchmark_site():
			figures = measure(part, options.quick)
		seconds = time.monotonic() - begun
		size = ", small sizes (--quick)" if options.quick else ""
		text = f"{report.as_table(figures)}\nMeasured on {report.machine()}{size}, in {seconds:.0f} s.\n"
		print(f"\n{part}\n\n{text}", flush=True)
		if options.write:
			DOCUMENT.write_text(report.put_between_marks(DOCUMENT.read_text(), part, text))


def measure(part: str, quick: bool) -> list[report.Figure]:
	"""The figures of one part."""
	if part == "sync":
		from benchmarks import sync

		return sync.run(sync.QUICK if quick else sync.Sizes())
	from benchmarks import webhook

	return webhook.run(webhook.QUICK if quick else webhook.Sizes())


if __name__ == "__main__":
	main()
