"""Small JSON documents on S3: the reports that jobs write and tasks decide on."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from aws_ml.exceptions import ReportInvalid, ReportMissing
from aws_ml.hooks.aws import AwsAccess, client_for
from aws_ml.waiters.patience import error_code

MAX_BYTES = 16 * 1024 * 1024
"""A report is small; a task that is pointed at a dataset should say so, not fill the worker's memory."""


def read_json(access: AwsAccess, bucket: str, key: str) -> Any:
    """Read a JSON document.

    :raises ReportMissing: there is no such object
    :raises ReportInvalid: it is too large for a report, or not JSON
    """
    data, _ = get_object(client_for(access, "s3"), bucket, key)
    return parse_json(data, f"s3://{bucket}/{key}")


def get_object(client: Any, bucket: str, key: str) -> tuple[bytes, datetime]:
    """The bytes of a report, and when it was written.

    :raises ReportMissing: there is no such object
    :raises ReportInvalid: it is too large for a report
    """
    uri = f"s3://{bucket}/{key}"
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_code(error) in ("NoSuchKey", "404"):
            raise ReportMissing(f"There is no {uri}.") from error
        raise
    with closing(answer["Body"]) as body:
        if answer["ContentLength"] > MAX_BYTES:
            raise ReportInvalid(f"{uri} has {answer['ContentLength']} bytes.")
        return body.read(), answer["LastModified"]


def parse_json(data: bytes, uri: str) -> Any:
    """Parse a JSON document; NaN and Infinity, which JSON doesn't have, are refused.

    :raises ReportInvalid: naming the place of the fault
    """
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ReportInvalid(f"{uri} is not JSON: {error}") from error


def write_json(access: AwsAccess, bucket: str, key: str, document: Any) -> str:
    """Write a JSON document, readable and always the same for the same content; return its S3 URI."""
    text = json.dumps(document, indent=2, sort_keys=False, ensure_ascii=False, allow_nan=False) + "\n"
    client_for(access, "s3").put_object(
        Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json"
    )
    return f"s3://{bucket}/{key}"


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")
