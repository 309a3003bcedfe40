"""Rules that Glue recommends from the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.glue import GlueDataQualityRuleRecommendationRunOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowSkipException

from aws_ml.exceptions import RemoteJobFailed, RemoteJobStopped, ReportMissing
from aws_ml.hooks.aws import client_for
from aws_ml.operators.glue_data_quality_run import GlueDataQualityRun
from aws_ml.waiters.kinds import GLUE_DATA_QUALITY_RECOMMENDATION_RUN, Description, Handle

if TYPE_CHECKING:
    from airflow.sdk import Context


class GlueDataQualityRecommendationRunOperator(
    GlueDataQualityRun, GlueDataQualityRuleRecommendationRunOperator
):
    """The provider's recommendation operator, made safe to retry, to kill and to restart.

    What is recommended is written to S3 and into the log, for a person to choose from: nothing is judged by
    it. Glue's failure to recommend anything therefore skips this task, with Glue's reason, and does not make
    the run a failure. A run that somebody stopped is a failure as everywhere.

    :param config: body of StartDataQualityRuleRecommendationRun (templated)
    :param bucket: where the recommended ruleset goes (templated)
    :param key: its key (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"run_id", "uri"}``
    """

    kind = GLUE_DATA_QUALITY_RECOMMENDATION_RUN
    start = "start_data_quality_rule_recommendation_run"
    template_fields: Sequence[str] = aws_template_fields("config", "bucket", "key")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self,
        *,
        config: dict[str, Any],
        bucket: str,
        key: str,
        poll_seconds: float = 30,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(datasource={}, role="", deferrable=deferrable, **kwargs)
        self.config = config
        self.bucket = bucket
        self.key = key
        self.poll_seconds = poll_seconds

    def conclude(self, context: Context, *, handle: Handle, attempt: int, adopted: bool) -> Any:
        """Keep what is recommended; skip when Glue could not recommend anything."""
        try:
            return super().conclude(context, handle=handle, attempt=attempt, adopted=adopted)
        except RemoteJobStopped:
            raise
        except RemoteJobFailed as failed:
            raise AirflowSkipException(str(failed)) from failed

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Keep the recommended ruleset."""
        text = description.get("RecommendedRuleset")
        if not text:
            raise ReportMissing(f"{self._called(handle)} recommends no ruleset.")
        self.log.info("Recommended:\n%s", text)
        client_for(self, "s3").put_object(
            Bucket=self.bucket, Key=self.key, Body=f"{text}\n".encode(), ContentType="text/plain"
        )
        return {"run_id": handle["RunId"], "uri": f"s3://{self.bucket}/{self.key}"}
