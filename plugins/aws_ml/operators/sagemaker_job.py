"""What SageMaker's jobs have in common: their name is their identity, and Create refuses a second one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from botocore.exceptions import ClientError

from aws_ml.operators.remote_job import RemoteJob
from aws_ml.run import JOB_NAME_LIMIT, attempt_name
from aws_ml.waiters.kinds import Handle
from aws_ml.waiters.patience import error_code

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.operators.sagemaker import SageMakerBaseOperator
    from airflow.sdk import Context

    Operator = SageMakerBaseOperator
else:
    Operator = object


class SageMakerJob(RemoteJob, Operator):
    """A job of SageMaker, found and described by its name."""

    name_field: ClassVar[str]
    """Member of the request and of the description that is the job's name."""
    create_method: ClassVar[str]
    """Client method that creates it."""
    name_limit: ClassVar[int] = JOB_NAME_LIMIT
    """Characters that AWS allows in its name."""

    def prepare(self) -> None:
        """Let the provider expand roles and turn rendered numbers back into integers."""
        self.preprocess_config()

    def attempt_name(self, context: Context, attempt: int) -> str:
        """Append the attempt to the name that the workflow gave."""
        return attempt_name(self.config[self.name_field], attempt, self.name_limit)

    def find(self, name: str) -> Handle | None:
        """Make the handle from the name alone, if there is such a job."""
        handle = {self.name_field: name}
        return None if self.describe(handle) is None else handle

    def create(self, context: Context, name: str) -> Handle:
        """Create the job; one that is there already under this task's name is this task's."""
        handle = {self.name_field: name}
        self._to_stop = handle  # a kill during the call must reach the job too
        try:
            getattr(self._client(), self.create_method)(**{**self.config, self.name_field: name})
        except ClientError as error:
            # botocore repeats a call whose answer got lost: the first one did it.
            if error_code(error) != "ResourceInUse" or self.find(name) is None:
                raise
        return handle
