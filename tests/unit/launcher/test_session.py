"""The second program: an interrupt while it starts is answered, not told with a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from launcher.settings import ROOT

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
