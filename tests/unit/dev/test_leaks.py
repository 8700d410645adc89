"""What belongs to one machine or person is found; what is plainly invented is not."""

from pathlib import Path

import pytest

from bench_tool.leaks import find_leaks, suspicions


# in two pieces each, or this file would be found too
@pytest.mark.parametrize(
	"line",
	[
		"cd /ro" + "ot/project",
		'open("/ho' + 'me/ana/notes.txt")',
		"-----BEGIN RSA PRI" + "VATE KEY-----",
		"key = 'AKI" + "AABCDEFGHIJKLMNOP'",
		"Authorization: eyJhbGciOiJIUzI1NiJ9x.ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijklmnopqrstuvwx",
		"write to ana@gma" + "il.com",
		"call +34 65" + "4321987",
		"3465" + "4321987@s.whatsapp.net",
	],
)
def test_suspicious_line_is_found(line: str) -> None:
	assert list(suspicions(line))


@pytest.mark.parametrize(
	"line",
	[
		"34600000012@s.whatsapp.net, +34 600000012, 120363000000000000@g.us",
		"api@crm.example owner@demo.localhost someone@example.com",
		"sites/assets, ./src/main, https://inbox-hub.example/orders",
		"secret: simulator-password",
	],
)
def test_invented_value_is_not_suspicious(line: str) -> None:
	assert not list(suspicions(line))


def test_place_of_a_leak_is_told(tmp_path: Path) -> None:
	(tmp_path / "notes.md").write_text("first line\nlives in /ro" + "ot/x\n")
	assert find_leaks(tmp_path) == ["notes.md:2: a path of one machine"]
