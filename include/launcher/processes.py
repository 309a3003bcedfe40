"""Child processes of the launcher: started as session leaders, watched, and stopped with all their
descendants.

Airflow's workers and tasks leave their parent's process group but not its session, so a session is what is
stopped. What runs is written to a file, by which another command (`make down`), or the next one after a
crash, finds it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

from launcher.problem import Problem

GRACE_SECONDS = 8.0
STEADY_SECONDS = 10.0  # who dies sooner than that would die again
T = TypeVar("T")


@dataclass(frozen=True)
class Recorded:
    """A process as another program can recognise it: a process id may be used again, its start time tells."""

    name: str
    pid: int
    started: int  # clock ticks after boot

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        status = _status(self.pid)
        return status is not None and status.started == self.started and status.state != "Z"


@dataclass(frozen=True)
class _Status:
    state: str
    session: int
    started: int


@dataclass
class Child:
    """One running child and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    again: Callable[[], subprocess.Popen[bytes]]  # starts it once more
    restarts: int  # so often it may still die
    since: float = field(default_factory=time.monotonic)


class Processes:
    """The children of one launcher."""

    def __init__(self, record: Path, logs: Path) -> None:
        self._record = record
        self._logs = logs
        self._children: list[Child] = []

    def start(
        self,
        name: str,
        command: list[str],
        environment: Mapping[str, str],
        cwd: Path,
        *,
        restarts: int = 0,
    ) -> Child:
        """Start a child with its output in `<logs>/<name>.log`, and remember it on disk.

        :param restarts: so often it is started again when it dies after it ran for a while
        """
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name}.log"
        log.unlink(missing_ok=True)

        def begin() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                return subprocess.Popen(
                    command,
                    env=dict(environment),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

        with interrupts_postponed():
            child = Child(name, begin(), log, begin, restarts)
            self._children.append(child)
            self._write_record()
        return child

    def check(self) -> None:
        """Start a child again that has died and may; raise for another.

        :raises Problem: names the child, its log and its last lines
        """
        for child in self._children:
            code = child.process.poll()
            if code is None:
                continue
            told = f"{child.name} has stopped by itself ({_how(code)})"
            if not child.restarts or time.monotonic() - child.since < STEADY_SECONDS:
                raise Problem(f"{told}. Its log is {child.log}; it ends with:\n{last_lines(child.log)}")
            stop_sessions([child.process.pid], grace=0)  # what it left would not be found by `make down`
            with interrupts_postponed():
                child.process, child.since = child.again(), time.monotonic()
                child.restarts -= 1
                self._write_record()
            sys.stderr.write(f"{told}, and was started again. Its log is {child.log}.\n")

    def wait_until(
        self, ready: Callable[[], T | None], seconds: float, what: str, *, interval: float = 0.2
    ) -> T:
        """Ask `ready` again and again until it answers something, while all children live.

        :param interval: seconds between two questions
        :raises Problem: a child died, or the time is over
        """
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            answer = ready()
            if answer is not None:
                return answer
            if time.monotonic() > deadline:
                raise Problem(
                    f"Gave up waiting for {what} after {seconds:.0f} s; the logs are in {self._logs}."
                )
            time.sleep(interval)

    def stop(self, name: str | None = None, *, kill: bool = False) -> None:
        """Stop one child or all, the last started first. `kill` is SIGKILL at once, as a crash would be."""
        chosen = [child for child in reversed(self._children) if name in (None, child.name)]
        stop_sessions([child.process.pid for child in chosen], grace=0 if kill else GRACE_SECONDS)
        for child in chosen:
            child.process.wait()
            self._children.remove(child)
        self._write_record()

    def recorded(self) -> list[Recorded]:
        """The children, recognisable by others."""
        return [_record_of(child) for child in self._children if child.process.poll() is None]

    def let_go(self) -> None:
        """Forget the children: they go on without this launcher."""
        self._children.clear()

    def _write_record(self) -> None:
        if not self._children:
            self._record.unlink(missing_ok=True)
            return
        self._record.parent.mkdir(parents=True, exist_ok=True)
        body = {"launcher": asdict(_itself()), "children": [asdict(child) for child in self.recorded()]}
        temporary = self._record.with_suffix(".tmp")
        temporary.write_text(json.dumps(body, indent=1))
        temporary.replace(self._record)


@contextmanager
def interrupts_postponed() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of the block: a child that was started but is not noted yet
    would live on. (To block the signals would not do: the child would inherit that.)"""
    arrived: list[int] = []
    previous = {
        number: signal.signal(number, lambda number, _frame: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def recorded(record: Path) -> tuple[Recorded | None, list[Recorded]]:
    """What the record says and is still true: the launcher if it lives, and the children that live."""
    try:
        body = json.loads(record.read_text())
        launcher = Recorded(**body["launcher"])
        children = [Recorded(**child) for child in body["children"]]
    except (FileNotFoundError, json.JSONDecodeError):
        return None, []
    return launcher if launcher.alive else None, [child for child in children if child.alive]


def stop_recorded(record: Path) -> bool:
    """Stop whatever the record names and still lives.

    :return: whether there was anything
    """
    launcher, children = recorded(record)
    if launcher and launcher.pid != os.getpid():
        os.kill(launcher.pid, signal.SIGTERM)  # it stops its own children
        deadline = time.monotonic() + 3 * GRACE_SECONDS
        while launcher.alive and time.monotonic() < deadline:
            time.sleep(0.1)
    stop_sessions([child.pid for child in reversed(children)], grace=GRACE_SECONDS)
    record.unlink(missing_ok=True)
    return bool(children)


def stop_sessions(leaders: Iterable[int], *, grace: float) -> None:
    """Ask the leaders to stop, give them time, then kill everything left in their sessions."""
    sessions = set(leaders)
    if grace:
        for pid in sessions:
            _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(_running(pid) for pid in sessions):
            time.sleep(0.05)
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := members(sessions)) and time.monotonic() < deadline:
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)


def members(sessions: set[int]) -> list[int]:
    """The process ids of all that belong to these sessions and run."""
    everybody = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    statuses = ((pid, _status(pid)) for pid in everybody)
    return [pid for pid, status in statuses if status and status.session in sessions and status.state != "Z"]


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, indented."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (it is empty)"


def _running(pid: int) -> bool:
    status = _status(pid)
    return status is not None and status.state != "Z"


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it went by itself, which is what was wanted


def _status(pid: int) -> _Status | None:
    """Read /proc/<pid>/stat; None when there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return _Status(state=fields[0], session=int(fields[3]), started=int(fields[19]))


def _record_of(child: Child) -> Recorded:
    status = _status(child.process.pid)
    return Recorded(child.name, child.process.pid, status.started if status else 0)


def _itself() -> Recorded:
    status = _status(os.getpid())
    return Recorded("launcher", os.getpid(), status.started if status else 0)


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
