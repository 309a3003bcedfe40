"""Tags of objects and buckets."""

from __future__ import annotations

from typing import Any

from local_aws.services.context import Context
from local_aws.services.s3.faults import accept, spoken
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

_MOST_OBJECT_TAGS = 10
_MOST_BUCKET_TAGS = 50


@operation("s3", "PutObjectTagging")
def put_object_tagging(context: Context, call: Call) -> dict[str, Any]:
    """Replace an object's tags."""
    accept(call, "Key", "Tagging", "ContentMD5", "ChecksumAlgorithm")
    tags = _tags(call, _MOST_OBJECT_TAGS)
    with spoken():
        context.objects.change(call.parameters["Bucket"], call.parameters["Key"], tags=tags)
    return {}


@operation("s3", "GetObjectTagging")
def get_object_tagging(context: Context, call: Call) -> dict[str, Any]:
    """An object's tags."""
    accept(call, "Key")
    with spoken():
        info = context.objects.head(call.parameters["Bucket"], call.parameters["Key"])
    return {"TagSet": _tag_set(info.tags)}


@operation("s3", "DeleteObjectTagging")
def delete_object_tagging(context: Context, call: Call) -> dict[str, Any]:
    """Remove an object's tags."""
    accept(call, "Key")
    with spoken():
        context.objects.change(call.parameters["Bucket"], call.parameters["Key"], tags={})
    return {}


@operation("s3", "PutBucketTagging")
def put_bucket_tagging(context: Context, call: Call) -> dict[str, Any]:
    """Replace a bucket's tags."""
    accept(call, "Tagging", "ContentMD5", "ChecksumAlgorithm")
    tags = _tags(call, _MOST_BUCKET_TAGS)
    with spoken():
        context.objects.change_bucket(call.parameters["Bucket"], tags=tags)
    return {}


@operation("s3", "GetBucketTagging")
def get_bucket_tagging(context: Context, call: Call) -> dict[str, Any]:
    """A bucket's tags; having none is an error, as on AWS."""
    accept(call)
    with spoken():
        tags = context.objects.bucket(call.parameters["Bucket"]).body.get("tags")
    if not tags:
        raise AwsError("NoSuchTagSet", "The TagSet does not exist", BucketName=call.parameters["Bucket"])
    return {"TagSet": _tag_set(tags)}


@operation("s3", "DeleteBucketTagging")
def delete_bucket_tagging(context: Context, call: Call) -> dict[str, Any]:
    """Remove a bucket's tags."""
    accept(call)
    with spoken():
        context.objects.change_bucket(call.parameters["Bucket"], tags={})
    return {}


def _tags(call: Call, most: int) -> dict[str, str]:
    pairs = [(tag["Key"], tag["Value"]) for tag in call.parameters["Tagging"].get("TagSet", [])]
    if len(pairs) > most:
        raise AwsError("BadRequest", f"Object tags cannot be greater than {most}")
    if len(dict(pairs)) < len(pairs):
        raise AwsError("InvalidTag", "Cannot provide multiple Tags with the same key")
    return dict(pairs)


def _tag_set(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
