"""AWS Glue: the data catalog, crawlers that fill it, and jobs."""

from local_aws.services.glue import database, job, job_run, partition, table, tag

__all__ = ["JOB_KINDS", "database", "job", "job_run", "partition", "table", "tag"]

JOB_KINDS = [job_run.JobRunKind()]
