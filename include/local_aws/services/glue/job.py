"""Glue job definitions. Only Python shell jobs are emulated; Spark jobs are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.services.catalog.catalog import exists, invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue import tag
from local_aws.services.glue.listing import listed
from local_aws.state.objects import parse_s3_uri
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "glue.job"
SMALL_DPU, LARGE_DPU = 0.0625, 1.0  # what MaxCapacity of a Python shell job can be
PYTHON_VERSIONS = ("3", "3.6", "3.9")
DEFAULT_MINUTES = 2880

# Members that ask for something that the stand-in does not do.
_NOT_EMULATED = (
    "CodeGenConfigurationNodes",
    "Connections",
    "JobRunQueuingEnabled",
    "MaxRetries",
    "NonOverridableArguments",
    "SecurityConfiguration",
    "SourceControlDetails",
)


@operation("glue", "CreateJob")
def create_job(context: Context, call: Call) -> dict[str, Any]:
    """Store the definition of a Python shell job."""
    given = call.parameters
    name = given["Name"]
    now = datetime.now(UTC)
    definition = defined("CreateJob", {key: value for key, value in given.items() if key != "Tags"})
    with context.database.transaction():
        try:
            context.records(KIND).insert(name, {**definition, "CreatedOn": now, "LastModifiedOn": now})
        except RecordExists:
            raise exists(f"Job with name {name} already submitted with different configuration.") from None
        tag.remember(context, tag.arn(context, f"job/{name}"), given.get("Tags"))
    return {"Name": name}


@operation("glue", "UpdateJob")
def update_job(context: Context, call: Call) -> dict[str, Any]:
    """Replace a definition as a whole: what JobUpdate leaves out goes back to its default."""
    name = call.parameters["JobName"]
    definition = defined("UpdateJob", {**call.parameters["JobUpdate"], "Name": name})

    def replaced(before: Body) -> Body:
        return {**definition, "CreatedOn": before["CreatedOn"], "LastModifiedOn": datetime.now(UTC)}

    try:
        context.records(KIND).change(name, replaced)
    except RecordMissing:
        raise _no_such_job(name) from None
    return {"JobName": name}


@operation("glue", "GetJob")
def get_job(context: Context, call: Call) -> dict[str, Any]:
    """Describe one job."""
    return {"Job": definition_of(context, call.parameters["JobName"])}


@operation("glue", "GetJobs")
def get_jobs(context: Context, call: Call) -> dict[str, Any]:
    """List all jobs by name."""
    jobs = (record.body for record in context.records(KIND).scan())
    return listed("Jobs", jobs, call.parameters, key=lambda job: job["Name"])


@operation("glue", "ListJobs")
def list_jobs(context: Context, call: Call) -> dict[str, Any]:
    """List the names of all jobs, or of those that carry all the given tags."""
    wanted = call.parameters.get("Tags") or {}
    names = (record.key for record in context.records(KIND).scan())
    fitting = (
        name
        for name in names
        if wanted.items() <= tag.tags_of(context, tag.arn(context, f"job/{name}")).items()
    )
    return listed("JobNames", fitting, call.parameters, key=lambda name: name)


@operation("glue", "BatchGetJobs")
def batch_get_jobs(context: Context, call: Call) -> dict[str, Any]:
    """Describe several jobs; names that are not there are answered apart."""
    found = {name: context.records(KIND).find(name) for name in call.parameters["JobNames"]}
    return {
        "Jobs": [record.body for record in found.values() if record],
        "JobsNotFound": [name for name, record in found.items() if not record],
    }


@operation("glue", "DeleteJob")
def delete_job(context: Context, call: Call) -> dict[str, Any]:
    """Forget a definition; one that is not there is no error. Its runs stay."""
    name = call.parameters["JobName"]
    context.records(KIND).delete(name)
    tag.forget(context, tag.arn(context, f"job/{name}"))
    return {"JobName": name}


def definition_of(context: Context, name: str) -> Body:
    """The stored definition. Raises EntityNotFoundException."""
    try:
        return context.records(KIND).get(name).body
    except RecordMissing:
        raise _no_such_job(name) from None


def defined(api: str, given: Mapping[str, Any]) -> Body:
    """A definition with Glue's defaults. Raises InvalidInputException, NotEmulated."""
    command = given.get("Command") or {}
    kind = command.get("Name")
    if kind in ("glueetl", "gluestreaming", "glueray"):
        raise NotEmulated("glue", api, f"Command.Name {kind}")
    if kind != "pythonshell":
        raise invalid(f"Command.Name '{kind}' is not valid: glueetl, gluestreaming, glueray or pythonshell.")
    for member in _NOT_EMULATED:
        if given.get(member):
            raise NotEmulated("glue", api, member)
    for member in ("WorkerType", "NumberOfWorkers"):
        if given.get(member):
            raise invalid(f"{member} cannot be given for a Python shell job: give MaxCapacity.")
    if not given.get("Role"):
        raise invalid("Role is required.")
    version = command.get("PythonVersion", "3")
    if version not in PYTHON_VERSIONS:
        raise invalid(f"PythonVersion '{version}' is not one of {', '.join(PYTHON_VERSIONS)}.")
    _check_script(command.get("ScriptLocation", ""))
    capacity = check_capacity(given.get("MaxCapacity", SMALL_DPU))
    return {
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "Timeout": DEFAULT_MINUTES,
        "MaxRetries": 0,
        **given,
        "MaxCapacity": capacity,
        "AllocatedCapacity": int(capacity),
    }


def check_capacity(value: float) -> float:
    """Data processing units of a run. Raises InvalidInputException for any other number."""
    if value not in (SMALL_DPU, LARGE_DPU):
        raise invalid(f"MaxCapacity {value:g} is not valid for a Python shell job: 0.0625 or 1.")
    return float(value)


def _check_script(uri: str) -> None:
    try:
        _, key = parse_s3_uri(uri)
    except ValueError as error:
        raise invalid(f"Command.ScriptLocation: {error}") from None
    if not key:
        raise invalid(f"Command.ScriptLocation '{uri}' names no object.")


def _no_such_job(name: str) -> Exception:
    return missing(f"Job with name: {name} not found.")
