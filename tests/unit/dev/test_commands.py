"""The command line of dev/bench and dev/test: what it understands, and what it says when it cannot go on."""

import os
import subprocess
from pathlib import Path

import pytest

from bench_tool import cli, packages, testing
from bench_tool.console import Problem
from bench_tool.layout import Layout
from bench_tool.packages import Program

ROOT = Path(__file__).resolve().parents[3]
ALL = set(testing.KINDS)


def test_unknown_command_is_answered_with_the_known_ones(
	tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
	assert cli.main(["upp"], tmp_path) == 1
	assert "no command 'upp'; it has up, down" in capsys.readouterr().err


@pytest.mark.parametrize(
	"arguments", [["down", "now"], ["up", "--site", "prod"], ["run"], ["python"], ["logs", "x"]]
)
def test_command_that_makes_no_sense_fails_with_one_line(
	arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
	assert cli.main(arguments, tmp_path) == 1
	assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_down_and_destroy_of_a_bench_that_was_never_up_do_nothing(tmp_path: Path) -> None:
	assert cli.main(["down"], tmp_path) == 0
	assert cli.main(["destroy"], tmp_path) == 0
	assert cli.main(["destroy"], tmp_path) == 0
	assert list(tmp_path.iterdir()) == []


def test_status_of_a_bench_that_is_down_exits_with_3(
	tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
	assert cli.main(["status"], tmp_path) == 3
	assert "mariadb" in capsys.readouterr().out


@pytest.mark.parametrize("is_killed", [True, False])
def test_site_of_a_test_run_that_was_killed_is_made_anew(is_killed: bool, tmp_path: Path) -> None:
	bench = cli.Bench(Layout(tmp_path))
	bench.stamps.remember("created-test", "")
	if is_killed:
		bench.stamps.remember(testing.RUNNING, "")
	testing.clear_left_over(bench)
	assert bench.stamps.exists("created-test") is not is_killed


@pytest.mark.parametrize(
	("arguments", "site", "rest"),
	[
		(["migrate"], "demo", ["migrate"]),
		(["--site", "test", "migrate"], "test", ["migrate"]),
		(["--site=test", "migrate"], "test", ["migrate"]),
		(["execute", "f", "--site"], "demo", ["execute", "f", "--site"]),
	],
)
def test_site_is_taken_from_the_front(arguments: list[str], site: str, rest: list[str]) -> None:
	assert cli.take_site(arguments) == (site, rest)


def test_each_site_has_a_bench_folder_of_its_own(tmp_path: Path) -> None:
	layout = Layout(tmp_path)
	assert layout.site("demo").sites != layout.site("test").sites
	assert cli.site_of(layout, "test.localhost")[0].key == "test"
	assert cli.site_of(layout, "demo.localhost")[0].key == "demo"


@pytest.mark.parametrize(
	("arguments", "kinds"),
	[
		([], ALL),
		(["-k", "webhook"], ALL),
		(["tests"], ALL),
		(["tests/unit"], {"unit"}),
		(["-x", "tests/unit/dev/test_commands.py::test_nothing"], {"unit"}),
		(["tests/unit", "tests/browser"], {"unit", "browser"}),
		(["-m", "unit"], {"unit"}),
	],
)
def test_kinds_of_tests_that_the_arguments_ask_for(
	arguments: list[str], kinds: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
	monkeypatch.chdir(ROOT)
	assert testing.wanted_kinds(Layout(ROOT), arguments) == kinds


def test_missing_program_without_root_is_told_with_the_command_that_installs_it(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
	monkeypatch.setattr(packages, "which", lambda *names: None)
	with pytest.raises(Problem, match="As root: apt-get install --no-install-recommends nosuch"):
		packages.ensure([Program(("nosuch",), "nosuch")])


def test_old_node_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
	node = tmp_path / "node"
	node.write_text("#!/bin/sh\necho v16.20.0\n")
	node.chmod(0o755)
	monkeypatch.setattr(packages, "which", lambda *names: str(node))
	with pytest.raises(Problem, match=r"Node 18 or newer is needed, `node --version` says v16\.20\.0"):
		packages.ensure(packages.NODE)


def test_machine_without_python_gets_one_clear_message(tmp_path: Path) -> None:
	for name in ("dirname", "id", "sh"):
		(tmp_path / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
	(tmp_path / "id").unlink()
	(tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
	(tmp_path / "id").chmod(0o755)
	dev = tmp_path / "dev"
	dev.mkdir()
	(dev / "bench").write_bytes((ROOT / "dev" / "bench").read_bytes())
	env = {**os.environ, "PATH": str(tmp_path), "PYTHON": ""}
	result = subprocess.run(["/bin/sh", str(dev / "bench"), "up"], env=env, capture_output=True, text=True)
	assert result.returncode == 1
	assert "needs Python 3.10 or newer" in result.stderr
	assert len(result.stderr.splitlines()) == 1
