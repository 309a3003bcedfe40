"""Athena queries."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from aws_ml.operators.remote_job import RemoteJob
from aws_ml.waiters.kinds import ATHENA_QUERY, Description, Handle

if TYPE_CHECKING:
    from airflow.sdk import Context


class AthenaQueryOperator(RemoteJob, AthenaOperator):
    """The provider's Athena operator, made safe to retry, to kill and to restart.

    An attempt's name is its ClientRequestToken, drawn anew and recorded before the query starts: a retry
    repeats StartQueryExecution with the recorded token and gets the same query back.

    :param query: one SQL statement, or the name of a file with one (templated)
    :param parameters: values of the statement's `?`, as SQL literals (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"query_execution_id", "output_location"}``, the latter the result file's S3 URI
    """

    kind = ATHENA_QUERY
    template_fields: Sequence[str] = aws_template_fields(*AthenaOperator.template_fields, "parameters")

    def __init__(
        self,
        *,
        query: str,
        parameters: list[str] | None = None,
        poll_seconds: float = 2,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, deferrable=deferrable, **kwargs)
        self.parameters = parameters
        self.poll_seconds = poll_seconds

    def attempt_name(self, context: Context, attempt: int) -> str:
        """Draw a token. A derived one would give a cleared task the result of its first life."""
        return f"airflow-{attempt}-{uuid.uuid4()}"

    def find(self, name: str) -> Handle | None:
        """Athena can't be asked for a token; repeating the start with it is the way to find the query."""
        return None

    def create(self, context: Context, name: str) -> Handle:
        """Start the query, or get the one that was started with this token."""
        execution_context = {"Catalog": self.catalog, **self.query_execution_context}
        if self.database:
            execution_context["Database"] = self.database
        configuration = dict(self.result_configuration)
        if self.output_location:
            configuration["OutputLocation"] = self.output_location
        parameters = {"ExecutionParameters": self.parameters} if self.parameters else {}
        started = self._client().start_query_execution(
            QueryString=self.query,
            QueryExecutionContext=execution_context,
            ResultConfiguration=configuration,
            WorkGroup=self.workgroup,
            ClientRequestToken=name,
            **parameters,
        )
        self.query_execution_id = started["QueryExecutionId"]
        return {"QueryExecutionId": self.query_execution_id}

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Id of the query and where its result file is."""
        execution = description["QueryExecution"]
        self.query_execution_id = handle["QueryExecutionId"]  # the provider reports lineage from it
        return {
            "query_execution_id": handle["QueryExecutionId"],
            "output_location": execution.get("ResultConfiguration", {}).get("OutputLocation"),
        }
