"""What EnsureDagRunOperator makes of an event; tests/e2e has the rest of its life, in a real Airflow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType, TaskDeferred
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse

from aws_ml.operators.ensure_dag_run import EnsureDagRunOperator


class Impatient(EnsureDagRunOperator):
    """Defers instead of waiting on the worker."""

    defer_after = 0


def ensure(kind: type[EnsureDagRunOperator] = Impatient) -> EnsureDagRunOperator:
    return kind(task_id="stage", trigger_dag_id="w.stage", trigger_run_id="mine", conf={})


class Store(dict[str, Any]):
    """A task state store."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


class TaskInstance:
    """Airflow as the operator asks it: the states of the child DAG's runs, one after the other."""

    max_tries = 2

    def __init__(self, states: dict[str, Any]) -> None:
        self.states = states

    def get_dr_count(self, dag_id: str, run_ids: list[str]) -> int:
        return sum(run_id in self.states for run_id in run_ids)

    def get_dagrun_state(self, dag_id: str, run_id: str) -> str:
        known = self.states[run_id]
        return known if isinstance(known, str) else next(known)

    def get_dag(self, dag_id: str) -> Any:
        return SimpleNamespace(is_paused=False)

    def xcom_push(self, key: str, value: Any) -> None:
        """Nobody reads it here."""


def context(states: dict[str, Any]) -> Any:
    return {"ti": TaskInstance(states), "task_state_store": Store()}


def test_another_runs_event_does_not_end_the_waiting() -> None:
    """Airflow on SQLite may deliver it; the stage's own run is what counts."""
    event = ("airflow.DagStateTrigger", {"dag_id": "w.stage", "run_ids": ["other"], "other": "success"})
    with pytest.raises(TaskDeferred) as deferred:
        ensure().execute_complete(context({"other": "success", "mine": "running"}), event)
    assert deferred.value.trigger.serialize()[1]["run_ids"] == ["mine"]


def test_a_stage_that_ends_soon_is_awaited_on_the_worker() -> None:
    """A deferral costs seconds, so the first ones are waited for without it."""
    states = iter(["queued", "running", "success"])
    assert ensure(EnsureDagRunOperator).execute_complete(context({"mine": states}), ("", {})) == "mine"


class Supervisor:
    """Answers every request with one error, as the real one passes on what Airflow's server says."""

    def __init__(self, states: dict[str, Any], error: ErrorType) -> None:
        self.states = states
        self.error = error

    def send(self, request: Any) -> ErrorResponse:
        self.states[request.run_id] = "queued"  # the first call, whose answer got lost
        return ErrorResponse(error=self.error)


def test_a_call_that_was_repeated_is_not_taken_for_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's client calls again when the answer is late, and is told of the run that it has started."""
    states: dict[str, Any] = {}
    supervisor = Supervisor(states, ErrorType.DAGRUN_ALREADY_EXISTS)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    with pytest.raises(TaskDeferred):
        ensure().execute(context(states))


def test_a_run_that_cannot_be_started_fails_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    states: dict[str, Any] = {}
    supervisor = Supervisor(states, ErrorType.GENERIC_ERROR)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    with pytest.raises(AirflowRuntimeError):
        ensure().execute(context(states))
