"""The two ends of the bias gates, and what the later stages read of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException

from aws_ml import decision
from aws_ml.exceptions import BiasBeyondBounds, DataNotAccepted, ReportInvalid, ReportMissing
from aws_ml.gate import Way
from aws_ml.hooks.aws import AwsAccess
from aws_ml.hooks.datasets import snapshot
from aws_ml.hooks.documents import read_json, write_json
from aws_ml.operators.decide_on_bias import ANSWER

if TYPE_CHECKING:
    from airflow.sdk import Context


class SettleBias(AwsBaseOperator[S3Hook]):
    """What both ends have in common: they write the outcome into `decision.json`.

    :param bucket: bucket of the decision and the data (templated)
    :param decision_key: key of `decision.json` (templated)
    :param asked: the tasks that may have asked a person, after the first and after the second gate
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "decision_key")

    def __init__(self, *, bucket: str, decision_key: str, asked: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.decision_key = decision_key
        self.asked = asked

    @property
    def uri(self) -> str:
        """Where the decision is."""
        return f"s3://{self.bucket}/{self.decision_key}"

    def settled(self, context: Context) -> decision.Record:
        """Follow the document and the answers to their end."""
        record = decision.checked(read_json(self, self.bucket, self.decision_key), self.uri)
        answers = [context["ti"].xcom_pull(task_ids=task_id, key=ANSWER) for task_id in self.asked]
        try:
            return decision.settled(record, answers, datetime.now(UTC).isoformat(timespec="seconds"))
        except DataNotAccepted as error:
            raise AirflowFailException(f"{error} ({self.uri})") from error


class PublishDatasetOperator(SettleBias):
    """Write down which data was accepted and why; the asset's event follows from this task's success.

    :return: the accepted dataset, see `aws_ml.decision`
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Publish, unless the way did not lead here or the data is no longer what was measured."""
        record = self.settled(context)
        try:
            dataset = decision.accepted_dataset(record, self.uri)
            check_unchanged(self, self.bucket, record)
        except DataNotAccepted as error:
            raise AirflowFailException(str(error)) from error
        write_json(self, self.bucket, self.decision_key, record)
        self.log.info("%s", record["summary"])
        return dataset


class StopOnBiasOperator(SettleBias):
    """Fail with the numbers: which metric of which group is beyond which bound, or who refused the data.

    A retry would read the same numbers, so there is none.
    """

    def execute(self, context: Context) -> None:
        """Write the outcome down and fail."""
        record = self.settled(context)
        if record["outcome"] == decision.ACCEPTED:
            raise AirflowFailException(f"The data was accepted, so there is nothing to stop ({self.uri}).")
        write_json(self, self.bucket, self.decision_key, record)
        metrics = record["rounds"][-1]["metrics"]
        lines = [metric["sentence"] for metric in metrics if metric["way"] != Way.ACCEPT]
        said = "\n".join([record["summary"], *lines, f"All: {self.uri}"])
        raise AirflowFailException(str(BiasBeyondBounds(said)))


class ReadDecisionOperator(AwsBaseOperator[S3Hook]):
    """Read which data a gate or a person accepted; fail if none was, or if it has changed since.

    :param bucket: bucket of the decision and the data (templated)
    :param decision_key: key of `decision.json` (templated)
    :return: the accepted dataset, see `aws_ml.decision`
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "decision_key")

    def __init__(self, *, bucket: str, decision_key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.decision_key = decision_key

    def execute(self, context: Context) -> dict[str, Any]:
        """Read and refuse. The document is what it is, so a retry can't change it."""
        uri = f"s3://{self.bucket}/{self.decision_key}"
        try:
            record = decision.checked(read_json(self, self.bucket, self.decision_key), uri)
            dataset = decision.accepted_dataset(record, uri)
            check_unchanged(self, self.bucket, record)
        except ReportMissing as error:
            says = f"There is no decision on it: run ingest_analyze of that day first ({uri})."
            raise AirflowFailException(str(DataNotAccepted(says))) from error
        except (DataNotAccepted, ReportInvalid) as error:
            raise AirflowFailException(str(error)) from error
        self.log.info("%s", record["summary"])
        return dataset


def check_unchanged(access: AwsAccess, bucket: str, record: decision.Record) -> None:
    """What lies there is what was measured: also the curated rows of a mitigated day, which judge the model.

    :raises DataNotAccepted: it is not
    """
    for dataset in (part["dataset"] for part in record["rounds"]):
        prefix = dataset["uri"].removeprefix(f"s3://{bucket}/")
        if snapshot(access, bucket, prefix)["digest"] != dataset["digest"]:
            raise DataNotAccepted(
                f"{dataset['uri']} has changed since its bias was measured: "
                "clear clean_partition of that day's ingest_analyze, with what follows it."
            )
