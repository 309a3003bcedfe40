"""Child processes: nothing that was started is left behind, and a death is told with its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from launcher import processes
from launcher.problem import Problem
from launcher.processes import Processes

# A parent that starts a child in a process group of its own, as Airflow's workers do, says so, and waits.
FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
print(child.pid, flush=True)
{stubborn}
time.sleep(600)
"""


@pytest.fixture
def children(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "processes.json", tmp_path / "logs")


def start_family(children: Processes, cwd: Path, *, stubborn: bool = False) -> tuple[int, int]:
    """Start a parent with a child; both process ids."""
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if stubborn else ""
    command = [sys.executable, "-c", FAMILY.format(stubborn=ignore)]
    child = children.start("family", command, os.environ, cwd)
    said = children.wait_until(lambda: child.log.read_text().strip() or None, 30, "the family")
    return child.process.pid, int(said)


def is_running(pid: int) -> bool:
    status = processes._status(pid)
    return status is not None and status.state != "Z"


def test_stop_takes_descendants_of_other_process_groups(children: Processes, tmp_path: Path) -> None:
    """Airflow's tasks are in groups of their own: it is the session that is emptied."""
    parent, grandchild = start_family(children, tmp_path)
    children.stop()
    assert not is_running(parent)
    assert not is_running(grandchild)
    assert not (tmp_path / "processes.json").exists()


def test_an_interrupt_while_a_child_starts_loses_no_child(
    children: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child is noted before the interrupt is raised, and so is stopped with the others."""
    started: list[int] = []

    def interrupted(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = popen(*arguments, **options)
        started.append(child.pid)
        signal.raise_signal(signal.SIGINT)
        return child

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        children.start(
            "sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], os.environ, tmp_path
        )
    children.stop()
    assert started
    assert not is_running(started[0])


def test_who_does_not_listen_is_killed(
    children: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    parent, grandchild = start_family(children, tmp_path, stubborn=True)
    children.stop()
    assert not is_running(parent)
    assert not is_running(grandchild)


def test_a_death_is_told_with_log_and_last_lines(children: Processes, tmp_path: Path) -> None:
    """Waiting for something ends when a child dies, with what it said last."""
    children.start("poet", [sys.executable, "-c", "print('my last words'); exit(3)"], os.environ, tmp_path)
    with pytest.raises(Problem, match="my last words") as told:
        children.wait_until(lambda: None, 30, "a poem")
    assert "poet has stopped by itself (exit code 3)" in str(told.value)
    assert str(tmp_path / "logs" / "poet.log") in str(told.value)


def test_a_kill_is_told_by_its_signal(children: Processes, tmp_path: Path) -> None:
    parent, _ = start_family(children, tmp_path)
    os.kill(parent, 9)
    with pytest.raises(Problem, match="killed by SIGKILL"):
        children.wait_until(lambda: None, 30, "nothing")
    children.stop()


def test_who_dies_after_a_while_is_started_again_and_all_it_left_is_gone(
    children: Processes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As often as it may, said aloud, and in the record under its new number."""
    monkeypatch.setattr(processes, "STEADY_SECONDS", 0.0)
    command = [sys.executable, "-c", FAMILY.format(stubborn="")]
    child = children.start("family", command, os.environ, tmp_path, restarts=1)
    (grandchild,) = children.wait_until(lambda: child.log.read_text().split() or None, 30, "the family")
    first = child.process.pid
    os.kill(first, 9)

    def both() -> list[str] | None:
        said = child.log.read_text().split()
        return said if len(said) == 2 else None

    children.wait_until(both, 30, "the family again")
    assert not is_running(int(grandchild))
    assert child.process.pid != first
    assert [each.pid for each in processes.recorded(tmp_path / "processes.json")[1]] == [child.process.pid]
    said = capsys.readouterr().err
    assert "family has stopped by itself (killed by SIGKILL), and was started again" in said
    os.kill(child.process.pid, 9)
    with pytest.raises(Problem, match="family has stopped by itself"):
        children.wait_until(lambda: None, 30, "nothing")
    children.stop()


def test_who_dies_at_once_is_not_started_again(children: Processes, tmp_path: Path) -> None:
    children.start("poet", [sys.executable, "-c", "exit(3)"], os.environ, tmp_path, restarts=3)
    with pytest.raises(Problem, match=r"poet has stopped by itself \(exit code 3\)"):
        children.wait_until(lambda: None, 30, "a poem")


def test_giving_up_names_what_was_awaited(children: Processes, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="waiting for Godot"):
        children.wait_until(lambda: None, 0, "Godot")


def test_another_command_finds_and_stops_what_was_let_go(children: Processes, tmp_path: Path) -> None:
    """`make down` after `make up`: the record on disk is all that it has."""
    parent, grandchild = start_family(children, tmp_path)
    process = children._children[0].process
    children.let_go()
    record = tmp_path / "processes.json"
    assert [child.pid for child in processes.recorded(record)[1]] == [parent]
    assert processes.stop_recorded(record)
    process.wait()
    assert not is_running(grandchild)
    assert processes.recorded(record) == (None, [])


def test_a_reused_process_id_is_not_ours(tmp_path: Path) -> None:
    """A record of a process that is gone must never stop a stranger that got its number."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        record = tmp_path / "processes.json"
        gone = f'{{"name": "gone", "pid": {stranger.pid}, "started": 1}}'
        record.write_text(f'{{"launcher": {gone}, "children": [{gone}]}}')
        assert not processes.stop_recorded(record)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
