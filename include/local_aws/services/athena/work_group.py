"""Workgroups: where results go and what is enforced. ``primary`` is always there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local_aws.services.athena.requests import invalid_request, listed
from local_aws.services.context import Context
from local_aws.state.records import Body, RecordExists
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation

_KIND = "athena.work_group"
# What a workgroup may hold, and how that names its workgroup.
_CONTENT = {"athena.named_query": "WorkGroup", "athena.prepared_statement": "WorkGroupName"}
_ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}


def work_group(context: Context, name: str) -> Body:
    """One workgroup. Raises InvalidRequestException."""
    found = context.records(_KIND).find(name)
    if found:
        return found.body
    if name == "primary":
        try:
            return (
                context.records(_KIND)
                .insert(name, _made(name, {"EnforceWorkGroupConfiguration": False}))
                .body
            )
        except RecordExists:
            return context.records(_KIND).get(name).body
    raise invalid_request(f"WorkGroup {name} is not found.")


@operation("athena", "CreateWorkGroup")
def create_work_group(context: Context, call: Call) -> dict[str, Any]:
    """Make a workgroup."""
    configuration = {"EnforceWorkGroupConfiguration": True, **(call.parameters.get("Configuration") or {})}
    if (configuration.get("ManagedQueryResultsConfiguration") or {}).get("Enabled"):
        raise NotEmulated("athena", "CreateWorkGroup", "managed query results")
    body = _made(call.parameters["Name"], configuration)
    if call.parameters.get("Description"):
        body["Description"] = call.parameters["Description"]
    work_group(context, "primary")
    try:
        context.records(_KIND).insert(call.parameters["Name"], body)
    except RecordExists:
        raise invalid_request("WorkGroup is already created") from None
    return {}


@operation("athena", "GetWorkGroup")
def get_work_group(context: Context, call: Call) -> dict[str, Any]:
    """Describe a workgroup."""
    return {"WorkGroup": work_group(context, call.parameters["WorkGroup"])}


@operation("athena", "ListWorkGroups")
def list_work_groups(context: Context, call: Call) -> dict[str, Any]:
    """List the workgroups by name."""
    work_group(context, "primary")
    answer = listed(
        "WorkGroups", context.records(_KIND).scan(), call.parameters, key=lambda record: record.key
    )
    answer["WorkGroups"] = [
        {
            **{key: record.body[key] for key in ("Name", "State", "CreationTime")},
            "Description": record.body.get("Description", ""),
            "EngineVersion": dict(_ENGINE),
        }
        for record in answer["WorkGroups"]
    ]
    return answer


@operation("athena", "UpdateWorkGroup")
def update_work_group(context: Context, call: Call) -> dict[str, Any]:
    """Change a workgroup's state, description and result location."""
    given = call.parameters
    work_group(context, given["WorkGroup"])
    updates = dict(given.get("ConfigurationUpdates") or {})
    results = updates.pop("ResultConfigurationUpdates", {})

    def change(body: Body) -> Body:
        for member in ("State", "Description"):
            if given.get(member):
                body[member] = given[member]
        configuration = body["Configuration"]
        if updates.pop("RemoveBytesScannedCutoffPerQuery", False):
            configuration.pop("BytesScannedCutoffPerQuery", None)
        configuration |= updates
        held = configuration.get("ResultConfiguration", {})
        for member in (
            "OutputLocation",
            "EncryptionConfiguration",
            "ExpectedBucketOwner",
            "AclConfiguration",
        ):
            if results.get(f"Remove{member}"):
                held.pop(member, None)
            elif results.get(member):
                held[member] = results[member]
        if held:
            configuration["ResultConfiguration"] = held
        else:
            configuration.pop("ResultConfiguration", None)
        return body

    context.records(_KIND).change(given["WorkGroup"], change)
    return {}


@operation("athena", "DeleteWorkGroup")
def delete_work_group(context: Context, call: Call) -> dict[str, Any]:
    """Remove a workgroup; ``primary`` stays."""
    name = call.parameters["WorkGroup"]
    if name == "primary":
        raise invalid_request("The primary workgroup cannot be deleted")
    work_group(context, name)
    for kind, member in _CONTENT.items():
        records = context.records(kind)
        for held in [each.key for each in records.scan() if each.body[member] == name]:
            if not call.parameters.get("RecursiveDeleteOption"):
                raise invalid_request(f"WorkGroup {name} is not empty")
            records.delete(held)
    context.records(_KIND).delete(name)
    return {}


def _made(name: str, configuration: Body) -> Body:
    return {
        "Name": name,
        "State": "ENABLED",
        "Configuration": {
            "PublishCloudWatchMetricsEnabled": False,
            "RequesterPaysEnabled": False,
            "EngineVersion": dict(_ENGINE),
            **configuration,
        },
        "CreationTime": datetime.now(UTC),
    }
