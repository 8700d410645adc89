"""Ports are free when they are chosen, remembered, and left to whoever took them meanwhile."""

import json
import socket
import zlib
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench_tool.ports import NAMES, Ports, is_taken


def test_every_service_has_a_port_of_its_own_that_is_remembered(tmp_path: Path) -> None:
	first = Ports(tmp_path / "ports.json")
	assert len(set(first.numbers.values())) == len(NAMES)
	assert Ports(tmp_path / "ports.json").numbers == first.numbers


def test_two_checkouts_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
	monkeypatch.setattr(zlib, "crc32", lambda data: 4000)  # even if their searches begin at the same number
	first = Ports(tmp_path / "one" / "ports.json")
	with ExitStack() as running:
		for port in first.numbers.values():
			running.enter_context(socket.create_server(("127.0.0.1", port)))
		second = Ports(tmp_path / "two" / "ports.json")
	assert not set(first.numbers.values()) & set(second.numbers.values())


def test_port_that_somebody_took_is_left_to_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
	ports = Ports(tmp_path / "ports.json")
	taken = ports["web"]
	with socket.socket() as somebody:
		somebody.bind(("127.0.0.1", taken))
		somebody.listen()
		assert is_taken(taken)
		ports.replace("web")
	assert ports["web"] != taken
	assert Ports(tmp_path / "ports.json")["web"] == ports["web"]
	assert f"port {taken} is taken by another program" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"web": "x"}'])
def test_unreadable_file_of_ports_is_made_anew(content: str, tmp_path: Path) -> None:
	file = tmp_path / "ports.json"
	file.write_text(content)
	assert set(Ports(file).numbers) == set(NAMES)
	assert set(json.loads(file.read_text())) == set(NAMES)


def test_service_that_is_new_gets_a_port_and_the_others_keep_theirs(tmp_path: Path) -> None:
	file = tmp_path / "ports.json"
	file.parent.mkdir(exist_ok=True)
	file.write_text('{"web": 29998}')
	ports = Ports(file)
	assert ports["web"] == 29998
	assert "mariadb" in json.loads(file.read_text())
