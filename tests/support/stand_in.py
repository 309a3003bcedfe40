"""The stand-in as a process of its own, for tests in either environment.

    from tests.support.stand_in import StandIn, stand_in, start_stand_in   # fixtures are used by name

`stand_in` is one server for a test module; `start_stand_in` starts further ones that a test may kill.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-jobs" / "bin" / "python"


class Starter:
    """The process that starts stand-ins, one for all tests of this process."""

    def __init__(self) -> None:
        self._one_at_a_time = Lock()
        self._process = subprocess.Popen(
            [str(PYTHON), "-m", "tests.support.stand_in_program"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=_clean_environment(),
        )
        atexit.register(self._end)

    def start(self, data_dir: Path, *arguments: str) -> tuple[int, str]:
        """The process id of a new stand-in, and its ready line: empty when it ended instead."""
        answer = self._ask(
            arguments=["serve", "--data-dir", str(data_dir), *arguments],
            environment=_clean_environment(),
            stderr=str(data_dir / "stderr.log"),
        )
        return answer["pid"], answer["line"]

    def end_of(self, pid: int, seconds: float) -> int | None:
        """The exit code of a stand-in that ends within this time; it may be asked for once."""
        code: int | None = self._ask(pid=pid, seconds=seconds)["code"]
        return code

    def _ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def _end(self) -> None:
        self._process.communicate()


@cache
def starter() -> Starter:
    return Starter()


@cache
def models() -> Any:
    """AWS's models as botocore reads them, once for all sessions."""
    from botocore.loaders import create_loader

    return create_loader()


class StandIn:
    """One running stand-in.

    Args:
        data_dir: its state; a second StandIn on the same directory finds everything again.
        options: further arguments of ``serve``.
    """

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self._options = options
        self._pid: int | None = None  # None: it has ended
        self._code = 0
        self._port = 0
        self._known: dict[str, str] = {}
        self._clients: dict[str, Any] = {}
        self.start()

    def start(self) -> None:
        """Start the process and wait for its ready line; on the same port when it ran before."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        pid, line = starter().start(self.data_dir, "--port", str(self._port), *self._options)
        if not line:
            starter().end_of(pid, 30)
            raise RuntimeError(f"the stand-in did not start:\n{self.log()[-4000:]}")
        self._pid = pid
        self._known = json.loads(line)
        self._port = int(self.endpoint_url.rpartition(":")[2])

    @property
    def endpoint_url(self) -> str:
        return self._known["endpoint_url"]

    @property
    def region(self) -> str:
        return self._known["region"]

    @property
    def account_id(self) -> str:
        return self._known["account_id"]

    @property
    def access_key(self) -> str:
        return self._known["access_key_id"]

    @property
    def secret_key(self) -> str:
        return self._known["secret_access_key"]

    @property
    def pid(self) -> int:
        assert self._pid is not None
        return self._pid

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client that signs with the stand-in's own key; it outlives a restart."""
        from botocore.config import Config

        if options:
            return self._session.client(service, **{"endpoint_url": self.endpoint_url, **options})
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service,
                endpoint_url=self.endpoint_url,
                config=Config(read_timeout=30, retries={"total_max_attempts": 2}),
            )
        return self._clients[service]

    @cached_property
    def _session(self) -> Any:
        import boto3  # here, because not every test that starts a stand-in talks to it
        import botocore.session

        core = botocore.session.get_session()
        core.register_component("data_loader", models())
        return boto3.session.Session(
            botocore_session=core,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
        )

    def env(self) -> dict[str, str]:
        """The variables that make any AWS program talk to this stand-in."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def log(self) -> str:
        """What it has written to standard error so far."""
        return (self.data_dir / "stderr.log").read_text()

    def kill(self) -> None:
        """SIGKILL: no chance to clean up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and wait; the exit code."""
        return self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Start again on the same data and port, stopping first if need be."""
        self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        """Send the signal unless it has ended already; the exit code."""
        if self._pid is None:
            return self._code
        os.kill(self._pid, number)
        code = starter().end_of(self._pid, 30)
        if code is None:
            os.kill(self._pid, signal.SIGKILL)
            starter().end_of(self._pid, 30)
        self._pid = None
        assert code is not None, f"{number.name} did not end the stand-in in 30 s:\n{self.log()[-4000:]}"
        self._code = code
        return code


def _clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return kept | {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}"}


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    """One stand-in for all tests of a module."""
    running = StandIn(tmp_path_factory.mktemp("aws"))
    yield running
    running.stop()


@pytest.fixture
def start_stand_in(tmp_path: Path) -> Iterator[Callable[..., StandIn]]:
    """Start stand-ins of a test's own: ``start_stand_in(data_dir=None, *options)``."""
    started: list[StandIn] = []

    def start(data_dir: Path | None = None, *options: str) -> StandIn:
        running = StandIn(data_dir or tmp_path / f"aws{len(started)}", *options)
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()
