"""What the profile job reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError

from aws_ml.exceptions import ReportMissing
from aws_ml.run import Paths

if TYPE_CHECKING:
    from airflow.sdk import Context


class ListProfileSourcesOperator(AwsBaseOperator[S3Hook]):
    """Write the manifest of the profile job: the statements' results and the latest earlier profile, if any.

    An earlier profile is that of the latest day before this one which has one, so a backfill of an old day is
    compared with the days before it, never with those after it.

    :param bucket: bucket of the workflow (templated)
    :param workflow: the workflow's name
    :param run_key: the partition that is profiled (templated)
    :param results: what the mapped Athena tasks returned (templated)
    :return: ``{"uri", "results", "previous"}``: the manifest, how many results it names, the earlier day
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "run_key", "results")

    def __init__(self, *, bucket: str, workflow: str, run_key: str, results: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.workflow = workflow
        self.run_key = run_key
        self.results = results

    def execute(self, context: Context) -> dict[str, Any]:
        """Name the results of this very run, and look for the profile to compare with."""
        paths = Paths(self.workflow, self.run_key, self.bucket)
        runs = f"{self.workflow}/runs/"
        root = paths.uri(runs)
        locations = [result["output_location"] for result in self.results or [] if result]
        strangers = [uri for uri in locations if not uri.startswith(root)]
        if strangers or not locations:
            said = f"no result lies below {root}" + (f"; found {strangers[0]}" if strangers else "")
            raise AirflowFailException(str(ReportMissing(f"The statistics cannot be listed: {said}.")))
        names = [uri.removeprefix(root) for uri in locations]
        previous = next((day for day in self._days_before(runs) if self._has_profile(day)), None)
        if previous is not None:
            names.append(Paths(self.workflow, previous).profile_facts.removeprefix(runs))
        self.hook.get_conn().put_object(
            Bucket=self.bucket,
            Key=paths.profile_sources,
            Body=json.dumps([{"prefix": root}, *names], indent=1).encode(),
            ContentType="application/json",
        )
        self.log.info(
            "%d results; compared with %s",
            len(locations),
            previous or "nothing: no earlier day has a profile",
        )
        return {"uri": paths.uri(paths.profile_sources), "results": len(locations), "previous": previous}

    def _days_before(self, runs: str) -> Iterator[str]:
        """Earlier days that were run, the latest first."""
        pages = (
            self.hook.get_conn()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self.bucket, Prefix=runs, Delimiter="/")
        )
        days = [found["Prefix"].split("/")[-2] for page in pages for found in page.get("CommonPrefixes", [])]
        yield from sorted(
            (day for day in days if re.fullmatch(r"\d{4}-\d\d-\d\d", day) and day < self.run_key),
            reverse=True,
        )

    def _has_profile(self, day: str) -> bool:
        try:
            self.hook.get_conn().head_object(Bucket=self.bucket, Key=Paths(self.workflow, day).profile_facts)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
        return True
