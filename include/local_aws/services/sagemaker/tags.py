"""Tags of SageMaker resources, by ARN. A resource that can be tagged has its record here from the start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from local_aws.services.context import Context
from local_aws.state.paging import page
from local_aws.state.records import Body, RecordMissing
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

KIND = "sagemaker.tags"
MOST_TAGS = 50  # of one resource

Tags = Iterable[Mapping[str, str]]


def remember(context: Context, arn: str, tags: Tags | None) -> None:
    """Make the tags of a new resource; to be called by its Create operation, with or without tags."""
    forget(context, arn)
    context.records(KIND).insert(arn, {"tags": _merged({}, tags or ())})


def forget(context: Context, arn: str) -> None:
    """Drop the tags of a deleted resource."""
    context.records(KIND).delete(arn)


def of(context: Context, arn: str) -> list[dict[str, str]]:
    """The tags of a resource, by key."""
    found = context.records(KIND).find(arn)
    return _listed(found.body["tags"]) if found else []


@operation("sagemaker", "AddTags")
def add_tags(context: Context, call: Call) -> dict[str, Any]:
    """Add tags to a resource, or overwrite those with the same key; answers all of them."""
    given = call.parameters["Tags"]
    return {"Tags": _listed(_change(context, call, lambda tags: _merged(tags, given)))}


@operation("sagemaker", "DeleteTags")
def delete_tags(context: Context, call: Call) -> dict[str, Any]:
    """Remove tags by key; keys that the resource lacks are passed over."""
    keys = set(call.parameters["TagKeys"])
    _change(context, call, lambda tags: {k: v for k, v in tags.items() if k not in keys})
    return {}


@operation("sagemaker", "ListTags")
def list_tags(context: Context, call: Call) -> dict[str, Any]:
    """The tags of a resource, by key."""
    found = context.records(KIND).find(call.parameters["ResourceArn"])
    if found is None:
        raise _missing(call)
    tags, token = page(
        _listed(found.body["tags"]),
        token=call.parameters.get("NextToken"),
        limit=call.parameters.get("MaxResults"),
        key=lambda tag: tag["Key"],
    )
    return {"Tags": tags, **({"NextToken": token} if token else {})}


def _change(context: Context, call: Call, how: Any) -> dict[str, str]:
    def changed(body: Body) -> Body:
        return {"tags": how(body["tags"])}

    try:
        record = context.records(KIND).change(call.parameters["ResourceArn"], changed)
    except RecordMissing:
        raise _missing(call) from None
    tags: dict[str, str] = record.body["tags"]
    return tags


def _merged(before: Mapping[str, str], tags: Tags) -> dict[str, str]:
    after = {**before, **{tag["Key"]: tag["Value"] for tag in tags}}
    if len(after) > MOST_TAGS:
        raise AwsError("ResourceLimitExceeded", f"A resource can have at most {MOST_TAGS} tags.")
    return after


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def _missing(call: Call) -> AwsError:
    return AwsError("ValidationException", f'Could not find resource "{call.parameters["ResourceArn"]}".')
