"""A run that nobody asked for: a real Airflow's scheduler starts it, as after `make up SCHEDULE=1`."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from launcher.follow import child_run_id, error_of, follow, task_log
from launcher.landing import client, land
from launcher.settings import Choices
from launcher.stack import Stack
from sample_data.loan_applications import truth

WORKFLOW = "loan_approval"
PARENT = f"{WORKFLOW}.ml_workflow"
pytestmark = pytest.mark.timeout(600)


def restart_scheduler(stack: Stack, *, schedule: bool) -> None:
    """Stop the scheduler and start it with the other choice; no task is running."""
    stack.processes.stop("scheduler")
    stack.choices = dataclasses.replace(stack.choices, schedule=schedule)
    stack.start_airflow_part("scheduler")


@pytest.fixture
def scheduled(stack: Stack) -> Iterator[dict[str, Any]]:
    """The run that the scheduler made of its own accord."""
    stack.wait_for_dag(PARENT)
    before = {run["dag_run_id"] for run in stack.airflow.runs(PARENT)}

    def made() -> dict[str, Any] | None:
        found = [run for run in stack.airflow.runs(PARENT) if run["dag_run_id"] not in before]
        return found[0] if found else None

    restart_scheduler(stack, schedule=True)
    yield stack.processes.wait_until(made, 120, "a run of the schedule")
    restart_scheduler(stack, schedule=False)


def test_the_schedule_runs_the_last_whole_day_when_its_files_come(
    stack: Stack, scheduled: dict[str, Any]
) -> None:
    """Its day is the first of its data interval, it waits for that day's files, and nothing older is
    caught up."""
    run_id = scheduled["dag_run_id"]
    begin, end = (
        datetime.datetime.fromisoformat(scheduled[f"data_interval_{name}"]) for name in ("start", "end")
    )
    assert scheduled["run_type"] == "scheduled"
    assert (begin.hour, end - begin) == (6, datetime.timedelta(days=1))
    assert end <= datetime.datetime.now(datetime.UTC)
    assert stack.airflow.runs(PARENT, "running", "queued") != []

    day = begin.date()
    land(stack, Choices(date=day.isoformat(), layout=stack.choices.layout))
    outcome = follow(stack, WORKFLOW, run_id, lambda _task: None, seconds=500)
    home = stack.choices.layout.airflow_home
    said = [error_of(stack.airflow, task, task_log(home, task)) for task in outcome.failed]
    assert outcome.green, said

    child = stack.airflow.run(f"{WORKFLOW}.deploy_manage", child_run_id(run_id))
    assert child["conf"]["partition"] == day.isoformat()
    bucket, prefix = stack.choices.deployment.bucket, f"{WORKFLOW}/runs/{day}/"
    s3 = client(stack, "s3")
    cleaning, deployment = (
        json.loads(s3.get_object(Bucket=bucket, Key=prefix + key)["Body"].read())
        for key in ("ingest_analyze/cleaning.json", "deploy_manage/deployment.json")
    )
    assert cleaning["rows_in"] == truth(day).rows
    assert all(record["equal"] for record in deployment["records"])
    caught_up = [run for run in stack.airflow.runs(PARENT) if run["run_type"] == "scheduled"]
    assert [run["dag_run_id"] for run in caught_up] == [run_id]
