"""Runs of Glue jobs: what all types share. How a type runs lies in its own module."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from local_aws.jobs.engine import Command, Exit, JobEnded, JobFailed, JobRef
from local_aws.jobs.lifecycle import Life
from local_aws.jobs.room import Room
from local_aws.services.catalog.catalog import invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue import job
from local_aws.services.glue.job_type import EXTRA_MODULES
from local_aws.services.glue.listing import error_detail, listed
from local_aws.state.records import Body, Record, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "glue.job_run"
SEPARATOR = "\x1f"  # between job name and run id in a record's key; no name can hold it

LIFE = Life(
    field="JobRunState",
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


# --- operations -------------------------------------------------------------------------------------


@operation("glue", "StartJobRun")
def start_job_run(context: Context, call: Call) -> dict[str, Any]:
    """Start a run of a job; answers before it runs. At most MaxConcurrentRuns at a time."""
    given = call.parameters
    name = given["JobName"]
    for member in ("JobRunId", "JobRunQueuingEnabled", "SecurityConfiguration", "ExecutionRoleSessionPolicy"):
        if given.get(member):
            raise NotEmulated("glue", "StartJobRun", member)
    run_id = f"jr_{secrets.token_hex(32)}"
    with context.database.transaction():
        definition = job.definition_of(context, name)
        arguments = {**definition.get("DefaultArguments", {}), **given.get("Arguments", {})}
        if arguments.get(EXTRA_MODULES):
            raise NotEmulated("glue", "StartJobRun", f"{EXTRA_MODULES}: the stand-in's jobs cannot install")
        kind = job.type_of(definition)
        kind.check_arguments(arguments)
        limit = definition["ExecutionProperty"].get("MaxConcurrentRuns", 1)
        if sum(not LIFE.last(run.body[LIFE.field]) for run in _runs(context, name)) >= limit:
            raise AwsError("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
        now = datetime.now(UTC)
        body: Body = {
            "Id": run_id,
            "Attempt": 0,
            "JobName": name,
            "StartedOn": now,
            "LastModifiedOn": now,
            LIFE.field: LIFE.starting,
            "Arguments": given.get("Arguments", {}),
            "PredecessorRuns": [],
            "ExecutionTime": 0,
            "Timeout": given.get("Timeout", definition["Timeout"]),
            **kind.size(given, definition),
            **({"GlueVersion": definition["GlueVersion"]} if "GlueVersion" in definition else {}),
            "LogGroupName": kind.log_group,
            # The run's own copy: a definition that changes later must not reach a run under way.
            "Command": definition["Command"],
            "AllArguments": arguments,
        }
        context.records(KIND).insert(_key(name, run_id), body)
    context.engine.start(JobRef(KIND, _key(name, run_id)))
    return {"JobRunId": run_id}


@operation("glue", "GetJobRun")
def get_job_run(context: Context, call: Call) -> dict[str, Any]:
    """Describe one run."""
    return {"JobRun": _run(context, call.parameters["JobName"], call.parameters["RunId"])}


@operation("glue", "GetJobRuns")
def get_job_runs(context: Context, call: Call) -> dict[str, Any]:
    """List a job's runs, newest first."""
    name = call.parameters["JobName"]
    runs = sorted(
        (record.body for record in _runs(context, name)),
        key=lambda run: (run["StartedOn"], run["Id"]),
        reverse=True,
    )
    if not runs:
        job.definition_of(context, name)  # no runs and no job: say so
    return listed(
        "JobRuns",
        runs,
        call.parameters,
        key=lambda run: (run["StartedOn"].isoformat(), run["Id"]),
        largest=200,
        descending=True,
    )


@operation("glue", "BatchStopJobRun")
def batch_stop_job_run(context: Context, call: Call) -> dict[str, Any]:
    """Ask runs to end; those that cannot be stopped are answered as errors."""
    name = call.parameters["JobName"]
    stopped, errors = [], []
    for run_id in call.parameters["JobRunIds"]:
        where = {"JobName": name, "JobRunId": run_id}
        try:
            context.engine.stop(JobRef(KIND, _key(name, run_id)))
        except RecordMissing:
            errors.append({**where, "ErrorDetail": error_detail(_no_such_run(run_id))})
        except JobEnded as ended:
            late = invalid(f"Job run {run_id} is in state {ended.state} and cannot be stopped.")
            errors.append({**where, "ErrorDetail": error_detail(late)})
        else:
            stopped.append(where)
    return {"SuccessfulSubmissions": stopped, "Errors": errors}


def _key(name: str, run_id: str) -> str:
    return f"{name}{SEPARATOR}{run_id}"


def _runs(context: Context, name: str) -> Iterable[Record]:
    return context.records(KIND).scan(_key(name, ""))


def _run(context: Context, name: str, run_id: str) -> Body:
    try:
        return context.records(KIND).get(_key(name, run_id)).body
    except RecordMissing:
        raise _no_such_run(run_id) from None


def _no_such_run(run_id: str) -> AwsError:
    return missing(f"JobRun with id: {run_id} not found.")


# --- the run ----------------------------------------------------------------------------------------


class JobRunKind:
    """How the engine runs a Glue job."""

    kind = KIND
    life = LIFE

    def entered(self, body: Body, state: str, reason: str | None) -> Body:
        """Times, seconds that would be billed, and the error of a failure."""
        now = datetime.now(UTC)
        fields: Body = {"LastModifiedOn": now}
        if state == LIFE.running and "RunningSince" not in body:
            fields["RunningSince"] = now
        if LIFE.last(state):
            seconds = (now - body["RunningSince"]).total_seconds() if "RunningSince" in body else 0.0
            fields |= {
                "CompletedOn": now,
                "ExecutionTime": round(seconds),
                "DPUSeconds": round(seconds * body["MaxCapacity"], 3),
            }
        if reason:
            fields["ErrorMessage"] = reason
        elif state == LIFE.timed_out:
            fields["ErrorMessage"] = f"Job run exceeded its timeout of {body['Timeout']} minutes."
        return fields

    def prepare(self, room: Room, body: Body) -> Command:
        """As the job's type does it."""
        return job.type_of(body).command(room, body)

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Nothing comes home: a script writes to S3 itself. A failure is told in one line."""
        if exit.out_of_memory:
            raise JobFailed("Command failed due to Out of Memory")
        if exit.code and not (exit.stopped or exit.timed_out):
            raise JobFailed(job.type_of(body).failure(room, body, exit.code))
        return {}
