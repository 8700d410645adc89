"""Loaded by every Python that has this folder on PYTHONPATH: the tests' packages come after the environment's own, so
they add to it and replace nothing."""

import os
import sys

if folder := os.environ.get("BENCH_TEST_PACKAGES"):
	sys.path.append(folder)
