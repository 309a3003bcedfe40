"""The base of every operator that has work done on AWS.

A task and the job it started live and die separately. What may happen, and what this base makes of it:

    the worker is killed mid-job       the retry finds the job by its recorded name and adopts it
    ... between record and Create      the retry finds nothing under that name and creates it
    ... after the job completed        the retry adopts the result, nothing runs twice
    the job failed or was stopped      the task fails with AWS's words; a retry starts the next attempt
    the task is marked or cleared      the job is stopped: on the worker by on_kill, while deferred by the
                                       trigger's on_kill
    a deferred task is cleared         its new try may begin a moment before the old job is stopped. It adopts
                                       the job, sees it stop, and starts the next attempt
    execution_timeout passes           the job is stopped, the task fails
    the triggerer is restarted         nothing: the trigger is taken up again, the job runs on
    AWS throttles or is unreachable    polls back off and go on for up to an hour

The one thing stored is the *submission*, in Airflow's task state store, scoped to the task instance and
written before the Create call: the attempt, the job's name and, once known, how to describe it. Names are
deterministic and per attempt, so even without the store no second job starts beside a running one.

One gap is Airflow's: a task that is marked in the second between its deferral and the triggerer taking up
its trigger has nobody who could stop the job. The next try adopts it, or its own time limit ends it.

The price: one Describe call more per task than the stock operators make.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from airflow.providers.common.compat.sdk import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, TaskDeferralTimeout
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from aws_ml.exceptions import (
    RemoteJobFailed,
    RemoteJobMissing,
    RemoteJobStopped,
    RemoteJobUnreachable,
    RequestRefused,
)
from aws_ml.hooks.aws import client_for
from aws_ml.triggers.remote_job import RemoteJobTrigger
from aws_ml.waiters.kinds import Description, Handle, Kind, LogPlace, Phase
from aws_ml.waiters.patience import (
    Patience,
    defer_after_seconds,
    error_code,
    is_missing,
    is_transient,
    pause_on_worker,
    poll_seconds,
)

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
    from airflow.sdk import Context

    # What the mixins below find in the provider's operators; at run time they are plain mixins.
    Operator = AwsBaseOperator[Any]
else:
    Operator = object

T = TypeVar("T")

RECORD_KEY = "submission"
"""Key in the task state store. Renaming it makes tasks that are under way forget their jobs."""

START_SILENCE_SECONDS = 600.0
"""How long starting work is tried while AWS throttles, is unreachable or has no free run."""

LOG_TAIL_LINES = 20
"""Lines of the job's own output that a failed task shows in its log."""

# Trying again unchanged can't help, so the task doesn't: the configuration or the permissions are wrong.
_HOPELESS_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "InvalidClientTokenId",
        "InvalidInputException",
        "InvalidParameterValue",
        "InvalidRequestException",
        "NotEmulated",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "ValidationError",
        "ValidationException",
    }
)


class RemoteWork(Operator):
    """Wait for work on AWS, on the worker or on the triggerer, and stop it when the task is killed."""

    kind: ClassVar[Kind]

    if TYPE_CHECKING:
        deferrable: bool

    poll_seconds: float
    """Seconds between two polls."""

    defer_after: ClassVar[float | None] = None
    """Seconds to wait on the worker before the triggerer takes over; None: as `defer_after_seconds` says."""

    _to_stop: Handle | None = None
    """What on_kill has to stop on AWS."""
    _killed: bool = False

    def follow(
        self, context: Context, handle: Handle, then: str, *, stop_on_kill: bool = True, **state: Any
    ) -> Any:
        """Wait until the work is settled, then go on with the method `then(context, handle=…, **state)`.

        Work that is settled within `defer_after` seconds doesn't pass through the triggerer, and neither does
        anything in an operator with `deferrable=False`. `state` must be JSON: it may travel through the
        database.
        """
        self._to_stop = handle if stop_on_kill else None
        if self._killed:
            self._stop()
        if self.deferrable and not self._settled_soon(handle):
            self.defer(
                trigger=RemoteJobTrigger(
                    kind=self.kind.key,
                    handle=handle,
                    poll_seconds=poll_seconds(self.poll_seconds),
                    stop_on_kill=stop_on_kill,
                    aws_conn_id=self.aws_conn_id,
                    region_name=self.region_name,
                    verify=self.verify,
                    botocore_config=self.botocore_config,
                ),
                method_name="resume",
                kwargs={"handle": handle, "then": then, "state": state, "stop_on_kill": stop_on_kill},
                timeout=self.execution_timeout,
            )
        if not self.deferrable:
            self._wait(handle)
        return getattr(self, then)(context, handle=handle, **state)

    def resume(
        self,
        context: Context,
        event: Any,
        handle: Handle,
        then: str,
        state: dict[str, Any],
        *,
        stop_on_kill: bool = True,
    ) -> Any:
        """Go on after the trigger fired; or wait on, since Airflow on SQLite may deliver another's event."""
        if isinstance(event, Mapping) and event.get("handle") == handle and (error := event.get("error")):
            raise RemoteJobUnreachable(self._called(handle), error)
        return self.follow(context, handle, then, stop_on_kill=stop_on_kill, **state)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after a deferral; a deferral that ran into execution_timeout stops its work first."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            self._to_stop = self._handle_of_record(context)
            self._stop()
            raise

    def on_kill(self) -> None:
        """Stop the work: the task was marked or cleared while on a worker, or its time is up."""
        self._killed = True
        self._stop()

    def describe(self, handle: Handle) -> Description | None:
        """Ask AWS, patiently; None when it knows nothing of the handle."""
        call: Callable[..., Description] = getattr(self._client(), self.kind.describe)

        def answer() -> Description | None:
            try:
                return call(**handle)
            except ClientError as error:
                if is_missing(error):
                    return None
                raise

        return self._patiently(answer, Patience(poll_seconds(self.poll_seconds)))

    def failure(self, handle: Handle, description: Description | None) -> Exception:
        """The exception that tells how the work ended: its name, AWS's words, and where to look."""
        if description is None:
            return RemoteJobMissing(self._called(handle))
        state, reason = self.kind.state(description), self.kind.reason(description) or "AWS gives no reason"
        where = self._where(handle, description)
        self._show_log(self.kind.log(handle, description))
        if self.kind.phase(description) is Phase.STOPPED:
            return RemoteJobStopped(self._called(handle), state, reason, where)
        return RemoteJobFailed(self._called(handle), state, reason, where)

    # How the work is recorded between tries

    def record(self, context: Context, value: dict[str, Any]) -> None:
        """Remember `value` for later tries of this task instance."""
        self._with_store(context, lambda store: store.set(RECORD_KEY, value))

    def recorded(self, context: Context) -> dict[str, Any] | None:
        """What an earlier try of this task instance remembered."""
        return cast("dict[str, Any] | None", self._with_store(context, lambda store: store.get(RECORD_KEY)))

    def forget(self, context: Context) -> None:
        """Drop the record, so that this task, when it is cleared after its success, runs anew.

        With `[state_store] clear_on_success` Airflow does it in the transaction that makes the task a
        success. Without, it is done here, and a worker killed right after it costs one more run.
        """
        if not conf.getboolean("state_store", "clear_on_success", fallback=False):
            self._with_store(context, lambda store: store.delete(RECORD_KEY))

    def _with_store(self, context: Context, action: Callable[[Any], Any]) -> Any:
        store = context.get("task_state_store")
        if store is None:
            self.log.warning("No task state store here: a retry finds running work by name only")
            return None
        try:
            return action(store)
        except AirflowRuntimeError as error:
            self.log.warning(
                "The task state store doesn't answer, a retry finds running work by name only: %s", error
            )
            return None

    def _handle_of_record(self, context: Context) -> Handle | None:
        return (self.recorded(context) or {}).get("handle")

    # Plumbing

    def _client(self) -> Any:
        return self.hook.get_conn()

    def _patiently(self, action: Callable[[], T], patience: Patience) -> T:
        while True:
            try:
                result = action()
            except (ClientError, BotoCoreError) as error:
                delay = patience.after(error)
                self.log.warning("AWS doesn't answer, asking again in %.0f s: %s", delay, error)
                time.sleep(delay)
            else:
                return result

    def _settled_soon(self, handle: Handle) -> bool:
        """Wait a little on the worker: a deferral costs seconds, and much work is over before that."""
        seconds = defer_after_seconds() if self.defer_after is None else self.defer_after
        began = time.monotonic()
        while not self.kind.phase(self.describe(handle)).settled:
            waited = time.monotonic() - began
            if waited >= seconds:
                return False
            pause = min(pause_on_worker(waited), poll_seconds(self.poll_seconds))
            time.sleep(min(pause, seconds - waited))
        return True

    def _wait(self, handle: Handle) -> None:
        told = ""
        while (description := self.describe(handle)) is not None:
            if self.kind.progress(description) != told:
                told = self.kind.progress(description)
                self.log.info("%s is %s", self._called(handle), told)
            if self.kind.phase(description).settled:
                return
            time.sleep(poll_seconds(self.poll_seconds))

    def _stop(self) -> None:
        if self._to_stop is None or self.kind.stop is None:
            return
        self.log.info("Stopping %s", self._called(self._to_stop))
        try:
            getattr(self._client(), self.kind.stop)(**self.kind.stop_parameters(self._to_stop))
        except (ClientError, BotoCoreError) as error:
            # It may have ended in the meantime, which is as good; either way a killed task must not hang.
            self.log.warning("AWS did not stop %s: %s", self._called(self._to_stop), error)

    def _called(self, handle: Handle) -> str:
        return f"{self.kind.title} {self.kind.label(handle)}"

    def _where(self, handle: Handle, description: Description) -> str:
        places = []
        if log := self.kind.log(handle, description):
            places.append(str(log))
        meta = self._client().meta
        if (page := self.kind.console(handle)) and "amazonaws.com" in str(meta.endpoint_url):
            places.append(f"https://{meta.region_name}.console.aws.amazon.com/{page}")
        return "; ".join(places)

    def _show_log(self, place: LogPlace | None) -> None:
        if place is None:
            return
        try:
            logs = client_for(self, "logs")
            streams = logs.describe_log_streams(
                logGroupName=place.group, logStreamNamePrefix=place.stream_prefix or "AllTraffic", limit=1
            )["logStreams"]
            for stream in streams:
                events = logs.get_log_events(
                    logGroupName=place.group,
                    logStreamName=stream["logStreamName"],
                    limit=LOG_TAIL_LINES,
                    startFromHead=False,
                )["events"]
                if events:
                    lines = "\n".join(event["message"].rstrip() for event in events)
                    self.log.error("Last lines of %s, %s:\n%s", place.group, stream["logStreamName"], lines)
        except (ClientError, BotoCoreError) as error:
            # The log is a courtesy; the job's own failure must not be hidden by a missing permission.
            self.log.warning("Can't show %s: %s", place, error)


class RemoteJob(RemoteWork):
    """An operator whose work is one job on AWS, with one name per attempt.

    A subclass names the job (`attempt_name`), finds it (`find`), creates it (`create`) and says what is worth
    keeping of it (`result`).
    """

    @abstractmethod
    def attempt_name(self, context: Context, attempt: int) -> str:
        """Make the name of an attempt's job."""

    @abstractmethod
    def find(self, name: str) -> Handle | None:
        """Find the job of that name on AWS; None when there is none, or none can be found by name."""

    @abstractmethod
    def create(self, context: Context, name: str) -> Handle:
        """Make the Create call. Called again with the same name when AWS didn't answer and `find` neither."""

    @abstractmethod
    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Small, JSON-able facts for the tasks downstream."""

    def prepare(self) -> None:
        """Bring the rendered arguments into the form that the Create call wants."""

    def execute(self, context: Context) -> Any:
        """Adopt the job of an earlier try, or start the next attempt."""
        record = self.recorded(context)
        if record is None:
            return self._begin(context, 1)
        attempt: int = record["attempt"]
        handle = record["handle"] or self._found(record["name"])
        phase = self.kind.phase(self.describe(handle) if handle else None)
        if handle is None or phase is Phase.MISSING:
            self.log.info("%s was recorded but never created: creating it", record["name"])
            return self._create(context, attempt, record["name"])
        if phase in (Phase.FAILED, Phase.STOPPED):
            self.log.info("%s was %s: starting the next attempt", self._called(handle), phase.value)
            return self._begin(context, attempt + 1)
        self.log.info("%s was started by an earlier try of this task: adopting it", self._called(handle))
        return self._adopt(context, attempt, record["name"], handle)

    def conclude(self, context: Context, *, handle: Handle, attempt: int, adopted: bool) -> Any:
        """Judge the settled job: return its result, fail, or start over if it was stopped under us."""
        description = self.describe(handle)
        phase = self.kind.phase(description)
        if description is not None and phase is Phase.SUCCEEDED:
            self.log.info("%s completed", self._called(handle))
            result = self.result(handle, description)
            self.forget(context)
            return result
        if phase is Phase.STOPPED and adopted and not self._killed:
            # Clearing a deferred task lets its new try begin before the old trigger stopped the job.
            self.log.info("%s was stopped for its earlier try: starting the next", self._called(handle))
            return self._begin(context, attempt + 1)
        raise self.failure(handle, description)

    def _begin(self, context: Context, attempt: int) -> Any:
        """Start the first attempt, counting from `attempt`, whose name is free; adopt one that still runs."""
        while True:
            name = self.attempt_name(context, attempt)
            handle = self._found(name)
            phase = self.kind.phase(self.describe(handle) if handle else None)
            if handle is None or phase is Phase.MISSING:
                return self._create(context, attempt, name)
            if not phase.settled:
                self.log.info("%s is at work for this very task: adopting it", self._called(handle))
                return self._adopt(context, attempt, name, handle)
            attempt += 1

    def _create(self, context: Context, attempt: int, name: str) -> Any:
        self.prepare()
        self.record(context, {"attempt": attempt, "name": name, "handle": None})

        def create() -> Handle:
            return self.find(name) or self.create(context, name)

        patience = Patience(poll_seconds(self.poll_seconds), silence=START_SILENCE_SECONDS)
        try:
            handle = self._first_try(context, name, create, patience)
        except (ClientError, ParamValidationError) as error:
            if isinstance(error, ParamValidationError) or error_code(error) in _HOPELESS_CODES:
                raise AirflowFailException(
                    str(RequestRefused(f"{self.kind.title} {name}: {error}"))
                ) from error
            raise
        self.record(context, {"attempt": attempt, "name": name, "handle": handle})
        self.log.info("Started %s", self._called(handle))
        return self.follow(context, handle, "conclude", attempt=attempt, adopted=False)

    def _first_try(
        self, context: Context, name: str, again: Callable[[], Handle], patience: Patience
    ) -> Handle:
        """Create; when AWS didn't answer, look first whether the job is there before creating once more."""
        try:
            return self.create(context, name)
        except (ClientError, BotoCoreError) as error:
            delay = patience.after(error, passes=self.may_pass)
            self.log.warning("AWS didn't start %s, trying again in %.0f s: %s", name, delay, error)
            time.sleep(delay)
        return self._patiently(again, patience)

    def may_pass(self, error: Exception) -> bool:
        """Whether a refused Create call may succeed later, unchanged."""
        return is_transient(error)

    def _found(self, name: str) -> Handle | None:
        return self._patiently(lambda: self.find(name), Patience(poll_seconds(self.poll_seconds)))

    def _adopt(self, context: Context, attempt: int, name: str, handle: Handle) -> Any:
        self.record(context, {"attempt": attempt, "name": name, "handle": handle})
        return self.follow(context, handle, "conclude", attempt=attempt, adopted=True)
