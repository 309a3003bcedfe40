"""Workers: processes that live as long as an endpoint does and answer HTTP on a port of 127.0.0.1.

    start() ──> process runs, its socket is open ──> first GET /ping answered ──> ready
                     ▲                                                              │
                     └── it ends by itself, three pings fail, memory runs out ◄─────┘

The stand-in binds the worker's socket before the process exists, so a request that comes while a model loads
waits in the socket's queue instead of being refused; and the first ping is one blocking call instead of a
poll. The process holds the only open copy: when it dies, whoever waits is told at once.

A worker ends with the stand-in in two ways: its stdin is a pipe that only the stand-in holds open, and the
next start kills what carries the mark of its room.
"""

from __future__ import annotations

import logging
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from local_aws.jobs.logpump import LogPump
from local_aws.jobs.process import Limits, StopSignal, kill_session, launch, watch
from local_aws.state.logs import Logs, now_ms

LOG = logging.getLogger(__name__)

TOKEN_VARIABLE = "LOCAL_AWS_WORKER_TOKEN"  # noqa: S105 - the variable's name
TOKEN_HEADER = "X-Worker-Token"  # noqa: S105 - the header's name
PING_SECONDS = 5.0  # how long a ready worker may take to answer /ping
FAILED_PINGS = 3  # so many in a row and the worker is started again
GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL
LONGEST_PAUSE_SECONDS = 30.0  # between two starts of a worker that keeps dying


class State(Enum):
    """Where a worker is in its life."""

    STARTING = "its process runs or is about to; it has not answered /ping yet"
    READY = "it has answered /ping"
    FAILED = "it ended, or stayed silent, before it answered its first /ping; it is not started again"
    STOPPED = "it was stopped"


class WorkerFailed(Exception):
    """The worker did not come up; the message says what was seen."""


class WorkerLost(Exception):
    """The connection broke before the worker had answered."""


class WorkerTimeout(Exception):
    """The worker did not answer in time."""


class WorkerRetired(Exception):
    """The worker takes no further requests: another one has taken its place."""


@dataclass(frozen=True)
class WorkerPlan:
    """What a worker runs. ``argv`` is completed with the number of the listening socket."""

    name: str  # for the stand-in's own log, e.g. "loan-approval/AllTraffic"
    argv: list[str]  # ends with the option that takes the socket's file descriptor
    env: Mapping[str, str]  # the whole environment
    room: Path  # its directory; marks its processes
    opt_ml: Path  # what it sees as /opt/ml
    log_group: str
    log_stream: str
    memory_bytes: int
    start_seconds: float = 480  # until the first /ping is answered; AWS's default


@dataclass(frozen=True)
class Reply:
    """What a worker answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]  # lower-case names


@dataclass
class _Life:
    """One process of a worker, from launch to end."""

    process: subprocess.Popen[bytes]
    port: int
    ready: bool = False
    failed_pings: int = 0
    last_line: str = ""
    verdict: str = ""  # why the stand-in killed it

    def remember(self, line: str) -> str:
        """Keep the last line that says something: it is what explains an early end."""
        self.last_line = line.strip() or self.last_line
        return line


class Worker:
    """One supervised process.

    Args:
        plan: what it runs.
        logs: where its lines go.
        must_come_up: True gives up when it ends before it was ever ready (a deployment wants to know);
            False keeps trying (an endpoint that was in service before the stand-in's restart).
    """

    def __init__(self, plan: WorkerPlan, logs: Logs, *, must_come_up: bool = True) -> None:
        self.plan = plan
        self._logs = logs
        self._must_come_up = must_come_up
        self._token = secrets.token_urlsafe(16)
        self._changed = threading.Condition()
        self._state = State.STARTING
        self._failure = ""
        self._life: _Life | None = None
        self._in_flight = 0
        self._draining = False
        self._stop = StopSignal()
        self._woken = threading.Event()  # ends the pause between two starts
        self._supervisor = threading.Thread(target=self._supervise, name=f"worker {plan.name}", daemon=True)

    @property
    def state(self) -> State:
        """Where the worker is in its life."""
        return self._state

    @property
    def pid(self) -> int | None:
        """The process that answers now."""
        life = self._life
        return life.process.pid if life else None

    def start(self) -> None:
        """Start the process and its supervision. Answers at once."""
        self._supervisor.start()

    def wait_ready(self) -> None:
        """Block until the worker answered /ping. Raises WorkerFailed."""
        with self._changed:
            self._changed.wait_for(lambda: self._state is not State.STARTING)
        if self._state is not State.READY:
            raise WorkerFailed(self._failure or "it was stopped while it started")

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float,
    ) -> Reply:
        """Send one request. A worker that is being started again is waited for.

        Raises WorkerTimeout after ``timeout`` seconds, WorkerLost when the process dies meanwhile,
        WorkerRetired when stop() was called before.
        """
        deadline = time.monotonic() + timeout
        with self._flight():
            connection = self._connect(deadline)
            try:
                connection.request(method, path, body, {**(headers or {}), TOKEN_HEADER: self._token})
                response = connection.getresponse()
                answer = response.read()
            except TimeoutError:
                raise WorkerTimeout(self.plan.name) from None
            except (OSError, HTTPException) as error:
                raise WorkerLost(f"{self.plan.name}: {error}") from error
            finally:
                connection.close()
        return Reply(response.status, answer, {k.lower(): v for k, v in response.getheaders()})

    def stop(self, drain_seconds: float = 0) -> None:
        """Take no more requests, end the process after those that run, and wait for its end.

        Requests that still run after ``drain_seconds`` are cut off.
        """
        with self._changed:
            first = not self._draining
            self._draining = True
            self._changed.wait_for(lambda: self._in_flight == 0, drain_seconds)
        if first:
            self._stop.set()
            self._woken.set()
        if self._supervisor.ident is not None:
            self._supervisor.join()
        if first:
            self._stop.close()

    # Requests

    @contextmanager
    def _flight(self) -> Iterator[None]:
        with self._changed:
            if self._draining:
                raise WorkerRetired(self.plan.name)
            self._in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()

    def _connect(self, deadline: float) -> HTTPConnection:
        """A connection to the process of now, or to the next one when that has just died."""
        refused: _Life | None = None
        while True:
            life = self._next_life(refused, deadline)
            left = max(0.001, deadline - time.monotonic())
            connection = HTTPConnection("127.0.0.1", life.port, timeout=left)
            try:
                connection.connect()
            except TimeoutError:
                raise WorkerTimeout(self.plan.name) from None
            except OSError:
                refused = life
            else:
                return connection

    def _next_life(self, refused: _Life | None, deadline: float) -> _Life:
        """The process that runs, if it is another one than ``refused``; waits for it."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._gone() or self._life not in (None, refused), deadline - time.monotonic()
            )
            if self._life is not None and self._life is not refused:
                return self._life
        if self._gone():
            raise WorkerLost(f"{self.plan.name} is not running")
        raise WorkerTimeout(self.plan.name)

    def _gone(self) -> bool:
        return self._state in (State.FAILED, State.STOPPED)

    # Supervision, in the worker's own thread

    def _supervise(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                ending = self._live_once()
            except OSError as error:  # no more processes, no more descriptors
                LOG.exception("worker %s cannot be started", self.plan.name)
                ending = str(error)
            if self._stop.is_set():
                break
            if self._must_come_up and self._state is State.STARTING:
                self._move(State.FAILED, ending)
                self._write([f"[stand-in] {ending}"])
                return
            # A worker that lived for a while starts again at once, one that keeps dying ever more slowly.
            lasted = time.monotonic() - began > LONGEST_PAUSE_SECONDS
            pause = 0.0 if lasted else min(LONGEST_PAUSE_SECONDS, pause * 2 or 0.5)
            self._write([f"[stand-in] {ending}; starting it again"])
            LOG.warning("worker %s: %s; starting it again", self.plan.name, ending)
            self._woken.wait(pause)
        self._move(State.STOPPED)

    def _live_once(self) -> str:
        """Run the process once; answers how it ended, as a sentence."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(128)
            port = listening.getsockname()[1]
            process = launch(
                [*self.plan.argv, str(listening.fileno())],
                room=self.plan.room,
                opt_ml=self.plan.opt_ml,
                env={**self.plan.env, TOKEN_VARIABLE: self._token},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[listening.fileno()],
            )
        life = _Life(process, port)
        assert process.stdout is not None  # noqa: S101 - it was asked for
        pump = LogPump(
            self._logs, self.plan.log_group, self.plan.log_stream, process.stdout, rewrite=life.remember
        )
        pump.start()
        with self._changed:
            self._life = life
            self._changed.notify_all()
        threading.Thread(target=self._first_ping, args=(life,), daemon=True).start()
        limits = Limits(
            self.plan.memory_bytes, None, GRACE_SECONDS, regularly=lambda: self._ping_regularly(life)
        )
        ended = watch(process, self.plan.room, limits, self._stop)
        with self._changed:
            self._life = None
            self._changed.notify_all()
        if process.stdin:
            process.stdin.close()
        pump.join()
        if life.verdict:
            return life.verdict
        if ended.cause == "out_of_memory":
            return "the worker was killed: it outgrew its memory, or someone else killed it"
        said = f'; its last line was "{life.last_line}"' if life.last_line else ""
        return f"the worker ended with exit status {ended.code}{said}"

    def _first_ping(self, life: _Life) -> None:
        try:
            reply = self._ping(life, self.plan.start_seconds)
        except TimeoutError:
            self._kill(life, f"the worker did not answer /ping in {self.plan.start_seconds:g} s")
            return
        except (OSError, HTTPException):
            return  # it died; the supervisor has seen that
        if reply == 200:
            life.ready = True
            self._move(State.READY)
        else:
            self._kill(life, f"the worker answered /ping with {reply}")

    def _ping_regularly(self, life: _Life) -> None:
        """Kill a ready worker that stopped answering. One that is at work has another limit."""
        if not life.ready or self._in_flight:
            return
        try:
            healthy = self._ping(life, PING_SECONDS) == 200
        except (OSError, HTTPException):
            healthy = False
        life.failed_pings = 0 if healthy else life.failed_pings + 1
        if life.failed_pings >= FAILED_PINGS:
            self._kill(life, f"the worker did not answer {FAILED_PINGS} pings in a row")

    @staticmethod
    def _kill(life: _Life, why: str) -> None:
        life.verdict = why
        kill_session(life.process.pid)

    def _ping(self, life: _Life, timeout: float) -> int:
        connection = HTTPConnection("127.0.0.1", life.port, timeout=timeout)
        try:
            connection.request("GET", "/ping", headers={TOKEN_HEADER: self._token})
            return connection.getresponse().status
        finally:
            connection.close()

    def _move(self, state: State, failure: str = "") -> None:
        with self._changed:
            if self._gone():  # a ping that was answered just before the end changes nothing
                return
            self._state = state
            self._failure = failure
            self._changed.notify_all()

    def _write(self, lines: list[str]) -> None:
        now = now_ms()
        self._logs.put(self.plan.log_group, self.plan.log_stream, [(now, line) for line in lines])
