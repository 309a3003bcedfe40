"""Glue job definitions, of Python shell and Spark jobs; the other types are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.services.catalog.catalog import exists, invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue import tag
from local_aws.services.glue.job_type import JobType
from local_aws.services.glue.listing import listed
from local_aws.services.glue.python_shell import PythonShell
from local_aws.services.glue.spark import Spark
from local_aws.state.objects import parse_s3_uri
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "glue.job"
TYPES: dict[str, JobType] = {kind.name: kind for kind in (PythonShell(), Spark())}
TYPES_OF_AWS = ("glueetl", "gluestreaming", "glueray", "pythonshell")
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
    """Store a definition."""
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
    if kind not in TYPES_OF_AWS:
        raise invalid(f"Command.Name '{kind}' is not valid: one of {', '.join(TYPES_OF_AWS)}.")
    if kind not in TYPES:
        raise NotEmulated("glue", api, f"Command.Name {kind}")
    for member in _NOT_EMULATED:
        if given.get(member):
            raise NotEmulated("glue", api, member)
    if not given.get("Role"):
        raise invalid("Role is required.")
    _check_script(command.get("ScriptLocation", ""))
    return {
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "Timeout": DEFAULT_MINUTES,
        "MaxRetries": 0,
        **given,
        **TYPES[kind].defined(api, given),
    }


def type_of(definition: Mapping[str, Any]) -> JobType:
    """How the jobs of this definition, or a run of one, are run."""
    return TYPES[definition["Command"]["Name"]]


def _check_script(uri: str) -> None:
    try:
        _, key = parse_s3_uri(uri)
    except ValueError as error:
        raise invalid(f"Command.ScriptLocation: {error}") from None
    if not key:
        raise invalid(f"Command.ScriptLocation '{uri}' names no object.")


def _no_such_job(name: str) -> Exception:
    return missing(f"Job with name: {name} not found.")
