"""The gate between prepared datasets and training on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.exceptions import FeaturesInvalid, ReportInvalid
from aws_ml.hooks.documents import read_json

if TYPE_CHECKING:
    from airflow.sdk import Context

SPLITS = ("train", "validation", "test")


class CheckFeaturesOperator(AwsBaseOperator[S3Hook]):
    """Check what the feature job says it made: no row lost, no split empty or of one class, no column twice.

    What the job found worth a look, such as a column that tells the label by itself, is logged as a warning.

    :param bucket: bucket of the report (templated)
    :param key: key of `features.json` (templated)
    :return: ``{"rows": {split: rows}, "columns": count, "weighted", "transformer_digest",
        "alerts": [sentence]}``
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "key")

    def __init__(self, *, bucket: str, key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the report and check it. The numbers are the job's, so a retry can't change them."""
        report = read_json(self, self.bucket, self.key)
        uri = f"s3://{self.bucket}/{self.key}"
        try:
            found = problems(report)
            small = {
                "rows": {split: report["splits"][split]["rows"] for split in SPLITS},
                "columns": len(report["columns"]),
                "weighted": bool(report["weighted"]),
                "transformer_digest": report["transformer_digest"],
                "alerts": [alert["says"] for alert in report["alerts"]],
            }
        except (KeyError, TypeError) as error:
            raise AirflowFailException(str(ReportInvalid(f"{uri}: {error!r}"))) from error
        if found:
            raise AirflowFailException(str(FeaturesInvalid("\n".join([*found, f"All: {uri}"]))))
        for says in small["alerts"]:
            self.log.warning("Look at this: %s", says)
        return small


def problems(report: dict[str, Any]) -> list[str]:
    """What is wrong with the datasets, one sentence each."""
    found = []
    splits, columns = report["splits"], report["columns"]
    rows = sum(splits[split]["rows"] for split in SPLITS)
    if rows != report["rows_in"]:
        found.append(f"{report['rows_in']} rows came in, {rows} are in the splits.")
    for split in SPLITS:
        size, positives = splits[split]["rows"], splits[split]["positives"]
        if positives in (0, size):
            found.append(f"{split} has {size} rows, {positives} of them positive: it needs both classes.")
    if not columns:
        found.append("There is no column to learn from.")
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice:
        found.append(f"Columns are there more than once: {', '.join(twice)}.")
    return found
