"""What the other tests rely on: real processes, and a site that is the same before and after every test."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import frappe
import pytest
from frappe.utils.background_jobs import get_redis_conn

from support import bench, factories, sentinels
from support.realtime import Socket
from support.rows import RowGuard, checksums
from support.web import Web
from support.worker import Worker, failures, forget_jobs, running_jobs, waiting_jobs


def test_committed_rows_of_any_table_are_put_back(row_guard: RowGuard) -> None:
	before = checksums(row_guard.tables)
	frappe.get_doc({"doctype": "ToDo", "description": "left behind"}).insert()
	frappe.get_doc({"doctype": "Note", "title": "left behind"}).insert()
	frappe.db.set_value("User", "Guest", "bio", "changed")
	frappe.db.delete("Currency", {"name": "EUR"})
	frappe.db.set_single_value("System Settings", "float_precision", "5")
	frappe.db.commit()
	assert checksums(row_guard.tables) != before

	changed = row_guard.restore()

	assert checksums(row_guard.tables) == before
	assert {"tabToDo", "tabNote", "tabUser", "tabCurrency", "tabSingles"} <= set(changed)
	assert frappe.db.exists("Currency", "EUR")
	assert not frappe.db.get_value("User", "Guest", "bio")


def test_rows_outside_the_apps_tables_and_the_logs_are_reported(row_guard: RowGuard) -> None:
	assert row_guard.unexpected(["tabError Log", "tabNote"], []) == ["tabNote"]
	assert row_guard.unexpected(["tabError Log", "tabNote"], ["Note"]) == []


def test_every_table_of_the_app_may_be_written_by_a_test(row_guard: RowGuard) -> None:
	own = frappe.get_all("DocType", {"module": "Xappiens WhatsApp", "issingle": 0}, pluck="name")
	assert not row_guard.unexpected([f"tab{doctype}" for doctype in own], [])


def test_the_site_has_another_time_zone_than_the_processes() -> None:
	zone = frappe.utils.get_system_timezone()
	assert time.tzname[0] == "UTC"
	if bench.is_private():
		assert zone == "Europe/Madrid"
		assert ZoneInfo(zone).utcoffset(frappe.utils.now_datetime()) is not None


def test_gunicorn_answers_again_after_it_was_killed(web: Web) -> None:
	web.kill()
	with pytest.raises(OSError):
		web.client().get("/api/method/ping")
	web.start()
	assert web.client().get("/api/method/ping").json() == {"message": "pong"}


def test_gunicorn_sees_what_a_test_has_committed(web: Web) -> None:
	todo = frappe.get_doc({"doctype": "ToDo", "description": "seen"}).insert()
	frappe.db.commit()
	answer = web.login().get(f"/api/resource/ToDo/{todo.name}")
	assert answer.json()["data"]["description"] == "seen"


def test_any_user_can_be_logged_in(web: Web) -> None:
	user = frappe.get_doc(
		{"doctype": "User", "email": "agent@crm.example", "first_name": "Agent", "send_welcome_email": 0}
	).insert()
	client = web.login(user.name)
	assert client.get("/api/method/frappe.auth.get_logged_user").json()["message"] == user.name


def test_a_new_user_has_no_more_roles_than_it_was_given() -> None:
	user = frappe.get_doc(
		{"doctype": "User", "email": "agent@crm.example", "first_name": "Agent", "send_welcome_email": 0}
	).insert()
	assert not user.roles


def test_worker_does_the_jobs_that_wait_and_keeps_their_failures(worker: Worker) -> None:
	frappe.enqueue("frappe.ping")
	frappe.enqueue("frappe.no_such_function")
	assert len(waiting_jobs()) == 2
	worker.drain()
	assert not waiting_jobs()
	assert len(failures()) == 1
	assert "no_such_function" in failures()[0]


def test_no_job_of_a_test_before_is_left() -> None:
	assert not waiting_jobs()
	assert not failures()


def test_killed_worker_takes_its_running_job_with_it(worker: Worker) -> None:
	frappe.enqueue(subprocess.run, args=["sleep", "600"])
	worker.start()
	bench.wait_until(running_jobs, "the job runs")
	bench.wait_until(lambda: len(worker.descendants()) >= 2, "the worker's fork has started `sleep`")
	pids = [worker.process.pid, *worker.descendants()]
	worker.kill()
	assert not worker.is_running
	assert not any(is_alive(pid) for pid in pids)


def is_alive(pid: int) -> bool:
	try:
		return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
	except OSError:
		return False


def test_socket_hears_only_the_rooms_that_its_user_may_enter(socket: Callable[..., Socket]) -> None:
	error = frappe.get_doc({"doctype": "Error Log", "error": "watched"}).insert()
	agent = frappe.get_doc(
		{"doctype": "User", "email": "agent@crm.example", "first_name": "Agent", "send_welcome_email": 0}
	).insert()
	frappe.db.commit()
	administrator, outsider = socket(), socket(agent.name)
	for client in (administrator, outsider):
		client.subscribe("Error Log", error.name)

	frappe.publish_realtime("watched", {"name": error.name}, doctype="Error Log", docname=error.name)
	for user in ("Administrator", agent.name):
		frappe.publish_realtime("end", user=user)

	assert administrator.wait_for("watched") == {"name": error.name}
	assert not [event for event, _ in outsider.everything_until("end") if event == "watched"]


def test_a_secret_in_a_row_a_job_an_answer_or_a_log_is_found(web: Web, row_guard: RowGuard) -> None:
	secret = factories.SECRET
	sizes = sentinels.log_sizes()
	frappe.get_doc({"doctype": "Error Log", "method": "leak", "error": f"it is: {secret}"}).insert()
	frappe.db.commit()
	frappe.enqueue("frappe.ping", note=secret)
	web.login().get("/api/resource/Error Log", params={"fields": '["error"]', "limit": 5})
	frappe.logger().error(f"it is: {secret}")

	assert len(list(sentinels.in_redis(get_redis_conn()))) == 1
	assert len(sentinels.take_answers()) == 1
	assert len(list(sentinels.in_logs(sizes))) >= 1
	row_guard.restore()
	assert row_guard.leaks == [f"tabError Log: {secret[:20]}"]

	row_guard.restore()  # this test is clean itself
	forget_jobs()
	sentinels.cut_logs(sizes)


def test_a_token_is_at_home_in_redis_under_its_own_key_only() -> None:
	token = ".".join(["eyJ" + "a" * 12] * 2 + ["b" * 12])
	connection = get_redis_conn()
	connection.set("demo:xappiens_whatsapp:token", token)
	assert list(sentinels.in_redis(connection)) == []
	connection.set("demo:xappiens_whatsapp:other", token)
	assert len(list(sentinels.in_redis(connection))) == 1
	forget_jobs()
