"""The wheel's words become Frappe's, and only the known wheel is taken."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from runtime import restore

WHEEL = "criscostack-1.0.0-py3-none-any.whl"


def make_wheel(folder: Path, files: dict[str, bytes]) -> Path:
	folder.mkdir(exist_ok=True)
	with zipfile.ZipFile(folder / WHEEL, "w") as archive:
		for name, content in files.items():
			archive.writestr(name, content)
	return folder / WHEEL


@pytest.mark.parametrize(
	("there", "here"),
	[
		("from criscostack.utils import brik_helper", "from frappe.utils import bench_helper"),
		("class CriscoTestCase", "class FrappeTestCase"),
		("CRISCOSTACK_SITE", "FRAPPE_SITE"),
		("Criscostack and Criscoerp, criscoerp", "Frappe and ERPNext, erpnext"),
	],
)
def test_names_are_restored(there: str, here: str) -> None:
	assert restore.restored(there) == here


def test_files_are_restored_by_name_and_content_and_binaries_stay_as_they_are(tmp_path: Path) -> None:
	wheel = make_wheel(
		tmp_path / "cache",
		{
			"criscostack/utils/brik_helper.py": b"import criscostack\n",
			"criscostack/image.png": b"\0png",
			"criscostack-1.0.0.dist-info/METADATA": b"not Frappe's",
		},
	)
	restore.unpack(wheel, tmp_path / "target")
	files = {str(file.relative_to(tmp_path / "target")) for file in (tmp_path / "target").rglob("*.*")}
	assert files == {"frappe/utils/bench_helper.py", "frappe/image.png"}
	assert (tmp_path / "target/frappe/utils/bench_helper.py").read_text() == "import frappe\n"
	assert (tmp_path / "target/frappe/image.png").read_bytes() == b"\0png"


def test_word_that_the_table_does_not_know_stops_the_restoration(tmp_path: Path) -> None:
	wheel = make_wheel(tmp_path / "cache", {"criscostack/a.py": b"CriScO\n"})
	with pytest.raises(SystemExit, match="a replaced name is left"):
		restore.unpack(wheel, tmp_path / "target")


def test_wheel_in_the_cache_with_another_checksum_is_fetched_anew_and_refused(
	tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
	make_wheel(tmp_path / "cache", {"criscostack/a.py": b"forged\n"})
	fetched = []

	def fetch(command: list[str], check: bool) -> None:
		fetched.append(command)
		assert not list((tmp_path / "cache").iterdir())
		make_wheel(tmp_path / "cache", {"criscostack/a.py": b"forged again\n"})

	monkeypatch.setattr(restore.subprocess, "run", fetch)
	with pytest.raises(SystemExit, match="it is not the file known here"):
		restore.fetch(tmp_path / "cache")
	assert len(fetched) == 1


def test_known_wheel_in_the_cache_is_not_fetched_again(
	tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
	wheel = make_wheel(tmp_path / "cache", {"criscostack/a.py": b"known\n"})
	monkeypatch.setattr(restore, "SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
	monkeypatch.setattr(restore.subprocess, "run", lambda *args, **kwargs: pytest.fail("fetched"))
	assert restore.fetch(tmp_path / "cache") == wheel


@pytest.mark.parametrize("text", ["nothing to patch", "old and old"])
def test_patch_that_does_not_fit_exactly_once_stops_the_restoration(text: str, tmp_path: Path) -> None:
	(tmp_path / "app.py").write_text(text)
	with pytest.raises(SystemExit, match=r"app\.py: \d places for the patch \(a reason\)"):
		restore.apply(restore.Patch("a reason", "app.py", "old", "new"), tmp_path)
