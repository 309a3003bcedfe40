"""A private /opt/ml in each of the three ways, and processes found by their marks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from local_aws.jobs import process

SHOW = "import os, sys; print(sorted(os.listdir('/opt/ml')), os.getuid(), sys.argv[1:])"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / "inside").touch()
    return tmp_path


@pytest.fixture
def fresh_mode() -> Iterator[None]:
    process.namespace_mode.cache_clear()
    yield
    process.namespace_mode.cache_clear()


def outside() -> list[str]:
    return sorted(path.name for path in Path("/opt").iterdir())


def run(room: Path, *argv: str, **env: str) -> str:
    started = process.launch(
        argv,
        room=room,
        opt_ml=room / "ml",
        env={**process.clean_environment(room), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = started.communicate(timeout=30)
    return output.decode().strip()


@pytest.mark.parametrize("mode", ["root", "user"])
def test_opt_ml_is_the_room(room: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    look = ["python3", "-c", SHOW, "/opt/ml/x"]
    possible = subprocess.run(process._program(mode, room / "ml", ["true"]), check=False, capture_output=True)
    if possible.returncode:
        pytest.skip(f"namespaces by {mode} are not allowed on this machine")
    before = outside()
    monkeypatch.setattr(process, "namespace_mode", lambda: mode)
    assert run(room, *look) == f"['inside'] {os.getuid()} ['/opt/ml/x']"
    assert outside() == before, "nothing is left behind outside"


def test_what_lies_under_opt_stays_visible(room: Path) -> None:
    if process.namespace_mode() == "none":
        pytest.skip("namespaces are not allowed on this machine")
    seen = run(room, "sh", "-c", "ls /opt")
    assert {*outside(), "ml"} == set(seen.split())


def test_without_namespaces_paths_are_translated(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "namespace_mode", lambda: "none")
    show = "import os, sys; print(sys.argv[1:], os.environ['WHERE'], os.environ['SAGEMAKER_BASE_DIR'])"
    ml = room / "ml"
    answer = run(
        room, "python3", "-c", show, "--in=/opt/ml/input", "/opt/mlflow", WHERE="a:/opt/ml:/opt/ml/b"
    )
    assert answer == f"['--in={ml}/input', '/opt/mlflow'] a:{ml}:{ml}/b {ml}"


@pytest.mark.usefixtures("fresh_mode")
def test_a_machine_that_allows_nothing_is_noticed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "_program", lambda *_: ["false"])
    assert process.namespace_mode() == "none"
    assert "mount namespaces are not allowed here" in caplog.text


def test_a_program_that_does_not_exist_says_so(room: Path) -> None:
    assert run(room, "no-such-program") == "cannot run no-such-program: No such file or directory"


def test_marks_find_a_room_and_all_rooms_but_no_other(room: Path) -> None:
    one, two = room / "one", room / "one-and-more"
    started = []
    for path in (one, two):
        path.mkdir()
        (path / "ml").mkdir()
        started.append(
            process.launch(
                ["python3", "-c", "import time; print('up', flush=True); time.sleep(60)"],
                room=path,
                opt_ml=path / "ml",
                env=process.clean_environment(path),
                stdout=subprocess.PIPE,
            )
        )
        assert _stdout(started[-1]).readline() == b"up\n"  # in the midst of exec, a process shows no mark
    first, second = started
    assert process.marked(one) == [first.pid]
    assert sorted(process.marked(room)) == sorted([first.pid, second.pid])
    assert process.kill_marked(one) == 1
    assert first.wait(10) == -9
    assert second.poll() is None
    process.kill_marked(room)
    assert second.wait(10) == -9
    for each in started:
        _stdout(each).close()


# A daemon as daemons are made: forked twice, a session of its own, nothing of the environment.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execve(sys.executable, [sys.executable, "-c", sys.argv[1]], {})
    os._exit(0)
os.wait()
time.sleep(60)
"""


def daemon(room: Path, program: str) -> subprocess.Popen[bytes]:
    """Start a process that leaves a daemon; both live when this returns."""
    if process.namespace_mode() == "none":
        pytest.skip("namespaces are not allowed on this machine, and nothing else marks a daemon")
    started = process.launch(
        ["python3", "-c", DAEMON, program],
        room=room,
        opt_ml=room / "ml",
        env=process.clean_environment(room),
        stdout=subprocess.PIPE,
    )
    assert _stdout(started).readline() == b"up\n"
    return started


def _stdout(started: subprocess.Popen[bytes]) -> IO[bytes]:
    assert started.stdout
    return started.stdout


def test_a_daemon_without_environment_is_found_and_killed(room: Path) -> None:
    with daemon(room, "import time; print('up', flush=True); time.sleep(60)") as started:
        found = process.marked(room)
        assert len(found) == 2
        assert process.marked(room.parent) == found, "as after a crash, when only the rooms' parent is known"
        process.kill_marked(room)
        assert started.wait(10) == -9
        assert not process.marked(room)
        assert _stdout(started).read() == b"", "nobody holds the log open"


def test_memory_of_a_daemon_counts(room: Path) -> None:
    eat = "block = b'x' * (200 * 2**20); print('up', flush=True); import time; time.sleep(60)"
    limits = process.Limits(memory_bytes=100 * 2**20, seconds=20, grace_seconds=1)
    stop = process.StopSignal()
    with daemon(room, eat) as started:
        assert process.watch(started, room, limits, stop).cause == "out_of_memory"
    stop.close()
    assert not process.marked(room)


def test_exact_memory_is_at_most_what_the_quick_look_says() -> None:
    own = process.resident_bytes([os.getpid()], enough=1 << 40)
    assert 1 << 20 < own < 1 << 34
    assert process.resident_bytes([os.getpid()], enough=0) <= own
