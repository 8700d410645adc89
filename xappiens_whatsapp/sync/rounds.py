"""One job that goes round the sessions, so that they all get on and nobody holds the worker.

A session that must wait for its turn at the Hub is passed over, not slept on. The job works for a minute at most and sleeps
for some seconds at most; when somebody else waits for a worker, it ends after some seconds and gets into its queue anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import frappe

from xappiens_whatsapp import jobs, live
from xappiens_whatsapp.api.base import WhatsAppAPIClient
from xappiens_whatsapp.store import sync_runs
from xappiens_whatsapp.sync import engine

SLEEP_SECONDS = 5  # in one job, at most
# What can go on so soon is waited for, by one short job after the other; the Hub's minute is shorter than this. The minute
# job comes back to the rest.
WAIT_FOR_SECONDS = 90
SPELL_SECONDS = 5  # for one session while others are due; and before the job looks who waits for the worker
STEP_SECONDS = 0.5  # of sleep, between two looks at what is due


class Round:
	"""One job's work on all syncs that are wanted.

	Args:
		others_wait: whether somebody else waits for this worker, or may. A spell is finished first, or the syncs would
			never get on in a queue that is always full, and jobs that only look around would follow each other.
	"""

	def __init__(self, others_wait: Callable[[], bool]) -> None:
		self.others_wait = others_wait
		self.began = time.monotonic()
		self.deadline = self.began + jobs.WORK_SECONDS
		self.slept = 0.0
		self.clients: dict[str, WhatsAppAPIClient] = {}
		self.passed_over: set[str] = set()  # somebody else works on them, or they cannot be worked on

	def go(self) -> bool:
		"""Work until nothing is due or the time is up. Commits.

		Returns:
			Whether something is left that can go on soon.
		"""
		while time.monotonic() < self.deadline:
			frappe.db.rollback()  # nothing is open; see what is wanted by now
			wanted = [each for each in sync_runs.wanted() if each.session not in self.passed_over]
			due = [each.session for each in wanted if each.due_in <= 0]
			for session in due:
				self._work_on(session, is_alone=len(due) == 1)
				if self._should_stop() or time.monotonic() >= self.deadline:
					return True
			if due:
				continue
			pause = min((each.due_in for each in wanted), default=WAIT_FOR_SECONDS)
			if pause >= WAIT_FOR_SECONDS:
				return False
			if self.slept >= SLEEP_SECONDS or self._should_stop():
				return True
			step = min(pause, STEP_SECONDS, SLEEP_SECONDS - self.slept)
			time.sleep(step)
			self.slept += step
		return True

	def _should_stop(self) -> bool:
		return time.monotonic() - self.began >= SPELL_SECONDS and self.others_wait()

	def _work_on(self, session: str, *, is_alone: bool) -> None:
		"""A spell of work on one session; an error stays with it."""
		try:
			claim = self._claim(session)
			if not claim:
				self.passed_over.add(session)
				return
			spell_ends = self.deadline if is_alone else min(time.monotonic() + SPELL_SECONDS, self.deadline)
			engine.work(claim, self._client(session), deadline=spell_ends, should_stop=self._should_stop)
		except Exception as error:
			frappe.db.rollback()
			self.passed_over.add(session)
			live.log_fault(f"WhatsApp: the sync of {session} could not be worked on", error)
			frappe.db.commit()

	def _claim(self, session: str) -> sync_runs.Claim | None:
		"""Take the session's run, opened if it is due; None if somebody else has it."""
		run = sync_runs.run_to_work_on(session)
		frappe.db.commit()
		claim = sync_runs.claim(run) if run else None
		frappe.db.commit()
		return claim

	def _client(self, session: str) -> WhatsAppAPIClient:
		"""A client that does not wait for its turn: there are others."""
		if session not in self.clients:
			self.clients[session] = WhatsAppAPIClient(session, lane="background", patience_seconds=0)
		return self.clients[session]
