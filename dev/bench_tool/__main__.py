"""`python -m bench_tool COMMAND`, started by the shell wrappers dev/bench, dev/test and dev/lint."""

import sys

from bench_tool.cli import main

sys.exit(main(sys.argv[1:]))
