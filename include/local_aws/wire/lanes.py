"""Which thread answers a call.

    at once          GetRecord                      the thread that reads the sockets; nothing is handed over
    in turn          PutRecord, BatchWriteRecord    one thread, one call after the other
    beside others    all else                       one of many threads

Handing a small call to another thread costs more than answering it: Python runs one thread at a time, and
each waits for its turn. Calls that write records would fight for the database besides; in turn, those that
came meanwhile do their work before the first of them commits, and share its commit (``meanwhile``).
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from typing import Any

from waitress.task import ThreadedTaskDispatcher

_DEEPEST = 24  # calls that share a commit: each stands on the one before on the thread's stack
_SECONDS = 5.0  # for the call that is being answered when the server stops

log = logging.getLogger("local_aws")


class Lanes(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Takes channels whose next request is whole, and has them answered.

    Args:
        threads: those that answer beside each other.
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.set_thread_count(threads)
        self._at_once: deque[Any] = deque()
        self._serves_at_once: int | None = None  # the thread that does so now
        self._turn = _Turn()

    def add_task(self, task: Any) -> None:
        """Called with the channel's lock held: so nothing is answered in here."""
        match lane_of(task.requests[0]) if _is_alone(task) else "beside others":
            case "at once":
                self._at_once.append(task)
            case "in turn":
                self._turn.add(task)
            case _:
                super().add_task(task)

    def serve_at_once(self) -> None:
        """Answer what is to be answered at once; called by the thread that reads the sockets."""
        self._serves_at_once = threading.get_ident()
        while self._at_once:
            _serve(self._at_once.popleft())
        self._serves_at_once = None

    def is_at_once(self) -> bool:
        """Whether it is asked in the course of ``serve_at_once``."""
        return self._serves_at_once == threading.get_ident()

    def shutdown(self, cancel_pending: bool = True, timeout: float = _SECONDS) -> bool:
        """Let each thread end the call that it is at."""
        self._turn.close()
        ended: bool = super().shutdown(cancel_pending, timeout)
        return ended


def lane_of(request: Any) -> str:
    """The lane of a parsed request; the path alone says it, whoever signed."""
    if request.error is not None:
        return "beside others"
    if request.path.startswith("/FeatureGroup/"):
        return {"GET": "at once", "PUT": "in turn"}.get(request.command, "beside others")
    if request.path == "/BatchWriteRecord":
        return "in turn"
    return "beside others"


def _is_alone(channel: Any) -> bool:
    """Whether the channel has nothing but this one request: no answer that its client does not fetch.

    For that its thread would wait, and no thread that all calls need may wait for one client.
    """
    return len(channel.requests) == 1 and not channel.total_outbufs_len


def meanwhile() -> bool:
    """Do the work of another call that waits for this thread; False when there is none, or no turn here.

    For a call that is about to commit: what the other one writes can be in the same commit.
    """
    turn: _Turn | None = getattr(_here, "turn", None)
    return turn is not None and turn.serve_another()


_here = threading.local()


class _Turn:
    """One thread that answers one channel after the other."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._depth = 0
        self._thread = threading.Thread(target=self._run, name="in turn", daemon=True)
        self._thread.start()

    def add(self, channel: Any) -> None:
        self._waiting.put(channel)

    def serve_another(self) -> bool:
        if self._depth >= _DEEPEST:
            return False
        try:
            channel = self._waiting.get_nowait()
        except queue.Empty:
            return False
        if channel is None:  # the end, which the loop below is to see
            self._waiting.put(None)
            return False
        self._serve(channel)
        return True

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join(_SECONDS)

    def _run(self) -> None:
        _here.turn = self
        while (channel := self._waiting.get()) is not None:
            self._serve(channel)

    def _serve(self, channel: Any) -> None:
        self._depth += 1
        try:
            _serve(channel)
        except BaseException:
            log.exception("%r could not be answered", channel)  # and the thread goes on: all writers need it
        finally:
            self._depth -= 1


def _serve(channel: Any) -> None:
    try:
        channel.service()
    except Exception:
        log.exception("%r could not be answered", channel)
