"""What processing and training jobs share: errors, refusals, time stamps, the log stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_aws.images.catalog import Image, UnknownImage, find
from local_aws.jobs.engine import JobEnded, JobRef
from local_aws.services.context import Context
from local_aws.services.sagemaker import tags
from local_aws.services.sagemaker.arns import arn
from local_aws.state.objects import parse_s3_uri
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated

REASON_CHARACTERS = 1024  # of FailureReason and ExitMessage

# Words for a job that is not there; the two differ on AWS too.
MISSING = {
    "processing-job": "Could not find requested job with name: {name}",
    "training-job": "Requested resource not found.",
}


def invalid(message: str) -> AwsError:
    """A request that AWS would refuse."""
    return AwsError("ValidationException", message)


def refuse(operation: str, parameters: Mapping[str, Any], *names: str) -> None:
    """Raise NotEmulated for the first of the (dotted) members that asks for something.

    Absent, false and empty members ask for nothing: SDKs send many of those.
    """
    for name in names:
        value: Any = parameters
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value not in (None, False, "", [], {}):
            raise NotEmulated("sagemaker", operation, name)


def known_image(uri: str) -> Image:
    """The image of a request. Raises ValidationException that names the known ones."""
    try:
        return find(uri)
    except UnknownImage as unknown:
        raise invalid(str(unknown)) from None


def check_s3_uri(uri: str) -> None:
    """Raise ValidationException unless it is s3://bucket/…; the model's pattern also lets https:// pass."""
    try:
        parse_s3_uri(uri)
    except ValueError as error:
        raise invalid(str(error)) from None


def check_unique(values: list[str], what: str) -> None:
    """Raise ValidationException when a name stands twice."""
    for value in values:
        if values.count(value) > 1:
            raise invalid(f"{what} must be unique. Found duplicate: {value}")


@dataclass(frozen=True)
class Jobs:
    """The resource handling that is the same for both kinds of job."""

    record_kind: str  # "sagemaker.training_job"
    arn_kind: str  # "training-job"
    status: str  # "TrainingJobStatus"

    def create(
        self, context: Context, name: str, body: Body, given_tags: Any, *, watches: bool = False
    ) -> str:
        """Store a new job with its tags and start it; its ARN. Raises ResourceInUse.

        Args:
            watches: as engine.start() has it.
        """
        made = arn(context, self.arn_kind, name)
        now = datetime.now(UTC)
        body |= {"CreationTime": now, "LastModifiedTime": now}
        with context.database.transaction():
            try:
                context.records(self.record_kind).insert(name, body)
            except RecordExists:
                raise AwsError(
                    "ResourceInUse",
                    "Job name must be unique within an AWS account and region, and a job with this name "
                    f"already exists ({made})",
                ) from None
            tags.remember(context, made, given_tags)
        context.engine.start(JobRef(self.record_kind, name), watches=watches)
        return made

    def described(self, context: Context, name: str) -> Body:
        """The stored job. Raises ValidationException in the words of its kind."""
        try:
            return context.records(self.record_kind).get(name).body
        except RecordMissing:
            raise invalid(MISSING[self.arn_kind].format(name=name)) from None

    def stop(self, context: Context, name: str) -> None:
        """Ask the job to end; stopping a stopping job changes nothing."""
        self.described(context, name)
        try:
            context.engine.stop(JobRef(self.record_kind, name))
        except JobEnded:
            status = self.described(context, name)[self.status]
            raise invalid(
                f"The request was rejected because the {self._words} is in status {status}."
            ) from None

    def delete(self, context: Context, name: str) -> None:
        """Remove the record of a job that has ended. Raises ResourceInUse for one that has not."""
        with context.database.transaction():
            status = self.described(context, name)[self.status]
            if status in ("InProgress", "Stopping"):
                raise AwsError(
                    "ResourceInUse", f"The {self._words} {name} cannot be deleted in status {status}."
                )
            context.records(self.record_kind).delete(name)
            tags.forget(context, arn(context, self.arn_kind, name))

    @property
    def _words(self) -> str:
        return self.arn_kind.replace("-", " ")


PROCESSING_JOBS = Jobs("sagemaker.processing_job", "processing-job", "ProcessingJobStatus")
TRAINING_JOBS = Jobs("sagemaker.training_job", "training-job", "TrainingJobStatus")


def log_stream(name: str, body: Body) -> str:
    """The job's CloudWatch stream: ``<name>/algo-1-<seconds>``."""
    return f"{name}/algo-1-{int(body['CreationTime'].timestamp())}"


def cut(text: str) -> str:
    """``text`` as long as AWS lets a reason be."""
    return text[:REASON_CHARACTERS]
