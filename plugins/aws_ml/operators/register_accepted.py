"""The table of accepted rows: which rows of which day models may learn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.exceptions import ClientError

from aws_ml.waiters.patience import error_code

if TYPE_CHECKING:
    from airflow.sdk import Context


class RegisterAcceptedOperator(AwsBaseOperator[GlueCatalogHook]):
    """Point the day's partition of the accepted rows at what was accepted, and list the days of the window.

    Days that no gate accepted have no partition, so nothing is learned from them. A day that is accepted anew
    is pointed anew, and a table whose columns changed is brought to the new ones.

    :param table: body of CreateTable (templated)
    :param partition: body of CreatePartition, whose parameter `weighted` is `True` where rows have weights
        (templated)
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
        self._ensure_table()
        self._ensure_partition()
        last = date.fromisoformat(self.partition["PartitionInput"]["Values"][0])
        first = last - timedelta(days=self.window_days - 1)
        pages = (
            self.hook.get_conn()
            .get_paginator("get_partitions")
            .paginate(
                DatabaseName=self.partition["DatabaseName"],
                TableName=self.partition["TableName"],
                Expression=f"dt >= '{first}' AND dt <= '{last}'",
                ExcludeColumnSchema=True,
            )
        )
        found = [each for page in pages for each in page["Partitions"]]
        days = sorted(each["Values"][0] for each in found)
        weighted = any(each.get("Parameters", {}).get("weighted") == "True" for each in found)
        self.log.info("Accepted days of the window: %s", ", ".join(days))
        return {"days": days, "weighted": weighted}

    def _ensure_table(self) -> None:
        client, wanted = self.hook.get_conn(), self.table["TableInput"]
        try:
            client.create_table(**self.table)
        except ClientError as error:
            if error_code(error) != "AlreadyExistsException":
                raise
            there = client.get_table(DatabaseName=self.table["DatabaseName"], Name=wanted["Name"])["Table"]
            if _columns(there) != _columns(wanted):
                self.log.info("Updating the columns of %s", wanted["Name"])
                client.update_table(**self.table)

    def _ensure_partition(self) -> None:
        client, given = self.hook.get_conn(), self.partition["PartitionInput"]
        try:
            client.create_partition(**self.partition)
        except ClientError as error:
            if error_code(error) != "AlreadyExistsException":
                raise
            client.update_partition(
                DatabaseName=self.partition["DatabaseName"],
                TableName=self.partition["TableName"],
                PartitionValueList=given["Values"],
                PartitionInput=given,
            )


def _columns(table: dict[str, Any]) -> list[tuple[str, str]]:
    return [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]]
