"""Driving a simulator from Python, for tests and the demo. Standard library only.

with Simulator(contacts=1000, rate=0) as hub:
	hub.session("demo_session")
	hub.incoming("demo_session", text="Hola")
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from .options import API_KEY, EMAIL, ORGANIZATION_ID, PASSWORD

START_SECONDS = 30.0
_open = build_opener(ProxyHandler({})).open  # the simulator is on this machine, whatever proxy is set


class SimulatorError(Exception):
	"""The simulator did not start, or refused a control call."""


class Simulator:
	"""A running simulator.

	Args:
		port: 0 for any free one.
		log: file its output goes to; by default it is shown only if the start fails.
		python: the interpreter that has the simulator's requirements; by default the running one.
		options: any start option with `_` for `-`; a list is repeated or comma separated.
	"""

	def __init__(
		self, port: int = 0, log: Path | None = None, python: str | None = None, **options: Any
	) -> None:
		self._port = port
		self._log = log
		self._python = python or sys.executable
		self._options = options
		self._process: subprocess.Popen[bytes] | None = None
		self.url = ""
		self.api_key: str = options.get("api_key", API_KEY)
		self.email: str = options.get("email", EMAIL)
		self.password: str = options.get("password", PASSWORD)
		self.organization_id = ORGANIZATION_ID

	@classmethod
	def at(cls, url: str) -> Simulator:
		"""One that somebody else started."""
		simulator = cls()
		simulator.url = url.rstrip("/")
		options = simulator.state()["options"]
		simulator.api_key, simulator.email = options["api_key"], options["email"]
		simulator.password = options["password"]
		return simulator

	def __enter__(self) -> Simulator:
		return self.start()

	def __exit__(
		self,
		kind: type[BaseException] | None,
		error: BaseException | None,
		trace: TracebackType | None,
	) -> None:
		self.stop()

	@property
	def pid(self) -> int | None:
		return self._process.pid if self._process else None

	def start(self) -> Simulator:
		"""Start the process and wait until it listens.

		Raises:
			SimulatorError: it ended, or does not listen in time.
		"""
		command = [self._python, "-m", __package__, "--port", str(self._port), "--end-with-input"]
		command += self._arguments()
		root = str(Path(__file__).resolve().parent.parent)
		paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
		environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
		with self._log.open("a+") if self._log else TemporaryFile("a+") as output:
			begin = output.seek(0, os.SEEK_END)
			self._process = subprocess.Popen(
				command,
				stdin=subprocess.PIPE,  # closed when this process ends, however it ends
				stdout=output,
				stderr=subprocess.STDOUT,
				env=environment,
				cwd=root,
			)
			deadline = time.monotonic() + START_SECONDS
			while time.monotonic() < deadline:
				has_ended = self._process.poll() is not None
				output.seek(begin)
				said = output.read()
				if found := re.search(r"^Inbox Hub simulator: (\S+)$", said, re.MULTILINE):
					self.url = found[1]
					return self
				if has_ended:
					break
				time.sleep(0.02)
		self.stop()
		raise SimulatorError(f"The simulator did not start:\n{said[-2000:]}")

	def _arguments(self) -> list[str]:
		arguments: list[str] = []
		for name, value in self._options.items():
			flag = "--" + name.replace("_", "-")
			if value is True:
				arguments.append(flag)
			elif isinstance(value, (list, tuple)):
				for each in value:
					arguments += [flag, str(each)]
			elif value is not None and value is not False:
				arguments += [flag, str(value)]
		return arguments

	def stop(self) -> None:
		"""End the process that this object started."""
		if self._process is None:
			return
		self._process.terminate()
		try:
			self._process.wait(5)
		except subprocess.TimeoutExpired:
			self._process.kill()
			self._process.wait()
		assert self._process.stdin is not None
		self._process.stdin.close()
		self._process = None

	def call(
		self,
		method: str,
		path: str,
		body: dict[str, Any] | None = None,
		query: dict[str, Any] | None = None,
	) -> dict[str, Any]:
		"""A control call.

		Raises:
			SimulatorError: refused, with the simulator's reason.
		"""
		given = {name: value for name, value in (query or {}).items() if value is not None}
		address = f"{self.url}/__sim__/{path}" + (f"?{urlencode(given)}" if given else "")
		data = None if body is None else json.dumps(body).encode()
		request = Request(address, data, {"Content-Type": "application/json"}, method=method)
		try:
			with _open(request, timeout=120) as answer:
				said: dict[str, Any] = json.load(answer)
				return said
		except HTTPError as error:
			raise SimulatorError(f"{method} {path}: {error.read().decode()[:500]}") from None

	def _of(self, path: str, session: str, **fields: Any) -> dict[str, Any]:
		return self.call("POST", path, {"session": session, **fields})

	def reset(self, **options: Any) -> None:
		"""Begin again, with the start's options changed by these."""
		self.call("POST", "reset", options)

	def options(self, **changes: Any) -> dict[str, Any]:
		"""Change options while running and keep the data."""
		changed: dict[str, Any] = self.call("POST", "options", changes)["options"]
		return changed

	def state(self, chats: int = 20, messages: int = 50) -> dict[str, Any]:
		"""Everything the simulator knows; `chats` x `messages` is what a full sync is to fetch."""
		return self.call("GET", "state", query={"chats": chats, "messages": messages})

	def expected(self, session: str | None = None, chats: int = 20, messages: int = 50) -> dict[str, Any]:
		"""Exact counts of a session, or of one that nothing happened in yet."""
		state = self.state(chats, messages)
		expected: dict[str, Any] = state["sessions"][session]["expected"] if session else state["expected"]
		return expected

	def requests(
		self, path: str = "", method: str = "", session: str = "", since: float = 0.0
	) -> list[dict[str, Any]]:
		"""Calls that came in, oldest first; `path` is a prefix."""
		wanted = {"path": path, "method": method, "session": session, "since": since}
		answer = self.call("GET", "requests", query=wanted)
		found: list[dict[str, Any]] = answer["requests"]
		return found

	def forget_requests(self) -> None:
		self.call("DELETE", "requests")

	def deliveries(self, event: str = "", session: str = "", since_id: int = 0) -> list[dict[str, Any]]:
		"""Webhook deliveries, oldest first."""
		wanted = {"event": event, "session": session, "since_id": since_id}
		answer = self.call("GET", "deliveries", query=wanted)
		found: list[dict[str, Any]] = answer["deliveries"]
		return found

	def forget_deliveries(self) -> None:
		self.call("DELETE", "deliveries")

	def wait_for_deliveries(self, timeout: float = 10.0) -> None:
		"""Return when nothing is on its way any more.

		Raises:
			SimulatorError: something still is after `timeout` seconds.
		"""
		answer = self.call("POST", "deliveries/wait", {"timeout": timeout})
		if not answer["idle"]:
			raise SimulatorError(f"{answer['pending']} deliveries are still on their way after {timeout} s.")

	def session(self, session: str, connected: bool = True, **fields: Any) -> dict[str, Any]:
		"""Make a session without the API (name, phone), connected or not."""
		made: dict[str, Any] = self._of("session", session, connected=connected, **fields)["session"]
		return made

	def incoming(self, session: str, **fields: Any) -> list[dict[str, Any]]:
		"""Somebody writes: chat, text, type, sender, count, as_group, push_name, media, location, quoted, message_id,
		timestamp_ms, webhook. Returns message_id, chat_id, text, timestamp_ms, hub_id of each."""
		messages: list[dict[str, Any]] = self._of("incoming", session, **fields)["messages"]
		return messages

	def phone_message(self, session: str, **fields: Any) -> dict[str, Any]:
		"""The owner writes on the phone: chat, text, type, media, message_id, timestamp_ms, webhook."""
		message: dict[str, Any] = self._of("phone_message", session, **fields)["messages"][0]
		return message

	def receipt(self, session: str, message_id: str, **fields: Any) -> None:
		"""A message gets further: status or ack, error, chat."""
		self._of("receipt", session, message_id=message_id, **fields)

	def reaction(self, session: str, message_id: str, emoji: str = "👍", **fields: Any) -> str:
		"""Somebody reacts: sender, chat, from_me. Returns the reaction's own message id."""
		made: str = self._of("reaction", session, message_id=message_id, emoji=emoji, **fields)["message_id"]
		return made

	def qr(self, session: str) -> str:
		"""Show a new QR; returns its data URL."""
		url: str = self._of("qr", session)["qr"]
		return url

	def scan(self, session: str, phone: str | None = None) -> str:
		"""Scan the QR that is shown; returns the session's number."""
		number: str = self._of("scan", session, phone=phone)["phone"]
		return number

	def disconnect(self, session: str, reason: str = "logout", reconnect_after: float | None = None) -> None:
		self._of("disconnect", session, reason=reason, reconnect_after=reconnect_after)

	def contact(self, session: str, contact_id: str, **fields: Any) -> None:
		"""Change or make a contact: name, notify, verified_name, image_url, about, webhook."""
		self._of("contact", session, contact_id=contact_id, **fields)

	def archive(self, session: str, chat: str, archived: bool = True) -> None:
		self._of("archive", session, chat=chat, archived=archived)

	def faults(self, **faults: Any) -> dict[str, Any]:
		"""Turn faults on (True or their parameters) or off (False). Returns those that are on."""
		active: dict[str, Any] = self.call("POST", "faults", faults)["faults"]
		return active

	def clear_faults(self) -> None:
		self.call("DELETE", "faults")

	def expire_tokens(self) -> None:
		"""Every token given out so far is worth nothing from now on."""
		self.call("POST", "faults", {"expire_tokens": True})

	def event(self, session: str, event: str, **fields: Any) -> list[int]:
		"""Post any event to every active webhook: data or body, family, headers, attempts. Returns delivery ids."""
		made: list[int] = self._of("event", session, event=event, **fields)["deliveries"]
		return made

	def hold(self) -> None:
		"""Keep events from now on."""
		self.call("POST", "hold", {})

	def release(self, **fields: Any) -> int:
		"""Deliver what was kept: copies_from, copies_to, shuffle, connections, attempts, delay_ms, seed."""
		count: int = self.call("POST", "release", fields)["deliveries"]
		return count
