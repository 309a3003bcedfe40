"""Watch one run of a parent DAG and of its four stages, and tell each task as it ends."""

from __future__ import annotations

import datetime
import json
import urllib.parse
from collections.abc import Callable, Iterable
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
ASKING = "awaiting_input"
MARKS = {
    "success": "✓",
    "skipped": "-",
    "failed": "✗",
    "upstream_failed": "·",
    "up_for_retry": "↻",
    ASKING: "?",
}
A_PERSON_TAKES_SECONDS = 8 * 24 * 3600  # a workflow may wait a week for an answer


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    run_id: str  # the parent run's
    state: str  # the parent run's
    started: datetime.datetime  # the parent run
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

    :param tell: called once for each attempt of a task that ended or asks a person, in that order
    :param seconds: how long it may take; `A_PERSON_TAKES_SECONDS` where one may be asked
    :raises Problem: a process died
    """
    watched = Watched(stack.airflow, workflow, run_id, tell)
    # Airflow's server has two cores to share with the jobs: once a second is often enough.
    stack.processes.wait_until(watched.look, seconds, f"the run {run_id}", interval=1.0)
    parent, *stages = watched.runs.values()
    return Outcome(
        run_id=run_id,
        state=str(parent["state"]),
        started=moment(parent["start_date"]),
        tasks=watched.tasks(),
        seconds=_seconds(parent),
        # A parent that was marked leaves its stage running.
        stages={run["dag_id"].rpartition(".")[2]: _seconds(run) for run in stages if run["end_date"]},
    )


class Watched:
    """The runs of a parent and its stages, as far as they have begun."""

    def __init__(
        self, airflow: Airflow, workflow: str, run_id: str, tell: Callable[[TaskInstance], None]
    ) -> None:
        self.runs: dict[str, dict[str, Any]] = {}  # by DAG id, the parent's first
        self._airflow = airflow
        self._wanted = {f"{workflow}.{PARENT}": run_id}
        self._wanted |= {f"{workflow}.{stage}": child_run_id(run_id) for stage in STAGES}
        self._tell = tell
        self._told: set[tuple[str, str, int, int, str]] = set()
        self._tasks: dict[str, list[TaskInstance]] = {}

    def look(self) -> bool | None:
        """Look at all that is not over, tell what has ended since; whether the parent's run has."""
        parent = next(iter(self._wanted))
        self._refresh(dag_id for dag_id in self._wanted if not self._is_over(dag_id))
        if self._is_over(parent):
            self._refresh(self._wanted)  # a stage that was over at first may have been cleared and run again
        for task in sorted(self.tasks(), key=lambda task: task.end_date or task.start_date or ""):
            key = (task.dag_id, task.task_id, task.map_index, task.try_number, task.state or "")
            if task.state in (*ENDED, "up_for_retry", ASKING) and key not in self._told:
                self._told.add(key)
                self._tell(task)
        return True if self._is_over(parent) else None

    def tasks(self) -> list[TaskInstance]:
        """All tasks of all runs, as last seen."""
        return [task for tasks in self._tasks.values() for task in tasks]

    def _refresh(self, dag_ids: Iterable[str]) -> None:
        for dag_id in dag_ids:
            run_id = self._wanted[dag_id]
            try:
                # The run is asked before its tasks: those of a run that is over change no more.
                self.runs[dag_id] = self._airflow.run(dag_id, run_id)
                self._tasks[dag_id] = self._airflow.task_instances(dag_id, run_id)
            except NotThere:
                return  # the stages after it have not begun either

    def _is_over(self, dag_id: str) -> bool:
        return dag_id in self.runs and self.runs[dag_id]["state"] in ("success", "failed")


def task_line(task: TaskInstance) -> str:
    """One line for the terminal: stage, task, state, seconds."""
    state = task.state or "none"
    name = task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]"
    ended = task.duration is not None and state != ASKING
    seconds = f"{task.duration:6.1f} s" if ended else "        "
    return f"  {MARKS.get(state, ' ')} {task.stage:<18} {name:<28} {state:<15} {seconds}"


def question_url(base_url: str, task: TaskInstance) -> str:
    """The page of Airflow's UI on which a task's question is answered."""
    run_id = urllib.parse.quote(task.run_id, safe="")
    return f"{base_url}/dags/{task.dag_id}/runs/{run_id}/tasks/{task.task_id}/required_actions"


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
    return (moment(run["end_date"]) - moment(run["start_date"])).total_seconds()


def moment(text: str) -> datetime.datetime:
    """A time as Airflow writes it."""
    return datetime.datetime.fromisoformat(text)
