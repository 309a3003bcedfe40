"""Waiting for a Clarify report without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from botocore.exceptions import BotoCoreError, ClientError

from aws_ml.waiters.bias_report import report
from aws_ml.waiters.kinds import Description
from aws_ml.waiters.patience import Patience, error_code, is_missing


class ClarifyBiasReportTrigger(BaseTrigger):
    """Fire once when the report is there, or when it is certain that it won't come.

    :param bucket: bucket of the report
    :param key: key of the report
    :param job_name: the processing job that writes it
    :param poll_seconds: seconds between two polls
    """

    def __init__(
        self,
        *,
        bucket: str,
        key: str,
        job_name: str,
        poll_seconds: float,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bucket = bucket
        self.key = key
        self.job_name = job_name
        self.poll_seconds = poll_seconds
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments from which another triggerer process makes this trigger again."""
        return (
            "aws_ml.triggers.clarify_bias_report.ClarifyBiasReportTrigger",
            {
                "bucket": self.bucket,
                "key": self.key,
                "job_name": self.job_name,
                "poll_seconds": self.poll_seconds,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "verify": self.verify,
                "botocore_config": self.botocore_config,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll job and report until they are judged; the sensor looks again and says the outcome."""
        patience = Patience(self.poll_seconds)
        uri = f"s3://{self.bucket}/{self.key}"
        async with (
            await self._hook("sagemaker").get_async_conn() as sagemaker,
            await self._hook("s3").get_async_conn() as s3,
        ):
            while True:
                try:
                    job, found = await self._job(sagemaker), await self._found(s3)
                except (ClientError, BotoCoreError) as error:
                    try:
                        delay = patience.after(error)
                    except (ClientError, BotoCoreError) as permanent:
                        yield TriggerEvent({"error": str(permanent)})
                        return
                    self.log.warning("AWS doesn't answer, asking again in %.0f s: %s", delay, error)
                else:
                    patience.answered()
                    delay = self.poll_seconds
                    if self._judged(uri, job, found):
                        yield TriggerEvent({})
                        return
                await asyncio.sleep(delay)

    def _judged(self, uri: str, job: Description | None, found: tuple[datetime, bytes] | None) -> bool:
        try:
            return report(uri, self.job_name, job, found) is not None
        except Exception:  # noqa: BLE001 (the sensor looks again and raises it where a user sees it)
            return True

    async def _job(self, sagemaker: Any) -> Description | None:
        try:
            description: Description = await sagemaker.describe_processing_job(
                ProcessingJobName=self.job_name
            )
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return description

    async def _found(self, s3: Any) -> tuple[datetime, bytes] | None:
        try:
            answer = await s3.get_object(Bucket=self.bucket, Key=self.key)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        return answer["LastModified"], await answer["Body"].read()

    def _hook(self, service: str) -> AwsBaseHook:
        return AwsBaseHook(
            aws_conn_id=self.aws_conn_id,
            client_type=service,
            region_name=self.region_name,
            verify=self.verify,
            config=self.botocore_config,
        )
