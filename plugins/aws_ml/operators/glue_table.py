"""Tables of the Glue catalog."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.glue_catalog import GlueCatalogHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.exceptions import ClientError

from aws_ml.waiters.patience import error_code

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

Column = dict[str, str]
"""A column as Glue describes one: at least Name and Type."""


class GlueTableOperator(AwsBaseOperator[GlueCatalogHook]):
    """Bring a table of the Glue catalog to the columns that the workflow describes.

    A column that is new comes last, so that the partitions of earlier days still fit: they have no value in
    it. One that is gone stays, since earlier days have it. One of another type gets that; earlier days can be
    read again once they were written in it.

    :param config: body of CreateTable (templated)
    :return: ``{"name", "added": [columns]}``
    """

    aws_hook_class = GlueCatalogHook
    template_fields: Sequence[str] = aws_template_fields("config")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(self, *, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def execute(self, context: Context) -> dict[str, Any]:
        """Create the table, or update its columns."""
        added = ensure_table(self.hook.get_conn(), self.config)
        return {"name": self.config["TableInput"]["Name"], "added": added}


def ensure_table(glue: Any, config: dict[str, Any]) -> list[str]:
    """Create a table, or bring the one that is there to its columns.

    :param config: body of CreateTable
    :return: the columns that were added to a table that was there
    """
    wanted = config["TableInput"]
    try:
        glue.create_table(**config)
    except ClientError as error:
        if error_code(error) != "AlreadyExistsException":
            raise
    else:
        return []
    there = glue.get_table(DatabaseName=config["DatabaseName"], Name=wanted["Name"])["Table"]
    before, storage = there["StorageDescriptor"]["Columns"], wanted["StorageDescriptor"]
    columns = merged(before, storage["Columns"])
    if _typed(columns) == _typed(before):
        return []
    log.info("Updating the columns of %s: %s", wanted["Name"], columns)
    glue.update_table(
        DatabaseName=config["DatabaseName"],
        TableInput={**wanted, "StorageDescriptor": {**storage, "Columns": columns}},
    )
    return [column["Name"] for column in columns[len(before) :]]


def merged(before: Sequence[Column], wanted: Sequence[Column]) -> list[Column]:
    """All columns that were there, in their places, as they are wanted now; then those that are new."""
    now = {column["Name"]: column for column in wanted}
    known = {column["Name"] for column in before}
    kept = [now.get(column["Name"], column) for column in before]
    return [*kept, *(column for column in wanted if column["Name"] not in known)]


def _typed(columns: Sequence[Column]) -> list[tuple[str, str]]:
    return [(column["Name"], column["Type"]) for column in columns]
