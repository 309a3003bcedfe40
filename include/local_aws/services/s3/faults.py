"""How S3 says no: missing things, and parameters that are not emulated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from local_aws.state.objects import BucketMissing, ObjectMissing, PreconditionFailed
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call

# What every object has anyway; asking for it changes nothing.
_AS_IT_IS = {
    "ACL": ("private", "bucket-owner-full-control"),
    "ServerSideEncryption": ("AES256",),
    "RequestPayer": ("requester",),
    "ObjectOwnership": ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"),
    "VersionId": ("null",),
}
_LONGEST_KEY = 1024  # bytes
_MOST_METADATA = 2048  # bytes of all names and values together


@contextmanager
def spoken() -> Iterator[None]:
    """Turn the state's exceptions into S3's errors."""
    try:
        yield
    except BucketMissing as missing:
        raise no_such_bucket(missing.args[0]) from None
    except ObjectMissing as missing:
        raise no_such_key(missing.args[0]) from None
    except PreconditionFailed as failed:
        raise precondition_failed(str(failed)) from None


def no_such_bucket(name: str) -> AwsError:
    """There is no bucket of this name."""
    return AwsError("NoSuchBucket", "The specified bucket does not exist", BucketName=name)


def no_such_key(key: str) -> AwsError:
    """There is no object under this key."""
    return AwsError("NoSuchKey", "The specified key does not exist.", Key=key)


def precondition_failed(condition: str) -> AwsError:
    """An If-… header does not hold."""
    return AwsError(
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        Condition=condition,
    )


def accept(call: Call, *names: str) -> None:
    """Refuse parameters that the handler does not know, by name; never ignore one."""
    for name, value in call.parameters.items():
        if name in names or name == "Bucket":
            continue
        if name == "ExpectedBucketOwner":
            if value != call.account_id:
                raise AwsError("AccessDenied", "Access Denied")
        elif value not in _AS_IT_IS.get(name, ()):
            raise NotEmulated("s3", call.operation, f"{name}={value}")
    key = call.parameters.get("Key")
    if key is not None and len(key.encode()) > _LONGEST_KEY:
        raise AwsError("KeyTooLongError", "Your key is too long", Size=len(key.encode()))
    metadata = call.parameters.get("Metadata") or {}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > _MOST_METADATA:
        raise AwsError(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            Size=size,
            MaxSizeAllowed=_MOST_METADATA,
        )
