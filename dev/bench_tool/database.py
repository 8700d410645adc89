"""The bench's MariaDB: made once, with a password of its own for root, and spoken to over TCP.

Not through its socket: the path of one may have 107 bytes only, and a checkout can lie deep."""

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from bench_tool.console import Problem, run, step
from bench_tool.layout import Layout
from bench_tool.packages import which


def root_password(layout: Layout) -> str:
	"""The password of MariaDB's root, which Frappe's own new-site needs too."""
	file = layout.mariadb / "root-password"
	if not file.exists():
		raise Problem(
			f"{layout.mariadb} is not a database of this bench: dev/bench destroy, then dev/bench up"
		)
	return file.read_text()


def ensure_data(layout: Layout) -> None:
	"""Makes the data folder, whole or not at all."""
	if layout.mariadb.exists():
		return
	new = layout.mariadb.with_suffix(".new")
	shutil.rmtree(new, ignore_errors=True)
	password = secrets.token_urlsafe(18)
	with step("MariaDB's data folder"):
		layout.run.mkdir(parents=True, exist_ok=True)
		run(
			layout,
			[
				which("mariadb-install-db") or "mariadb-install-db",
				"--no-defaults",
				f"--datadir={new}",
				"--skip-test-db",
				"--auth-root-authentication-method=normal",
				*(["--user=root"] if os.geteuid() == 0 else []),
			],
			"making MariaDB's data folder",
			log="mariadb",
		)
		bootstrap = new / "bootstrap.sql"
		bootstrap.write_text(
			"DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost');\n"
			"FLUSH PRIVILEGES;\n"
			f"CREATE OR REPLACE USER 'root'@'127.0.0.1' IDENTIFIED BY '{password}';\n"
			"GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
		)
		run(
			layout,
			[
				which("mariadbd") or "mariadbd",
				"--no-defaults",
				"--bootstrap",
				f"--datadir={new}",
				*(["--user=root"] if os.geteuid() == 0 else []),
			],
			"setting MariaDB's root password",
			log="mariadb",
			stdin=bootstrap,
		)
		bootstrap.unlink()
		password_file = new / "root-password"
		password_file.touch(mode=0o600)
		password_file.write_text(password)
		new.replace(layout.mariadb)


def client(layout: Layout, port: int, program: str) -> list[str]:
	return [which(program) or program, "--no-defaults", "--user=root", "--host=127.0.0.1", f"--port={port}"]


def environment(layout: Layout) -> dict[str, str]:
	return layout.clean_environment() | {"MYSQL_PWD": root_password(layout)}


def execute(layout: Layout, port: int, statement: str) -> str:
	"""Runs SQL as root, returns what the client prints (tab separated, no heading).

	Raises Problem with MariaDB's own words when a statement is refused."""
	result = subprocess.run(
		[*client(layout, port, "mariadb"), "--batch", "--skip-column-names"],
		input=statement,
		capture_output=True,
		text=True,
		env=environment(layout),
	)
	if result.returncode:
		raise Problem(f"MariaDB: {result.stderr.strip()}")
	return result.stdout


def is_ours(layout: Layout, port: int) -> bool:
	"""Whether the bench's own MariaDB answers on this port."""
	try:
		return Path(execute(layout, port, "SELECT @@datadir").strip()) == layout.mariadb
	except Problem:
		return False


def create(layout: Layout, port: int, name: str, password: str) -> None:
	"""An empty database with a user of the same name, in place of any that is there."""
	drop(layout, port, name)
	execute(
		layout,
		port,
		f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;"
		f"CREATE USER '{name}'@'%' IDENTIFIED BY '{password}';"
		f"GRANT ALL PRIVILEGES ON `{name}`.* TO '{name}'@'%';",
	)


def drop(layout: Layout, port: int, name: str) -> None:
	execute(layout, port, f"DROP DATABASE IF EXISTS `{name}`; DROP USER IF EXISTS '{name}'@'%';")


def dump(layout: Layout, port: int, name: str, target: Path) -> None:
	"""The whole of a database as SQL; the file appears only when it is complete."""
	target.parent.mkdir(parents=True, exist_ok=True)
	new = target.with_suffix(".new")
	run(
		layout,
		[*client(layout, port, "mariadb-dump"), "--single-transaction", f"--result-file={new}", name],
		f"saving the database {name}",
		log="site",
		env=environment(layout),
	)
	new.replace(target)


def load(layout: Layout, port: int, name: str, source: Path) -> None:
	run(
		layout,
		[*client(layout, port, "mariadb"), "--init-command=SET unique_checks=0, foreign_key_checks=0", name],
		f"loading {source.name}",
		log="site",
		env=environment(layout),
		stdin=source,
	)
