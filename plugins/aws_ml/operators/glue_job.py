"""Runs of Glue jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator as ProviderGlueJobOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from botocore.config import Config
from botocore.exceptions import ClientError

from aws_ml.operators.remote_job import RemoteJob
from aws_ml.waiters.kinds import GLUE_JOB_RUN, Description, Handle
from aws_ml.waiters.patience import error_code, is_missing, is_transient

if TYPE_CHECKING:
    from airflow.sdk import Context

# A run that has to wait for a free place among MaxConcurrentRuns isn't wrong, it is early.
_EARLY = frozenset({"ConcurrentRunsExceededException", "ResourceNumberLimitExceededException"})


class GlueJobOperator(RemoteJob, ProviderGlueJobOperator):
    """The provider's Glue operator, made safe to retry, to kill and to restart.

    Glue names its runs itself and StartJobRun can't be repeated safely. Therefore each run carries the task
    instance and attempt as the provider's argument `--airflow_task_uuid`, by which a retry finds it again,
    and botocore doesn't repeat the call on its own.

    :param config: body of CreateJob; the job is created, or updated to it (templated)
    :param arguments: Arguments of StartJobRun (templated)
    :param timeout_minutes: Timeout of StartJobRun; None leaves the job's own
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "run_id"}``
    """

    kind = GLUE_JOB_RUN
    template_fields: Sequence[str] = aws_template_fields("config", "arguments")
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json", "arguments": "json"}

    def __init__(
        self,
        *,
        config: dict[str, Any],
        arguments: dict[str, str] | None = None,
        timeout_minutes: int | None = None,
        poll_seconds: float = 30,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(deferrable=deferrable, **kwargs)
        self.config = config
        self.arguments = arguments or {}
        self.timeout_minutes = timeout_minutes
        self.poll_seconds = poll_seconds

    def prepare(self) -> None:
        """Take the job's name from its definition, for the provider's own methods and links."""
        self.job_name = self.config["Name"]

    def attempt_name(self, context: Context, attempt: int) -> str:
        """Task instance and attempt: the value of `--airflow_task_uuid`."""
        return f"{self._get_task_uuid(context)}:{attempt}"

    def find(self, name: str) -> Handle | None:
        """Look through the job's latest runs for the one that carries `name`."""
        pages = (
            self._client()
            .get_paginator("get_job_runs")
            .paginate(
                JobName=self.config["Name"],
                PaginationConfig={"MaxItems": self.TASK_UUID_SCAN_PAGE_SIZE * self.TASK_UUID_SCAN_MAX_PAGES},
            )
        )
        try:
            for page in pages:
                for run in page["JobRuns"]:
                    if run.get("Arguments", {}).get(self.TASK_UUID_ARG) == name:
                        return {"JobName": self.config["Name"], "RunId": run["Id"]}
        except ClientError as error:
            if not is_missing(error):
                raise
        return None

    def create(self, context: Context, name: str) -> Handle:
        """Bring the job definition up to date and start a run."""
        self._define_job()
        once = self.hook.get_client_type(config=Config(retries={"total_max_attempts": 1}))
        timeout = {} if self.timeout_minutes is None else {"Timeout": self.timeout_minutes}
        run = once.start_job_run(
            JobName=self.config["Name"], Arguments={**self.arguments, self.TASK_UUID_ARG: name}, **timeout
        )
        return {"JobName": self.config["Name"], "RunId": run["JobRunId"]}

    def may_pass(self, error: Exception) -> bool:
        """Throttling passes, and so do the other runs of this job."""
        return is_transient(error) or (isinstance(error, ClientError) and error_code(error) in _EARLY)

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Name of the job and id of the run."""
        return {"name": handle["JobName"], "run_id": handle["RunId"]}

    def _define_job(self) -> None:
        client = self._client()
        name = self.config["Name"]
        update = {key: value for key, value in self.config.items() if key not in ("Name", "Tags")}
        try:
            present = client.get_job(JobName=name)["Job"]
        except ClientError as error:
            if not is_missing(error):
                raise
            self.log.info("Creating Glue job %s", name)
            try:
                client.create_job(**self.config)
            except ClientError as raced:
                if error_code(raced) != "AlreadyExistsException":
                    raise
            return
        if any(present.get(key) != value for key, value in update.items()):
            self.log.info("Updating Glue job %s", name)
            client.update_job(JobName=name, JobUpdate=update)
