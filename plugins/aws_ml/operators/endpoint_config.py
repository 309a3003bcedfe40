"""SageMaker endpoint configurations."""

from __future__ import annotations

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerEndpointConfigOperator

from aws_ml.operators.content_named import ContentNamed


class EndpointConfigOperator(ContentNamed, SageMakerEndpointConfigOperator):
    """The provider's endpoint configuration operator, made safe to retry.

    :param config: body of CreateEndpointConfig; the content's digest is appended to its
        EndpointConfigName (templated)
    :return: ``{"name", "arn"}``
    """

    resource = "EndpointConfig"
    snake = "endpoint_config"
