"""Budgets: tasks end when theirs, or the job's, is used up. In a process of its own, as the job is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
from local_aws.images.autopilot.crew import Crew, Task

seconds, deadline, stop = json.loads(sys.argv[2])
crew = Crew(None if deadline is None else time.time() + deadline)
waiting = []
for number, (sleep, limit) in enumerate(seconds):
    def work(sleep=sleep):
        if sleep < 0:
            raise ValueError("no such sleep")
        time.sleep(sleep)
    waiting.append(Task(str(number), work, Path(sys.argv[1]) / str(number), limit))
ended = []
began = time.time()
def finished(task):
    ended.append([task.name, task.outcome, task.problem if task.outcome == "failed" else ""])
    if stop == task.name:
        os.kill(os.getpid(), signal.SIGTERM)
tasks = iter(waiting)
with crew.on_duty():
    crew.run(lambda: next(tasks, None), finished)
print(json.dumps({"ended": ended, "seconds": time.time() - began}))
"""


def run(
    tmp_path: Path, *seconds: tuple[float, float | None], deadline: float | None = None, stop: str = ""
) -> tuple[dict[str, tuple[str, str]], float]:
    """What became of tasks that sleep so long, with so long to live; and how long it took."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps([seconds, deadline, stop])],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    return {name: (outcome, why) for name, outcome, why in found["ended"]}, found["seconds"]


def test_a_task_that_overruns_does_not_keep_the_others(tmp_path: Path) -> None:
    ended, seconds = run(tmp_path, (60, 0.3), (0, None), (0, None), (-1, None))
    assert ended["0"] == ("overran", "")
    assert ended["1"] == ended["2"] == ("done", "")
    assert ended["3"] == ("failed", "AlgorithmError: no such sleep")
    assert seconds < 30


def test_nothing_is_begun_after_the_deadline_and_nothing_outlives_it(tmp_path: Path) -> None:
    ended, seconds = run(tmp_path, (60, None), (60, None), (0, None), deadline=0.4)
    assert {name: outcome for name, (outcome, _) in ended.items()} == {"0": "ended", "1": "ended"}
    assert 0.4 <= seconds < 30


def test_a_stop_ends_what_is_at_work(tmp_path: Path) -> None:
    ended, seconds = run(tmp_path, (60, None), (0, None), (60, None), stop="1")
    assert ended["0"][0] == "ended"
    assert ended["1"][0] == "done"
    assert "2" not in ended
    assert seconds < 30
