"""A job's output on its way to CloudWatch Logs, while the job runs."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable
from threading import Thread
from typing import IO

from local_aws.state.logs import Logs, now_ms

LOG = logging.getLogger(__name__)

CHUNK_BYTES = 65536  # the size of a pipe
LINE_CHARACTERS = 256 * 1024  # CloudWatch's limit of one event


class LogPump(Thread):
    """Reads a pipe to its end and puts every line into a log stream as soon as it is there.

    Each read takes what has come since the last one, so that a job that prints fast costs few writes and a
    job that prints slowly is seen at once. The stream exists from the start, also for a silent job.
    """

    def __init__(
        self, logs: Logs, group: str, stream: str, pipe: IO[bytes], rewrite: Callable[[str], str] = str
    ) -> None:
        super().__init__(name=f"log {stream}", daemon=True)
        self._logs = logs
        self._group = group
        self._stream = stream
        self._pipe = pipe
        self._rewrite = rewrite
        self.put([])

    def put(self, lines: Iterable[str]) -> None:
        """Append lines; a log that cannot be written must not stop the job."""
        now = now_ms()
        try:
            self._logs.put(self._group, self._stream, [(now, line) for line in lines])
        except sqlite3.Error:
            LOG.exception("lines of %s %s are lost", self._group, self._stream)

    def run(self) -> None:
        """Until the last process that holds the pipe has gone."""
        rest = b""
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                while len(rest) > LINE_CHARACTERS:
                    lines.append(rest[:LINE_CHARACTERS])
                    rest = rest[LINE_CHARACTERS:]
                self.put(self._events(lines))
        if rest:
            self.put(self._events([rest]))

    def _events(self, lines: list[bytes]) -> list[str]:
        texts = (self._rewrite(line.decode("utf-8", "replace").rstrip("\r")) for line in lines)
        return [
            text[at : at + LINE_CHARACTERS]
            for text in texts
            for at in range(0, len(text) or 1, LINE_CHARACTERS)
        ]
