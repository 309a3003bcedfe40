"""What the five DAGs of a workflow have in common. The DAG files hold only what they differ in."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, CronDataIntervalTimetable, Param

from aws_ml.callbacks import leave_error
from aws_ml.retry import OnlyIfItMayHelp
from aws_ml.schema import Candidates
from aws_ml.workflow import Workflow

PARENT = "ml_workflow"


def common(
    workflow: Workflow, stage: str, doc: str, params: dict[str, Param] | None = None
) -> dict[str, Any]:
    """DAG arguments shared by the parent and its stages.

    :param stage: the DAG's name without the workflow
    :param doc: the DAG file's docstring, shown in the UI
    :param params: further fields of the form
    """
    return {
        "dag_id": dag_id(workflow, stage),
        "description": f"{workflow.description} ({stage.replace('_', ' ')})",
        "doc_md": doc,
        "tags": [workflow.name, stage],
        "catchup": False,
        "max_active_runs": workflow.schedule.max_active_runs,
        "params": {
            "partition": Param(
                None,
                type=["null", "string"],
                format="date",
                title="Partition",
                description="The day whose data is processed. Scheduled and backfilled runs know theirs.",
            ),
            **(params or {}),
        },
        "user_defined_macros": workflow.macros,
        "default_args": {
            "owner": workflow.owner,
            "retries": workflow.retries.attempts,
            "retry_delay": timedelta(seconds=workflow.retries.delay_seconds),
            "retry_policy": OnlyIfItMayHelp(),
            "on_failure_callback": leave_error,
            "poll_seconds": workflow.polling.seconds,
        },
    }


def candidates(workflow: Workflow) -> dict[str, Param]:
    """The form's field for which models are made, of the stage that makes them and of the parent."""
    return {
        "candidates": Param(
            workflow.choice.candidates,
            type="string",
            enum=list(get_args(Candidates)),
            title="Candidates",
            description="Which models are made and compared with the one in use: that of the "
            "hyperparameters in the workflow file (baseline), the best of a tuning job, or both.",
        )
    }


def timetable(workflow: Workflow) -> CronDataIntervalTimetable | None:
    """When the parent runs by itself: after each data interval of the workflow's schedule, or never.

    A plain cron schedule would not do: it gives an interval of no length, and so no day to process.
    """
    cron = workflow.schedule.cron
    return CronDataIntervalTimetable(cron, timezone=workflow.schedule.timezone) if cron else None


def start(workflow: Workflow) -> datetime:
    """The begin of the first data interval."""
    return datetime.combine(workflow.schedule.start, time.min, tzinfo=ZoneInfo(workflow.schedule.timezone))


def dag_id(workflow: Workflow, stage: str) -> str:
    """`<workflow>.<stage>`."""
    return f"{workflow.name}.{stage}"


def asset(workflow: Workflow, name: str) -> Asset:
    """What a stage tells the world it has made: for lineage, and for other people's DAGs to start from."""
    return Asset(f"{workflow.name}.{name}")
