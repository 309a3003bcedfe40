"""AWS Glue: the data catalog, crawlers that fill it, and jobs."""

from local_aws.services.glue import database, partition, table, tag

__all__ = ["database", "partition", "table", "tag"]
