"""Errors: the one exception that a handler raises, and the tables of codes and statuses."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An AWS error answer: its code, its message and, where the model does not say, its HTTP status.

    Args:
        code: the error code that clients match, e.g. ``ResourceInUse`` or ``NoSuchKey``.
        message: one sentence for a person.
        status: HTTP status; ``None`` takes it from the service model, or from ``STATUS``, or 400.
        fields: further members of the modelled error shape, e.g. ``{"Condition": "..."}``.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


class NotEmulated(AwsError):
    """The operation, or a parameter of it, exists on AWS but not here. Never a silent no-op."""

    def __init__(self, service: str, operation: str, what: str = "") -> None:
        detail = f" with {what}" if what else ""
        super().__init__(
            "NotImplemented",
            f"The local AWS stand-in does not emulate {service}.{operation}{detail}. "
            "This is a limit of the stand-in, not of AWS.",
            status=501,
        )


# The HTTP status of codes that botocore's models leave out; S3's model has almost none.
STATUS = {
    "AccessDenied": 403,
    "AuthorizationQueryParametersError": 400,
    "BadDigest": 400,
    "BucketAlreadyExists": 409,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "InternalFailure": 500,
    "InvalidAccessKeyId": 403,
    "InvalidClientTokenId": 403,
    "InvalidRange": 416,
    "MethodNotAllowed": 405,
    "MissingAuthenticationToken": 403,
    "NoSuchBucket": 404,
    "NoSuchCORSConfiguration": 404,
    "NoSuchBucketPolicy": 404,
    "NoSuchKey": 404,
    "NoSuchTagSet": 404,
    "NoSuchUpload": 404,
    "NotImplemented": 501,
    "NotModified": 304,
    "OwnershipControlsNotFoundError": 404,
    "PreconditionFailed": 412,
    "RequestTimeTooSkewed": 403,
    "ServerSideEncryptionConfigurationNotFoundError": 404,
    "SignatureDoesNotMatch": 403,
}

# What a service answers to input that its model forbids. Not listed: ValidationException.
VALIDATION_CODES = {
    "athena": "InvalidRequestException",
    "glue": "InvalidInputException",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sagemaker-featurestore-runtime": "ValidationError",
    "sagemaker-runtime": "ValidationError",
    "sts": "ValidationError",
}

# What a refused signature is called, by protocol. The words are the same on all of AWS; the codes are not.
REFUSALS = {
    "unsigned": {
        "rest-xml": "AccessDenied",
        "query": "MissingAuthenticationToken",
        "json": "MissingAuthenticationTokenException",
    },
    "malformed": {
        "rest-xml": "AuthorizationHeaderMalformed",
        "query": "IncompleteSignature",
        "json": "IncompleteSignatureException",
    },
    "unknown key": {
        "rest-xml": "InvalidAccessKeyId",
        "query": "InvalidClientTokenId",
        "json": "UnrecognizedClientException",
    },
    "wrong token": {
        "rest-xml": "InvalidToken",
        "query": "InvalidClientTokenId",
        "json": "UnrecognizedClientException",
    },
    "expired token": {"rest-xml": "ExpiredToken", "query": "ExpiredToken", "json": "ExpiredTokenException"},
    "wrong signature": {
        "rest-xml": "SignatureDoesNotMatch",
        "query": "SignatureDoesNotMatch",
        "json": "InvalidSignatureException",
    },
    "wrong clock": {
        "rest-xml": "RequestTimeTooSkewed",
        "query": "SignatureDoesNotMatch",
        "json": "InvalidSignatureException",
    },
    "expired link": {
        "rest-xml": "AccessDenied",
        "query": "SignatureDoesNotMatch",
        "json": "InvalidSignatureException",
    },
    "wrong region": {
        "rest-xml": "AuthorizationHeaderMalformed",
        "query": "SignatureDoesNotMatch",
        "json": "InvalidSignatureException",
    },
}


class SignatureRefused(Exception):
    """The call is not signed as it must be; ``reason`` is a key of ``REFUSALS``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    def as_error(self, protocol: str) -> AwsError:
        """The answer in the words of a protocol."""
        code = REFUSALS[self.reason]["json" if protocol == "rest-json" else protocol]
        default = 400 if protocol == "json" else 403
        return AwsError(code, str(self), status=STATUS.get(code, default))
