"""What runs of Glue Data Quality have in common: how a retry finds its own run again.

Neither kind of run has a name, and neither can be listed by one. But both Start calls take a ClientToken:
Glue answers the same call with the same token by the run that it made before. The token is drawn for each
attempt and written into the task state store before the call, so a retry that finds it there sends it again.
Without that store a retry cannot know the token, and starts a run beside the one that may still be at work.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from aws_ml.operators.remote_job import RemoteJob
from aws_ml.waiters.kinds import Handle

if TYPE_CHECKING:
    from airflow.sdk import Context


class GlueDataQualityRun(RemoteJob):
    """A run that is started with the body `config` and a ClientToken."""

    start: ClassVar[str]
    """Client method that starts it."""
    config: dict[str, Any]

    def attempt_name(self, context: Context, attempt: int) -> str:
        """The attempt's ClientToken; random, since a cleared task must not be answered by its old run."""
        ti = context["ti"]
        return f"{ti.task_id[:64]}-{attempt}-{uuid.uuid4().hex}"

    def find(self, name: str) -> Handle | None:
        """None: runs cannot be found by their token, only be asked for again."""
        return None

    def create(self, context: Context, name: str) -> Handle:
        """Start the run, or get the one that this token started before."""
        run = getattr(self._client(), self.start)(**self.config, ClientToken=name)
        return {"RunId": run["RunId"]}
