"""The process behind `tests.support.stand_in`: it imports the stand-in once, and forks one for each order.

Importing the services and reading AWS's models is nearly all that a start costs, 2.5 s of processor time, and
the tests start a hundred. A fork runs what `python -m local_aws` runs from there on, as a process of its own.

    stdin   {"arguments": ["serve", …], "environment": {…}, "stderr": path}    start one
    stdout  {"pid": 7, "line": "the ready line, empty when it ended instead"}
    stdin   {"pid": 7, "seconds": 30}                                          await its end
    stdout  {"code": 0}    negative: the signal that ended it; null: it still runs

When stdin ends, so do all.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
from typing import IO, Any

from local_aws import __main__ as program
from local_aws.app import load_services
from local_aws.wire import protocol
from local_aws.wire.registry import REGISTRY


def main() -> int:
    """Obey until there is nobody left to give orders; in a fork, the stand-in's exit code."""
    load_services()
    for service in REGISTRY.services:
        protocol.model(service)
    gc.freeze()
    running: dict[int, IO[str]] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "arguments" in order:
            reads, writes = os.pipe()
            pid = os.fork()
            if pid == 0:
                become(order, writes)
                return program.main(order["arguments"])
            os.close(writes)
            running[pid] = os.fdopen(reads)
            answer = {"pid": pid, "line": running[pid].readline()}
        else:
            answer = {"code": end_of(order["pid"], order["seconds"])}
            if answer["code"] is not None:
                running.pop(order["pid"]).close()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in running:
        os.kill(pid, signal.SIGTERM)
    return 0


def become(order: dict[str, Any], stdout: int) -> None:
    """Take the place of a process that was started by its command."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(stdout, 1)
    os.dup2(os.open(order["stderr"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), 2)
    os.environ.clear()
    os.environ.update(order["environment"])


def end_of(pid: int, seconds: float) -> int | None:
    """The exit code of a fork that ends within this time."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
