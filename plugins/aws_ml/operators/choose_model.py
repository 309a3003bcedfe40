"""The choice among the evaluated candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.choice import chosen
from aws_ml.exceptions import QualityTooLow, ReportInvalid
from aws_ml.hooks.documents import read_json, write_json
from aws_ml.run import Paths

if TYPE_CHECKING:
    from airflow.sdk import Context

REPORTS = ("evaluation.json", "statistics.json", "predictions.csv", "smoke_records.json")
ARCHIVE = "model.tar.gz"


class ChooseModelOperator(AwsBaseOperator[S3Hook]):
    """Choose by the workflow's rule, write down why, and put the chosen model where the next stage finds it.

    The rule stands in `aws_ml.choice`. The archive is also kept under its own digest, where no later run of
    the day overwrites it: that copy is what the registry names.

    :param bucket: bucket of the workflow (templated)
    :param workflow: the workflow's name
    :param run_key: the partition (templated)
    :param margin: by how much the metric must be better than the champion's
    :return: ``{"chosen", "metric", "value", "summary", "source", "archive_uri", "archive_sha256"}``
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "run_key", "margin")

    def __init__(self, *, bucket: str, workflow: str, run_key: str, margin: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.workflow = workflow
        self.run_key = run_key
        self.margin = margin

    def execute(self, context: Context) -> dict[str, Any]:
        """Judge, copy on S3, and write `choice.json` last: where it is, all of it is."""
        paths = Paths(self.workflow, self.run_key, self.bucket)
        comparison = read_json(self, self.bucket, paths.comparison)
        try:
            choice = chosen(comparison, self.margin)
        except (QualityTooLow, ReportInvalid) as error:
            raise AirflowFailException(f"{error} ({paths.uri(paths.comparison)})") from error
        for each in choice["candidates"]:
            self.log.info("%s: %s", each["name"], each["verdict"])
        name = choice["chosen"]
        (candidate,) = (each for each in comparison["candidates"] if each["name"] == name)
        folder = paths.candidate(name)
        kept = paths.registered(candidate["sha256"])
        self._copy(folder + ARCHIVE, kept + ARCHIVE)
        self._copy(folder + ARCHIVE, paths.serving_archive)
        for report in REPORTS:
            self._copy(folder + report, kept + report)
            self._copy(folder + report, paths.evaluation + report)
        write_json(self, self.bucket, paths.choice, choice)
        self.log.info("%s", choice["summary"])
        value = candidate["metrics"][choice["metric"]]
        return {
            "chosen": name,
            "metric": choice["metric"],
            "value": value,
            "summary": choice["summary"],
            "source": candidate["source"],
            "archive_uri": paths.uri(kept + ARCHIVE),
            "archive_sha256": candidate["sha256"],
        }

    def _copy(self, source: str, target: str) -> None:
        """Copy within the bucket, in parts where the object is large."""
        self.hook.get_conn().copy({"Bucket": self.bucket, "Key": source}, self.bucket, target)
