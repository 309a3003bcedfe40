"""SageMaker: jobs, models, endpoints and their runtime. Importing it registers the operations."""

from local_aws.services.context import Context
from local_aws.services.sagemaker import (
    endpoint,
    endpoint_config,
    model,
    processing_job,
    runtime,
    tags,
    training_job,
)

__all__ = [
    "JOB_KINDS", "close", "endpoint", "endpoint_config", "model", "processing_job", "recover", "runtime",
    "tags", "training_job",
]  # fmt: skip

JOB_KINDS = [processing_job.ProcessingJobKind(), training_job.TrainingJobKind()]


def recover(context: Context) -> None:
    """Bring back the endpoints that were in service."""
    endpoint.recover(context)


def close(context: Context) -> None:
    """Stop the endpoints' workers."""
    endpoint.close(context)
