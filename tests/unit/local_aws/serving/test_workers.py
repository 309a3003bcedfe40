"""Workers: real processes of a few lines, started, killed, hung and stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_aws.jobs.process import clean_environment, marked
from local_aws.jobs.workers import (
    State,
    Worker,
    WorkerFailed,
    WorkerLost,
    WorkerPlan,
    WorkerRetired,
    WorkerTimeout,
)
from local_aws.state.logs import Logs
from local_aws.state.records import Database

# A server of the standard library on the socket that it is handed. GET /ping -> 200; POST <path> -> eval.
SERVER = """
import os, socket, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(int(os.environ.get("PING", "200")), b"")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, str(eval(body)).encode())
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

exec(os.environ.get("BEFORE", ""))
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=int(sys.argv[1]))
print("serving", flush=True)
server.serve_forever()
"""

Start = Callable[..., Worker]


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(Database(tmp_path / "state.db"))


@pytest.fixture
def start(tmp_path: Path, logs: Logs) -> Iterator[Start]:
    """Start a worker with more environment; all are stopped in the end."""
    workers: list[Worker] = []

    def started(*, must_come_up: bool = True, start_seconds: float = 60, **env: str) -> Worker:
        room = tmp_path / f"room-{len(workers)}"
        (room / "ml").mkdir(parents=True)
        plan = WorkerPlan(
            name="test",
            argv=["python3", "-c", SERVER],
            env={**clean_environment(room), **env},
            room=room,
            opt_ml=room / "ml",
            log_group="group",
            log_stream="stream",
            memory_bytes=200 * 2**20,
            start_seconds=start_seconds,
        )
        worker = Worker(plan, logs, must_come_up=must_come_up)
        workers.append(worker)
        worker.start()
        return worker

    yield started
    for worker in workers:
        worker.stop()
        assert marked(worker.plan.room) == []


def ask(worker: Worker, expression: str, timeout: float = 20) -> str:
    return worker.call("POST", "/invocations", expression.encode(), timeout=timeout).body.decode()


def lines(logs: Logs) -> list[str]:
    return [event.message for event in logs.events("group", "stream")]


def next_process(worker: Worker, before: int) -> None:
    """Wait until another process than ``before`` answers."""
    while int(ask_again(worker, "os.getpid()")) == before:
        pass


def ask_again(worker: Worker, expression: str) -> str:
    """Ask until the worker is not in the middle of dying."""
    while True:
        try:
            return ask(worker, expression)
        except WorkerLost:
            continue


def test_life(start: Start, logs: Logs) -> None:
    """It starts, answers, logs and stops."""
    worker = start()
    worker.wait_ready()
    assert ask(worker, "6 * 7") == "42"
    worker.stop()
    assert worker.state is State.STOPPED
    assert lines(logs) == ["serving"]


def test_requests_wait_for_a_worker_that_starts(start: Start) -> None:
    """Nobody is refused while the model loads."""
    worker = start(BEFORE="time.sleep(0.5)")
    assert ask(worker, "'late'") == "late"


def test_killed_from_outside_it_starts_again(start: Start, logs: Logs) -> None:
    worker = start()
    worker.wait_ready()
    before = int(ask(worker, "os.getpid()"))
    os.kill(before, signal.SIGKILL)
    next_process(worker, before)
    assert any("starting it again" in line for line in lines(logs))


def test_a_request_that_kills_the_worker_is_told_so(start: Start) -> None:
    """And the next one is answered by the next process."""
    worker = start()
    worker.wait_ready()
    with pytest.raises(WorkerLost):
        ask(worker, "os._exit(3)")
    assert ask(worker, "'alive'") == "alive"


def test_memory_is_limited(start: Start, logs: Logs) -> None:
    worker = start()
    worker.wait_ready()
    with pytest.raises(WorkerLost):
        ask(worker, "[bytearray(b'x') * (300 * 2**20), time.sleep(30)]")
    assert ask(worker, "'alive'") == "alive"
    assert any("outgrew its memory" in line for line in lines(logs))


def test_a_worker_that_does_not_come_up(start: Start, logs: Logs) -> None:
    """The deployment is told the exit status and the last line; it is not started again."""
    worker = start(BEFORE="sys.exit('no such model')")
    with pytest.raises(WorkerFailed, match='exit status 1; its last line was "no such model"'):
        worker.wait_ready()
    with pytest.raises(WorkerLost):
        ask(worker, "1")
    assert lines(logs).count("no such model") == 1


def test_a_worker_that_was_in_service_is_tried_again(start: Start, tmp_path: Path) -> None:
    """After a restart of the stand-in one failed start is not the end."""
    once = f"p = {str(tmp_path / 'once')!r}; os.path.exists(p) or (open(p, 'w'), os._exit(1))"
    worker = start(must_come_up=False, BEFORE=once)
    worker.wait_ready()
    assert ask(worker, "1") == "1"


def test_a_silent_worker(start: Start) -> None:
    worker = start(BEFORE="time.sleep(600)", start_seconds=0.5)
    with pytest.raises(WorkerFailed, match=r"did not answer /ping in 0\.5 s"):
        worker.wait_ready()


def test_an_unhealthy_worker(start: Start) -> None:
    worker = start(PING="503")
    with pytest.raises(WorkerFailed, match="answered /ping with 503"):
        worker.wait_ready()


def test_timeout(start: Start) -> None:
    worker = start()
    worker.wait_ready()
    with pytest.raises(WorkerTimeout):
        ask(worker, "time.sleep(30)", timeout=0.3)


def test_stop_lets_requests_finish(start: Start) -> None:
    """And takes no new ones meanwhile."""
    worker = start()
    worker.wait_ready()
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(ask(worker, "time.sleep(1) or 'done'")))
    asking.start()
    while not worker._in_flight:
        time.sleep(0.01)
    worker.stop(drain_seconds=20)
    asking.join()
    assert answers == ["done"]
    with pytest.raises(WorkerRetired):
        ask(worker, "1")


def test_stop_cuts_off_what_takes_too_long(start: Start) -> None:
    worker = start()
    worker.wait_ready()
    lost: list[Exception] = []

    def asking() -> None:
        try:
            ask(worker, "time.sleep(60)", timeout=60)
        except WorkerLost as error:
            lost.append(error)

    thread = threading.Thread(target=asking)
    thread.start()
    while not worker._in_flight:
        time.sleep(0.01)
    began = time.monotonic()
    worker.stop(drain_seconds=0.2)
    thread.join()
    assert time.monotonic() - began < 20
    assert len(lost) == 1


def test_children_of_a_worker_die_with_it(start: Start) -> None:
    worker = start()
    ask(worker, "__import__('subprocess').Popen(['sleep', '600'], start_new_session=True).pid")
    assert len(marked(worker.plan.room)) == 2
    worker.stop()
    assert marked(worker.plan.room) == []


def test_many_at_once(start: Start) -> None:
    worker = start()
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(ask(worker, f"{n} + 1"))) for n in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, answers)) == list(range(1, 31))
