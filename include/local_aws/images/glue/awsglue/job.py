"""The job that a script belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .absent import Partial


class Job(Partial):
    """Init and commit; there are no bookmarks to keep between the two."""

    def __init__(self, glue_context: Any) -> None:
        self.glue_context = glue_context
        self._name: str | None = None

    def init(self, job_name: str, args: Mapping[str, str] | None = None) -> None:  # noqa: ARG002 - AWS's
        """Begin the job."""
        self._name = job_name

    def isInitialized(self) -> bool:  # noqa: N802 - AWS's name
        """Whether init was called."""
        return self._name is not None

    def commit(self) -> None:
        """End the job. What was written is in S3 already.

        Raises RuntimeError when init was not called.
        """
        if self._name is None:
            raise RuntimeError("Job.commit without Job.init")
