"""The bench's realtime server: what `frappe.publish_realtime` puts on Redis goes to the browsers.

One socket.io namespace a site (`/demo.localhost`), one room for each user, document, DocType and task, named as
frappe.realtime names them. A browser is who its `sid` cookie says it is, and enters the room of a document or DocType
if Frappe lets it. Run it in the sites folder."""

import asyncio
import http.cookies
import json
import urllib.parse
from pathlib import Path
from typing import Any

import aiohttp
import redis.asyncio
import redis.exceptions
import socketio
from aiohttp import web

CONFIG = json.loads(Path("common_site_config.json").read_text())
METHODS = f"http://127.0.0.1:{CONFIG['webserver_port']}/api/method/frappe.realtime."
ROOMS = {"doctype": "doctype:{}", "doc": "doc:{}/{}", "task": "task_progress:{}"}

server = socketio.AsyncServer(
	async_mode="aiohttp", namespaces="*", cors_allowed_origins=lambda origin, environ: True
)


async def ask(site: str, sid: str, method: str, **params: str) -> Any:
	"""What a whitelisted function of frappe.realtime answers in this session; None if it refuses."""
	headers = {"X-Frappe-Site-Name": site}
	async with aiohttp.ClientSession(cookies={"sid": sid}, headers=headers) as client:
		async with client.get(METHODS + method, params=params) as response:
			return (await response.json())["message"] if response.status == 200 else None


class Site(socketio.AsyncNamespace):
	"""The namespace of any site; its name comes with each call."""

	async def trigger_event(self, event: str, namespace: str, client: str, *args: Any) -> None:
		if event == "connect":
			return await self.connect(namespace, client, args[0])
		kind, _, action = event.rpartition("_")
		if kind not in ROOMS or action not in ("subscribe", "unsubscribe"):
			return
		room = ROOMS[kind].format(*args)
		if action == "unsubscribe":
			return await server.leave_room(client, room, namespace)
		sid = (await server.get_session(client, namespace))["sid"]
		names = dict(zip(("doctype", "docname"), args, strict=False))
		if kind == "task" or await ask(namespace[1:], sid, f"can_subscribe_{kind}", **names):
			await server.enter_room(client, room, namespace)

	async def connect(self, namespace: str, client: str, environ: dict[str, str]) -> None:
		host = environ.get("HTTP_HOST", "").split(":")[0]
		if urllib.parse.urlsplit(environ.get("HTTP_ORIGIN") or f"http://{host}").hostname != host:
			raise ConnectionRefusedError("invalid origin")
		sid = http.cookies.SimpleCookie(environ.get("HTTP_COOKIE", "")).get("sid")
		user = sid and await ask(namespace[1:], sid.value, "get_user_info")
		if not user:
			raise ConnectionRefusedError("no session")
		await server.save_session(client, {"sid": sid.value}, namespace)
		rooms = [f"user:{user['user']}", "website"]
		if user["user_type"] == "System User":
			rooms.append("all")
		for room in rooms:
			await server.enter_room(client, room, namespace)


async def forward() -> None:
	"""Carries Frappe's events on; connects again when Redis was restarted."""
	while True:
		try:
			channel = redis.asyncio.from_url(CONFIG["redis_queue"]).pubsub(ignore_subscribe_messages=True)
			await channel.subscribe("events")
			async for item in channel.listen():
				event = json.loads(item["data"])
				await server.emit(
					event["event"],
					event["message"],
					room=event.get("room"),
					namespace="/" + event["namespace"],
				)
		except redis.exceptions.ConnectionError:
			await asyncio.sleep(1)


async def start_forwarding(app: web.Application) -> None:
	app["forward"] = asyncio.create_task(forward())


server.register_namespace(Site("*"))
application = web.Application()
server.attach(application)
application.on_startup.append(start_forwarding)

if __name__ == "__main__":
	web.run_app(application, host="127.0.0.1", port=int(CONFIG["socketio_port"]), print=None)
