"""Finds what must not be in a repository that anybody may read: paths of one machine, keys, mail addresses and phone
numbers that could be somebody's."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench_tool.stamps import tree

SUSPICIOUS = {
	"a path of one machine": re.compile(
		r"(?<![\w.])/(?:work|root|home/(?!frappe\b)\w+|Users/\w+|tmp/bash_\w+)/[\w.]"
	),
	"a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
	"a key of a cloud service": re.compile(
		r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{36}|glpat-[\w-]{20}|xox[abp]-[\w-]{10,})"
	),
	"a signed token": re.compile(r"\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.[\w-]{20,}"),
	"a mail address that could be somebody's": re.compile(
		r"\b[\w.+-]+@(?!(?:[\w-]+\.)*(?:example|localhost|invalid|test)\b)(?!(?:[\w-]+\.)*example\.(?:com|org|net)\b)"
		r"(?!(?:s\.whatsapp\.net|c\.us|g\.us|lid|broadcast|newsletter)\b)[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|es|io|dev|in)\b"
	),
	"a Spanish mobile number outside the invented ones": re.compile(
		r"(?<!\d)(?:\+?34 ?)(?!6000000\d\d(?!\d))[67]\d{8}(?!\d)"
	),
}
SKIPPED = {".png", ".jpg", ".gif", ".ico", ".woff2"}
GENERATED = {"package-lock.json"}


def find_leaks(root: Path) -> list[str]:
	"""One line for each place: file, line number, and what is suspicious about it."""
	return [
		f"{file.relative_to(root)}:{number}: {what}"
		for file in tracked_files(root)
		if file.suffix not in SKIPPED and file.name not in GENERATED
		for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
		for what in suspicions(line)
	]


def suspicions(line: str) -> Iterator[str]:
	return (what for what, pattern in SUSPICIOUS.items() if pattern.search(line))


def tracked_files(root: Path) -> list[Path]:
	"""The files that git knows or would add; without git, all but what is installed or built."""
	command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
	try:
		answer = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
	except (OSError, subprocess.CalledProcessError):
		return [file for file in tree(root) if ".bench" not in file.relative_to(root).parts]
	return [path for name in filter(None, answer.split("\0")) if (path := root / name).is_file()]
