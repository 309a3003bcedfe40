"""Data quality rulesets: DQDL texts under a name. What cannot be evaluated is refused when it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.images.data_quality.dqdl import DqdlError, parse
from local_aws.services.catalog.catalog import exists, invalid, missing
from local_aws.services.context import Context
from local_aws.services.glue import tag
from local_aws.services.glue.listing import listed
from local_aws.state.records import Body, RecordExists, RecordMissing, Records
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "glue.data_quality_ruleset"


@operation("glue", "CreateDataQualityRuleset")
def create_data_quality_ruleset(context: Context, call: Call) -> dict[str, Any]:
    """Store a ruleset; the same call with the same ClientToken once more changes nothing."""
    given = call.parameters
    if given.get("DataQualitySecurityConfiguration"):
        raise NotEmulated("glue", "CreateDataQualityRuleset", "DataQualitySecurityConfiguration")
    body: Body = {key: given[key] for key in ("Name", "Description", "TargetTable") if key in given}
    body |= {"Ruleset": given["Ruleset"], "ClientToken": given.get("ClientToken")}
    with context.database.transaction():
        try:
            insert(context.records(KIND), body)
        except RecordExists:
            before = context.records(KIND).get(given["Name"]).body
            if not body["ClientToken"] or any(before.get(key) != value for key, value in body.items()):
                raise exists(f"Data Quality Ruleset {given['Name']} already exists.") from None
        tag.remember(context, arn(context, given["Name"]), given.get("Tags"))
    return {"Name": given["Name"]}


@operation("glue", "UpdateDataQualityRuleset")
def update_data_quality_ruleset(context: Context, call: Call) -> dict[str, Any]:
    """Replace the given members."""
    given = call.parameters
    changes: Body = {key: given[key] for key in ("Description", "Ruleset") if key in given}
    if "Ruleset" in changes:
        changes["RuleCount"] = rule_count(changes["Ruleset"])

    def changed(body: Body) -> Body:
        return {**body, **changes, "LastModifiedOn": datetime.now(UTC)}

    try:
        body = context.records(KIND).change(given["Name"], changed).body
    except RecordMissing:
        raise _no_such_ruleset(given["Name"]) from None
    return {key: body[key] for key in ("Name", "Description", "Ruleset") if key in body}


@operation("glue", "GetDataQualityRuleset")
def get_data_quality_ruleset(context: Context, call: Call) -> dict[str, Any]:
    """Describe one ruleset."""
    return ruleset_of(context, call.parameters["Name"])


@operation("glue", "ListDataQualityRulesets")
def list_data_quality_rulesets(context: Context, call: Call) -> dict[str, Any]:
    """List rulesets by name, without their texts; those that pass the filter and carry all the tags."""
    wanted = call.parameters.get("Tags") or {}
    fits = call.parameters.get("Filter") or {}
    found = (
        record.body
        for record in context.records(KIND).scan()
        if _fits(record.body, fits)
        and wanted.items() <= tag.tags_of(context, arn(context, record.key)).items()
    )
    return listed("Rulesets", found, call.parameters, key=lambda ruleset: ruleset["Name"])


@operation("glue", "DeleteDataQualityRuleset")
def delete_data_quality_ruleset(context: Context, call: Call) -> dict[str, Any]:
    """Forget a ruleset; its results stay."""
    name = call.parameters["Name"]
    if not context.records(KIND).delete(name):
        raise _no_such_ruleset(name)
    tag.forget(context, arn(context, name))
    return {}


def arn(context: Context, name: str) -> str:
    """The ARN under which a ruleset's tags are kept."""
    return tag.arn(context, f"dataQualityRuleset/{name}")


def insert(records: Records, given: Mapping[str, Any]) -> None:
    """Store a new ruleset. Raises InvalidInputException, RecordExists."""
    now = datetime.now(UTC)
    count = rule_count(given["Ruleset"])
    records.insert(given["Name"], {**given, "RuleCount": count, "CreatedOn": now, "LastModifiedOn": now})


def ruleset_of(context: Context, name: str) -> Body:
    """A stored ruleset. Raises EntityNotFoundException."""
    try:
        return context.records(KIND).get(name).body
    except RecordMissing:
        raise _no_such_ruleset(name) from None


def rule_count(text: str) -> int:
    """How many rules a text holds. Raises InvalidInputException, with line and column."""
    try:
        return len(parse(text))
    except DqdlError as problem:
        raise invalid(str(problem)) from None


def _fits(body: Body, fits: Mapping[str, Any]) -> bool:
    created, modified = body["CreatedOn"], body["LastModifiedOn"]
    target = fits.get("TargetTable")
    return (
        fits.get("Name", body["Name"]) == body["Name"]
        and fits.get("Description", body.get("Description")) == body.get("Description")
        and ("CreatedBefore" not in fits or created < fits["CreatedBefore"])
        and ("CreatedAfter" not in fits or created > fits["CreatedAfter"])
        and ("LastModifiedBefore" not in fits or modified < fits["LastModifiedBefore"])
        and ("LastModifiedAfter" not in fits or modified > fits["LastModifiedAfter"])
        and (not target or target.items() <= body.get("TargetTable", {}).items())
    )


def _no_such_ruleset(name: str) -> AwsError:
    return missing(f"Data Quality Ruleset {name} not found.")
