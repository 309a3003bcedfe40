"""The stand-in as a process of its own, for tests in either environment.

    from tests.support.stand_in import StandIn, stand_in, start_stand_in   # fixtures are used by name

`stand_in` is one server for a test module; `start_stand_in` starts further ones that a test may kill.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-jobs" / "bin" / "python"


class StandIn:
    """One running stand-in.

    Args:
        data_dir: its state; a second StandIn on the same directory finds everything again.
        options: further arguments of ``serve``.
    """

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.data_dir = data_dir
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self._known: dict[str, str] = {}
        self._clients: dict[str, Any] = {}
        self.start()

    def start(self) -> None:
        """Start the process and wait for its ready line; on the same port when it ran before."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with (self.data_dir / "stderr.log").open("a") as log:
            self._process = subprocess.Popen(
                [
                    str(PYTHON), "-m", "local_aws", "serve", "--port", str(self._port),
                    "--data-dir", str(self.data_dir), *self._options,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env=_clean_environment() | {"PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}"},
            )  # fmt: skip
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._process.stdout.close()
            raise RuntimeError(f"the stand-in did not start:\n{self.log()[-4000:]}")
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
        assert self._process is not None
        return self._process.pid

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

        return boto3.session.Session(
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
        if self._process is not None and self._process.poll() is None:
            self.stop()
        self.start()

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        if process.poll() is None:
            process.send_signal(number)
        try:
            code = process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()
        return code


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}


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
