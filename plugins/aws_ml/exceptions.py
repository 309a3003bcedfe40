"""One small class per thing that a user can act on. The docstring is the first line of the message."""

from __future__ import annotations

from collections.abc import Sequence


class AwsMlError(Exception):
    """Something in this project's own rules was broken."""

    def __init__(self, detail: str = "") -> None:
        says = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(says + detail if detail.startswith("\n") else f"{says} {detail}".strip())


class WorkflowInvalid(AwsMlError):
    """A workflow file was refused."""

    def __init__(self, file: str, problems: Sequence[str]) -> None:
        self.file = file
        self.problems = list(problems)
        super().__init__("\n  ".join(["", *self.problems]))


class WorkflowUnknown(AwsMlError):
    """There is no such workflow."""


class RunKeyMissing(AwsMlError):
    """This run was not told which partition to process."""


class RunKeyInvalid(AwsMlError):
    """The partition asked for is not a date written as YYYY-MM-DD."""


class ImageUnknown(AwsMlError):
    """include/workflows/images.json has no such container image."""


class StatementTooLong(AwsMlError):
    """A statement of the exploration is longer than Athena takes: the workflow has too many columns."""


class ReportInvalid(AwsMlError):
    """A report that a job wrote cannot be read as what it should be."""


class RemoteJobFailed(AwsMlError):
    """AWS could not do the work."""

    def __init__(self, called: str, state: str, reason: str, where: str) -> None:
        self.reason = reason
        super().__init__(f"{called} is {state}: {reason}" + (f"\nLook at: {where}" if where else ""))


class RemoteJobStopped(RemoteJobFailed):
    """The work was stopped before its end, so its output can't be relied on."""


class TuningFoundNothing(AwsMlError):
    """The tuning job ended without a completed training job: all were stopped early, so there is no model.

    Give the training jobs more rounds before they are stopped, or switch early stopping off.
    """


class RemoteJobMissing(AwsMlError):
    """AWS no longer knows the work that this task waits for."""


class RemoteJobUnreachable(AwsMlError):
    """AWS does not let this task ask how the work is going. The work goes on; a retry adopts it."""

    def __init__(self, called: str, error: str) -> None:
        super().__init__(f"{called}: {error}")


class RequestRefused(AwsMlError):
    """AWS refused the request, and would again: the configuration or the permissions are wrong."""


class RulesBroken(AwsMlError):
    """The partition breaks the workflow's data quality rules, so nothing more is done with it."""

    def __init__(self, where: str, rules: int, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n  ".join(["", *lines, f"{len(lines)} of {rules} rules; {where}."]))


class TrainingRuleBroken(AwsMlError):
    """A rule that watched the training found an issue, so its model goes no further."""

    def __init__(self, job: str, lines: Sequence[str]) -> None:
        self.lines = list(lines)
        super().__init__("\n  ".join(["", *self.lines, f"{job}; what follows is the rule's policy."]))


class CandidatesUnknown(AwsMlError):
    """The run was asked for candidates that no task trains."""


class QualityTooLow(AwsMlError):
    """The model is not good enough to be deployed."""


class FeatureGroupDiffers(AwsMlError):
    """The feature group that is there is not the one that the workflow describes, and can't become it."""


class FeaturesUnknown(AwsMlError):
    """The feature store has no features for some labelled rows, so nothing is learned from any."""


class RecordsLost(AwsMlError):
    """Records that were written did not arrive in the offline store."""


class FeaturesInvalid(AwsMlError):
    """The prepared datasets can't be trained on."""


class BiasBeyondBounds(AwsMlError):
    """The data is biased beyond the workflow's bounds, so nothing was published."""


class DataNotAccepted(AwsMlError):
    """No gate and no person accepted this data, so nothing is learned from it."""


class AnswerUnusable(AwsMlError):
    """A person's answer can't be used, and is asked for again."""


class FormOutdated(AwsMlError):
    """Airflow keeps the form that this task has shown before, with numbers that are no longer true."""


class EndpointAnswersWrongly(AwsMlError):
    """The endpoint does not answer as the evaluated model did."""


class ReportMissing(AwsMlError):
    """The job ended without its report."""
