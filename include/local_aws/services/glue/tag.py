"""Tags of Glue resources, by ARN."""

from __future__ import annotations

from typing import Any

from local_aws.services.catalog.catalog import invalid
from local_aws.services.context import Context
from local_aws.state.records import RecordExists
from local_aws.wire.registry import Call, operation

_KIND = "glue.tags"


def arn(context: Context, resource: str) -> str:
    """The ARN of a Glue resource, e.g. ``crawler/landing``."""
    return f"arn:aws:glue:{context.settings.region}:{context.settings.account_id}:{resource}"


def remember(context: Context, resource_arn: str, tags: dict[str, str] | None) -> None:
    """Add tags to those that a resource has."""
    if not tags:
        return
    try:
        context.records(_KIND).insert(resource_arn, dict(tags))
    except RecordExists:
        context.records(_KIND).change(resource_arn, lambda held: {**held, **tags})


def forget(context: Context, resource_arn: str) -> None:
    """Drop all tags of a resource that was deleted."""
    context.records(_KIND).delete(resource_arn)


def tags_of(context: Context, resource_arn: str) -> dict[str, str]:
    """A resource's tags; none for one that has none."""
    found = context.records(_KIND).find(resource_arn)
    return dict(found.body) if found else {}


def _checked(call: Call) -> str:
    resource_arn: str = call.parameters["ResourceArn"]
    if not resource_arn.startswith("arn:aws:glue:"):
        raise invalid(f"Invalid ARN: {resource_arn}")
    return resource_arn


@operation("glue", "TagResource")
def tag_resource(context: Context, call: Call) -> dict[str, Any]:
    """Add or replace tags."""
    remember(context, _checked(call), call.parameters["TagsToAdd"])
    return {}


@operation("glue", "UntagResource")
def untag_resource(context: Context, call: Call) -> dict[str, Any]:
    """Remove tags by key."""
    gone = set(call.parameters["TagsToRemove"])
    if context.records(_KIND).find(_checked(call)):
        context.records(_KIND).change(
            call.parameters["ResourceArn"],
            lambda held: {key: value for key, value in held.items() if key not in gone},
        )
    return {}


@operation("glue", "GetTags")
def get_tags(context: Context, call: Call) -> dict[str, Any]:
    """Answer a resource's tags; none for one that has none."""
    return {"Tags": tags_of(context, _checked(call))}
