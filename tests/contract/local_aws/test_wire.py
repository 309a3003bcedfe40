"""The wire: what is not emulated says so, what cannot be read is refused, nothing large is kept in memory."""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn

MIB = 1024**2


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        ("ec2", "describe_instances", {}, "ec2.DescribeInstances"),
        ("dynamodb", "list_tables", {}, "dynamodb.ListTables"),
        ("sqs", "list_queues", {}, "sqs.ListQueues"),
        ("lambda", "list_functions", {}, "lambda.GET /2015-03-31/functions"),
        ("cloudwatch", "list_metrics", {}, "monitoring."),
        ("s3", "get_bucket_acl", {"Bucket": "some-bucket"}, "s3.GetBucketAcl"),
        ("iam", "list_users", {}, "iam.ListUsers"),
        ("logs", "describe_metric_filters", {}, "logs.DescribeMetricFilters"),
        ("sagemaker", "list_domains", {}, "sagemaker.ListDomains"),
        ("sagemaker-metrics", "batch_get_metrics", {"MetricQueries": []}, "sagemaker-metrics."),
    ],
)
def test_what_is_not_emulated_says_so(
    stand_in: StandIn, service: str, operation: str, parameters: dict[str, Any], named: str
) -> None:
    client = stand_in.client(
        service, config=Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**parameters)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert answer["Error"]["Code"] == "NotImplemented"
    assert f"does not emulate {named}" in answer["Error"]["Message"]
    assert re.search(r"limit of the stand-in, not of AWS", answer["Error"]["Message"])


def raw(
    stand_in: StandIn, service: str, method: str, path: str, body: bytes, **headers: str
) -> tuple[int, str]:
    """A signed request with any body; status and text of the answer."""
    url = stand_in.endpoint_url + path
    request = AWSRequest(method, url, data=body, headers=headers)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(Credentials(stand_in.access_key, stand_in.secret_key), service, stand_in.region).add_auth(request)
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    try:
        connection.request(method, path, body, dict(request.headers.items()))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"limit": "many"}',
        b'{"limit": 1.5}',
        b'{"limit": true}',
        b'{"logGroupNamePrefix": 7}',
        b'{"logGroupNamePrefix": ["a"]}',
        b'{"logGroupIdentifiers": "abc"}',
    ],
)
def test_json_that_cannot_be_read(stand_in: StandIn, body: bytes) -> None:
    headers = {
        "X-Amz-Target": "Logs_20140328.DescribeLogGroups",
        "Content-Type": "application/x-amz-json-1.1",
    }
    status, text = raw(stand_in, "logs", "POST", "/", body, **headers)
    assert (status, json.loads(text)["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize(
    "target", ["", "Logs_20140328.NoSuch", "Other.DescribeLogGroups", "DescribeLogGroups"]
)
def test_an_operation_that_aws_does_not_have(stand_in: StandIn, target: str) -> None:
    status, text = raw(stand_in, "logs", "POST", "/", b"{}", **{"X-Amz-Target": target})
    assert (status, json.loads(text)["__type"]) == (404, "UnknownOperationException")


@pytest.mark.parametrize("body", [b"<Delete>", b"no xml", b"<Delete><Object><Key>k</Delete>"])
def test_xml_that_cannot_be_read(stand_in: StandIn, body: bytes) -> None:
    stand_in.client("s3").create_bucket(Bucket="unreadable")
    status, text = raw(stand_in, "s3", "POST", "/unreadable?delete", body)
    assert status == 400
    assert "<Code>MalformedXML</Code>" in text


def test_numbers_that_are_none(stand_in: StandIn) -> None:
    status, text = raw(stand_in, "s3", "GET", "/unreadable?list-type=2&max-keys=many", b"")
    assert status == 400
    status, text = raw(
        stand_in,
        "iam",
        "POST",
        "/",
        b"Action=ListRoles&Version=2010-05-08&MaxItems=many",
        **{"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert status == 400
    assert "<Code>MalformedInput</Code>" in text


def test_a_path_that_is_no_operation(stand_in: StandIn) -> None:
    status, text = raw(stand_in, "s3", "PATCH", "/unreadable/k", b"")
    assert (status, "MethodNotAllowed" in text) == (405, True)


def test_errors_of_ours_are_not_tracebacks(stand_in: StandIn) -> None:
    """After everything that this module sends, the server has not failed once."""
    assert "Traceback" not in stand_in.log()


def peak_memory_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmHWM")


def test_a_large_object_is_not_held_in_memory(start_stand_in: Any, tmp_path: Path) -> None:
    server = start_stand_in()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="large")
    s3.put_object(Bucket="large", Key="warm", Body=b"x" * MIB)
    before = peak_memory_mib(server.pid)
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(256 * MIB)
    with path.open("rb") as file:
        s3.put_object(Bucket="large", Key="k", Body=file)
    total = sum(len(block) for block in s3.get_object(Bucket="large", Key="k")["Body"].iter_chunks(MIB))
    assert total == 256 * MIB
    assert peak_memory_mib(server.pid) - before < 64
