"""`python -m inbox_hub_simulator --port 8084`"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys

import uvicorn

from .app import create_app
from .faults import describe_faults
from .options import add_arguments, from_arguments
from .transport import RememberingProtocol


class Server(uvicorn.Server):
	"""uvicorn; it says where it listens, in one line, and can end with the process that holds its standard input."""

	ends_with_input = False

	async def startup(self, sockets: list[socket.socket] | None = None) -> None:
		await super().startup(sockets)
		if self.ends_with_input:
			asyncio.get_running_loop().add_reader(sys.stdin, self._input_ended)
		if self.started:
			port = self.servers[0].sockets[0].getsockname()[1]
			print(f"Inbox Hub simulator: http://{self.config.host}:{port}", flush=True)

	def _input_ended(self) -> None:
		if not os.read(sys.stdin.fileno(), 1024):
			asyncio.get_running_loop().remove_reader(sys.stdin)
			self.should_exit = True


def main(arguments: list[str] | None = None) -> int:
	"""Serve until interrupted. Returns the exit status."""
	parser = argparse.ArgumentParser(prog="inbox_hub_simulator", description="A stand-in Inbox Hub")
	parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
	parser.add_argument("--port", type=int, default=8084, help="port, 0 for any free one (default 8084)")
	parser.add_argument("--log-level", default="warning", help="of uvicorn (default warning)")
	parser.add_argument("--end-with-input", action="store_true", help="end when the standard input is closed")
	parser.add_argument("--list-faults", action="store_true", help="list the faults with their parameters")
	add_arguments(parser)
	parsed = parser.parse_args(arguments)
	if parsed.list_faults:
		print(describe_faults())
		return 0
	try:
		app = create_app(from_arguments(parsed))
	except ValueError as error:
		parser.error(str(error))
	config = uvicorn.Config(
		app,
		host=parsed.host,
		port=parsed.port,
		log_level=parsed.log_level,
		http=RememberingProtocol,
		ws="none",
		access_log=False,
		timeout_keep_alive=75,  # as nginx does: an idle connection is not to break under a paced client
		timeout_graceful_shutdown=1,
	)
	server = Server(config)
	server.ends_with_input = parsed.end_with_input
	asyncio.run(server.serve())
	return 0 if server.started else 1


if __name__ == "__main__":
	sys.exit(main())
