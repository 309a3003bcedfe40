"""Partitions of tables in the Glue catalog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.exceptions import ClientError

from aws_ml.waiters.patience import error_code

if TYPE_CHECKING:
    from airflow.sdk import Context


class GluePartitionOperator(AwsBaseOperator[GlueCatalogHook]):
    """Make a place in S3 a partition of a table, or point the partition that is there at it.

    :param config: body of CreatePartition; columns and format are the table's (templated)
    :return: ``{"table", "values", "location"}``
    """

    aws_hook_class = GlueCatalogHook
    template_fields: Sequence[str] = aws_template_fields("config")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(self, *, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def execute(self, context: Context) -> dict[str, Any]:
        """Create or update the partition."""
        ensure_partition(self.hook.get_conn(), self.config)
        given = self.config["PartitionInput"]
        return {
            "table": self.config["TableName"],
            "values": given["Values"],
            "location": given["StorageDescriptor"]["Location"],
        }


def ensure_partition(glue: Any, config: dict[str, Any]) -> None:
    """Create a partition, or bring the one that is there to its place and to the table's columns.

    :param config: body of CreatePartition, whose StorageDescriptor need only have a Location
    """
    name = {"DatabaseName": config["DatabaseName"], "TableName": config["TableName"]}
    table = glue.get_table(DatabaseName=config["DatabaseName"], Name=config["TableName"])["Table"]
    given = config["PartitionInput"]
    partition = {**given, "StorageDescriptor": {**table["StorageDescriptor"], **given["StorageDescriptor"]}}
    try:
        glue.create_partition(**name, PartitionInput=partition)
    except ClientError as error:
        if error_code(error) != "AlreadyExistsException":
            raise
        glue.update_partition(**name, PartitionValueList=given["Values"], PartitionInput=partition)
