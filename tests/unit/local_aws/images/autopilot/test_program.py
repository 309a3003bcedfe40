"""The whole program, as the stand-in starts it: what it does when its seconds are used up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_aws.images.autopilot.settings import Settings
from local_aws.images.programs import AUTOPILOT

# The deadline comes as soon as the first candidate is done: no clock decides what the test sees.
PROGRAM = """
import sys
from pathlib import Path
from local_aws.images.autopilot.__main__ import Job

job = Job(Path(sys.argv[1]))
tell = job._finished
def finished(task):
    tell(task)
    job.crew.deadline = 0.0
job._finished = finished
job.run()
"""


def run(base: Path, program: list[str], **settings: Any) -> dict[str, Any]:
    """The progress file of a run on numbers whose sum is the target."""
    (base / "input" / "data" / "training").mkdir(parents=True)
    rows = "".join(f"{x % 7},{x % 11},{x % 7 + x % 11 / 2}\n" for x in range(500))
    (base / "input" / "data" / "training" / "rows.csv").write_text(f"a,b,sum\n{rows}")
    (base / "output" / "artifacts").mkdir(parents=True)
    asked = Settings(job="j", target="sum", problem_type="Regression", objective="RMSE", **settings)
    asked.write(base / "input" / "config" / "autopilot.json")
    subprocess.run(
        [sys.executable, *program],
        check=False,
        env={**os.environ, **AUTOPILOT.env, "SAGEMAKER_BASE_DIR": str(base)},
    )
    found: dict[str, Any] = json.loads((base / "output" / "progress.json").read_text())
    return found


def test_when_the_seconds_are_used_up_the_best_so_far_is_the_best(tmp_path: Path) -> None:
    progress = run(tmp_path, ["-c", PROGRAM, str(tmp_path)], mode="HYPERPARAMETER_TUNING")
    assert progress["secondary"] == "MaxAutoMLJobRuntimeReached"
    states = sorted(each["status"] for each in progress["candidates"])
    assert states in (["Completed", "Stopped"], ["Completed", "Completed"]), "two at a time, and no third"
    done = [each for each in progress["candidates"] if each["status"] == "Completed"]
    assert progress["best"] == min(done, key=lambda each: each["metrics"]["RMSE"])["name"]
    assert progress["candidates"][0]["explained"] is None, "unfinished steps are left out"


def test_seconds_that_are_too_few_for_any_candidate_are_said(tmp_path: Path) -> None:
    progress = run(tmp_path, ["-P", "-m", "local_aws.images.autopilot"], mode="ENSEMBLING", deadline=1.0)
    assert progress["candidates"] == []
    assert (tmp_path / "output" / "failure").read_text() == (
        "ClientError: No candidate was trained within MaxAutoMLJobRuntimeInSeconds; give it more seconds, or "
        "less data."
    )
