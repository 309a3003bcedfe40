"""The HTTP server: waitress, taught what S3 needs, and which thread answers what (``lanes``).

Header names with an underscore (``x-amz-meta-my_key``), which it drops because WSGI cannot tell them from
dashes; large bodies spooled beside the data instead of in ``/tmp``, which often is memory; an empty body
that is announced with ``Expect: 100-continue``, which it would wait for.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from waitress.buffers import OverflowableBuffer, TempfileBasedBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import WSGITask

from local_aws.wire.lanes import Lanes
from local_aws.wire.request import KEPT_UNDERSCORE

_LARGEST_BODY = 5 * 1024**3 + 1  # bytes; S3's limit for one PUT
_ONE_PIECE = 1 << 16  # bytes of a body that are sent together with its head
_KEPT_PREFIX = b"x-amz-meta-"
_METADATA_HEADER = re.compile(rb"\r\nX-Amz-Meta-[^:\r]*:")


def listen(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 takes a free one. Raises OSError when the port is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def server(application: Any, bound: socket.socket, spool: Path, *, threads: int = 32) -> Any:
    """A waitress server that listens on the socket; ``run()`` serves until SystemExit.

    Args:
        application: WSGI.
        bound: from ``listen``.
        spool: a directory for bodies above half a megabyte while they are received.
        threads: calls handled at once; an InvokeEndpoint holds one as long as the model computes.
    """
    spool.mkdir(parents=True, exist_ok=True)
    lanes = Lanes(threads)
    made = create_server(
        application,
        sockets=[bound],
        _dispatcher=lanes,
        ident="local-aws",
        connection_limit=1000,
        recv_bytes=1 << 18,
        max_request_body_size=_LARGEST_BODY,
        asyncore_use_poll=True,
        log_socket_errors=False,
    )
    made.channel_class = _channel_class(spool)
    accepts, wake = made.readable, made.pull_trigger

    def readable() -> bool:
        # waitress asks before it looks at the sockets again, and asks the server before the channels, as it
        # was added before them: so a channel that is answered here is listened to in the same round.
        lanes.serve_at_once()
        return bool(accepts())

    def pull_trigger() -> None:
        if not lanes.is_at_once():  # then the thread that is to be woken is awake, and looks at them next
            wake()

    made.readable, made.pull_trigger = readable, pull_trigger
    return made


class _Task(WSGITask):  # type: ignore[misc]
    """Keeps the connection open after an answer without a body, and the case of metadata's names.

    A small answer leaves in one piece: waitress sends the head first, which wakes the client for nothing.
    """

    wrote_header: bool

    def write(self, data: bytes) -> None:
        is_whole = self.complete and self.has_body and len(data) == self.content_length
        if self.wrote_header or not is_whole or not 0 < len(data) <= _ONE_PIECE:
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header, self.content_bytes_written = True, len(data)
        self.channel.write_soon(head + data)

    def build_response_header(self) -> bytes:
        head: bytes = super().build_response_header()
        return _METADATA_HEADER.sub(lambda found: found[0].lower(), head)

    def set_close_on_finish(self) -> None:
        has_no_body = self.request.command == "HEAD" or not self.has_body
        wants_close = self.request.headers.get("CONNECTION", "").lower() == "close"
        if not has_no_body or wants_close or self.version != "1.1":
            super().set_close_on_finish()


def _channel_class(spool: Path) -> type:
    class SpoolFile(TempfileBasedBuffer):  # type: ignore[misc]
        def newfile(self) -> BinaryIO:
            return TemporaryFile("w+b", dir=spool)

    class SpoolBuffer(OverflowableBuffer):  # type: ignore[misc]
        buf: Any

        def _set_large_buffer(self) -> None:
            self.buf = SpoolFile(self.buf)
            self.overflowed = True

    class Parser(HTTPRequestParser):  # type: ignore[misc]
        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            for line in header_plus.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if b"_" in name and name.lower().startswith(_KEPT_PREFIX):
                    kept = name.decode("latin-1").upper().replace("_", KEPT_UNDERSCORE).replace("-", "_")
                    self.headers[kept] = value.decode("latin-1").strip(" \t")
            if self.body_rcv is None:
                # waitress would say "100 Continue" and then wait for ever for a body that does not come
                self.expect_continue = False
            else:
                self.body_rcv.buf = SpoolBuffer(self.adj.inbuf_overflow)

    class Channel(HTTPChannel):  # type: ignore[misc]
        parser_class = Parser
        task_class = _Task

    return Channel
