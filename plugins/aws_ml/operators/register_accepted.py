"""The table of accepted rows: which rows of which day models may learn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from aws_ml.operators.glue_partition import ensure_partition
from aws_ml.operators.glue_table import ensure_table

if TYPE_CHECKING:
    from airflow.sdk import Context


class RegisterAcceptedOperator(AwsBaseOperator[GlueCatalogHook]):
    """Point the day's partition of the accepted rows at what was accepted, and list the days of the window.

    Days that no gate accepted have no partition, so nothing is learned from them. A day that is accepted anew
    is pointed anew, and a table that lacks columns gets them.

    :param table: body of CreateTable (templated)
    :param partition: body of CreatePartition but for the columns; its parameter `weighted` is `True` where
        rows have weights (templated)
    :param window_days: how many days count, the partition's own the last
    :return: ``{"days": [accepted days of the window], "weighted": whether rows of any of them have weights}``
    """

    aws_hook_class = GlueCatalogHook
    template_fields: Sequence[str] = aws_template_fields("table", "partition")
    template_fields_renderers: ClassVar[dict[str, str]] = {"table": "json", "partition": "json"}

    def __init__(
        self, *, table: dict[str, Any], partition: dict[str, Any], window_days: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.table = table
        self.partition = partition
        self.window_days = window_days

    def execute(self, context: Context) -> dict[str, Any]:
        """Create or update both, then read what the window holds."""
        glue = self.hook.get_conn()
        ensure_table(glue, self.table)
        ensure_partition(glue, self.partition)
        last = date.fromisoformat(self.partition["PartitionInput"]["Values"][0])
        first = last - timedelta(days=self.window_days - 1)
        pages = glue.get_paginator("get_partitions").paginate(
            DatabaseName=self.partition["DatabaseName"],
            TableName=self.partition["TableName"],
            Expression=f"dt >= '{first}' AND dt <= '{last}'",
            ExcludeColumnSchema=True,
        )
        found = [each for page in pages for each in page["Partitions"]]
        days = sorted(each["Values"][0] for each in found)
        weighted = any(each.get("Parameters", {}).get("weighted") == "True" for each in found)
        self.log.info("Accepted days of the window: %s", ", ".join(days))
        return {"days": days, "weighted": weighted}
