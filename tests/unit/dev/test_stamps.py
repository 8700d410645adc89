"""What is out of date is done again, and nothing else."""

from pathlib import Path

import pytest

from bench_tool.stamps import Stamps, digest


def test_step_is_current_after_it_came_to_its_end(tmp_path: Path) -> None:
	stamps = Stamps(tmp_path / "stamps")
	assert not stamps.is_current("desk", "one")
	with stamps.renewing("desk", "one"):
		pass
	assert stamps.is_current("desk", "one")
	assert not stamps.is_current("desk", "two")


def test_interrupted_step_is_done_again(tmp_path: Path) -> None:
	stamps = Stamps(tmp_path / "stamps")
	stamps.remember("desk", "one")
	with pytest.raises(KeyboardInterrupt), stamps.renewing("desk", "one"):
		raise KeyboardInterrupt
	assert not stamps.is_current("desk", "one")


def test_killed_step_is_done_again(tmp_path: Path) -> None:
	stamps = Stamps(tmp_path / "stamps")
	stamps.remember("desk", "one")
	step = stamps.renewing("desk", "one")
	step.__enter__()  # SIGKILL: the rest of the step never runs
	assert not Stamps(tmp_path / "stamps").is_current("desk", "one")


@pytest.mark.parametrize("change", ["content", "new file", "rename", "removal"])
def test_digest_of_a_folder_changes_with(change: str, tmp_path: Path) -> None:
	(tmp_path / "deep").mkdir()
	file = tmp_path / "deep" / "hooks.py"
	file.write_text("one")
	before = digest(tmp_path)
	if change == "content":
		file.write_text("two")
	elif change == "new file":
		(tmp_path / "other.py").touch()
	elif change == "rename":
		file.rename(tmp_path / "deep" / "hooks2.py")
	else:
		file.unlink()
	assert digest(tmp_path) != before


def test_digest_does_not_change_with_what_is_built_or_installed(tmp_path: Path) -> None:
	(tmp_path / "a.js").write_text("one")
	before = digest(tmp_path)
	for name in ("node_modules", "dist", "__pycache__"):
		(tmp_path / name).mkdir()
		(tmp_path / name / "file").write_text("built")
	assert digest(tmp_path) == before


def test_digest_tells_the_border_between_its_parts() -> None:
	assert digest("ab", "c") != digest("a", "bc")
