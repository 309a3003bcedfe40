"""A parent and a stage whose tasks do what files tell them: for tests of EnsureDagRunOperator."""

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task

from aws_ml.callbacks import leave_error
from aws_ml.operators.ensure_dag_run import EnsureDagRunOperator

ARGUMENTS = {"retries": 2, "retry_delay": timedelta(seconds=1), "on_failure_callback": leave_error}


def room() -> Path:
    return Path(os.environ["ENSURED_ROOM"])


class MortalEnsureDagRunOperator(EnsureDagRunOperator):
    """It defers at once. Its worker is killed when the stage is over, once, if it is told so."""

    defer_after = 0

    def execute_complete(self, context, event):
        if (room() / "die").exists():
            (room() / "die").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute_complete(context, event)


@task(retries=0)
def obey(name: str) -> None:
    with (room() / "ran").open("a") as ran:
        ran.write(f"{name}\n")
    while (room() / "wait").exists():
        time.sleep(0.05)
    if (room() / "fail").exists():
        raise ValueError("told to fail")


with DAG("ensured.stage", schedule=None, default_args=ARGUMENTS, tags=["tests"]):
    obey.override(task_id="first")("first") >> obey.override(task_id="second")("second")

with DAG("ensured.parent", schedule=None, default_args=ARGUMENTS, tags=["tests"]):
    MortalEnsureDagRunOperator(
        task_id="stage",
        trigger_dag_id="ensured.stage",
        trigger_run_id="parent__{{ run_id }}",
        conf={"partition": "2026-01-15"},
        poll_seconds=1,
    )
