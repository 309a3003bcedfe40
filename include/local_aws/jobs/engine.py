"""The job engine: one life for everything that runs on a service, from Create to its last state.

    Create ──> record in life.starting ──> engine.start(ref) ──> Create answers
                                              │ a worker thread takes the job when a slot is free
                                              ▼
              life.downloading   kind.prepare(room, body)            inputs, config files, the command
              life.running       the process group runs              its lines go to CloudWatch Logs
              life.uploading     kind.collect(room, body, exit)      outputs, the record's last fields
              life.completed     or life.failed with a reason

    Stop   ──> life.stopping ──> SIGTERM, grace, SIGKILL ──> life.stopped
    time   ──> life.stopping ──> the same               ──> life.timed_out

Every arrow is one compare-and-set on the record: a move that the kind's table does not list does not
happen, so a process that ends late never undoes a Stop. The drawback: a job lives in this process. When
the stand-in is killed the job cannot be taken up again; recover() ends it and says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from local_aws.jobs.lifecycle import Life
from local_aws.jobs.room import Room
from local_aws.settings import Settings
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Database

Body = dict[str, Any]


@dataclass(frozen=True)
class JobRef:
    """Which record a job is: ``Records(database, kind).get(key)``."""

    kind: str  # "sagemaker.training_job"
    key: str  # the record's key, e.g. the job's name


@dataclass(frozen=True)
class Command:
    """The process that a job runs, as its kind prepared it."""

    argv: list[str]  # argv[0] is looked up on the job's PATH ("python3" is the job environment's)
    log_group: str  # where stdout goes, e.g. "/aws/sagemaker/ProcessingJobs"
    log_stream: str  # e.g. "<job>/algo-1-1700000000"
    error_log_group: str | None = None  # stderr's own group (Glue); None: with stdout
    env: Mapping[str, str] = field(default_factory=dict)  # beside the engine's clean base environment
    cwd: Path | None = None  # None: the room
    memory_gib: float | None = None  # resident memory of the whole group; None: settings.job_memory_gib
    max_runtime_seconds: float | None = None  # None: no limit
    grace_seconds: float = 30.0  # between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Exit:
    """How the process ended. Exactly one of the three flags explains an end that was not its own."""

    code: int  # exit status; 128 + n after signal n, as a container reports it
    stopped: bool = False  # Stop was asked for
    timed_out: bool = False  # max_runtime_seconds ran out
    out_of_memory: bool = False  # the group outgrew its memory, or the kernel killed it

    @property
    def success(self) -> bool:
        """It ended by itself with exit status 0."""
        return self.code == 0 and not (self.stopped or self.timed_out or self.out_of_memory)


class JobFailed(Exception):  # noqa: N818 - reads as what happened
    """The job ends as failed with this reason; ``fields`` are merged into its record too."""

    def __init__(self, reason: str, **fields: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fields = fields


class JobEnded(Exception):  # noqa: N818 - reads as what happened
    """A Stop came too late: the job is in a last state already; ``state`` names it."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class JobKind(Protocol):
    """What differs between kinds of job. Stateless: everything that it needs is in the room."""

    kind: str  # the records' kind
    life: Life  # its states and legal moves

    def entered(self, body: Body, state: str, reason: str | None) -> Body:
        """The fields that follow from having entered ``state``, e.g. end times and the failure reason.

        Called inside the compare-and-set, for every move; ``body`` is the record before it. ``reason`` is
        given for life.failed only. The engine itself sets ``life.field``.
        """

    def prepare(self, room: Room, body: Body) -> Command:
        """Fill the room and say what to run. Raises JobFailed."""

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Bring outputs home; answers fields to merge into the record. Raises JobFailed.

        Called after every end of the process, also after Stop and time-out: the kind decides what then
        still goes to S3. For an end that is neither success nor stop nor time-out it raises JobFailed.
        """


class Engine:
    """Starts, watches, stops and recovers jobs.

    Args:
        settings: where rooms lie, memory of a job, region and account.
        parallel_jobs: how many jobs run at once; further ones wait in their first state.
    """

    def __init__(
        self, settings: Settings, database: Database, objects: Objects, logs: Logs, *, parallel_jobs: int = 4
    ) -> None:
        self.settings = settings
        self.database = database
        self.objects = objects
        self.logs = logs
        self.parallel_jobs = parallel_jobs

    def register(self, kind: JobKind) -> None:
        """Make a kind of job known; before start() and recover()."""
        raise NotImplementedError

    def connect(self, endpoint_url: str, access_key: str, secret_key: str) -> None:
        """Tell the address and credentials that jobs get in their environment (AWS_ENDPOINT_URL, …)."""
        raise NotImplementedError

    def start(self, ref: JobRef) -> None:
        """Run the job whose record was just inserted in life.starting. Answers at once."""
        raise NotImplementedError

    def stop(self, ref: JobRef) -> None:
        """Ask a job to end. Answers when it is in life.stopping, before the process has gone.

        Stopping a stopping job changes nothing. Raises RecordMissing, JobEnded.
        """
        raise NotImplementedError

    def wait(self, ref: JobRef, timeout: float | None = None) -> bool:
        """Block until the job's thread has ended; False after ``timeout`` seconds. For tests and close."""
        raise NotImplementedError

    def recover(self) -> None:
        """End what an earlier life of the stand-in left: kill its processes, fail its jobs, clear rooms."""
        raise NotImplementedError

    def close(self) -> None:
        """Kill what runs, fail the jobs with the same reason as recover(), end the threads."""
        raise NotImplementedError
