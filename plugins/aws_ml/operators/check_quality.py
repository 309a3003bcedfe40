"""The gate between an evaluated model and deploying it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.exceptions import QualityTooLow, ReportInvalid
from aws_ml.hooks.documents import read_json

if TYPE_CHECKING:
    from airflow.sdk import Context


class CheckQualityOperator(AwsBaseOperator[S3Hook]):
    """Fail unless the model's metric on the held-out split reaches the workflow's minimum.

    :param bucket: bucket of the report (templated)
    :param key: key of `evaluation.json` (templated)
    :param metric: name of the metric that decides
    :param minimum: least value with which a model is deployed
    :return: ``{"metric", "value", "minimum"}``
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "key", "metric", "minimum")

    def __init__(self, *, bucket: str, key: str, metric: str, minimum: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.metric = metric
        self.minimum = minimum

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the report and judge. The number is the job's, so a retry can't change it."""
        uri = f"s3://{self.bucket}/{self.key}"
        report = read_json(self, self.bucket, self.key)
        metrics = report.get("metrics") if isinstance(report, dict) else None
        if not isinstance(metrics, dict) or self.metric not in metrics:
            known = ", ".join(sorted(metrics)) if isinstance(metrics, dict) else "none"
            raise AirflowFailException(
                str(ReportInvalid(f"{uri} has no metric {self.metric!r}; it has: {known}."))
            )
        value = metrics[self.metric]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise AirflowFailException(str(QualityTooLow(f"{self.metric} could not be computed: {value!r}.")))
        if value < self.minimum:
            rows = report.get("rows", "unknown")
            said = f"{self.metric} is {value}, the minimum is {self.minimum} ({rows} rows; {uri})."
            raise AirflowFailException(str(QualityTooLow(said)))
        self.log.info("%s is %.6f, the minimum is %s", self.metric, value, self.minimum)
        return {"metric": self.metric, "value": float(value), "minimum": self.minimum}
