"""AWS Glue: the data catalog, crawlers that fill it, and jobs."""

from local_aws.services.context import Context
from local_aws.services.glue import crawler, database, partition, table, tag

__all__ = ["close", "crawler", "database", "partition", "recover", "table", "tag"]


def recover(context: Context) -> None:
    """End what an earlier life of the stand-in left running."""
    crawler.recover(context)


def close(context: Context) -> None:
    """Stop what runs in this process."""
    crawler.close(context)
