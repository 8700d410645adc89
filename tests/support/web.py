"""A real gunicorn with Frappe on the tests' site, and HTTP clients for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import frappe
import requests
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from support import bench, sentinels
from support.bench import BenchProcess


@contextmanager
def in_request() -> Iterator[None]:
	"""Within the block this process takes itself for one that answers a web request, as gunicorn's do."""
	before = getattr(frappe.local, "request", None)
	frappe.local.request = Request(EnvironBuilder(method="POST").get_environ())
	try:
		yield
	finally:
		frappe.local.request = before


class Client(requests.Session):
	"""A requests session with the server's address before every path."""

	def __init__(self, url: str) -> None:
		super().__init__()
		self.url = url
		self.headers["X-Frappe-Site-Name"] = bench.site_name()
		self.hooks["response"].append(sentinels.look_at_answer)

	def request(self, method: str, url: str, **options: Any) -> requests.Response:
		options.setdefault("timeout", 60)
		return super().request(method, self.url + url if url.startswith("/") else url, **options)

	def call(self, function: str, **arguments: Any) -> requests.Response:
		"""POSTs to a whitelisted function."""
		return self.post(f"/api/method/{function}", json=arguments)


class Web(BenchProcess):
	"""gunicorn for the tests' site.

	It listens where the bench's realtime server asks who a browser is, if that port is free; else anywhere."""

	def __init__(self) -> None:
		usual = int(bench.common_config().get("webserver_port") or 8000)
		self.port = bench.free_port() if bench.answers(usual) else usual
		command = [
			*(str(bench.python()), "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}"),
			*("--workers", "2", "--threads", "4", "--worker-class", "gthread", "--timeout", "120"),
			*("--graceful-timeout", "5", "--preload", "--pythonpath", str(Path(__file__).parents[1])),
			"support.wsgi:application",
		]
		super().__init__("web", command, {"FRAPPE_SITE": bench.site_name(), "DEV_SERVER": "1"})

	@property
	def url(self) -> str:
		return f"http://127.0.0.1:{self.port}"

	def start(self) -> None:
		"""Returns when Frappe answers."""
		super().start()
		bench.wait_until(self.is_ready, f"gunicorn answers (see {self.log})", 60)

	def is_ready(self) -> bool:
		if not self.is_running:
			raise AssertionError(f"gunicorn ended:\n{self.output()[-2000:]}")
		if not bench.answers(self.port):
			return False
		status = requests.get(self.url + "/api/method/ping", timeout=60).status_code
		if status != 200:
			raise AssertionError(f"Frappe answers {status}:\n{self.output()[-2000:]}")
		return True

	def restart(self) -> None:
		self.stop()
		self.start()

	def client(self) -> Client:
		"""A client that is not logged in."""
		return Client(self.url)

	def login(self, user: str = "Administrator", password: str | None = None) -> Client:
		"""A client that is logged in.

		Any user but Administrator gets the tests' password first, unless one is given."""
		if password is None:
			password = bench.ADMIN_PASSWORD
			if user != "Administrator":
				import frappe
				from frappe.utils.password import update_password

				password = bench.USER_PASSWORD
				update_password(user, password)
				frappe.db.commit()
		client = self.client()
		answer = client.post("/api/method/login", data={"usr": user, "pwd": password})
		assert answer.status_code == 200, f"{user} cannot log in: {answer.status_code} {answer.text[:500]}"
		return client
