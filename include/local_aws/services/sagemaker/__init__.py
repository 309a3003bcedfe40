"""SageMaker: jobs, models, endpoints and their runtime, the feature store.

Importing it registers the operations.
"""

from local_aws.services.context import Context
from local_aws.services.sagemaker import (
    auto_ml_job,
    endpoint,
    endpoint_config,
    feature_store,
    hyper_parameter_tuning_job,
    model,
    model_package,
    model_package_group,
    processing_job,
    runtime,
    search,
    tags,
    training_job,
)
from local_aws.services.sagemaker.tuning.tuner import Tuners

__all__ = [
    "JOB_KINDS", "auto_ml_job", "close", "endpoint", "endpoint_config", "feature_store",
    "hyper_parameter_tuning_job", "model", "model_package", "model_package_group", "processing_job",
    "recover", "runtime", "search", "tags", "training_job",
]  # fmt: skip

JOB_KINDS = [
    processing_job.ProcessingJobKind(),
    training_job.TrainingJobKind(),
    auto_ml_job.AutoMLJobKind(),
]


def recover(context: Context) -> None:
    """Bring back the endpoints that were in service, and go on with the feature store and tuning jobs."""
    endpoint.recover(context)
    Tuners.of(context).recover()
    feature_store.keeper.Keeper.of(context).recover()


def close(context: Context) -> None:
    """Stop the endpoints' workers and the tuning jobs, and write what waits for the offline store."""
    Tuners.of(context).close()
    endpoint.close(context)
    feature_store.keeper.Keeper.of(context).close()
