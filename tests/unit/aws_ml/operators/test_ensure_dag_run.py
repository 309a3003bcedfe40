"""What EnsureDagRunOperator makes of an event; tests/e2e has the rest of its life, in a real Airflow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from aws_ml.operators.ensure_dag_run import EnsureDagRunOperator


def ensure() -> EnsureDagRunOperator:
    return EnsureDagRunOperator(task_id="stage", trigger_dag_id="w.stage", trigger_run_id="mine", conf={})


def context(states: dict[str, str]) -> Any:
    """Airflow as the operator asks it: the states of the child DAG's runs."""
    return {
        "ti": SimpleNamespace(
            get_dr_count=lambda dag_id, run_ids: sum(run_id in states for run_id in run_ids),  # noqa: ARG005
            get_dagrun_state=lambda dag_id, run_id: states[run_id],  # noqa: ARG005
        )
    }


def test_another_runs_event_does_not_end_the_waiting() -> None:
    """Airflow on SQLite may deliver it; the stage's own run is what counts."""
    event = ("airflow.DagStateTrigger", {"dag_id": "w.stage", "run_ids": ["other"], "other": "success"})
    with pytest.raises(TaskDeferred) as deferred:
        ensure().execute_complete(context({"other": "success", "mine": "running"}), event)
    assert deferred.value.trigger.serialize()[1]["run_ids"] == ["mine"]
