"""One day of one workflow, run stage by stage in a real Airflow by tests from the outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launcher.api import TaskInstance
from launcher.follow import error_of, task_log
from launcher.landing import client, land
from launcher.settings import Choices
from launcher.stack import Stack
from tests.e2e.scheduler import noticed

DAY = "2026-01-15"
GATE = {
    "ask_about_bias",
    "mitigate_bias",
    "decide_on_mitigation",
    "ask_about_mitigation",
    "publish_partition",
    "stop_on_bias",
}


class Partition:
    """One day of one workflow, from landing to the end of its gate."""

    def __init__(self, stack: Stack, workflow: str, day: str = DAY) -> None:
        self.stack, self.workflow, self.day = stack, workflow, day
        self.airflow = stack.airflow
        self.dag_id = f"{workflow}.ingest_analyze"
        self.run_id = f"manual__{day}__gate"

    def land(self, data: Path | None = None) -> None:
        """The day's files: those of the census, or generated ones, which are made for one workflow only."""
        layout = self.stack.choices.layout
        source = "loan_approval" if data is None else self.workflow
        land(self.stack, Choices(workflow=source, date=self.day, data=data, layout=layout))
        if source == self.workflow:
            return
        s3, bucket = client(self.stack, "s3"), self.stack.choices.deployment.bucket
        prefix = f"{source}/landing/dt={self.day}/"
        for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            key = item["Key"].replace(source, self.workflow, 1)
            s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": item["Key"]})

    def start(self, data: Path | None = None) -> Partition:
        self.land(data)
        self.stack.wait_for_dag(self.dag_id)
        self.airflow.trigger(self.dag_id, {"partition": self.day}, self.run_id)
        return self

    def states(self) -> dict[str, str | None]:
        return {task.task_id: task.state for task in self.airflow.task_instances(self.dag_id, self.run_id)}

    def task(self, task_id: str) -> TaskInstance:
        tasks = self.airflow.task_instances(self.dag_id, self.run_id)
        return next(task for task in tasks if task.task_id == task_id)

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        return self.stack.processes.wait_until(lambda: condition() or None, 300, what, interval=0.5)

    def until_asked(self, task_id: str = "ask_about_bias", tries: int = 1) -> dict[str, Any]:
        """Wait for the question, and until it may be answered; the form."""

        def asked() -> bool:
            assert self.airflow.run(self.dag_id, self.run_id)["state"] not in ("failed", "success"), (
                self.said()
            )
            task = self.task(task_id)
            waits = task.state == "awaiting_input" and task.try_number == tries
            return waits and noticed(self.stack, task)

        self.until(asked, f"{self.workflow}'s {task_id}")
        return self.airflow.question(self.task(task_id))

    def answer(self, choice: str, reason: str = "", task_id: str = "ask_about_bias") -> None:
        self.airflow.answer(self.task(task_id), choice, reason)

    def end(self, dag_id: str | None = None, run_id: str | None = None) -> str:
        """Wait for the end of a run, of the gate's own by default; its state."""
        where = dag_id or self.dag_id, run_id or self.run_id

        def over() -> str | None:
            state = self.airflow.run(*where)["state"]
            return state if state in ("success", "failed") else None

        state: str = self.until(over, " ".join(where))
        return state

    def way(self) -> set[str]:
        """The tasks after the first gate that were run."""
        return {task_id for task_id, state in self.states().items() if task_id in GATE and state != "skipped"}

    def said(self, dag_id: str | None = None, run_id: str | None = None) -> str:
        """What the failed tasks said."""
        home = self.stack.choices.layout.airflow_home
        tasks = self.airflow.task_instances(dag_id or self.dag_id, run_id or self.run_id)
        failed = [task for task in tasks if task.state == "failed"]
        return "\n".join(error_of(self.airflow, task, task_log(home, task)) for task in failed)

    def decision(self) -> dict[str, Any]:
        key = f"{self.workflow}/runs/{self.day}/ingest_analyze/decision.json"
        bucket = self.stack.choices.deployment.bucket
        document: dict[str, Any] = json.load(
            client(self.stack, "s3").get_object(Bucket=bucket, Key=key)["Body"]
        )
        return document

    def prepare(self, run_id: str) -> str:
        """Run the next stage by hand; its state."""
        dag_id = f"{self.workflow}.prepare_transform"
        self.airflow.trigger(dag_id, {"partition": self.day}, run_id)
        return self.end(dag_id, run_id)
