"""Processes of jobs: started in a session of their own with a private /opt/ml, measured, and killed whole.

A job's processes are known by three marks: the session that its first process leads; the variable
LOCAL_AWS_ROOM in their environment, which also finds a child that made a session of its own, and finds what
is left after the stand-in itself was killed; and, where namespaces are allowed, the /opt/ml that they see,
which is the room's also for a daemon that cleared its environment.

Memory is the resident memory of the whole group, read twice a second, because the obvious limits are wrong
here: RLIMIT_AS and RLIMIT_DATA count address space, of which Arrow, OpenMP and every thread reserve far more
than they use, and they hold per process, not per job; cgroups need a delegation that a laptop or a container
rarely has. The drawback: a job can outgrow its limit for half a second before it is killed.
"""

from __future__ import annotations

import logging
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Event
from typing import IO, Any

LOG = logging.getLogger(__name__)

MARK = "LOCAL_AWS_ROOM"
OPT_ML = "ml"  # the directory of a room that its processes see as /opt/ml
ROOM_DEPTH = 3  # rooms lie at most so deep: <endpoints>/<endpoint>/<deployment>/<variant>
NAMESPACE_PROGRAM = Path(__file__).with_name("namespace.py")
SAMPLE_SECONDS = 0.5  # between two looks at memory
REGULAR_SECONDS = 5.0  # between two calls of Limits.regularly, unless the job says otherwise
KILL_ROUNDS = 50  # a fork between listing and killing needs another round; a fork bomb needs several

_OPT_ML = re.compile(r"/opt/ml(?![\w.-])")


# --- starting ---------------------------------------------------------------------------------------


@cache
def namespace_mode() -> str:
    """How a private /opt/ml can be had here: "root", "user" or "none". Tried out once."""
    for mode in ("root", "user"):
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "probe").touch()
            look = "import os, sys; sys.exit(not os.path.exists('/opt/ml/probe'))"
            argv = _program(mode, Path(directory), [sys.executable, "-I", "-S", "-c", look])
            tried = subprocess.run(argv, check=False, capture_output=True)
        if tried.returncode == 0:
            return mode
    LOG.warning("mount namespaces are not allowed here: /opt/ml is translated in arguments and environment")
    return "none"


def translate(text: str, opt_ml: Path) -> str:
    """``text`` with /opt/ml replaced by the room's tree, where it stands for that path."""
    return _OPT_ML.sub(lambda _: str(opt_ml), text)


def _program(mode: str, opt_ml: Path, argv: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", str(NAMESPACE_PROGRAM), mode, str(opt_ml), "--", *argv]


def clean_environment(room: Path) -> dict[str, str]:
    """What every job's environment starts from; nothing of the stand-in's own leaks in.

    The first entry of PATH is the directory of this interpreter, so that "python3" is the job libraries'.
    What a job installs with pip goes into its room and leaves the environment that all jobs share alone.
    Two threads per numeric library: jobs share the machine with Airflow and with each other.
    """
    (room / "home").mkdir(exist_ok=True)
    (room / "tmp").mkdir(exist_ok=True)
    packages = str(room / "home" / "packages")
    interpreter = str(Path(sys.executable).parent)
    threads = str(min(2, os.cpu_count() or 1))
    return {
        "PATH": f"{interpreter}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(room / "home"),
        "TMPDIR": str(room / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PIP_TARGET": packages,
        "PYTHONPATH": packages,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_BASE_DIR": "/opt/ml",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }


def launch(
    argv: Sequence[str],
    *,
    room: Path,
    opt_ml: Path,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    pass_fds: Collection[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program as leader of a session of its own, with ``opt_ml`` as its /opt/ml.

    Args:
        room: marks the processes; ``kill_marked(room)`` finds them.
        env: the whole environment; start it from ``clean_environment(room)``.
        cwd: ``None`` is the job's home.

    Where namespaces are not allowed, /opt/ml is translated in ``argv`` and ``env``. A program that does not
    exist ends with status 127 and says so on stderr.
    """
    mode = namespace_mode()
    environment = {**env, MARK: str(room)}
    if mode == "none":
        argv = [translate(argument, opt_ml) for argument in argv]
        environment = {name: translate(value, opt_ml) for name, value in environment.items()}
    return subprocess.Popen(
        _program(mode, opt_ml, argv),
        env=environment,
        cwd=cwd or room / "home",
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
    )


# --- looking and killing ----------------------------------------------------------------------------


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _session(pid: int) -> int:
    """The session of a living process; 0 for one that is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    state, _parent, _group, session = text.rpartition(")")[2].split()[:4]
    return 0 if state in "ZX" else int(session)


def members(session: int) -> list[int]:
    """The living processes of a session."""
    return [pid for pid in _pids() if _session(pid) == session]


def marked(place: Path) -> list[int]:
    """The living processes that carry the mark of the room ``place``, or of a room below it."""
    mark = f"{MARK}={place}".encode()
    trees = set(_trees(place, ROOM_DEPTH))
    found = [pid for pid in _pids() if _names(pid, mark) or _opt_ml_of(pid) in trees]
    return [pid for pid in found if _session(pid)]


def _trees(place: Path, depth: int) -> Iterator[tuple[int, int]]:
    """Device and inode of what the rooms at and below a place have as /opt/ml; a room holds no other room.

    Rooms may be cleared while this looks.
    """
    with suppress(OSError):
        tree = (place / OPT_ML).stat()
        yield tree.st_dev, tree.st_ino
        return
    with suppress(OSError):
        for below in place.iterdir() if depth else ():
            yield from _trees(below, depth - 1)


def _names(pid: int, mark: bytes) -> bool:
    """Whether the process's environment carries the mark, or that of a room below it."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # another user's, or gone
        return False
    return any(variable == mark or variable.startswith(mark + b"/") for variable in variables)


def _opt_ml_of(pid: int) -> tuple[int, int] | None:
    """Which directory the process sees as /opt/ml: device and inode."""
    try:
        seen = os.stat(f"/proc/{pid}/root/opt/ml")  # noqa: PTH116 - for each process twice a second
    except OSError:  # another user's, or gone, or without one
        return None
    return seen.st_dev, seen.st_ino


def resident_bytes(pids: Collection[int], enough: int) -> int:
    """Resident memory of the processes together.

    Resident set sizes count a shared page once for every process. Only when their sum passes ``enough`` are
    the proportional sizes read, which are exact and a hundred times dearer.
    """
    page = os.sysconf("SC_PAGE_SIZE")
    total = sum(int(text.split()[1]) * page for text in _texts(pids, "statm"))
    if total <= enough:
        return total
    exact = [
        int(line.split()[1]) * 1024
        for text in _texts(pids, "smaps_rollup")
        for line in text.splitlines()
        if line.startswith("Pss:")
    ]
    return sum(exact) if exact else total


def _texts(pids: Collection[int], name: str) -> list[str]:
    texts = []
    for pid in pids:
        try:
            texts.append(Path(f"/proc/{pid}/{name}").read_text())
        except OSError:
            continue
    return texts


def _signal(pids: Sequence[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def kill_session(session: int) -> None:
    """Kill every process of a session, also those that are forked while this runs."""
    for _ in range(KILL_ROUNDS):
        alive = members(session)
        if not alive:
            return
        _signal(alive, signal.SIGKILL)
        time.sleep(0.01)
    LOG.error("processes of session %d do not die: %s", session, members(session))


def kill_marked(place: Path) -> int:
    """Kill what carries the mark of a room, or of one below ``place``, with their sessions; how many."""
    alive = marked(place)
    for session in {_session(pid) for pid in alive} - {0, os.getsid(0)}:
        kill_session(session)
    _signal(marked(place), signal.SIGKILL)
    return len(alive)


# --- watching ---------------------------------------------------------------------------------------


class StopSignal:
    """An event that poll() can wait for together with a process."""

    def __init__(self) -> None:
        self._event = Event()
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def set(self) -> None:
        """Wake the watcher."""
        self._event.set()
        os.eventfd_write(self.descriptor, 1)

    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Block until a stop is asked for; False after that time."""
        return self._event.wait(seconds)

    def close(self) -> None:
        """Give the descriptor back; nothing may set the signal any more."""
        os.close(self.descriptor)


@dataclass(frozen=True)
class Limits:
    """What a watched process may use, and what happens meanwhile."""

    memory_bytes: int
    seconds: float | None  # None: as long as it likes
    grace_seconds: float  # between SIGTERM and SIGKILL
    interrupt_seconds: float | None = None  # then the machine is taken away; None: never
    timed_out: Callable[[], Any] = lambda: None  # called once when the time is up, before SIGTERM
    regularly: Callable[[], Any] | None = None  # called again and again while it runs
    regular_seconds: float = REGULAR_SECONDS

    def deadline(self, began: float) -> float:
        """When its time is up, whichever comes first."""
        given = [seconds for seconds in (self.seconds, self.interrupt_seconds) if seconds is not None]
        return began + min(given, default=float("inf"))

    def passed(self, seconds: float) -> str:
        """Which of the two it was, after so long."""
        if self.seconds is not None and seconds >= self.seconds:
            self.timed_out()
            return "timed_out"
        return "interrupted"


@dataclass(frozen=True)
class Ended:
    """How a watched process ended."""

    code: int  # 128 + n after signal n
    cause: str | None  # "stopped", "timed_out", "interrupted", "out_of_memory"; None: by itself


def watch(process: subprocess.Popen[bytes], room: Path, limits: Limits, stop: StopSignal) -> Ended:
    """Wait for the end of a process of ``room``, ending it when it is stopped or passes a limit.

    When it returns, no process of the session or the room is left.
    """
    cause: str | None = None
    began = time.monotonic()
    kill_at = regular_at = sample_at = float("inf")
    if limits.regularly:
        regular_at = began + limits.regular_seconds
    sample_at = began + SAMPLE_SECONDS
    descriptor = os.pidfd_open(process.pid)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.register(stop.descriptor, select.POLLIN)
    try:
        while process.returncode is None:
            now = time.monotonic()
            deadline = limits.deadline(began) if cause is None else float("inf")
            wake = min(sample_at, regular_at, kill_at, deadline)
            poll.poll(max(0.0, wake - now) * 1000)
            if process.poll() is not None:
                break
            now = time.monotonic()
            if cause is None and stop.is_set():
                poll.unregister(stop.descriptor)
                cause = "stopped"
            elif cause is None and now >= deadline:
                cause = limits.passed(now - began)
            if cause and kill_at == float("inf"):
                _signal(members(process.pid), signal.SIGTERM)
                kill_at = now + limits.grace_seconds
            if now >= sample_at:
                sample_at = now + SAMPLE_SECONDS
                family = {*members(process.pid), *marked(room)}
                if resident_bytes(family, limits.memory_bytes) > limits.memory_bytes:
                    cause = cause or "out_of_memory"
                    kill_at = now
            if now >= kill_at:
                kill_session(process.pid)
                process.wait()
            if limits.regularly and now >= regular_at:
                regular_at = now + limits.regular_seconds
                limits.regularly()
    finally:
        os.close(descriptor)
        kill_session(process.pid)
        kill_marked(room)  # what made a session of its own, and would hold the log open
        status = process.wait()
    if cause is None and status == -signal.SIGKILL:
        cause = "out_of_memory"  # not by us: the kernel, as a container that ends with 137
    return Ended(status if status >= 0 else 128 - status, cause)
