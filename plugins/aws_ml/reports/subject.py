"""Which run a page is about. Airflow's own records say it; what stands in a URL only finds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.models.dagrun import DagRun
from sqlalchemy import select
from sqlalchemy.orm import Session

from aws_ml.dags import PARENT, dag_id
from aws_ml.exceptions import AwsMlError
from aws_ml.reports.shelf import Lifetime
from aws_ml.run import STAGES, Paths, run_key
from aws_ml.workflow import Workflow, load_workflows

CHILD = f"{PARENT}__"  # what the parent puts before its own run id for its stages' runs


class NoReport(AwsMlError):
    """There is no report here."""


@dataclass(frozen=True)
class Run:
    """One dag run, as Airflow knows it now."""

    dag_id: str
    run_id: str
    stage: str  # the DAG's name without the workflow; the parent's is PARENT
    state: str
    run_type: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    user: str | None  # who triggered it

    @property
    def is_over(self) -> bool:
        """Whether no more is to be expected of it."""
        return self.state in ("success", "failed")

    @property
    def seconds(self) -> float | None:
        """How long it took, if it is over."""
        return (self.ended - self.started).total_seconds() if self.ended and self.started else None


@dataclass(frozen=True)
class Subject:
    """A run, the workflow and day that it belongs to, and the runs of the same parent."""

    workflow: Workflow
    run_key: str
    own: Run
    parent: Run | None  # also when it is the own run
    stages: Mapping[str, Run | None]  # in order; None: has not begun, or was not asked for
    hidden: frozenset[str]  # stages that the reader may not see

    @property
    def paths(self) -> Paths:
        """The S3 keys of this run."""
        return Paths(self.workflow.name, self.run_key)

    @property
    def shown(self) -> tuple[str, ...]:
        """The stages that this page reports on: all for the parent, else the own one."""
        wanted = STAGES if self.own.stage == PARENT else (self.own.stage,)
        return tuple(stage for stage in wanted if stage not in self.hidden)

    def lifetime(self) -> Lifetime:
        """From when to when this run, or the one that it is part of, may have written documents."""
        family = [run for run in (self.parent, *self.stages.values(), self.own) if run]
        ends = [run.ended for run in family]
        known = [end for end in ends if end]
        over = len(known) == len(ends) and all(run.is_over for run in family)
        return Lifetime(min(run.created for run in family), max(known) if over else None)


def find(session: Session, wanted_dag: str, wanted_run: str, may_read: Callable[[str], bool]) -> Subject:
    """The subject of the page at an address.

    :param may_read: whether the reader may see a DAG's runs; of other DAGs nothing is told
    :raises NoReport: the DAG is none of ours, there is no such run, or it names no day
    """
    name, _, stage = wanted_dag.rpartition(".")
    workflows = load_workflows().workflows
    if stage not in (PARENT, *STAGES) or name not in workflows:
        raise NoReport(f"{wanted_dag} is not a DAG of one of the workflow files: {', '.join(workflows)}.")
    workflow = workflows[name]
    row = next(iter(rows(session, [wanted_dag], wanted_run)), None)
    if row is None:
        raise NoReport(f"{wanted_dag} has no run {wanted_run}.")
    try:
        key = run_key(Told.of(row), None, workflow.schedule.timezone)
    except AwsMlError as error:
        raise NoReport(str(error)) from error
    own = of(row)

    family = wanted_run if stage == PARENT else wanted_run.removeprefix(CHILD)
    is_family = stage == PARENT or family != wanted_run
    readable = {each: may_read(dag_id(workflow, each)) for each in (PARENT, *STAGES)}
    found = {stage: own}
    if is_family:
        ids = [dag_id(workflow, each) for each in STAGES if readable[each]]
        found |= {run.stage: run for run in map(of, rows(session, ids, CHILD + family))}
        if readable[PARENT]:
            parents = rows(session, [dag_id(workflow, PARENT)], family)
            found |= {run.stage: run for run in map(of, parents)}
    return Subject(
        workflow=workflow,
        run_key=key,
        own=own,
        parent=found.get(PARENT),
        stages={each: found.get(each) for each in STAGES},
        hidden=frozenset(each for each in STAGES if not readable[each]),
    )


def rows(session: Session, dag_ids: list[str], run_id: str) -> list[Any]:
    """The dag runs of one run id."""
    query = select(DagRun).where(DagRun.dag_id.in_(dag_ids), DagRun.run_id == run_id)
    return list(session.scalars(query))


def of(row: Any) -> Run:
    """What a page needs of Airflow's record."""
    return Run(
        dag_id=row.dag_id,
        run_id=row.run_id,
        stage=row.dag_id.rpartition(".")[2],
        state=str(getattr(row.state, "value", row.state) or "queued"),
        run_type=str(getattr(row.run_type, "value", row.run_type)),
        created=row.created_at or row.run_after,
        started=row.start_date,
        ended=row.end_date,
        user=row.triggering_user_name,
    )


@dataclass
class Told:
    """The part of a dag run that names its day; a configuration that is no mapping names none."""

    run_id: str
    run_type: Any
    conf: Mapping[str, Any]
    data_interval_start: datetime | None

    @classmethod
    def of(cls, row: Any) -> Told:
        """From Airflow's record."""
        conf = row.conf if isinstance(row.conf, Mapping) else {}
        return cls(row.run_id, row.run_type, conf, row.data_interval_start)
