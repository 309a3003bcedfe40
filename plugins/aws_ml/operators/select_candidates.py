"""Which models a run makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseBranchOperator
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.exceptions import CandidatesUnknown

if TYPE_CHECKING:
    from airflow.sdk import Context


class SelectCandidatesOperator(BaseBranchOperator):
    """Follow the tasks that train what the form, or else the workflow file, asks for; skip the others.

    :param asked: a key of `branches` (templated)
    :param branches: what can be asked for -> the tasks that train it
    :return: the ids of the tasks to follow
    """

    template_fields: Sequence[str] = ("asked",)

    def __init__(self, *, asked: str, branches: Mapping[str, Sequence[str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asked = asked
        self.branches = branches

    def choose_branch(self, context: Context) -> list[str]:
        """The tasks. What a run is started with through the API is not held to the form's choices."""
        if self.asked not in self.branches:
            known = ", ".join(self.branches)
            raise AirflowFailException(str(CandidatesUnknown(f"Found {self.asked!r}; known: {known}.")))
        tasks = list(self.branches[self.asked])
        self.log.info("%s: %s", self.asked, ", ".join(tasks))
        return tasks
