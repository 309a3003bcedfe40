"""Runs of Glue Python shell jobs.

    <room>/script/<name>.py              the script, from Command.ScriptLocation
    <room>/script/extra/…                what --extra-py-files names, on PYTHONPATH, as is awsglue.utils
    argv                                 --key value, the job's DefaultArguments overridden by the run's
    /aws-glue/python-jobs/output|error   stdout and stderr; the stream is named like the run

The script runs on the stand-in's own Python, whatever PythonVersion says; the log says so.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from platform import python_version
from typing import Any

import local_aws.images
from local_aws.jobs.engine import Command, Exit, JobEnded, JobFailed, JobRef
from local_aws.jobs.lifecycle import Life
from local_aws.jobs.process import clean_environment
from local_aws.jobs.room import Room
from local_aws.services.catalog.catalog import invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue import job
from local_aws.services.glue.listing import error_detail, listed
from local_aws.state.logs import GroupMissing, StreamMissing
from local_aws.state.objects import BucketMissing, ObjectMissing, parse_s3_uri
from local_aws.state.records import Body, Record, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "glue.job_run"
LOG_GROUP = "/aws-glue/python-jobs"
OUTPUT, ERROR = f"{LOG_GROUP}/output", f"{LOG_GROUP}/error"
# Arguments that Glue itself reads; the script gets them too, as on AWS.
EXTRA_FILES, EXTRA_MODULES = "--extra-py-files", "--additional-python-modules"
GIB_PER_DPU = 16
GLUE_LIBRARY = Path(local_aws.images.__file__).parent / "glue_shell"  # holds awsglue
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
        limit = definition["ExecutionProperty"].get("MaxConcurrentRuns", 1)
        if sum(not LIFE.last(run.body[LIFE.field]) for run in _runs(context, name)) >= limit:
            raise AwsError("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
        now = datetime.now(UTC)
        capacity = job.check_capacity(given.get("MaxCapacity") or definition["MaxCapacity"])
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
            "MaxCapacity": capacity,
            "AllocatedCapacity": int(capacity),
            "LogGroupName": LOG_GROUP,
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
    """How the engine runs a Python shell job."""

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
        """Fetch the script and its extra files."""
        command = body["Command"]
        directory = room.path / "script"
        script = directory / _fetch(room, command["ScriptLocation"], directory)
        arguments: Mapping[str, str] = body["AllArguments"]
        search = [*_extra_files(room, arguments, directory / "extra"), GLUE_LIBRARY]
        packages = clean_environment(room.path)["PYTHONPATH"]
        room.log(
            f"local stand-in: Python {python_version()} runs this job, "
            f"which asks for {command.get('PythonVersion', '3')}"
        )
        return Command(
            argv=["python3", str(script), *(part for pair in arguments.items() for part in pair)],
            env={"PYTHONPATH": ":".join([*map(str, search), packages])},
            log_group=OUTPUT,
            error_log_group=ERROR,
            log_stream=body["Id"],
            memory_gib=min(body["MaxCapacity"] * GIB_PER_DPU, room.settings.job_memory_gib),
            max_runtime_seconds=body["Timeout"] * 60,
        )

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Nothing comes home: a script writes to S3 itself. A failure is told by its last line of stderr."""
        if exit.out_of_memory:
            raise JobFailed("Command failed due to Out of Memory")
        if exit.code and not (exit.stopped or exit.timed_out):
            raise JobFailed(_last_line(room, body["Id"]) or f"Command failed with exit code {exit.code}")
        return {}


def _fetch(room: Room, uri: str, directory: Path) -> str:
    """Copy one object into ``directory``; its file name. Raises JobFailed."""
    try:
        bucket, key = parse_s3_uri(uri)
        _, source = room.objects.open(bucket, key)
    except (ValueError, BucketMissing, ObjectMissing):
        raise JobFailed(f"The script or library {uri} does not exist.") from None
    name = PurePosixPath(key).name
    if name in ("", ".."):
        raise JobFailed(f"The script or library {uri} has no file name.")
    directory.mkdir(parents=True, exist_ok=True)
    with source, (directory / name).open("wb") as copy:
        shutil.copyfileobj(source, copy)
    return name


def _extra_files(room: Room, arguments: Mapping[str, str], directory: Path) -> list[Path]:
    """What goes on PYTHONPATH for --extra-py-files: archives themselves, and the directory of .py files."""
    search: list[Path] = []
    for uri in filter(None, (part.strip() for part in arguments.get(EXTRA_FILES, "").split(","))):
        path = directory / _fetch(room, uri, directory)
        place = directory if path.suffix == ".py" else path
        if place not in search:
            search.append(place)
    return search


def _last_line(room: Room, stream: str) -> str | None:
    """The last thing that the script wrote to stderr: of a traceback, the exception."""
    try:
        lines = [event.message.strip() for event in room.logs.events(ERROR, stream)]
    except (GroupMissing, StreamMissing):  # it wrote nothing
        return None
    return next((line for line in reversed(lines) if line), None)
