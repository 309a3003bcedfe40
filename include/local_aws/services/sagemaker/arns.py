"""The ARNs of SageMaker resources, and the sentence that says that one is missing."""

from __future__ import annotations

from local_aws.services.context import Context
from local_aws.wire.errors import AwsError


def arn(context: Context, kind: str, name: str) -> str:
    """The ARN of a resource, e.g. ``arn(context, "training-job", "census-1")``; lower case."""
    settings = context.settings
    return f"arn:aws:sagemaker:{settings.region}:{settings.account_id}:{kind}/{name.lower()}"


def missing(context: Context, kind: str, name: str, words: str | None = None) -> AwsError:
    """The error for a resource that is not there. ``words`` is how AWS calls the kind in a sentence."""
    called = words or kind.replace("-", " ")
    return AwsError("ValidationException", f'Could not find {called} "{arn(context, kind, name)}".')


def existing(context: Context, kind: str, name: str, words: str | None = None) -> AwsError:
    """The error for a name that is taken, as models, endpoint configurations and endpoints answer it."""
    called = words or kind.replace("-", " ")
    return AwsError(
        "ValidationException", f'Cannot create already existing {called} "{arn(context, kind, name)}".'
    )
