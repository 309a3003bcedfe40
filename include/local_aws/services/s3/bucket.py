"""Buckets."""

from __future__ import annotations

import re
from typing import Any

from local_aws.services.context import Context
from local_aws.services.s3.faults import accept, spoken
from local_aws.state.objects import BucketExists, BucketNotEmpty
from local_aws.state.paging import page
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

_NAME = re.compile(r"(?!xn--|sthree-|\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
_DEFAULT_REGION = "us-east-1"  # the region that S3 never names in a LocationConstraint


@operation("s3", "CreateBucket")
def create_bucket(context: Context, call: Call) -> dict[str, Any]:
    """Make a bucket in the stand-in's region; in us-east-1, as on AWS, making it again is no error."""
    accept(call, "CreateBucketConfiguration")
    name = call.parameters["Bucket"]
    if not _NAME.fullmatch(name):
        raise AwsError("InvalidBucketName", "The specified bucket is not valid.", BucketName=name)
    constraint = call.parameters.get("CreateBucketConfiguration", {}).get("LocationConstraint")
    if (constraint or _DEFAULT_REGION) != call.region or constraint == _DEFAULT_REGION:
        raise AwsError(
            "IllegalLocationConstraintException",
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region specific "
            f"endpoint this request was sent to.",
        )
    try:
        context.objects.create_bucket(name)
    except BucketExists:
        if call.region != _DEFAULT_REGION:
            raise AwsError(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
                BucketName=name,
            ) from None
    return {"Location": f"/{name}"}


@operation("s3", "HeadBucket")
def head_bucket(context: Context, call: Call) -> dict[str, Any]:
    """Whether the bucket is there, and its region."""
    accept(call)
    with spoken():
        context.objects.bucket(call.parameters["Bucket"])
    return {"BucketRegion": call.region, "AccessPointAlias": False}


@operation("s3", "ListBuckets")
def list_buckets(context: Context, call: Call) -> dict[str, Any]:
    """All buckets by name."""
    accept(call, "Prefix", "MaxBuckets", "ContinuationToken", "BucketRegion")
    prefix = call.parameters.get("Prefix", "")
    here = call.parameters.get("BucketRegion", call.region) == call.region
    found, token = page(
        [bucket for bucket in context.objects.buckets() if here and bucket.name.startswith(prefix)],
        token=call.parameters.get("ContinuationToken"),
        limit=call.parameters.get("MaxBuckets"),
        key=lambda bucket: bucket.name,
    )
    return {
        "Buckets": [
            {"Name": bucket.name, "CreationDate": bucket.created, "BucketRegion": call.region}
            for bucket in found
        ],
        "Owner": owner(call),
        "ContinuationToken": token,
        "Prefix": call.parameters.get("Prefix"),
    }


@operation("s3", "DeleteBucket")
def delete_bucket(context: Context, call: Call) -> dict[str, Any]:
    """Remove an empty bucket."""
    accept(call)
    try:
        with spoken():
            context.objects.delete_bucket(call.parameters["Bucket"])
    except BucketNotEmpty:
        raise AwsError(
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty",
            BucketName=call.parameters["Bucket"],
        ) from None
    return {}


@operation("s3", "GetBucketLocation")
def get_bucket_location(context: Context, call: Call) -> dict[str, Any]:
    """The bucket's region, which S3 leaves out for us-east-1."""
    accept(call)
    with spoken():
        context.objects.bucket(call.parameters["Bucket"])
    return {"LocationConstraint": "" if call.region == _DEFAULT_REGION else call.region}


@operation("s3", "GetBucketVersioning")
def get_bucket_versioning(context: Context, call: Call) -> dict[str, Any]:
    """No status: versioning was never enabled, and cannot be."""
    accept(call)
    with spoken():
        context.objects.bucket(call.parameters["Bucket"])
    return {}


def owner(call: Call) -> dict[str, str]:
    """The one account, as S3 shows an owner."""
    return {"ID": call.account_id.rjust(64, "0")}
