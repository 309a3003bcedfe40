"""A toll gate before the stand-in, which lets calls through as they are, or does to them what AWS may do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.stand_in import StandIn

HELD = "held"  # heard, and not answered until all is over
LOST = "lost"  # heard, and never answered
Way = Callable[[int], str | None]


class Gate(ThreadingHTTPServer):
    """Passes calls on to the stand-in; ``way`` says what else becomes of the nth."""

    daemon_threads = True

    def __init__(self, aws: StandIn, way: Way) -> None:
        self.host = urlsplit(aws.endpoint_url).netloc
        self.way = way
        self.calls = 0
        self.tolled = 0  # calls that were not simply passed on
        self.lock = threading.Lock()
        self.held = 0  # calls that have been heard and wait for their answer
        self.over = threading.Event()  # none of those will get one
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where a client finds it."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def gate_before(aws: StandIn, way: Way) -> Iterator[Gate]:
    """An open gate."""
    gate = Gate(aws, way)
    thread = threading.Thread(target=gate.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield gate
    finally:
        gate.over.set()
        gate.shutdown()
        thread.join()
        gate.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Gate
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.calls += 1
            way = self.server.way(self.server.calls)
            self.server.tolled += way is not None
        if way == "ThrottlingException":
            self.answer(400, b'{"message":"Rate exceeded"}', way)
            return
        if way == "ServiceUnavailable":
            self.answer(503, b"", way)
            return
        connection = http.client.HTTPConnection(self.server.host)
        connection.request("POST", self.path, body, dict(self.headers))  # with its Host, which is signed
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if way == HELD:
            with self.server.lock:
                self.server.held += 1
            self.server.over.wait()
        if way in (HELD, LOST):
            self.close_connection = True
            return
        self.answer(answer.status, said, answer.headers.get("x-amzn-ErrorType", ""))

    def answer(self, status: int, body: bytes, code: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if code:
            self.send_header("x-amzn-ErrorType", code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""
