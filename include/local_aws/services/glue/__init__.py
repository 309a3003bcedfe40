"""AWS Glue: the data catalog, crawlers that fill it, and jobs."""

from local_aws.services.context import Context
from local_aws.services.glue import crawler, database, job, job_run, partition, table, tag

__all__ = [
    "JOB_KINDS", "close", "crawler", "database", "job", "job_run", "partition", "recover", "table", "tag",
]  # fmt: skip

JOB_KINDS = [job_run.JobRunKind()]


def recover(context: Context) -> None:
    """End the crawls that an earlier life left."""
    crawler.recover(context)


def close(context: Context) -> None:
    """Stop the crawls under way."""
    crawler.close(context)
