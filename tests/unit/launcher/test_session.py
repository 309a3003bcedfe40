"""The second program: how it answers an interrupt while it starts, and what it prints for a shell."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.problem import Problem, disk_trouble
from launcher.session import airflow_env, exports, side_by_side
from launcher.settings import ROOT, Choices, Layout

# What the first program does before it becomes the second, plus a Ctrl-C that comes at once.
INTERRUPTED = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
os.kill(os.getpid(), getattr(signal, sys.argv[1]))
os.execv(sys.executable, [sys.executable, "-m", "launcher.session", "down"])
"""


def interrupted(name: str) -> subprocess.CompletedProcess[str]:
    """`down` with a signal that arrives while Python and the modules are loaded."""
    return subprocess.run(
        [sys.executable, "-c", INTERRUPTED, name],
        env=os.environ | {"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_interrupt_during_the_imports_is_a_sentence() -> None:
    for name in (signal.SIGINT.name, signal.SIGTERM.name):
        answer = interrupted(name)
        assert answer.returncode == 130, answer.stderr
        assert answer.stderr.strip() == "Interrupted; everything that was started is stopped."


def test_what_is_printed_for_a_shell_is_read_back_by_one() -> None:
    """Values with quotes, spaces and dollars arrive as they are; what is right already is left out."""
    wanted = {"AIRFLOW_CONN_AWS_DEFAULT": '{"login": "it\'s $HOME"}', "AIRFLOW_HOME": "/a b/c", "LANG": "C"}
    lines = exports(wanted, {"LANG": "C"})
    shell = ["sh", "-c", "; ".join([*lines, "env"])]
    answer = subprocess.run(shell, env={"PATH": os.defpath}, capture_output=True, text=True, check=True)
    assert {line for line in answer.stdout.splitlines() if line.startswith("AIRFLOW")} == {
        f"{name}={value}" for name, value in wanted.items() if name != "LANG"
    }
    assert not any("LANG" in line for line in lines)


def test_the_airflow_command_needs_something_that_runs(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="`make up` starts it"):
        airflow_env(Choices(layout=Layout(home=tmp_path)))


def test_trouble_with_the_disk_is_a_sentence_and_other_errors_are_not_hidden() -> None:
    full = disk_trouble(OSError(errno.ENOSPC, "No space left on device", "/state/log"))
    assert full == "The disk is full; free some space and try again. (/state/log)"
    assert "read-only" in str(disk_trouble(OSError(errno.EROFS, "Read-only file system")))
    assert disk_trouble(OSError(errno.ECONNREFUSED, "Connection refused")) is None


def test_checks_run_side_by_side_and_the_failed_ones_are_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each waits for the other's file: one after the other, the first would never end."""
    program = """
import pathlib, sys, time
mine, other, code = sys.argv[1:]
pathlib.Path(mine).touch()
until = time.monotonic() + 60
while not pathlib.Path(other).exists() and time.monotonic() < until:
    time.sleep(0.01)
print("met" if pathlib.Path(other).exists() else "alone")
sys.exit(int(code))
"""
    steps = {
        name: [sys.executable, "-c", program, mine, other, code]
        for name, mine, other, code in (("first", "a", "b", "0"), ("second", "b", "a", "3"))
    }
    assert side_by_side(steps, tmp_path, os.environ) == ["second"]
    assert capfd.readouterr().out == "\n== first\nmet\n\n== second\nmet\n"
