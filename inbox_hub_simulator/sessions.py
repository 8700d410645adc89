"""Sessions and their life: created, connecting, QR shown, scanned, connected, disconnected."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .clock import now_ms
from .data import World
from .happenings import Happening
from .jids import session_phone
from .qr import qr_data_url
from .store import Store

if TYPE_CHECKING:
	from .hub import Hub

FIRST_ID = 2
QR_RENEWALS = 5
HUB_IDS_A_SESSION = 10_000_000


@dataclass(slots=True)
class Session:
	"""A linked, or not yet linked, WhatsApp account."""

	hub_id: int
	session_id: str
	name: str
	store: Store
	status: str = "disconnected"
	phone: str | None = None
	is_paired: bool = False  # it has credentials: connecting needs no QR
	is_stale: bool = False  # fault F6: says connected, is not
	send_to_frappe: bool = False
	qr: str | None = None
	qr_serial: int = 0
	qr_at_ms: int | None = None
	qr_expires_ms: int | None = None
	created_ms: int = field(default_factory=now_ms)
	updated_ms: int = field(default_factory=now_ms)
	activity_ms: int = field(default_factory=now_ms)
	task: asyncio.Task[None] | None = None

	@property
	def is_connected(self) -> bool:
		return self.status == "connected" and not self.is_stale

	@property
	def jid(self) -> str:
		return f"{self.phone}@s.whatsapp.net"


class Sessions:
	"""All sessions of the Hub."""

	def __init__(self, hub: Hub) -> None:
		self._hub = hub
		self._by_id: dict[str, Session] = {}
		self._made = 0
		self._phones = 0

	def all(self) -> list[Session]:
		return list(self._by_id.values())

	def find(self, spelled: str, ids: str = "any") -> Session | None:
		"""By string id or by number. `ids` says which of the two is taken."""
		if ids != "string" and spelled.isdigit():
			for session in self._by_id.values():
				if session.hub_id == int(spelled):
					return session
		return self._by_id.get(spelled) if ids != "numeric" else None

	def create(self, session_id: str, name: str, phone: str | None = None, **fields: Any) -> Session:
		"""A new session, not connected. The caller makes sure that the id is free."""
		options = self._hub.options
		hub_id = FIRST_ID + self._made
		self._made += 1
		world = World(
			seed=f"{options.seed}:{session_id}" if options.distinct else str(options.seed),
			contacts=options.contacts,
			chats=options.chats,
			messages=options.messages,
			anchor=options.anchor,
			hub_id_base=hub_id * HUB_IDS_A_SESSION,
		)
		session = Session(hub_id, session_id, name, Store(world), phone=phone, **fields)
		self._by_id[session_id] = session
		return session

	def delete(self, session: Session) -> None:
		"""Destroy it with its credentials and data."""
		if session.status != "disconnected":
			self.disconnect(session, "logout")
		self._stop_task(session)
		del self._by_id[session.session_id]

	def connect(self, session: Session, at_once: bool = False) -> None:
		"""Begin to connect: with credentials by themselves, without by a QR, which `at_once` is there already."""
		if session.is_connected or session.status in ("connecting", "qr_code"):
			return
		session.is_stale = False
		self._set_status(session, "connecting")
		if at_once and not session.is_paired:
			self.show_qr(session)
		self._run(session, self._link(session))

	async def _link(self, session: Session) -> None:
		if session.qr is None:
			await asyncio.sleep(self._hub.options.connect_delay_ms / 1000)
		if session.is_paired:
			self._become_connected(session)
			return
		for _ in range(QR_RENEWALS):
			if session.qr is None or now_ms() >= (session.qr_expires_ms or 0):
				self.show_qr(session)
			await asyncio.sleep(self._hub.options.qr_lifetime)
		self.disconnect(session, "qr timeout")

	def show_qr(self, session: Session) -> None:
		"""Show a new QR in place of the old one."""
		session.qr_serial += 1
		session.qr = qr_data_url(session.session_id, session.qr_serial)
		session.qr_at_ms = now_ms()
		session.qr_expires_ms = session.qr_at_ms + int(self._hub.options.qr_lifetime * 1000)
		self._set_status(session, "qr_code")
		self._hub.emit(Happening("session.qr", session, session.qr_at_ms))
		if self._hub.options.scan_after is not None:
			self._hub.spawn(self._scan_later(session, session.qr_serial, self._hub.options.scan_after))

	async def _scan_later(self, session: Session, serial: int, seconds: float) -> None:
		await asyncio.sleep(seconds)
		if session.status == "qr_code" and session.qr_serial == serial:
			self.scan(session)

	def scan(self, session: Session, phone: str | None = None) -> None:
		"""Somebody scans the QR that is shown. The caller makes sure that one is."""
		self._forget_qr(session)
		self._assign_phone(session, phone)
		self._set_status(session, "connecting")
		self._run(session, self._finish_scan(session))

	async def _finish_scan(self, session: Session) -> None:
		await asyncio.sleep(self._hub.options.connect_delay_ms / 1000)
		self._become_connected(session)

	def connect_now(self, session: Session, phone: str | None = None) -> None:
		"""Connected without a QR and without waiting."""
		self._stop_task(session)
		self._forget_qr(session)
		self._assign_phone(session, phone)
		self._become_connected(session)

	def disconnect(self, session: Session, reason: str, reconnect_after: float | None = None) -> None:
		"""End the connection. `logout` takes the credentials away, too."""
		if session.task is not asyncio.current_task():
			self._stop_task(session)
		self._forget_qr(session)
		session.is_stale = False
		if reason == "logout":
			session.is_paired = False
		self._set_status(session, "disconnected")
		self._hub.emit(Happening("session.disconnected", session, now_ms(), reason=reason))
		if reconnect_after is not None:
			self._hub.spawn(self._reconnect_later(session, reconnect_after))

	async def _reconnect_later(self, session: Session, seconds: float) -> None:
		await asyncio.sleep(seconds)
		if session.status == "disconnected":
			self._become_connected(session)

	def set_stale(self, stale: bool) -> None:
		"""Fault F6 for all sessions that are connected now."""
		for session in self._by_id.values():
			session.is_stale = stale and session.status == "connected"

	def _become_connected(self, session: Session) -> None:
		self._assign_phone(session, None)
		session.is_paired = True
		session.is_stale = False
		self._set_status(session, "connected")
		session.activity_ms = now_ms()
		self._hub.emit(Happening("session.connected", session, now_ms()))

	def _assign_phone(self, session: Session, phone: str | None) -> None:
		if phone:
			session.phone = phone
		elif not session.phone:
			session.phone = session_phone(self._phones)
			self._phones += 1

	def _set_status(self, session: Session, status: str) -> None:
		session.status = status
		session.updated_ms = now_ms()

	def _forget_qr(self, session: Session) -> None:
		session.qr = None

	def _run(self, session: Session, work: Coroutine[Any, Any, None]) -> None:
		self._stop_task(session)
		session.task = self._hub.spawn(work)

	def _stop_task(self, session: Session) -> None:
		if session.task is not None and session.task is not asyncio.current_task():
			session.task.cancel()
		session.task = None
