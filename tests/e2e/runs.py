"""Whole runs of a workflow in a real Airflow, and what they leave in S3, for tests from the outside."""

from __future__ import annotations

import datetime
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from launcher.api import TaskInstance
from launcher.follow import Outcome, error_of, follow, task_log
from launcher.landing import client, land
from launcher.settings import Choices
from launcher.stack import Stack


class Bucket:
    """What the runs of one workflow have left in S3."""

    def __init__(self, stack: Stack, workflow: str) -> None:
        self._s3 = client(stack, "s3")
        self._name = stack.choices.deployment.bucket
        self._workflow = workflow

    def keys(self, prefix: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._name, Prefix=f"{self._workflow}/{prefix}"
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def bytes(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._name, Key=f"{self._workflow}/{key}")["Body"].read()

    def json(self, key: str) -> Any:
        return json.loads(self.bytes(key))

    def rows(self, prefix: str) -> list[dict[str, Any]]:
        """All rows of the Parquet files below a prefix, with the columns that their folders name."""
        found = []
        for key in self.keys(prefix):
            folders = dict(part.split("=", 1) for part in key.split("/")[:-1] if "=" in part)
            file = pq.ParquetFile(io.BytesIO(self.bytes(key.removeprefix(f"{self._workflow}/"))))
            found += [{**row, **folders} for row in file.read().to_pylist()]
        return found

    def lines(self, prefix: str) -> list[dict[str, Any]]:
        """All records of the JSON lines below a prefix."""
        texts = [self.bytes(key.removeprefix(f"{self._workflow}/")).decode() for key in self.keys(prefix)]
        return [json.loads(line) for text in texts for line in text.splitlines()]


@dataclass(frozen=True)
class Run:
    """One run of a parent DAG that has ended."""

    workflow: str
    run_id: str
    outcome: Outcome

    def task(self, stage: str, task_id: str) -> TaskInstance:
        return next(task for task in self.outcome.tasks if (task.stage, task.task_id) == (stage, task_id))


def start(stack: Stack, workflow: str, day: str, *, data: Path | None = None) -> str:
    """Land a day's data and trigger the parent for it."""
    parent = f"{workflow}.ml_workflow"
    stack.wait_for_dag(parent)
    land(stack, Choices(workflow=workflow, date=day, data=data, layout=stack.choices.layout))
    run_id = f"manual__{day}__{datetime.datetime.now(datetime.UTC):%H%M%S%f}"
    return stack.airflow.trigger(parent, {"partition": day}, run_id)


def finish(stack: Stack, workflow: str, run_id: str) -> Run:
    """Wait for the end of a parent's run."""
    return Run(workflow, run_id, follow(stack, workflow, run_id, lambda _task: None, seconds=500))


def errors(stack: Stack, outcome: Outcome) -> str:
    """What the failed tasks said: the message of every assertion that a run be green."""
    home = stack.choices.layout.airflow_home
    return "\n".join(
        f"{task.stage}.{task.task_id}: {error_of(stack.airflow, task, task_log(home, task))}"
        for task in outcome.tasks
        if task.state == "failed"
    )


def state_of(stack: Stack, dag_id: str, run_id: str) -> str:
    """Wait for the end of any run; its state."""
    airflow = stack.airflow

    def over() -> str | None:
        state = airflow.run(dag_id, run_id)["state"]
        return state if state in ("success", "failed") else None

    return stack.processes.wait_until(over, 400, f"{dag_id} {run_id}", interval=0.5)
