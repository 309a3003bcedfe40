"""Athena queries."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from aws_ml.operators.remote_job import RemoteJob
from aws_ml.waiters.kinds import ATHENA_QUERY, Description, Handle, at

if TYPE_CHECKING:
    from airflow.sdk import Context


class AthenaQueryOperator(RemoteJob, AthenaOperator):
    """The provider's Athena operator, made safe to retry, to kill and to restart.

    An attempt's name is its ClientRequestToken, drawn anew and recorded before the query starts: a retry
    repeats StartQueryExecution with the recorded token and gets the same query back.

    :param config: body of StartQueryExecution; its ClientRequestToken is this operator's (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"query_execution_id", "output_location"}``, the latter the result file's S3 URI
    """

    kind = ATHENA_QUERY
    template_fields: Sequence[str] = aws_template_fields("config")
    template_ext: Sequence[str] = ()
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self, *, config: dict[str, Any], poll_seconds: float = 5, deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(query="", deferrable=deferrable, **kwargs)
        self.config = config
        self.poll_seconds = poll_seconds

    def prepare(self) -> None:
        """Show the provider, which reports lineage, what is asked where."""
        self.query = self.config["QueryString"]
        self.database = self.config.get("QueryExecutionContext", {}).get("Database")
        self.output_location = self.config.get("ResultConfiguration", {}).get("OutputLocation")

    def attempt_name(self, context: Context, attempt: int) -> str:
        """Draw a token. A derived one would give a cleared task the result of its first life."""
        return f"airflow-{attempt}-{uuid.uuid4()}"

    def find(self, name: str) -> Handle | None:
        """Athena can't be asked for a token; repeating the start with it is the way to find the query."""
        return None

    def create(self, context: Context, name: str) -> Handle:
        """Start the query, or get the one that was started with this token."""
        started = self._client().start_query_execution(**{**self.config, "ClientRequestToken": name})
        return {"QueryExecutionId": started["QueryExecutionId"]}

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Id of the query and where its result file is."""
        self.query_execution_id = handle["QueryExecutionId"]  # the provider reports lineage from it
        return {
            "query_execution_id": handle["QueryExecutionId"],
            "output_location": at(description, "QueryExecution.ResultConfiguration.OutputLocation"),
        }
