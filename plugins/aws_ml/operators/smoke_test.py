"""The first real calls to a deployed endpoint."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.exceptions import ClientError

from aws_ml.exceptions import EndpointAnswersWrongly, ReportInvalid
from aws_ml.hooks.aws import client_for
from aws_ml.hooks.documents import read_json, write_json

if TYPE_CHECKING:
    from airflow.sdk import Context

TOLERANCE = 1e-6
"""How far an endpoint's score may be from the evaluated one: float32 of the same model on the same record."""


class SmokeTestOperator(AwsBaseOperator[S3Hook]):
    """Send records of the held-out split to the endpoint and compare its scores with the evaluation's.

    Equal scores say more than an answer does: the archive is the evaluated one, the transformer is in it, and
    the records arrive as they were sent.

    :param bucket: bucket of the records and of the deployment report (templated)
    :param records_key: key of `smoke_records.json`, a list of ``{"key", "record", "score"}`` (templated)
    :param endpoint_name: the endpoint (templated)
    :param deployment_key: key of the `deployment.json` to write (templated)
    :param config_name: the endpoint configuration that was deployed, for the report (templated)
    :param model_name: the model that was deployed, for the report (templated)
    :return: ``{"endpoint", "records", "uri"}``
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields(
        "bucket", "records_key", "endpoint_name", "deployment_key", "config_name", "model_name"
    )

    def __init__(
        self,
        *,
        bucket: str,
        records_key: str,
        endpoint_name: str,
        deployment_key: str,
        config_name: str,
        model_name: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.records_key = records_key
        self.endpoint_name = endpoint_name
        self.deployment_key = deployment_key
        self.config_name = config_name
        self.model_name = model_name

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the endpoint, write the report, then judge: the report is there either way."""
        wanted = read_json(self, self.bucket, self.records_key)
        if not isinstance(wanted, list) or not wanted:
            raise ReportInvalid(f"s3://{self.bucket}/{self.records_key} holds no record.")
        records = compared(wanted, self._answer([entry["record"] for entry in wanted]))
        uri = write_json(self, self.bucket, self.deployment_key, self._report(records))
        wrong = [record for record in records if not record["equal"]]
        if wrong:
            lines = [
                f"record {record['key']}: {record['score']}, evaluated as {record['expected']}"
                for record in wrong
            ]
            raise EndpointAnswersWrongly("\n".join([f"{self.endpoint_name}:", *lines, f"All: {uri}"]))
        self.log.info("%s answers %d records as evaluated", self.endpoint_name, len(records))
        return {"endpoint": self.endpoint_name, "records": len(records), "uri": uri}

    def _answer(self, records: list[Any]) -> list[Any]:
        runtime = client_for(self, "sagemaker-runtime")
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=self.endpoint_name,
                ContentType="application/json",
                Accept="application/json",
                Body=json.dumps({"records": records}),
            )
        except ClientError as error:
            raise EndpointAnswersWrongly(f"{self.endpoint_name}: {error}") from error
        text = answer["Body"].read().decode(errors="replace")
        try:
            predictions = json.loads(text)["predictions"]
        except (ValueError, KeyError, TypeError) as error:
            raise EndpointAnswersWrongly(f"{self.endpoint_name} said: {text[:300]}") from error
        if not isinstance(predictions, list) or len(predictions) != len(records):
            raise EndpointAnswersWrongly(f"{len(records)} records were sent, it said: {text[:300]}")
        return predictions

    def _report(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        endpoint = client_for(self, "sagemaker").describe_endpoint(EndpointName=self.endpoint_name)
        return {
            "endpoint": self.endpoint_name,
            "endpoint_arn": endpoint["EndpointArn"],
            "endpoint_config": self.config_name,
            "model": self.model_name,
            "status": endpoint["EndpointStatus"],
            "variants": [
                {
                    "name": variant["VariantName"],
                    "instances": variant.get("CurrentInstanceCount"),
                    "weight": variant.get("CurrentWeight"),
                }
                for variant in endpoint.get("ProductionVariants", [])
            ],
            "records": records,
        }


def compared(wanted: list[Any], predictions: list[Any]) -> list[dict[str, Any]]:
    """Put what was sent, answered and expected side by side, record by record."""
    return [
        {
            "key": entry["key"],
            "request": entry["record"],
            "response": prediction,
            "score": _score(prediction),
            "expected": entry["score"],
            "equal": _equal(_score(prediction), entry["score"]),
        }
        for entry, prediction in zip(wanted, predictions, strict=True)
    ]


def _score(prediction: Any) -> Any:
    return prediction.get("score") if isinstance(prediction, dict) else None


def _equal(score: Any, expected: float) -> bool:
    number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
    return number and abs(score - expected) <= TOLERANCE
