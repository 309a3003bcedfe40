"""Every client goes where the Airflow connection points."""

from __future__ import annotations

import json

import pytest

from aws_ml.exceptions import ReportInvalid
from aws_ml.hooks.aws import client_for
from aws_ml.hooks.documents import parse_json
from aws_ml.operators.put_json import PutJsonOperator


@pytest.mark.parametrize("service", ["s3", "logs", "sagemaker", "sagemaker-runtime"])
def test_endpoint_and_region_of_the_connection_count_for_every_service(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's own SageMaker hook forgets both for S3 and CloudWatch Logs."""
    extra = {"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:9"}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", json.dumps(connection))
    operator = PutJsonOperator(task_id="t", bucket="b", key="k", document={}, aws_conn_id="elsewhere")
    meta = client_for(operator, service).meta
    assert meta.endpoint_url == "http://127.0.0.1:9"
    assert meta.region_name == "eu-west-1"


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": NaN}', b'{"a": -Infinity}', b"\xff"])
def test_what_is_not_json_is_refused_by_its_address(text: bytes) -> None:
    with pytest.raises(ReportInvalid, match="s3://b/k is not JSON"):
        parse_json(text, "s3://b/k")
