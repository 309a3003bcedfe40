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

    Where features are online, the endpoint is also asked by the entity alone. It must answer as evaluated
    then, too, unless the entity has other features by now than those of the record, or none any more.

    :param bucket: bucket of the records and of the deployment report (templated)
    :param records_key: key of `smoke_records.json`, a list of ``{"key", "record", "score"}``, and with an
        online store ``"entity"`` and ``"feature_time"``: since when the record's features hold, in seconds
        since 1970 (templated)
    :param endpoint_name: the endpoint (templated)
    :param deployment_key: key of the `deployment.json` to write (templated)
    :param config_name: the endpoint configuration that was deployed, for the report (templated)
    :param model_name: the model that was deployed, for the report (templated)
    :param online_store: ``{"group", "event_time"}``: the feature group that the endpoint reads; None: none
    :return: ``{"endpoint", "records", "by_entity", "uri"}``
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
        online_store: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.records_key = records_key
        self.endpoint_name = endpoint_name
        self.deployment_key = deployment_key
        self.config_name = config_name
        self.model_name = model_name
        self.online_store = online_store

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the endpoint, write the report, then judge: the report is there either way."""
        wanted = read_json(self, self.bucket, self.records_key)
        if not isinstance(wanted, list) or not wanted:
            raise ReportInvalid(f"s3://{self.bucket}/{self.records_key} holds no record.")
        records = compared(wanted, self._answer([entry["record"] for entry in wanted]))
        by_entity = self._asked_by_entity(wanted, records)
        report = {**self._report(records), "by_entity": by_entity}
        uri = write_json(self, self.bucket, self.deployment_key, report)
        wrong = [record for record in [*records, *by_entity] if not record["equal"]]
        if wrong:
            lines = [
                f"record {record['key']}: {record['score']}, evaluated as {record['expected']}"
                for record in wrong
            ]
            raise EndpointAnswersWrongly("\n".join([f"{self.endpoint_name}:", *lines, f"All: {uri}"]))
        self.log.info("%s answers %d records as evaluated", self.endpoint_name, len(records))
        if self.online_store is not None:
            self.log.info("Asked by the entity alone, it answers %d of them the same", len(by_entity))
        return {
            "endpoint": self.endpoint_name,
            "records": len(records),
            "by_entity": len(by_entity),
            "uri": uri,
        }

    def _asked_by_entity(
        self, wanted: list[dict[str, Any]], records: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The same questions by the entity alone, which must be answered the same to the last bit."""
        if self.online_store is None:
            return []
        asked = [
            (entry, record["score"])
            for entry, record in zip(wanted, records, strict=True)
            if self._as_evaluated(self.online_store, entry["entity"], entry.get("feature_time"))
        ]
        if not asked:
            return []
        predictions = self._answer([entry["entity"] for entry, _ in asked])
        return [
            {
                "key": entry["key"],
                "request": entry["entity"],
                "response": prediction,
                "score": _score(prediction),
                "expected": score,
                "equal": _score(prediction) == score,
            }
            for (entry, score), prediction in zip(asked, predictions, strict=True)
        ]

    def _as_evaluated(self, store: dict[str, str], entity: dict[str, str], since: float | None) -> bool:
        """Whether the online features of an entity are those that its row was joined with."""
        (value,) = entity.values()
        answer = client_for(self, "sagemaker-featurestore-runtime").get_record(
            FeatureGroupName=store["group"],
            RecordIdentifierValueAsString=value,
            FeatureNames=[store["event_time"]],
        )
        if not answer.get("Record"):
            self.log.warning("%s is not online (any more), so it is not asked for", value)
            return False
        if float(answer["Record"][0]["ValueAsString"]) != since:
            self.log.info("%s has other features by now than its row, so it is not asked for", value)
            return False
        return True

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
