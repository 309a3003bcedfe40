"""What the launcher says about a run."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from launcher.api import TaskInstance
from launcher.follow import Outcome, question_url, task_line, task_log
from launcher.summary import _bounds, _decision
from launcher.timing import covered, deployment_sent

BEGAN = datetime.datetime(2026, 1, 16, 6, tzinfo=datetime.UTC)


def task(stage: str, task_id: str, state: str) -> TaskInstance:
    return TaskInstance(
        dag_id=f"loan_approval.{stage}",
        run_id="r",
        task_id=task_id,
        map_index=-1,
        state=state,
        try_number=2,
        start_date=None,
        end_date=None,
        duration=1.25,
    )


def test_a_skipped_branch_is_green() -> None:
    """The way not taken is skipped: all went as it should."""
    tasks = [
        task("ingest_analyze", "publish_partition", "success"),
        task("ingest_analyze", "stop", "skipped"),
    ]
    assert Outcome("r", "success", BEGAN, tasks, 1.0, {}).green


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "running"])
def test_anything_else_is_not_green(state: str) -> None:
    assert not Outcome("r", "success", BEGAN, [task("train_tune", "train_model", state)], 1.0, {}).green
    assert not Outcome("r", "failed", BEGAN, [task("train_tune", "train_model", "success")], 1.0, {}).green


def test_the_cause_is_told_before_its_consequence() -> None:
    """The parent's task fails because the stage's did: the stage's is the one to look at."""
    cause, consequence = (
        task("train_tune", "train_model", "failed"),
        task("ml_workflow", "train_tune", "failed"),
    )
    assert Outcome("r", "failed", BEGAN, [consequence, cause], 1.0, {}).failed == [cause]
    assert Outcome("r", "failed", BEGAN, [consequence], 1.0, {}).failed == [consequence]


def test_a_task_is_one_line() -> None:
    line = task_line(task("train_tune", "train_model", "success"))
    assert line.split() == ["✓", "train_tune", "train_model", "success", "1.2", "s"]


def test_a_task_that_asks_has_not_taken_its_time_yet() -> None:
    line = task_line(task("ingest_analyze", "ask_about_bias", "awaiting_input"))
    assert line.split() == ["?", "ingest_analyze", "ask_about_bias", "awaiting_input"]


def test_where_a_question_is_answered() -> None:
    asking = replace(task("ingest_analyze", "ask_about_bias", "awaiting_input"), run_id="manual__a+b/c")
    assert question_url("http://127.0.0.1:8080", asking) == (
        "http://127.0.0.1:8080/dags/loan_approval.ingest_analyze/runs/manual__a%2Bb%2Fc"
        "/tasks/ask_about_bias/required_actions"
    )


def test_both_gates_and_the_answer_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    def metric(value: float | None, finding: str, way: str) -> dict[str, Any]:
        bounds = {"minimum": -0.15, "maximum": 0.15}
        return {
            "group": "sex = female",
            "metric": "DPL",
            "value": value,
            "finding": finding,
            "way": way,
            **bounds,
        }

    answer = {"choice": "Approve", "reason": "known", "by": {"id": "a", "name": "Ann"}, "at": "now"}
    first = {"data": "curated", "summary": "To be mitigated.", "metrics": [metric(0.24, "above", "mitigate")]}
    second = {"data": "mitigated", "summary": "Asked.", "metrics": [metric(None, "not computable", "ask")]}
    _decision(
        {
            "rounds": [{**first, "answer": None}, {**second, "answer": answer}],
            "dataset": {"uri": "s3://b/mitigated/"},
            "outcome": "accepted",
        }
    )
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "bias measured: To be mitigated.",
        "sex = female DPL +0.2400 -0.15 to 0.15 above: mitigate",
        "bias after mitigation: Asked.",
        "sex = female DPL none -0.15 to 0.15 not computable: ask",
        "asked Approve (Ann, now): known",
        "gate accepted: s3://b/mitigated/",
    ]


def test_the_log_of_the_latest_attempt() -> None:
    log = task_log(Path("airflow"), task("train_tune", "train_model", "failed"))
    assert str(log) == (
        "airflow/logs/dag_id=loan_approval.train_tune/run_id=r/task_id=train_model/attempt=2.log"
    )


@pytest.mark.parametrize(
    ("minimum", "maximum", "words"),
    [
        (None, None, "no bounds"),
        (None, 0.2, "at most 0.2"),
        (-1, None, "at least -1"),
        (-0.1, 0.1, "-0.1 to 0.1"),
    ],
)
def test_bounds_in_words(minimum: float | None, maximum: float | None, words: str) -> None:
    assert _bounds(minimum, maximum) == words


def test_time_in_jobs_counts_once_where_jobs_overlap() -> None:
    def at(second: int) -> datetime.datetime:
        return datetime.datetime(2026, 1, 15, 6, 0, second, tzinfo=datetime.UTC)

    assert covered([(at(0), at(10)), (at(5), at(12)), (at(6), at(7)), (at(20), at(21))]) == 13
    assert covered([]) == 0


def test_a_deployment_begins_with_its_call_and_not_with_its_task(tmp_path: Path) -> None:
    """Else what Airflow takes to start the task would count as AWS's work."""
    log = tmp_path / "attempt=1.log"
    log.write_text(
        '{"timestamp":"2026-01-16T06:00:01Z","event":"::group::Pre Execute"}\n'
        '{"timestamp":"2026-01-16T06:00:04Z","event":"Updating endpoint loan-approval to c"}\n'
    )
    assert deployment_sent(log) == datetime.datetime(2026, 1, 16, 6, 0, 4, tzinfo=datetime.UTC)
    log.write_text('{"timestamp":"2026-01-16T06:00:01Z","event":"::group::Pre Execute"}\n')
    assert deployment_sent(log) is None
    assert deployment_sent(tmp_path / "none.log") is None
