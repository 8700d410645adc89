"""A site to be spoilt: Frappe alone, made from the private bench's saved database, gone after the test."""

import json
import secrets
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import frappe

from bench_tool import database
from bench_tool.layout import Layout
from support import bench

T = TypeVar("T")
NAME = "scratch.localhost"


class ScratchSite:
	"""A site on the tests' bench on which no app is installed yet."""

	def __init__(self, name: str) -> None:
		self.name = name

	def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
		"""Runs a command of Frappe's bench CLI on the site; the caller looks at its status and output."""
		return subprocess.run(
			[
				str(bench.python()),
				"-m",
				"frappe.utils.bench_helper",
				"frappe",
				"--site",
				self.name,
				*arguments,
			],
			cwd=bench.sites(),
			env=bench.environment(),
			stdin=subprocess.DEVNULL,
			stdout=subprocess.PIPE,
			stderr=subprocess.STDOUT,
			text=True,
			timeout=300,
		)

	def run(self, *arguments: str) -> str:
		"""Like `command`, and raises AssertionError when it fails."""
		result = self.command(*arguments)
		assert result.returncode == 0, f"bench {' '.join(arguments)}:\n{result.stdout}"
		return result.stdout

	def ask(self, question: Callable[[], T]) -> T:
		"""What a function returns that is called with Frappe bound to the site; it is committed."""
		answers: list[Any] = []
		errors: list[BaseException] = []

		def connected() -> None:
			try:
				frappe.init(site=self.name, sites_path=str(bench.sites()))
				frappe.connect()
				frappe.set_user("Administrator")
				answers.append(question())
				frappe.db.commit()
			except BaseException as error:
				errors.append(error)
			finally:
				frappe.destroy()

		thread = threading.Thread(target=connected)  # Frappe's state belongs to a thread
		thread.start()
		thread.join()
		if errors:
			raise errors[0]
		return answers[0]


@contextmanager
def scratch_site(name: str = NAME) -> Iterator[ScratchSite]:
	"""The site, made anew (a few seconds). Only the private bench has what it is made from."""
	layout = Layout(bench.ROOT)
	port = int(bench.common_config()["db_port"])
	folder = bench.sites() / name
	settings = {
		"db_type": "mariadb",
		"db_name": name.partition(".")[0],
		"db_password": secrets.token_urlsafe(18),
	}
	try:
		shutil.rmtree(folder, ignore_errors=True)
		for part in ("public/files", "private/files", "private/backups", "locks", "logs"):
			(folder / part).mkdir(parents=True)
		(folder / "site_config.json").write_text(json.dumps(settings))
		database.create(layout, port, settings["db_name"], settings["db_password"])
		database.load(layout, port, settings["db_name"], layout.cache / "pristine.sql")
		site = ScratchSite(name)
		site.run("clear-cache")
		yield site
	finally:
		database.drop(layout, port, settings["db_name"])
		shutil.rmtree(folder, ignore_errors=True)
