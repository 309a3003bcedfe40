"""Watch one run of a parent DAG and of its four stages, and tell each task as it ends."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launcher.api import Airflow, NotThere, TaskInstance
from launcher.stack import Stack

PARENT = "ml_workflow"
STAGES = ("ingest_analyze", "prepare_transform", "train_tune", "deploy_manage")
ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
GOOD = {"success", "skipped"}
MARKS = {"success": "✓", "skipped": "-", "failed": "✗", "upstream_failed": "·", "up_for_retry": "↻"}


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    run_id: str  # the parent run's
    state: str  # the parent run's
    tasks: list[TaskInstance]  # of the parent and all stages
    seconds: float
    stages: dict[str, float]  # seconds that each stage's run took; only of the stages that were run

    @property
    def green(self) -> bool:
        """Every task did what it should. A skipped one is the other way of a branch."""
        return self.state == "success" and all(task.state in GOOD for task in self.tasks)

    @property
    def failed(self) -> list[TaskInstance]:
        """The tasks that failed by themselves: those of the stages before the parent's, which only pass it
        on."""
        failed = [task for task in self.tasks if task.state == "failed"]
        return [task for task in failed if task.stage != PARENT] or failed


def child_run_id(run_id: str) -> str:
    """The run id that the parent gives all its stages."""
    return f"{PARENT}__{run_id}"


def follow(
    stack: Stack, workflow: str, run_id: str, tell: Callable[[TaskInstance], None], *, seconds: float = 3600
) -> Outcome:
    """Wait for the end of a parent run.

    :param tell: called once for each attempt of a task that ended, in the order of their ends
    :raises Problem: a process died
    """
    airflow = stack.airflow
    parent = f"{workflow}.{PARENT}"
    dag_ids = [parent, *(f"{workflow}.{stage}" for stage in STAGES)]
    told: set[tuple[str, str, int, int, str]] = set()
    tasks: list[TaskInstance] = []

    def ended() -> str | None:
        state = str(airflow.run(parent, run_id)["state"])
        tasks[:] = airflow.task_instances(dag_ids, [run_id, child_run_id(run_id)])
        for task in sorted(tasks, key=lambda task: (task.end_date or "9999", dag_ids.index(task.dag_id))):
            over = task.state in ENDED or task.state == "up_for_retry"
            key = (task.dag_id, task.task_id, task.map_index, task.try_number, task.state or "")
            if over and key not in told:
                told.add(key)
                tell(task)
        return state if state in ("success", "failed") else None

    state = stack.processes.wait_until(ended, seconds, f"the run {run_id}")
    stages: dict[str, float] = {}
    for stage in STAGES:
        with suppress(NotThere):
            run = airflow.run(f"{workflow}.{stage}", child_run_id(run_id))
            if run["end_date"]:  # a parent that was marked leaves its stage running
                stages[stage] = _seconds(run)
    return Outcome(run_id, state, list(tasks), _seconds(airflow.run(parent, run_id)), stages)


def task_line(task: TaskInstance) -> str:
    """One line for the terminal: stage, task, state, seconds."""
    state = task.state or "none"
    name = task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]"
    seconds = f"{task.duration:6.1f} s" if task.duration is not None else "        "
    return f"  {MARKS.get(state, ' ')} {task.stage:<18} {name:<28} {state:<15} {seconds}"


def task_log(airflow_home: Path, task: TaskInstance) -> Path:
    """Where Airflow keeps the log of a task's latest attempt."""
    folder = (
        airflow_home / "logs" / f"dag_id={task.dag_id}" / f"run_id={task.run_id}" / f"task_id={task.task_id}"
    )
    if task.map_index >= 0:
        folder /= f"map_index={task.map_index}"
    return folder / f"attempt={task.try_number}.log"


def error_of(airflow: Airflow, task: TaskInstance, log: Path) -> str:
    """What a failed task said: the error it left for the parent, else the last error in its log."""
    with suppress(NotThere):
        return str(airflow.xcom(task, "error"))
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "it left no log"
    for line in reversed(lines):
        try:
            details = json.loads(line).get("error_detail")
        except (json.JSONDecodeError, AttributeError):
            continue
        if details:
            return f"{details[0]['exc_type']}: {details[0]['exc_value']}"
    return "it left no message"


def _seconds(run: dict[str, Any]) -> float:
    """How long a finished run took."""
    start, end = (datetime.datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (end - start).total_seconds()
