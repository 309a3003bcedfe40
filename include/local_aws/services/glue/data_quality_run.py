"""What evaluation runs and recommendation runs have in common: their states, and the program that they run.

<room>/data/000000 …   the table's files, as links
<room>/task.json       what is asked; see local_aws.images.data_quality.program
<room>/answer.json     what came out
/aws-glue/data-quality/output|error   stdout and stderr; the stream is named like the run
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import local_aws
from local_aws.jobs.engine import Command, Exit, JobEnded, JobFailed, JobRef
from local_aws.jobs.lifecycle import Life
from local_aws.jobs.process import clean_environment
from local_aws.jobs.room import Room
from local_aws.services.catalog.catalog import invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue.data_quality_source import linked, same
from local_aws.services.glue.listing import listed
from local_aws.state.logs import GroupMissing, StreamMissing
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated

LOG_GROUP = "/aws-glue/data-quality"
PROGRAM = "local_aws.images.data_quality.program"
DEFAULT_WORKERS, DEFAULT_MINUTES = 5, 2880
GIB_PER_WORKER = 16
DATA, TASK, ANSWER = "data", "task.json", "answer.json"

LIFE = Life(
    field="Status",
    moves={
        "STARTING": frozenset({"RUNNING", "FAILED", "STOPPING"}),
        "RUNNING": frozenset({"SUCCEEDED", "FAILED", "STOPPING"}),
        "STOPPING": frozenset({"STOPPED", "TIMEOUT"}),
        "SUCCEEDED": frozenset(),
        "FAILED": frozenset(),
        "STOPPED": frozenset(),
        "TIMEOUT": frozenset(),
    },
    starting="STARTING",
    downloading="STARTING",
    running="RUNNING",
    uploading="RUNNING",
    completed="SUCCEEDED",
    failed="FAILED",
    stopping="STOPPING",
    stopped="STOPPED",
    timed_out="TIMEOUT",
)


def start(context: Context, kind: str, given: Mapping[str, Any], prepared: Callable[[], Body]) -> str:
    """Start a run; its id. The same ClientToken with the same request is the same run.

    Args:
        kind: the records' kind.
        given: the call's parameters.
        prepared: the fields of a new run's record; not asked for a run that is there.
    """
    token = given.get("ClientToken")
    run_id = f"dqrun-{hashlib.sha256(token.encode()).hexdigest()[:40] if token else secrets.token_hex(20)}"
    request = {key: value for key, value in given.items() if key != "ClientToken"}
    before = context.records(kind).find(run_id)
    if before is None:
        now = datetime.now(UTC)
        body: Body = {
            "NumberOfWorkers": DEFAULT_WORKERS,
            "Timeout": DEFAULT_MINUTES,
            **request,
            **prepared(),
            "RunId": run_id,
            LIFE.field: LIFE.starting,
            "StartedOn": now,
            "LastModifiedOn": now,
            "ExecutionTime": 0,
            "Request": request,
        }
        try:
            context.records(kind).insert(run_id, body)
        except RecordExists:  # the same call at the same moment
            before = context.records(kind).get(run_id)
        else:
            context.engine.start(JobRef(kind, run_id))
            return run_id
    if before.body["Request"] != request:
        raise AwsError("ConflictException", f"ClientToken {token} was used for another request.")
    return run_id


def run_of(context: Context, kind: str, run_id: str) -> Body:
    """A run. Raises EntityNotFoundException."""
    try:
        return context.records(kind).get(run_id).body
    except RecordMissing:
        raise _no_such_run(run_id) from None


def cancel(context: Context, kind: str, run_id: str) -> dict[str, Any]:
    """Ask a run to end."""
    try:
        context.engine.stop(JobRef(kind, run_id))
    except RecordMissing:
        raise _no_such_run(run_id) from None
    except JobEnded as ended:
        raise invalid(f"Run {run_id} is in state {ended.state} and cannot be cancelled.") from None
    return {}


def list_runs(context: Context, kind: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The runs that pass the filter, newest first."""
    fits = parameters.get("Filter") or {}

    def chosen(run: Body) -> bool:
        return (
            ("DataSource" not in fits or same(fits["DataSource"], run["DataSource"]))
            and ("StartedBefore" not in fits or run["StartedOn"] < fits["StartedBefore"])
            and ("StartedAfter" not in fits or run["StartedOn"] > fits["StartedAfter"])
            and ("RulesetName" not in fits or fits["RulesetName"] in run.get("RulesetNames", ()))
        )

    runs = sorted(
        (record.body for record in context.records(kind).scan() if chosen(record.body)),
        key=lambda run: (run["StartedOn"], run["RunId"]),
        reverse=True,
    )
    return listed(
        "Runs",
        runs,
        parameters,
        key=lambda run: (run["StartedOn"].isoformat(), run["RunId"]),
        descending=True,
    )


def refuse(api: str, options: Mapping[str, Any], emulated: frozenset[str]) -> None:
    """Raise NotEmulated for run options that are set to something and not among ``emulated``."""
    for member, value in options.items():
        if value not in (None, False, "NONE") and member not in emulated:
            raise NotEmulated("glue", api, f"AdditionalRunOptions.{member}")


def _no_such_run(run_id: str) -> AwsError:
    return missing(f"Data quality run {run_id} not found.")


class RunKind:
    """How the engine runs the program. A subclass says what is asked, and keeps what came out."""

    kind: str
    life = LIFE

    def task(self, body: Body) -> dict[str, Any]:
        """What the program is asked beside the table."""
        raise NotImplementedError

    def keep(self, room: Room, body: Body, answer: Mapping[str, Any]) -> Body:
        """Store what came out; the run's last fields. Raises JobFailed."""
        raise NotImplementedError

    def entered(self, body: Body, state: str, reason: str | None) -> Body:
        """Times, and the error of a failure."""
        now = datetime.now(UTC)
        fields: Body = {"LastModifiedOn": now}
        if LIFE.last(state):
            fields |= {"CompletedOn": now, "ExecutionTime": round((now - body["StartedOn"]).total_seconds())}
        if reason:
            fields["ErrorString"] = reason
        elif state == LIFE.timed_out:
            fields["ErrorString"] = f"The run exceeded its timeout of {body['Timeout']} minutes."
        return fields

    def prepare(self, room: Room, body: Body) -> Command:
        """Link the table's files and write the task."""
        try:
            table = linked(room.objects, body["Table"], room.path / DATA)
        except (ValueError, OSError) as problem:
            raise JobFailed(f"The table's files cannot be read: {problem}") from None
        columns = [name for name, _ in body["Table"]["columns"]]
        task = {"table": table, "columns": columns, **self.task(body)}
        (room.path / TASK).write_text(json.dumps(task), encoding="utf-8")
        group = (body.get("AdditionalRunOptions") or {}).get("CustomLogGroupPrefix") or LOG_GROUP
        packages = clean_environment(room.path)["PYTHONPATH"]
        return Command(
            # -P keeps the working directory off sys.path.
            argv=["python3", "-P", "-m", PROGRAM, str(room.path / TASK), str(room.path / ANSWER)],
            env={"PYTHONPATH": f"{Path(local_aws.__file__).parents[1]}:{packages}"},
            log_group=f"{group}/output",
            error_log_group=f"{group}/error",
            log_stream=body["RunId"],
            memory_gib=min(body["NumberOfWorkers"] * GIB_PER_WORKER, room.settings.job_memory_gib),
            max_runtime_seconds=body["Timeout"] * 60,
        )

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Keep the answer of a run that ended well; a failure is told by its last line of stderr."""
        if exit.out_of_memory:
            raise JobFailed("The run was out of memory.")
        if exit.stopped or exit.timed_out:
            return {}
        if exit.code:
            raise JobFailed(_last_line(room, body) or f"The run ended with exit code {exit.code}.")
        return self.keep(room, body, json.loads((room.path / ANSWER).read_text(encoding="utf-8")))


def _last_line(room: Room, body: Body) -> str | None:
    """The last thing that the program wrote to stderr: why there is no answer."""
    group = (body.get("AdditionalRunOptions") or {}).get("CustomLogGroupPrefix") or LOG_GROUP
    try:
        lines = [event.message.strip() for event in room.logs.events(f"{group}/error", body["RunId"])]
    except (GroupMissing, StreamMissing):  # it wrote nothing
        return None
    return next((line for line in reversed(lines) if line), None)
