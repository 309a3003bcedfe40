"""The crawler of a workflow's landing prefix: it keeps the table `landing`, one partition a day."""

from __future__ import annotations

from typing import Any

from aws_ml.run import ROLE_ARN, legal
from aws_ml.schema import Workflow

STAGE = "ingest_analyze"


def create_crawler(workflow: Workflow) -> dict[str, Any]:
    """``glue.CreateCrawler`` (and ``UpdateCrawler``, but for ``Tags``).

    One per workflow, not per run: Glue keeps crawlers, and this one's table grows with each partition.
    Columns that disappear from the files stay in the table, since older partitions still have them.
    """
    paths = workflow.paths
    return {
        "Name": crawler_name(workflow),
        "Role": ROLE_ARN,
        "DatabaseName": workflow.name,
        "Description": f"Landing files of {workflow.name}",
        "Targets": {"S3Targets": [{"Path": paths.uri(paths.table("landing"))}]},
        "SchemaChangePolicy": {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "LOG"},
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "Tags": {"workflow": workflow.name, "stage": STAGE},
    }


def crawler_name(workflow: Workflow) -> str:
    """``<workflow>-landing``."""
    return f"{legal(workflow.name)}-landing"
