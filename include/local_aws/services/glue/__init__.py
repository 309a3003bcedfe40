"""AWS Glue: the data catalog, crawlers that fill it, jobs, and data quality."""

from local_aws.services.context import Context
from local_aws.services.glue import (
    crawler,
    data_quality_evaluation_run,
    data_quality_recommendation_run,
    data_quality_result,
    data_quality_ruleset,
    database,
    job,
    job_run,
    partition,
    table,
    tag,
)

__all__ = [
    "JOB_KINDS", "close", "crawler", "data_quality_evaluation_run", "data_quality_recommendation_run",
    "data_quality_result", "data_quality_ruleset", "database", "job", "job_run", "partition", "recover",
    "table", "tag",
]  # fmt: skip

JOB_KINDS = [
    job_run.JobRunKind(),
    data_quality_evaluation_run.EvaluationRunKind(),
    data_quality_recommendation_run.RecommendationRunKind(),
]


def recover(context: Context) -> None:
    """End the crawls that an earlier life left."""
    crawler.recover(context)


def close(context: Context) -> None:
    """Stop the crawls under way."""
    crawler.close(context)
