"""The fixtures that every test may use; what they are made of is in tests/support/.

tests/unit needs no site and may not touch one. tests/integration and tests/browser run on a real site with real
processes, which are started when the first test asks for them:

	site        Frappe bound to the site (every such test has it); the database is put back after each test
	web         gunicorn: web.client(), web.login(user), web.restart(), web.kill()
	worker      an RQ worker: worker.start(), worker.drain(), worker.kill()
	socket      socket(user) is a connection to the realtime server as that user
	simulator   the Inbox Hub simulator, reset for each test; @pytest.mark.simulator(**options)
	neighbour   an app that hooks into messages as a CRM does: neighbour.raise_at("after_insert"), neighbour.seen()
	desk        desk(user, path) is a page of Chromium with that user logged in
"""

import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
	from playwright.sync_api import Browser

	from inbox_hub_simulator.control import Simulator
	from support.browser import Desk
	from support.realtime import Realtime, Socket
	from support.rows import RowGuard
	from support.web import Web
	from support.worker import Worker

TESTS = Path(__file__).parent
KINDS = ("unit", "integration", "browser")  # in the order in which they run
REPORT = pytest.StashKey[dict[str, pytest.TestReport]]()


def pytest_addoption(parser: pytest.Parser) -> None:
	parser.addoption(
		"--long", action="store_true", help="long forms of tests that have one: minutes, not seconds"
	)
	parser.addoption(
		"--torture",
		nargs="?",
		const=str(random.randrange(1_000_000)),
		metavar="SEED",
		help="the long form of tests/integration/test_webhook_torture.py",
	)


def pytest_configure(config: pytest.Config) -> None:
	config.addinivalue_line(
		"markers", "leaves(*doctypes): the test leaves rows in these DocTypes' tables too"
	)
	config.addinivalue_line("markers", "simulator(**options): start options of the Inbox Hub simulator")
	config.addinivalue_line("markers", "no_cover: pytest-cov does not look while the test runs")
	with suppress(ImportError):
		from hypothesis import HealthCheck, settings

		# No test may depend on how busy the machine is, or on luck: the examples of a run are the same each time.
		# `HYPOTHESIS_EXAMPLES=20000 ./dev/test tests/unit` looks for new ones.
		patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
		settings.register_profile("repeatable", derandomize=True, database=None, **patient)
		settings.load_profile("repeatable")
		if wanted := os.environ.get("HYPOTHESIS_EXAMPLES"):
			settings.register_profile("search", max_examples=int(wanted), **patient)
			settings.load_profile("search")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
	"""A test's folder tells its kind; unit tests run first, before any site is bound. Only they count as coverage: what is
	to be covered needs no more, and the others take twice as long while it is measured."""
	for item in items:
		if kind := kind_of(item):
			item.add_marker(kind)
			if kind != "unit":
				item.add_marker("no_cover")  # of pytest-cov
	items.sort(key=lambda item: KINDS.index(kind_of(item) or "unit"))


def kind_of(item: pytest.Item) -> str | None:
	parts = item.path.relative_to(TESTS).parts if item.path.is_relative_to(TESTS) else ()
	return parts[0] if parts and parts[0] in KINDS else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
	report = yield
	item.stash.setdefault(REPORT, {})[report.when] = report
	return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
	"""How many tests of each kind passed, failed and so on."""
	counts: dict[str, Counter[str]] = defaultdict(Counter)
	for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
		for report in terminalreporter.stats.get(outcome, []):
			if kind := next((kind for kind in KINDS if kind in getattr(report, "keywords", ())), None):
				counts[kind][outcome] += 1
	terminalreporter.section("kinds of tests")
	for kind in KINDS:
		numbers = ", ".join(f"{number} {outcome}" for outcome, number in counts[kind].items()) or "none"
		terminalreporter.write_line(f"{kind:12} {numbers}")


@pytest.fixture
def is_long(request: pytest.FixtureRequest) -> bool:
	"""Whether tests that have a long form are to run it: `./dev/test --long`."""
	return request.config.getoption("--long")


@pytest.fixture(autouse=True)
def surroundings(request: pytest.FixtureRequest) -> None:
	"""What a test of this kind must and must not touch."""
	request.getfixturevalue("no_site" if request.node.get_closest_marker("unit") else "site")


@pytest.fixture
def no_site(monkeypatch: pytest.MonkeyPatch) -> None:
	"""Makes `frappe.connect` fail, where Frappe is installed at all."""
	try:
		import frappe
	except ImportError:
		return

	def refuse(*args: object, **kwargs: object) -> None:
		raise AssertionError("a test in tests/unit must not touch a site: it belongs into tests/integration")

	monkeypatch.setattr(frappe, "connect", refuse)


@pytest.fixture(scope="session")
def row_guard() -> "Iterator[RowGuard]":
	"""The database as it is before the first test."""
	if "FRAPPE_BENCH" not in os.environ or "FRAPPE_SITE" not in os.environ:
		pytest.fail("FRAPPE_BENCH and FRAPPE_SITE are not set: run ./dev/test", pytrace=False)
	from support import bench, sentinels
	from support.rows import RowGuard

	sizes = sentinels.log_sizes()
	os.chdir(bench.sites())  # much of Frappe looks for the site relative to the working folder
	with bench.connected():
		guard = RowGuard()
	yield guard
	assert list(sentinels.in_logs(sizes)) == [], "secrets of the tests are in the logs"


@pytest.fixture
def site(request: pytest.FixtureRequest, row_guard: "RowGuard") -> Iterator[str]:
	"""The name of the site. Frappe is bound to it anew for each test, as Administrator; afterwards the database, the
	queues and what the app keeps in Redis are as before."""
	from frappe.utils.background_jobs import get_redis_conn

	from support import bench, sentinels
	from support.worker import forget_jobs

	with bench.connected():
		forget_jobs()
		yield bench.site_name()
		leaks = [*sentinels.in_redis(get_redis_conn()), *sentinels.take_answers()]
		changed = row_guard.restore()
		forget_jobs()
	leaks += row_guard.leaks
	if leaks:
		pytest.fail(f"secrets of the tests leaked: {', '.join(leaks)}", pytrace=False)
	marked = [doctype for mark in request.node.iter_markers("leaves") for doctype in mark.args]
	if unexpected := row_guard.unexpected(changed, marked):
		pytest.fail(f"the test left rows in {', '.join(unexpected)} (they are put back now)", pytrace=False)


@pytest.fixture(scope="session")
def gunicorn(row_guard: "RowGuard") -> "Iterator[Web]":
	from support.web import Web

	server = Web()
	yield server
	server.stop()


@pytest.fixture
def web(gunicorn: "Web", site: str) -> "Web":
	"""gunicorn on the tests' site; it runs, even if the test before has killed it."""
	if not gunicorn.is_running:
		gunicorn.start()
	return gunicorn


@pytest.fixture
def worker(site: str) -> "Iterator[Worker]":
	"""An RQ worker that is not started yet; it is killed after the test."""
	from support.worker import Worker

	process = Worker()
	yield process
	process.kill()


@pytest.fixture(scope="session")
def realtime_server() -> "Iterator[Realtime]":
	from support.realtime import Realtime

	server = Realtime()
	yield server
	server.stop()


@pytest.fixture
def realtime(realtime_server: "Realtime", web: "Web") -> "Realtime":
	"""The realtime server, which asks gunicorn who a browser is."""
	realtime_server.ensure()
	return realtime_server


@pytest.fixture
def socket(realtime: "Realtime", web: "Web") -> "Iterator[Callable[..., Socket]]":
	"""`socket(user)` connects to the realtime server as that user."""
	from support.realtime import Socket

	with ExitStack() as stack:
		yield lambda user="Administrator": stack.enter_context(
			Socket(realtime.url, web.login(user).cookies["sid"])
		)


@pytest.fixture(scope="session")
def simulator_process() -> "Iterator[Simulator]":
	from inbox_hub_simulator.control import Simulator

	with Simulator() as process:
		yield process


@pytest.fixture
def simulator(request: pytest.FixtureRequest, simulator_process: "Simulator") -> "Simulator":
	"""The Inbox Hub simulator as new, with the options of the test's `simulator` mark."""
	mark = request.node.get_closest_marker("simulator")
	simulator_process.reset(**(mark.kwargs if mark else {}))
	return simulator_process


@pytest.fixture
def neighbour(site: str) -> Iterator[ModuleType]:
	"""The app in tests/apps/neighbour, as peaceful as it was installed; another bench may not have it."""
	import frappe

	if "neighbour" not in frappe.get_installed_apps():
		pytest.skip("tests/apps/neighbour is not installed on this site")
	from neighbour import whatsapp

	whatsapp.forget()
	yield whatsapp
	whatsapp.forget()


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
	from playwright.sync_api import sync_playwright

	from support.browser import launch

	with sync_playwright() as playwright:
		browser = launch(playwright)
		yield browser
		browser.close()


@pytest.fixture
def desk(
	request: pytest.FixtureRequest, chromium: "Browser", realtime: "Realtime", web: "Web"
) -> "Iterator[Desk]":
	"""Opens the Desk in Chromium; pictures of the pages are kept in .bench/screenshots if the test fails."""
	from support.browser import Desk

	opener = Desk(chromium, web)
	yield opener
	report = request.node.stash[REPORT].get("call")
	if report and report.failed:
		for file in opener.keep_screenshots(request.node.name):
			report.sections.append(("screenshot", str(file)))
	opener.close()
