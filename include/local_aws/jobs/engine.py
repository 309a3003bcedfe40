"""The job engine: one life for everything that runs on a service, from Create to its last state.

    Create ──> record in life.starting ──> engine.start(ref) ──> Create answers
                                              │ a worker thread takes the job when a slot is free
                                              ▼
              life.downloading   kind.prepare(room, body)            inputs, config files, the command
              life.running       the process group runs              its lines go to CloudWatch Logs
              life.uploading     kind.collect(room, body, exit)      outputs, the record's last fields
              life.completed     or life.failed with a reason

    taken  ──> life.interrupted, then from life.starting on again in an empty room (spot instances)
    Stop   ──> life.stopping ──> SIGTERM, grace, SIGKILL ──> life.stopped
    time   ──> life.stopping ──> the same               ──> life.timed_out

Every arrow is one compare-and-set on the record: a move that the kind's table does not list does not
happen, so a process that ends late never undoes a Stop. The drawback: a job lives in this process. When
the stand-in is killed the job cannot be taken up again; recover() ends it and says so.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

from local_aws.jobs import process
from local_aws.jobs.lifecycle import IllegalMove, Life
from local_aws.jobs.logpump import LogPump
from local_aws.jobs.process import StopSignal
from local_aws.jobs.room import Room
from local_aws.settings import Settings
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Database, RecordMissing, Records

LOG = logging.getLogger(__name__)

LEFT_BEHIND = "InternalServerError: the stand-in was stopped while this job ran."
LAST_LINES_SECONDS = 10.0  # for the log's last lines; only a process that hid from us keeps the pipe open
WATCHERS = 40  # jobs that watch others, at once: as many rules as two trainings can have
CLOSING_SECONDS = 3.0  # for jobs to end after SIGTERM when the stand-in itself ends

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
    interrupt_seconds: float | None = None  # after which its machine is taken away; None: never
    resume_seconds: float = 0.0  # until it gets another machine then
    patience_seconds: float = float("inf")  # how long it waits for that, from now on
    regularly: Callable[[], None] | None = None  # called again and again meanwhile, e.g. to upload
    regular_seconds: float = process.REGULAR_SECONDS  # between two such calls
    rewrite: Callable[[str], str] = str  # what becomes of a line on its way to the log


@dataclass(frozen=True)
class Exit:
    """How the process ended. Exactly one of the flags explains an end that was not its own."""

    code: int  # exit status; 128 + n after signal n, as a container reports it
    stopped: bool = False  # Stop was asked for
    timed_out: bool = False  # max_runtime_seconds ran out
    interrupted: bool = False  # interrupt_seconds did: it begins again
    out_of_memory: bool = False  # the group outgrew its memory, or the kernel killed it

    @property
    def success(self) -> bool:
        """It ended by itself with exit status 0."""
        taken = self.stopped or self.timed_out or self.interrupted or self.out_of_memory
        return self.code == 0 and not taken


class JobFailed(Exception):
    """The job ends as failed with this reason; ``fields`` are merged into its record too."""

    def __init__(self, reason: str, **fields: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fields = fields


class JobEnded(Exception):
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

        Called inside the compare-and-set, for every move, also for one that keeps the state (a processing
        job is InProgress from queue to upload); ``body`` is the record before it. ``reason`` is given for
        life.failed only. The engine itself sets ``life.field``.
        """

    def prepare(self, room: Room, body: Body) -> Command:
        """Fill the room and say what to run. Raises JobFailed."""

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Bring outputs home; answers fields to merge into the record. Raises JobFailed.

        Called after every end of the process, also after Stop and time-out: the kind decides what then
        still goes to S3. For an end that is neither success nor stop nor time-out it raises JobFailed.
        """

    def interrupted(self, room: Room, body: Body) -> None:
        """Save what the job may go on from, before its room is emptied. For kinds with life.interrupted."""


@dataclass
class _Job:
    """A job that this process answers for."""

    ref: JobRef
    stop: StopSignal
    future: Future[None] | None = None


class Engine:
    """Starts, watches, stops and recovers jobs.

    Args:
        settings: where rooms lie, memory of a job, region and account.
        parallel_jobs: how many jobs run at once; further ones wait in their first state. Four keeps a laptop
            usable while a workflow's stages still overlap with another workflow's.
    """

    def __init__(
        self, settings: Settings, database: Database, objects: Objects, logs: Logs, *, parallel_jobs: int = 4
    ) -> None:
        self.settings = settings
        self.database = database
        self.objects = objects
        self.logs = logs
        self._kinds: dict[str, JobKind] = {}
        self._jobs: dict[JobRef, _Job] = {}
        self._lock = Lock()
        self._closing = False
        self._listeners: list[Callable[[JobRef], None]] = []
        self._environment: dict[str, str] = {}
        self.parallel_jobs = parallel_jobs
        self._workers = ThreadPoolExecutor(parallel_jobs, thread_name_prefix="job")
        self._watchers = ThreadPoolExecutor(WATCHERS, thread_name_prefix="watcher")

    # --- for the app --------------------------------------------------------------------------------

    def register(self, kind: JobKind) -> None:
        """Make a kind of job known; before start() and recover()."""
        if kind.kind in self._kinds:
            raise ValueError(f"{kind.kind} is registered twice")
        self._kinds[kind.kind] = kind

    def connect(self, endpoint_url: str, access_key: str, secret_key: str) -> None:
        """Tell the address and credentials that jobs get in their environment (AWS_ENDPOINT_URL, …)."""
        self._environment = {
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
        }

    def recover(self) -> None:
        """End what an earlier life of the stand-in left: kill its processes, fail its jobs, clear rooms."""
        killed = process.kill_marked(self.settings.jobs_dir.absolute())
        if killed:
            LOG.warning("killed %d processes of an earlier life", killed)
        for kind in self._kinds.values():
            for record in Records(self.database, kind.kind).scan():
                if not kind.life.last(record.body[kind.life.field]):
                    self._end(JobRef(kind.kind, record.key), kind.life.failed, LEFT_BEHIND)
            shutil.rmtree(self.settings.jobs_dir / kind.kind, ignore_errors=True)

    def close(self) -> None:
        """Kill what runs, fail the jobs with the same reason as recover(), end the threads."""
        with self._lock:
            self._closing = True
            waiting = [job for job in self._jobs.values() if job.future and job.future.cancel()]
            for job in waiting:
                self._drop(job)
            jobs = list(self._jobs.values())
            for job in jobs:
                job.stop.set()
        for job in waiting:
            self._end(job.ref, self._kinds[job.ref.kind].life.failed, LEFT_BEHIND)
        wait_for([job.future for job in jobs if job.future], CLOSING_SECONDS)
        process.kill_marked(self.settings.jobs_dir.absolute())
        self._workers.shutdown()
        self._watchers.shutdown()

    # --- for the services ---------------------------------------------------------------------------

    def when_ended(self, call: Callable[[JobRef], None]) -> None:
        """Have ``call`` called for every job that has entered a last state, after its record says so.

        It runs on the job's thread, or on that of the call that stopped it: it must be quick.
        """
        self._listeners.append(call)

    def start(self, ref: JobRef, *, watches: bool = False) -> None:
        """Run the job whose record was just inserted in life.starting. Answers at once.

        Args:
            watches: it mostly waits for another job, so it takes none of the slots of those that work.
        """
        with self._lock:
            job = _Job(ref, StopSignal())
            self._jobs[ref] = job
            job.future = (self._watchers if watches else self._workers).submit(self._run, job)

    def stop(self, ref: JobRef) -> None:
        """Ask a job to end. Answers when it is in life.stopping, before the process has gone.

        Stopping a stopping job changes nothing. Raises RecordMissing, JobEnded.
        """
        life = self._kinds[ref.kind].life

        def last(body: Body) -> None:
            if life.last(body[life.field]):
                raise JobEnded(body[life.field])

        Records(self.database, ref.kind).change(ref.key, last)
        try:
            self._move(ref, life.stopping)
        except IllegalMove:
            last(Records(self.database, ref.kind).get(ref.key).body)  # it ended between the two looks
        with self._lock:
            job = self._jobs.get(ref)
            if job is None:
                return
            job.stop.set()
            queued = job.future is not None and job.future.cancel()
            if queued:
                self._drop(job)
        if queued:
            self._end(ref, life.stopped)

    def wait(self, ref: JobRef, timeout: float | None = None) -> bool:
        """Block until the job's thread has ended; False after ``timeout`` seconds."""
        with self._lock:
            job = self._jobs.get(ref)
        if job is None or job.future is None:
            return True
        return not wait_for([job.future], timeout).not_done

    # --- one job's life, on its own thread ----------------------------------------------------------

    def _run(self, job: _Job) -> None:
        kind = self._kinds[job.ref.kind]
        room = self._open_room(job)
        try:
            self._live(job, kind, room)
        except RecordMissing:
            LOG.warning("%s %s: its record is gone", job.ref.kind, job.ref.key)
        except Exception as error:
            LOG.exception("%s %s broke the engine", job.ref.kind, job.ref.key)
            self._end(job.ref, kind.life.failed, f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(room.path, ignore_errors=True)
            with self._lock:
                self._drop(job)

    def _live(self, job: _Job, kind: JobKind, room: Room) -> None:
        ref, life = job.ref, kind.life
        try:
            while True:
                self._move(ref, life.downloading)
                command = kind.prepare(room, Records(self.database, ref.kind).get(ref.key).body)
                self._move(ref, life.running)
                exit_ = self._execute(job, room, command)
                if self._closing:
                    raise JobFailed(LEFT_BEHIND)
                if not exit_.interrupted:
                    break
                if not self._comes_back(job, kind, room, command):
                    return
            try:
                if exit_.success:
                    self._move(ref, life.uploading)
            except IllegalMove:  # Stop came while the process ended by itself: it is a stopped job
                exit_ = replace(exit_, stopped=True)
            fields = kind.collect(room, Records(self.database, ref.kind).get(ref.key).body, exit_)
        except IllegalMove:  # Stop came before the process was started
            self._end(ref, life.stopped)
        except JobFailed as failed:
            self._end(ref, life.failed, failed.reason, failed.fields)
        else:
            self._end(ref, life.timed_out if exit_.timed_out else life.completed, None, fields)

    def _comes_back(self, job: _Job, kind: JobKind, room: Room, command: Command) -> bool:
        """Wait for another machine; False when the job has ended without one. Raises IllegalMove."""
        ref, life = job.ref, kind.life
        kind.interrupted(room, Records(self.database, ref.kind).get(ref.key).body)
        self._move(ref, life.interrupted or life.failed)
        in_time = command.resume_seconds <= command.patience_seconds
        if not job.stop.wait(min(command.resume_seconds, command.patience_seconds)) and not in_time:
            self._end(ref, life.waited_out or life.failed)
            return False
        shutil.rmtree(room.opt_ml, ignore_errors=True)
        room.opt_ml.mkdir()
        if self._closing:
            raise JobFailed(LEFT_BEHIND)
        self._move(ref, life.starting)  # illegal where Stop has come meanwhile
        return True

    def _execute(self, job: _Job, room: Room, command: Command) -> Exit:
        environment = {
            **process.clean_environment(room.path),
            "AWS_REGION": self.settings.region,
            "AWS_DEFAULT_REGION": self.settings.region,
            **self._environment,
            **command.env,
        }
        if process.namespace_mode() == "none":
            room.log(f"local stand-in: /opt/ml is {room.opt_ml} here: mount namespaces are not allowed")
        running = process.launch(
            command.argv,
            room=room.path,
            opt_ml=room.opt_ml,
            env=environment,
            cwd=command.cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if command.error_log_group else subprocess.STDOUT,
        )
        pumps = [
            LogPump(self.logs, group, command.log_stream, pipe, command.rewrite)
            for group, pipe in (
                (command.log_group, running.stdout),
                (command.error_log_group, running.stderr),
            )
            if group and pipe
        ]
        pumps[0].put(room.lines)
        for pump in pumps:
            pump.start()
        memory_gib = command.memory_gib or self.settings.job_memory_gib
        limits = process.Limits(
            memory_bytes=int(memory_gib * 2**30),
            seconds=command.max_runtime_seconds,
            grace_seconds=command.grace_seconds,
            interrupt_seconds=command.interrupt_seconds,
            timed_out=lambda: self._move_if_legal(job.ref, self._kinds[job.ref.kind].life.stopping),
            regularly=command.regularly,
            regular_seconds=command.regular_seconds,
        )
        try:
            ended = process.watch(running, room.path, limits, job.stop)
        finally:
            for pump in pumps:
                pump.join(LAST_LINES_SECONDS)
        if ended.cause == "out_of_memory":
            pumps[0].put(
                [f"local stand-in: the job was killed: it used more than {memory_gib:g} GiB of memory"]
            )
        return Exit(
            ended.code,
            stopped=ended.cause == "stopped",
            timed_out=ended.cause == "timed_out",
            interrupted=ended.cause == "interrupted",
            out_of_memory=ended.cause == "out_of_memory",
        )

    def _drop(self, job: _Job) -> None:
        """Forget a job; under the lock, under which alone a signal of a job of the table is set."""
        if self._jobs.get(job.ref) is job:
            del self._jobs[job.ref]
        job.stop.close()

    def _open_room(self, job: _Job) -> Room:
        """A new directory: a job may be deleted and made again by that name before the old room is gone."""
        parent = self.settings.jobs_dir.absolute() / job.ref.kind
        parent.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.-]", "_", job.ref.key)[:40]
        room = Room(
            Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent)),
            self.database,
            self.objects,
            self.logs,
            self.settings,
            job.stop,
        )
        room.opt_ml.mkdir()
        return room

    # --- moves --------------------------------------------------------------------------------------

    def _move(self, ref: JobRef, state: str, reason: str | None = None, fields: Body | None = None) -> None:
        """One compare-and-set. Raises IllegalMove, RecordMissing."""
        self._change(ref, lambda _: state, reason, fields)

    def _move_if_legal(self, ref: JobRef, state: str) -> None:
        try:
            self._move(ref, state)
        except IllegalMove:
            LOG.debug("%s %s: not to %s any more", ref.kind, ref.key, state)

    def _end(self, ref: JobRef, state: str, reason: str | None = None, fields: Body | None = None) -> None:
        """Move to a last state. A job that was asked to stop ends as stopped, whatever else befell it."""
        life = self._kinds[ref.kind].life

        def choose(before: str) -> str:
            return life.stopped if before == life.stopping and state != life.timed_out else state

        self._change(ref, choose, reason, fields)

    def _change(
        self, ref: JobRef, choose: Callable[[str], str], reason: str | None, fields: Body | None
    ) -> None:
        kind = self._kinds[ref.kind]
        moved: list[str] = []

        def how(body: Body) -> Body | None:
            before = body[kind.life.field]
            after = choose(before)
            kind.life.check(before, after)
            moved[:] = [before, after]
            if before == after == kind.life.stopping:
                return None
            body = {**body, **(fields or {})}
            entered = kind.entered(body, after, reason if after == kind.life.failed else None)
            return {**body, **entered, kind.life.field: after}

        Records(self.database, ref.kind).change(ref.key, how)
        before, after = moved
        if before != after:
            LOG.info("%s %s: %s -> %s%s", ref.kind, ref.key, before, after, f" ({reason})" if reason else "")
            if kind.life.last(after):
                for call in self._listeners:
                    call(ref)
