"""`python -m local_aws`: its commands, its one-sentence errors, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.stand_in import PYTHON, ROOT, StandIn

Start = Callable[..., StandIn]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command that ends by itself."""
    return subprocess.run(
        [str(PYTHON), "-m", "local_aws", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "include")},
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a failed command."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    [line] = done.stderr.strip().splitlines()
    return line


def test_help_tells_all() -> None:
    assert "env" in run("--help").stdout
    told = run("serve", "--help").stdout
    for option in ("--port", "--data-dir", "--region", "--ready-file", "--job-memory-gib"):
        assert option in told


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = sentence(run("serve", "--port", str(port), "--data-dir", str(tmp_path)))
    assert line.startswith(f"Port {port} on 127.0.0.1 cannot be used (Address already in use)")


@pytest.mark.parametrize(
    "wrong", [("--port", "99999"), ("--port", "http"), ("--job-memory-gib", "0"), ("--job-memory-gib", "nan")]
)
def test_a_number_that_cannot_be(tmp_path: Path, wrong: tuple[str, str]) -> None:
    done = run("serve", "--data-dir", str(tmp_path), *wrong)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert f"argument {wrong[0]}: '{wrong[1]}' is no" in done.stderr


def test_a_data_dir_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = sentence(run("serve", "--port", "0", "--data-dir", str(tmp_path / "file")))
    assert line == f"The data directory {tmp_path / 'file'} cannot be used: File exists."


def test_state_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("this is no database, and it is long enough to be looked at " * 20)
    line = sentence(run("serve", "--port", "0", "--data-dir", str(tmp_path)))
    assert line == f"The state in {tmp_path} cannot be opened: file is not a database."


def test_a_second_server_on_the_same_data(start_stand_in: Start) -> None:
    first = start_stand_in()
    line = sentence(run("serve", "--port", "0", "--data-dir", str(first.data_dir)))
    assert line == f"Another stand-in is running on the data directory {first.data_dir}."
    first.kill()
    first.restart()  # the lock went with the process


def test_env_is_what_a_shell_needs(start_stand_in: Start) -> None:
    server = start_stand_in()
    script = 'eval "$("$0" -m local_aws env --data-dir "$1")" && env'
    done = subprocess.run(
        ["bash", "-c", script, str(PYTHON), str(server.data_dir)],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "include"), "AWS_PROFILE": "other"},
    )
    shown = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert server.env().items() <= shown.items()
    assert "AWS_PROFILE" not in shown


def test_env_before_any_server(tmp_path: Path) -> None:
    line = sentence(run("env", "--data-dir", str(tmp_path)))
    assert line == f"No stand-in has run on the data directory {tmp_path} yet."


def test_operations_are_listed() -> None:
    lines = run("operations").stdout.splitlines()
    assert {"s3.PutObject", "sts.GetCallerIdentity", "iam.CreateRole", "logs.GetLogEvents"} <= set(lines)
    assert len(lines) == len(set(lines))


def test_the_ready_line_is_in_both_files(start_stand_in: Start, tmp_path: Path) -> None:
    ready = tmp_path / "somewhere" / "ready.json"
    server = start_stand_in(None, "--ready-file", str(ready))
    told = json.loads(ready.read_text())
    assert told == json.loads((server.data_dir / "connection.json").read_text())
    assert told["endpoint_url"] == server.endpoint_url
    assert ready.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [str(PYTHON), "-m", "local_aws", "serve", "--port", "0", "--data-dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "include")},
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in stderr


def test_the_key_is_kept(start_stand_in: Start) -> None:
    server = start_stand_in()
    before = (server.access_key, server.secret_key, server.endpoint_url)
    server.restart()
    assert (server.access_key, server.secret_key, server.endpoint_url) == before
