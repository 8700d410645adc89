"""Chromium for the browser tests: Debian's, driven by Playwright."""

import re
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Playwright

from support import bench
from support.web import Web

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
	"--headless",
	"--no-sandbox",
	"--disable-gpu",
	"--disable-quic",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
)
SCREENSHOTS = bench.ARTIFACTS / "screenshots"


def launch(playwright: Playwright) -> Browser:
	"""Raises AssertionError when there is no Chromium."""
	program = next((found for name in NAMES if (found := shutil.which(name))), None)
	assert program, f"none of {', '.join(NAMES)} is installed (apt-get install chromium)"
	return playwright.chromium.launch(executable_path=program, args=list(FLAGS))


class Desk:
	"""Opens the Desk for users; each user of a test has a browser of its own (cookies, storage)."""

	def __init__(self, browser: Browser, web: Web) -> None:
		self.browser = browser
		self.web = web
		self.contexts: list[BrowserContext] = []
		self.pages: list[Page] = []
		self.errors: list[str] = []

	def __call__(self, user: str = "Administrator", path: str = "/app", **context: Any) -> Page:
		"""A page of this user's Desk at a path ("/app/whatsapp-session/demo_session")."""
		client = self.web.login(user)
		opened = self.browser.new_context(
			base_url=self.web.url, viewport={"width": 1280, "height": 900}, **context
		)
		self.contexts.append(opened)
		opened.add_cookies(
			[
				{"name": cookie.name, "value": cookie.value or "", "url": self.web.url}
				for cookie in client.cookies
			]
		)
		page = opened.new_page()
		self.pages.append(page)
		page.on("pageerror", self.note_error)
		page.on("console", self.note_message)
		page.goto(path)
		page.wait_for_function(
			"window.frappe && frappe.boot && document.body.dataset.ajaxState !== 'triggered'"
		)
		return page

	def note_error(self, error: Error) -> None:
		self.errors.append(str(error))

	def note_message(self, message: ConsoleMessage) -> None:
		if message.type == "error" and "favicon" not in message.text:
			self.errors.append(message.text)

	def keep_screenshots(self, test: str) -> list[Path]:
		"""Pictures of what the open pages show, named after the test."""
		SCREENSHOTS.mkdir(parents=True, exist_ok=True)
		name = re.sub(r"[^\w.-]+", "_", test)
		files = [SCREENSHOTS / f"{name}.{number}.png" for number, _ in enumerate(self.pages, 1)]
		for page, file in zip(self.pages, files, strict=True):
			page.screenshot(path=file)
		return files

	def close(self) -> None:
		for context in self.contexts:
			context.close()
