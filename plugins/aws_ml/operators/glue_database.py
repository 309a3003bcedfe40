"""Databases of the Glue catalog."""

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


class GlueDatabaseOperator(AwsBaseOperator[GlueCatalogHook]):
    """Make sure that a database is in the Glue catalog. Its tables are left alone.

    :param config: DatabaseInput of CreateDatabase (templated)
    :return: ``{"name"}``
    """

    aws_hook_class = GlueCatalogHook
    template_fields: Sequence[str] = aws_template_fields("config")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(self, *, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def execute(self, context: Context) -> dict[str, str]:
        """Create the database unless it is there."""
        try:
            self.hook.get_conn().create_database(DatabaseInput=self.config)
        except ClientError as error:
            if error_code(error) != "AlreadyExistsException":
                raise
            self.log.info("Database %s is there already", self.config["Name"])
        return {"name": self.config["Name"]}
