"""SageMaker processing jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator, serialize

from aws_ml.operators.sagemaker_job import SageMakerJob
from aws_ml.waiters.kinds import PROCESSING_JOB, Description, Handle


class ProcessingJobOperator(SageMakerJob, SageMakerProcessingOperator):
    """The provider's processing operator, made safe to retry, to kill and to restart.

    :param config: body of CreateProcessingJob; the attempt is appended to its ProcessingJobName (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "arn", "outputs": {output name: S3 URI}}``
    """

    kind = PROCESSING_JOB
    name_field = "ProcessingJobName"
    create_method = "create_processing_job"
    template_fields: Sequence[str] = SageMakerProcessingOperator.template_fields

    def __init__(
        self, *, config: dict[str, Any], poll_seconds: float = 30, deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(config=config, deferrable=deferrable, **kwargs)
        self.poll_seconds = poll_seconds

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Name, ARN and where the outputs are."""
        self.serialized_job = serialize(dict(description))  # the provider reports lineage from it
        outputs = description.get("ProcessingOutputConfig", {}).get("Outputs", [])
        return {
            "name": description["ProcessingJobName"],
            "arn": description["ProcessingJobArn"],
            "outputs": {
                output["OutputName"]: output["S3Output"]["S3Uri"]
                for output in outputs
                if "S3Output" in output
            },
        }
