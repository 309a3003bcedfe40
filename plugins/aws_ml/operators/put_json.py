"""A JSON document for a job to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from aws_ml.hooks.documents import write_json

if TYPE_CHECKING:
    from airflow.sdk import Context


class PutJsonOperator(AwsBaseOperator[S3Hook]):
    """Write a JSON document to S3. The provider's create-object operator takes text, not documents.

    :param bucket: bucket to write to (templated)
    :param key: key to write to; what is there is replaced (templated)
    :param document: the document (templated)
    :return: ``{"uri"}``
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "key", "document")
    template_fields_renderers: ClassVar[dict[str, str]] = {"document": "json"}

    def __init__(self, *, bucket: str, key: str, document: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.key = key
        self.document = document

    def execute(self, context: Context) -> dict[str, str]:
        """Write the document."""
        return {"uri": write_json(self, self.bucket, self.key, self.document)}
