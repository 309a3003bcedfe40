"""The processing job that writes a day's records into the feature store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from aws_ml.hooks.documents import read_json
from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.waiters.kinds import Description, Handle


class IngestFeaturesOperator(ProcessingJobOperator):
    """A processing job whose success is written on the feature group: which job, run and rows were the last.

    :param config: body of CreateProcessingJob (templated)
    :param bucket: bucket of the job's report (templated)
    :param report_key: key of `ingestion.json` (templated)
    :param group_arn: the feature group (templated)
    :param lineage: tags of the group, besides `ingest_job` (templated)
    A job that went on where another one was broken off has written only some of the records. The others were
    written since that one began, so that is when the ingestion started.

    :return: what the processing operator returns, with ``{"started", "ended", "records", "resumed",
        "written"}``. The times are on AWS's clock, in seconds since 1970: no record of the day was called
        for by this ingestion before `started`, which is whole; the job ended at `ended`. Of all `records`,
        `resumed` were written before the job, and `written` by it
    """

    template_fields: Sequence[str] = (
        *ProcessingJobOperator.template_fields,
        *aws_template_fields("bucket", "report_key", "group_arn", "lineage"),
    )

    def __init__(
        self,
        *,
        config: dict[str, Any],
        bucket: str,
        report_key: str,
        group_arn: str,
        lineage: dict[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(config=config, **kwargs)
        self.bucket = bucket
        self.report_key = report_key
        self.group_arn = group_arn
        self.lineage = lineage

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Read the job's report, and leave its lineage on the group."""
        report = read_json(self, self.bucket, self.report_key)
        tags = {**self.lineage, "ingest_job": description["ProcessingJobName"]}
        self._client().add_tags(
            ResourceArn=self.group_arn, Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )
        started = report["began"] if report["resumed"] else description["ProcessingStartTime"].timestamp()
        return {
            **super().result(handle, description),
            "started": math.floor(started),  # the offline store keeps whole seconds of the time of a call
            "ended": description["ProcessingEndTime"].timestamp(),
            "records": report["records"],
            "resumed": report["resumed"],
            "written": report["written"],
        }
