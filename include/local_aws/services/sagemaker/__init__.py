"""SageMaker: jobs, models, endpoints and their runtime. Importing it registers the operations."""

from local_aws.services.context import Context
from local_aws.services.sagemaker import endpoint, endpoint_config, model, runtime, tags

__all__ = ["close", "endpoint", "endpoint_config", "model", "recover", "runtime", "tags"]


def recover(context: Context) -> None:
    """Bring back the endpoints that were in service."""
    endpoint.recover(context)


def close(context: Context) -> None:
    """Stop the endpoints' workers."""
    endpoint.close(context)
