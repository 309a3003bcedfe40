"""SageMaker models."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerModelOperator

from aws_ml.hooks.aws import client_for
from aws_ml.operators.content_named import ContentNamed


class ModelOperator(ContentNamed, SageMakerModelOperator):
    """The provider's model operator, made safe to retry.

    What a model is made of counts, not only where it lies: the archives' ETags are part of the content, so
    an archive that was trained anew at the same place makes a new model.

    :param config: body of CreateModel; the content's digest is appended to its ModelName (templated)
    :return: ``{"name", "arn"}``
    """

    resource = "Model"
    snake = "model"

    def content(self) -> Any:
        """The request and the ETags of the archives that it names."""
        s3 = client_for(self, "s3")
        containers = [self.config.get("PrimaryContainer", {}), *self.config.get("Containers", [])]
        archives = [container["ModelDataUrl"] for container in containers if "ModelDataUrl" in container]
        etags = []
        for uri in archives:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            etags.append(s3.head_object(Bucket=bucket, Key=key)["ETag"])
        return [super().content(), etags]
