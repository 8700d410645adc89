"""A real RQ worker for the tests' site, and the state of its queues."""

import subprocess

import frappe
from frappe.utils.background_jobs import get_redis_conn
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry

from support import bench
from support.bench import BenchProcess


class Worker(BenchProcess):
	"""`bench worker`, started and killed on demand. On another bench, stop that bench's own workers first."""

	def __init__(self, queues: str = "short,default,long") -> None:
		worker = ("-m", "support.worker_process", "frappe", "--site", bench.site_name(), "worker")
		super().__init__(
			"worker",
			[str(bench.python()), *worker, "--queue", queues],
			{"PYTHONPATH": str(bench.ROOT / "tests")},
		)

	def start(self) -> None:
		"""Returns when the worker listens to its queues."""
		super().start()
		bench.wait_until(
			lambda: "Listening on" in self.output() or not self.is_running, "the worker listens", 60
		)
		assert self.is_running, f"the worker ended:\n{self.output()[-2000:]}"

	def drain(self, seconds: float = 60.0) -> None:
		"""Returns when no job waits or runs any more; a worker is started for it if none runs.

		Raises AssertionError if jobs are left after so many seconds. Failed jobs are in `failures()`."""
		if self.is_running:
			bench.wait_until(lambda: not waiting_jobs() and not running_jobs(), "all jobs are done", seconds)
			return
		self.log.parent.mkdir(parents=True, exist_ok=True)
		with self.log.open("ab") as output:
			self.log_start = output.tell()
			process = subprocess.Popen(
				[*self.command, "--burst"],
				cwd=bench.sites(),
				env=self.env,
				stdin=subprocess.DEVNULL,
				stdout=output,
				stderr=subprocess.STDOUT,
				start_new_session=True,
			)
		self.process = process
		try:
			process.wait(seconds)
		except subprocess.TimeoutExpired:
			raise AssertionError(f"jobs are left after {seconds:.0f} s: {[job.id for job in waiting_jobs()]}")
		finally:
			self.kill()
		assert process.returncode == 0, f"the worker failed:\n{self.output()[-2000:]}"


def queues() -> list[Queue]:
	return Queue.all(connection=get_redis_conn())


def waiting_jobs() -> list[Job]:
	"""This site's jobs that no worker has taken yet."""
	return of_this_site(job for queue in queues() for job in queue.get_jobs())


def running_jobs() -> list[Job]:
	"""This site's jobs that a worker is at; a job whose worker was killed stays here until RQ notices."""
	return of_this_site(
		queue.fetch_job(job_id)
		for queue in queues()
		for job_id in StartedJobRegistry(queue=queue).get_job_ids()
	)


def failures() -> list[str]:
	"""The tracebacks of this site's failed jobs."""
	jobs = of_this_site(
		queue.fetch_job(job_id)
		for queue in queues()
		for job_id in FailedJobRegistry(queue=queue).get_job_ids()
	)
	results = [job.latest_result() for job in jobs]
	return [result.exc_string or "" if result else "" for result in results]


def of_this_site(jobs) -> list[Job]:
	return [job for job in jobs if job and job.kwargs.get("site") == frappe.local.site]


def forget_jobs() -> None:
	"""Takes away what a test left in the queues' Redis: jobs, and what the app keeps there (tokens, call budgets)."""
	connection = get_redis_conn()
	if bench.is_private():
		connection.flushdb()
		return
	for queue in queues():
		for job_id in [
			*queue.job_ids,
			*(
				id
				for registry in (StartedJobRegistry, FailedJobRegistry)
				for id in registry(queue=queue).get_job_ids()
			),
		]:
			job = queue.fetch_job(job_id)
			if job and job.kwargs.get("site") == frappe.local.site:
				job.delete()
	for key in connection.scan_iter(match="*xappiens_whatsapp*"):
		connection.delete(key)
