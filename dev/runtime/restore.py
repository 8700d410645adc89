"""`python restore.py TARGET CACHE` writes the Frappe that is in the criscostack wheel on PyPI, under its own names, to
TARGET/frappe. CACHE keeps the wheel.

The wheel (MIT) is Frappe 15.0.0-dev of August 2023 with the product's names replaced word by word and nothing else
changed, so the same table read backwards restores it. It is a third party's upload: its checksum is fixed here, and the
result serves development and tests only, never production."""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

REQUIREMENT = "criscostack==1.0.0"
SHA256 = "dc58aaf29c59b7666edc953596e5b31f77d7286b2ed6b14c6a205b217c210349"

# The names in the wheel and Frappe's; tried in this order at each place
NAMES = {
	"brik_helper": "bench_helper",
	"CRISCOSTACK": "FRAPPE",
	"Criscostack": "Frappe",
	"criscostack": "frappe",
	"Criscoerp": "ERPNext",
	"criscoerp": "erpnext",
	"Crisco": "Frappe",
}
NAME = re.compile("|".join(NAMES))
LEFT_OVER = re.compile(rb"crisco|\bbrik", re.IGNORECASE)


@dataclass(frozen=True)
class Patch:
	"""A text that must occur exactly once in a file, what takes its place, and why."""

	why: str
	file: str
	old: str
	new: str


PATCHES = [
	Patch(
		"pydantic 2.10 and later want a dict",
		"utils/typing_validations.py",
		"class FrappePydanticConfig:\n\tarbitrary_types_allowed = True",
		'FrappePydanticConfig = {"arbitrary_types_allowed": True}',
	),
	Patch(
		"Python 3.12 and later have no distutils",
		"utils/pdf.py",
		"from distutils.version import LooseVersion",
		"from packaging.version import Version as LooseVersion",
	),
	Patch(
		"as in 15: a POST that wrote no row commits too, or its enqueue_after_commit jobs are lost",
		"app.py",
		"\n\t\tand frappe.db.transaction_writes\n\t):",
		"\n\t):",
	),
	Patch(
		"as in 15: rate limits are for requests only",
		"rate_limiter.py",
		'\t\t\tif (\n\t\t\t\tmethods != "ALL"\n',
		'\t\t\tif not frappe.request:\n\t\t\t\treturn fun(*args, **kwargs)\n\t\t\tif (\n\t\t\t\tmethods != "ALL"\n',
	),
	Patch(
		"as in 15: too many calls raise their own error",
		"rate_limiter.py",
		'try after sometime.")\n',
		'try after sometime."),\n\t\t\t\t\tfrappe.RateLimitExceededError,\n',
	),
	Patch(
		"as in 15: too many calls are answered with 429",
		"exceptions.py",
		"class RateLimitExceededError(ValidationError):\n\tpass",
		"class RateLimitExceededError(ValidationError):\n\thttp_status_code = 429",
	),
	Patch(
		"as in 15: the hook default_log_clearing_doctypes",
		"core/doctype/log_settings/log_settings.py",
		"in DEFAULT_LOGTYPES_RETENTION.items():",
		"in [\n\t\t\t*DEFAULT_LOGTYPES_RETENTION.items(),\n"
		'\t\t\t*((k, v[-1]) for k, v in frappe.get_hooks("default_log_clearing_doctypes", {}).items()),\n\t\t]:',
	),
	Patch(
		"as in 15: permission_query_conditions are told the DocType",
		"model/db_query.py",
		"frappe.get_attr(method), self.user)",
		"frappe.get_attr(method), self.user, doctype=self.doctype)",
	),
	Patch(
		"as in 15: an Int longer than 11 digits is a bigint to the validation, too, not to the schema alone",
		"model/base_document.py",
		"\t\t\t\tmax_length = max_positive_value[column_type]\n",
		'\t\t\t\tif cint(df.get("length")) > 11:\n\t\t\t\t\tcolumn_type = "bigint"\n'
		"\t\t\t\tmax_length = max_positive_value[column_type]\n",
	),
]


def restored(text: str) -> str:
	return NAME.sub(lambda match: NAMES[match[0]], text)


def fetch(cache: Path) -> Path:
	"""The wheel, from the cache or from PyPI; its checksum is compared in both cases."""
	cache.mkdir(parents=True, exist_ok=True)
	if not (found := list(cache.glob("criscostack-*.whl"))) or checksum(found[0]) != SHA256:
		for file in found:
			file.unlink()
		command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(cache), REQUIREMENT]
		subprocess.run(command, check=True)
		found = list(cache.glob("criscostack-*.whl"))
	if checksum(found[0]) != SHA256:
		sys.exit(
			f"{found[0].name} has the sha256 {checksum(found[0])}, not {SHA256}: it is not the file known here"
		)
	return found[0]


def checksum(file: Path) -> str:
	return hashlib.sha256(file.read_bytes()).hexdigest()


def unpack(wheel: Path, target: Path) -> None:
	with zipfile.ZipFile(wheel) as archive:
		for member in archive.namelist():
			path, data = target / restored(member), archive.read(member)
			if not member.startswith("criscostack/") or path.name == ".DS_Store":
				continue
			if b"\0" not in data:  # text: every font, image and archive in the wheel holds NUL bytes
				data = restored(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
			if LEFT_OVER.search(path.name.encode() + data):
				sys.exit(f"{path}: a replaced name is left")
			path.parent.mkdir(parents=True, exist_ok=True)
			path.write_bytes(data)


def apply(patch: Patch, package: Path) -> None:
	file = package / patch.file
	text = file.read_text()
	if text.count(patch.old) != 1:
		sys.exit(f"{patch.file}: {text.count(patch.old)} places for the patch ({patch.why}), expected 1")
	file.write_text(text.replace(patch.old, patch.new))


def main(target: Path, cache: Path) -> None:
	new = target / "frappe.new"
	shutil.rmtree(new, ignore_errors=True)
	unpack(fetch(cache), new)
	for patch in PATCHES:
		apply(patch, new / "frappe")
	shutil.rmtree(target / "frappe", ignore_errors=True)
	(new / "frappe").rename(target / "frappe")
	shutil.rmtree(new)


if __name__ == "__main__":
	main(Path(sys.argv[1]), Path(sys.argv[2]))
