"""Waiting for a Clarify bias report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.sensors.base_aws import AwsBaseSensor
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk import PokeReturnValue
from botocore.exceptions import BotoCoreError, ClientError

from aws_ml.exceptions import RemoteJobUnreachable
from aws_ml.hooks.aws import client_for
from aws_ml.triggers.clarify_bias_report import ClarifyBiasReportTrigger
from aws_ml.waiters import patience
from aws_ml.waiters.bias_report import metrics, report
from aws_ml.waiters.kinds import Description
from aws_ml.waiters.patience import error_code, is_missing, is_transient

if TYPE_CHECKING:
    from airflow.sdk import Context


class ClarifyBiasReportSensor(AwsBaseSensor[SageMakerHook]):
    """Wait for the complete bias report of one processing job.

    A file at the right place isn't enough: it may be an earlier run's, or it may never come because the job
    failed. The sensor asks for both, so it waits for a report that is late, fails at once for a job that has
    failed, and never takes an old report for a new one.

    :param bucket: bucket of the report (templated)
    :param key: key of `analysis.json` (templated)
    :param job_name: name of the processing job that writes it (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"uri", "facets": {"<column>=<value or threshold>": {metric: value or None}}}``
    """

    aws_hook_class = SageMakerHook
    template_fields: Sequence[str] = aws_template_fields("bucket", "key", "job_name")

    def __init__(
        self,
        *,
        bucket: str,
        key: str,
        job_name: str,
        poll_seconds: float = 30,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=patience.poll_seconds(poll_seconds), **kwargs)
        self.bucket = bucket
        self.key = key
        self.job_name = job_name
        self.poll_seconds = poll_seconds
        self.deferrable = deferrable

    def execute(self, context: Context) -> Any:
        """Wait on the triggerer, or on the worker with `deferrable=False`."""
        if not self.deferrable:
            return super().execute(context)
        looked = self.poke(context)
        if looked.is_done:
            return looked.xcom_value
        return self.defer(
            trigger=ClarifyBiasReportTrigger(
                bucket=self.bucket,
                key=self.key,
                job_name=self.job_name,
                poll_seconds=patience.poll_seconds(self.poll_seconds),
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                verify=self.verify,
                botocore_config=self.botocore_config,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=float(self.timeout)),
        )

    def execute_complete(self, context: Context, event: Any) -> Any:
        """Look again, whatever the event says, and judge here, where a user reads the message.

        The event may be another task's: Airflow knows triggers by number, and on SQLite a deleted trigger's
        number goes to the next one. Only where AWS doesn't answer here either does it matter that a trigger
        gave up on it.
        """
        try:
            self._look()
        except (ClientError, BotoCoreError) as error:
            if isinstance(event, Mapping) and event.get("error"):
                raise RemoteJobUnreachable(f"SageMaker processing job {self.job_name}", str(error)) from error
        return self.execute(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once. A throttled or lost call is not an answer, so it isn't a failure either."""
        uri = f"s3://{self.bucket}/{self.key}"
        try:
            analysis = self._look()
        except (ClientError, BotoCoreError) as error:
            if not is_transient(error):
                raise
            self.log.warning("AWS doesn't answer: %s", error)
            return PokeReturnValue(is_done=False)
        if analysis is None:
            return PokeReturnValue(is_done=False)
        facets = metrics(analysis)
        for facet, values in facets.items():
            self.log.info("%s: %s", facet, ", ".join(f"{name} {value}" for name, value in values.items()))
        return PokeReturnValue(is_done=True, xcom_value={"uri": uri, "facets": facets})

    def _look(self) -> dict[str, Any] | None:
        """The report; None: not yet."""
        return report(f"s3://{self.bucket}/{self.key}", self.job_name, self._job(), self._found())

    def _job(self) -> Description | None:
        try:
            description: Description = self.hook.describe_processing_job(self.job_name)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return description

    def _found(self) -> tuple[datetime, bytes] | None:
        try:
            answer = client_for(self, "s3").get_object(Bucket=self.bucket, Key=self.key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        return answer["LastModified"], answer["Body"].read()
