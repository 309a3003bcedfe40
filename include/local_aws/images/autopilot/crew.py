"""Candidates at work: each in a process of its own, two at a time, ended when a budget is used up.

A process, because native code cannot be interrupted in any other way; forked, because the data and the
libraries are there already. That is safe as long as this process computes with one thread and starts none: an
OpenMP team does not survive a fork. SIGTERM ends the candidates at once and lets this process finish with
those that are done.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.context import ForkProcess
from pathlib import Path

from local_aws.images.autopilot.problems import Unusable

WORKERS = min(2, os.cpu_count() or 1)
PROBLEM = "problem.txt"  # in a task's directory: why it failed

DONE, FAILED, OVERRAN, ENDED = "done", "failed", "overran", "ended"


@dataclass
class Task:
    """One piece of work: a function, and the directory in which it may leave things."""

    name: str
    action: Callable[[], None]
    directory: Path
    seconds: float | None = None  # None: no limit of its own
    began: float = 0.0  # seconds since 1970
    ended: float = 0.0
    outcome: str = ""  # DONE, FAILED, OVERRAN its own limit, ENDED by Stop or the job's deadline

    @property
    def problem(self) -> str:
        """Why it failed."""
        path = self.directory / PROBLEM
        return path.read_text(errors="replace") if path.is_file() else "its process was killed"


class Crew:
    """Runs tasks until they are done, the deadline has come or the job is stopped.

    Args:
        deadline: seconds since 1970; None: there is none.
    """

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        self.stopped = False
        self._wake = -1
        self._running: dict[ForkProcess, Task] = {}

    @property
    def over(self) -> bool:
        """Nothing more may be started: stopped, or the budget is used up."""
        return self.stopped or (self.deadline is not None and time.time() >= self.deadline)

    @contextmanager
    def on_duty(self) -> Iterator[None]:
        """Take SIGTERM for a Stop."""
        reads, writes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake = reads

        def stop(_number: int, _frame: object) -> None:
            self.stopped = True

        before = signal.signal(signal.SIGTERM, stop)
        waked = signal.set_wakeup_fd(writes)
        try:
            yield
        finally:
            signal.set_wakeup_fd(waked)
            signal.signal(signal.SIGTERM, before)
            os.close(reads)
            os.close(writes)

    def run(self, following: Callable[[], Task | None], finished: Callable[[Task], None]) -> None:
        """Run what ``following`` gives until it gives None; ``finished`` is told of every task's end.

        ``following`` is asked whenever a worker is free, so it can learn from what has finished.
        """
        more = True
        while True:
            while more and not self.over and len(self._running) < WORKERS:
                task = following()
                if task is None:
                    more = False
                else:
                    self._start(task)
            if not self._running:
                return
            for task in self._wait():
                finished(task)
                more = True

    def _start(self, task: Task) -> None:
        task.directory.mkdir(parents=True, exist_ok=True)
        task.began = time.time()
        process = get_context("fork").Process(target=_work, args=(task,), name=task.name)
        process.start()
        self._running[process] = task

    def _wait(self) -> list[Task]:
        """The tasks that have ended, at least one unless a Stop arrived."""
        limits = [task.began + task.seconds for task in self._running.values() if task.seconds is not None]
        if self.deadline is not None:
            limits.append(self.deadline)
        patience = max(0.0, min(limits) - time.time()) if limits else None
        if not self.stopped:
            connection.wait([self._wake, *(process.sentinel for process in self._running)], patience)
        now, ended = time.time(), []
        for process, task in list(self._running.items()):
            if not process.is_alive():
                process.join()
                task.outcome = DONE if process.exitcode == 0 else ENDED if self.stopped else FAILED
            elif self.over:
                task.outcome = ENDED
            elif task.seconds is not None and now >= task.began + task.seconds:
                task.outcome = OVERRAN
            else:
                continue
            if process.is_alive():
                process.kill()
                process.join()
            del self._running[process]
            task.ended = time.time()
            ended.append(task)
        return ended


def _work(task: Task) -> None:
    """A task in its own process."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        task.action()
    except Exception as error:
        traceback.print_exc()
        whose = "ClientError" if isinstance(error, Unusable) else "AlgorithmError"
        (task.directory / PROBLEM).write_text(f"{whose}: {error or type(error).__name__}")
        raise SystemExit(1) from error
