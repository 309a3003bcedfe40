"""One thread for each running tuning job.

    proposals   ──> child.plan ──> training_job.start ──> the engine runs it
                                                              │ engine.when_ended wakes the thread
    observations <── child.end <── FinalMetricDataList  <─────┘

The thread sleeps until a training job ends, Stop is called or the time is over; with early stopping it also
looks into the running jobs' logs once a second. It owns nothing that is not in the records: after a restart
the search is built again from the children, those that the crash cut off are tried again, and the tuning job
goes on. When it ends otherwise than by Stop:

    limits      all training jobs have ended, a criterion is fulfilled or MaxRuntimeInSeconds is over:
                Completed, if at least one training job gave an objective; otherwise Failed
    failures    the first five training jobs all failed to give one: Failed, without paying for the others
    the tuner   could not start a training job, or broke: Failed with that reason
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local_aws.jobs.engine import JobEnded, JobRef
from local_aws.services.context import Context
from local_aws.services.sagemaker import job, tags, training_job
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.tuning import child as children
from local_aws.services.sagemaker.tuning.child import Child, Objective
from local_aws.services.sagemaker.tuning.space import Space, Values
from local_aws.services.sagemaker.tuning.stopping import converged, hopeless, not_improving, reached
from local_aws.state.records import Body, RecordMissing
from local_aws.wire.errors import AwsError

if TYPE_CHECKING:
    from local_aws.services.sagemaker.tuning.search import Search

LOG = logging.getLogger(__name__)

KIND = "sagemaker.hyper_parameter_tuning_job"
ARN_KIND = "hyper-parameter-tuning-job"
STATUS = "HyperParameterTuningJobStatus"
SEED = "Seed"  # RandomSeed, or a drawn one: the search must be the same after a restart
CONVERGED = "ConvergenceDetectedTime"
FRUITLESS = 5  # training jobs without an objective, and none with one: AWS gives up
LOOK_SECONDS = 1.0  # between two looks at running jobs' logs
CLOSING_SECONDS = 5.0
MOST_JOBS = 750  # of a tuning job that does not say how many

_SERVICE = "sagemaker.tuning"
_TUNED = "_tuning_objective_metric"  # the hyperparameter by which a training job learns of its objective


class Tuners:
    """The tuning jobs that run in this process."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._tuners: dict[str, Tuner] = {}
        context.engine.when_ended(self._ended)

    @classmethod
    def of(cls, context: Context) -> Tuners:
        """The context's tuners."""
        with _STARTING:
            found: Tuners = context.running.get(_SERVICE) or context.running.setdefault(
                _SERVICE, cls(context)
            )
        return found

    def start(self, name: str) -> None:
        """Run the tuning job whose record is InProgress or Stopping."""
        with self._lock:
            tuner = self._tuners[name] = Tuner(self.context, name, self._gone)
        tuner.start()

    def wake(self, name: str) -> None:
        """Have a tuning job look at its record."""
        with self._lock:
            tuner = self._tuners.get(name)
        if tuner is not None:
            tuner.wake()

    def recover(self) -> None:
        """Go on with what a stop or a crash left."""
        for record in self.context.records(KIND).scan():
            if record.body[STATUS] in ("InProgress", "Stopping"):
                self.start(record.key)

    def close(self) -> None:
        """End the threads; the records stay as they are, to be taken up again."""
        with self._lock:
            tuners = list(self._tuners.values())
        for tuner in tuners:
            tuner.close()
        for tuner in tuners:
            tuner.join(CLOSING_SECONDS)

    def _ended(self, ref: JobRef) -> None:
        if ref.kind != training_job.JOBS.record_kind:
            return
        with self._lock:
            tuners = list(self._tuners.values())
        for tuner in tuners:
            tuner.wake()

    def _gone(self, tuner: Tuner) -> None:
        with self._lock:
            # The name may have been deleted and given to another one since the end was written.
            if self._tuners.get(tuner.name) is tuner:
                del self._tuners[tuner.name]


_STARTING = threading.Lock()


@dataclass(frozen=True)
class Verdict:
    """How a tuning job ends as soon as its training jobs have."""

    status: str  # Completed, Failed or Stopped
    reason: str | None = None


class Tuner:
    """The life of one tuning job, on its own thread."""

    def __init__(self, context: Context, name: str, gone: Callable[[Tuner], None]) -> None:
        self.context = context
        self.name = name
        self._gone = gone
        self._news = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"tuning {name}", daemon=True)

    def start(self) -> None:
        """Start the thread. Answers at once."""
        self._thread.start()

    def wake(self) -> None:
        """Something has happened."""
        self._news.set()

    def close(self) -> None:
        """End without an end of the tuning job."""
        self._closing = True
        self._news.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread."""
        self._thread.join(seconds)

    # --- life ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            verdict = self._live()
            if verdict is not None:
                self._end(verdict)
        except RecordMissing:
            LOG.warning("%s %s: its record is gone", KIND, self.name)
        except AwsError as error:  # a training job that a crash cut off is not accepted any more
            self._stop_all()
            self._end(Verdict("Failed", f"{error.code}: {error.message}"))
        except Exception as error:
            LOG.exception("%s %s broke the tuner", KIND, self.name)
            self._stop_all()
            self._end(Verdict("Failed", f"InternalServerError: {type(error).__name__}: {error}"))
        finally:
            self._gone(self)

    def _live(self) -> Verdict | None:
        """Until the verdict and the end of all training jobs; None when the stand-in closes."""
        state = Progress(self.context, self._record())
        verdict: Verdict | None = None
        while not self._closing:
            self._news.clear()
            state.take_in()
            verdict = verdict or state.verdict(self._record())
            if verdict is None:
                try:
                    state.start_next()
                except AwsError as error:
                    verdict = Verdict("Failed", f"{error.code}: {error.message}")
                else:
                    state.stop_hopeless()
                    verdict = state.exhausted()
            if verdict is not None:
                state.stop_all()
                if not state.running:
                    return verdict
            self._news.wait(state.pause(verdict))
        return None

    def _stop_all(self) -> None:
        """Stop the training jobs when there is nobody left to wait for them."""
        for one in children.children(self.context, self.name):
            if one.ended is None:
                stop(self.context, one)

    def _record(self) -> Body:
        return self.context.records(KIND).get(self.name).body

    def _end(self, verdict: Verdict) -> None:
        now = datetime.now(UTC)

        def ended(body: Body) -> Body:
            # A Stop that came while the last training job ended has been acknowledged.
            stopped = body[STATUS] == "Stopping"
            body = {**body, STATUS: "Stopped" if stopped else verdict.status}
            if verdict.reason and not stopped:
                body["FailureReason"] = job.cut(verdict.reason)
            return {**body, "HyperParameterTuningEndTime": now, "LastModifiedTime": now}

        after = self.context.records(KIND).change(self.name, ended).body
        LOG.info("%s %s: %s %s", KIND, self.name, after[STATUS], after.get("FailureReason", ""))


class Progress:
    """What the thread knows: the search, and the training jobs that it waits for."""

    def __init__(self, context: Context, body: Body) -> None:
        from local_aws.services.sagemaker.tuning.search import Search  # optuna costs 0.7 s, once

        self.context = context
        self.body = body
        self.name: str = body["HyperParameterTuningJobName"]
        config = body["HyperParameterTuningJobConfig"]
        self.config = config
        self.objective = Objective.of(body)
        self.space = Space.of(config["ParameterRanges"])
        self.search: Search = Search(
            self.space,
            config["Strategy"],
            maximize=self.objective.maximize,
            seed=body[SEED],
            resources=resources(config),
        )
        self.running: dict[int, Child] = {}  # by proposal
        self.ended: list[Child] = []  # those that count, in the order in which they ended
        self.proposals = 0
        self.children = 0
        self._series: dict[str, training_job.MetricSeries] = {}  # of those that run
        self._curves: list[list[float]] = []  # of those that have completed
        self._again: list[Child] = []  # to be tried again
        self._stopped: set[str] = set()  # asked to stop by us
        self._build_again()

    def _build_again(self) -> None:
        """Take up what earlier lives of the stand-in did, and what the parents found."""
        attempts: dict[int, Child] = {}
        for one in children.children(self.context, self.name):
            self.children = one.number
            self.proposals = max(self.proposals, one.proposal + 1)
            attempts[one.proposal] = one
        identical = (self.body.get("WarmStartConfig") or {}).get(
            "WarmStartType"
        ) == "IdenticalDataAndAlgorithm"
        found = inherited(self.context, self.body)
        if identical:
            for values, value in found:
                self.search.learn(values, value)
        for proposal, one in attempts.items():
            self.search.resume(proposal, one.values)
            self.running[proposal] = one
            if one.ended is not None:
                self._settle(one)
            elif not self.context.records(training_job.JOBS.record_kind).find(one.name):
                self._launch(one)
        if not identical:
            # What was best on other data is worth a try on this; its value there says nothing here.
            found.sort(key=lambda one: one[1], reverse=self.objective.maximize)
            for values, _ in found[: max(1, self._most() // 4)]:
                self.search.suggest(values)

    # --- what ended ---------------------------------------------------------------------------------

    def take_in(self) -> None:
        """Observe the training jobs that have ended."""
        for one in list(self.running.values()):
            now = children.summary(self.context, one, self.objective)
            if now["ObjectiveStatus"] != "Pending":
                LOG.info("%s %s: %s %s", KIND, self.name, one.name, now["TrainingJobStatus"])
                self._settle(children.end(self.context, one, now))
        self._note_convergence()

    def _settle(self, one: Child) -> None:
        del self.running[one.proposal]
        if one.to_try_again:
            self._again.append(one)
            return
        if self._looks:
            curve = self._curve(one)
            self.search.reported(one.proposal, curve)
            if (one.ended or {})["TrainingJobStatus"] == "Completed":
                self._curves.append(curve)
            self._series.pop(one.name, None)
        self.search.observe(one.proposal, one.objective)
        self.ended.append(one)
        self.ended.sort(key=lambda each: _time_of_end(each.ended or {}))

    def _note_convergence(self) -> None:
        if CONVERGED in self.body or not converged(
            self._objectives(), len(self.space.ranges), maximize=self.objective.maximize
        ):
            return
        fields = {CONVERGED: datetime.now(UTC)}
        self.body = self.context.records(KIND).change(self.name, lambda body: {**body, **fields}).body

    def _objectives(self) -> list[float]:
        return [one.objective for one in self.ended if one.objective is not None]

    # --- whether to go on ---------------------------------------------------------------------------

    def verdict(self, body: Body) -> Verdict | None:
        """Whether the tuning job is to end although it could go on."""
        if body[STATUS] == "Stopping":
            return Verdict("Stopped")
        values = self._objectives()
        if not values and len(self.ended) >= FRUITLESS:
            return self._fruitless()
        maximize = self.objective.maximize
        criteria = self.config.get("TuningJobCompletionCriteria") or {}
        target = criteria.get("TargetObjectiveMetricValue")
        if target is not None and any(reached(value, target, maximize=maximize) for value in values):
            return Verdict("Completed")
        patience = (criteria.get("BestObjectiveNotImproving") or {}).get(
            "MaxNumberOfTrainingJobsNotImproving"
        )
        if patience is not None and not_improving(values, maximize=maximize) >= patience:
            return Verdict("Completed")
        convergence = criteria.get("ConvergenceDetected") or {}
        if convergence.get("CompleteOnConvergence") == "Enabled" and CONVERGED in self.body:
            return Verdict("Completed")
        if self._seconds_left() == 0:
            return Verdict("Completed") if values else self._fruitless()
        return None

    def exhausted(self) -> Verdict | None:
        """The verdict when nothing runs and nothing is left to start."""
        if self.running or self._again or self.proposals < self._most():
            return None
        return Verdict("Completed") if self._objectives() else self._fruitless()

    def _fruitless(self) -> Verdict:
        if self._seconds_left() == 0 and len(self.ended) < FRUITLESS:
            return Verdict("Failed", "MaxRuntimeInSeconds was over before a training job succeeded.")
        ran = [one for one in self.ended if (one.ended or {})["TrainingJobStatus"] != "Failed"]
        if ran:
            return Verdict(
                "Failed",
                f"No objective metrics found after running {len(self.ended)} training jobs. Please ensure "
                "that the custom algorithm is emitting the objective metric as defined by the regular "
                "expression provided.",
            )
        return Verdict(
            "Failed",
            f"No training job succeeded after {len(self.ended)} attempts. Please take a look at the "
            "training job failures to get more details.",
        )

    def _most(self) -> int:
        """How many proposals there are to be."""
        if self.config["Strategy"] == "Grid":
            return self.space.size()
        most: int = self.config["ResourceLimits"].get("MaxNumberOfTrainingJobs", MOST_JOBS)
        return most

    def _seconds_left(self) -> float | None:
        """Of MaxRuntimeInSeconds; None when there is no such limit."""
        seconds = self.config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if seconds is None:
            return None
        end: datetime = self.body["CreationTime"] + timedelta(seconds=seconds)
        return max(0.0, (end - datetime.now(UTC)).total_seconds())

    def pause(self, verdict: Verdict | None) -> float | None:
        """How long to sleep when nothing happens."""
        if verdict is not None:
            return None
        left = self._seconds_left()
        looks = [LOOK_SECONDS] if self._looks and self.running else []
        return min([*looks, *([] if left is None else [left])], default=None)

    # --- training jobs ------------------------------------------------------------------------------

    def start_next(self) -> None:
        """Start as many training jobs as may run side by side. Raises AwsError."""
        while len(self.running) < self._side_by_side():
            if self._again:
                before = self._again.pop(0)
                self._plan(before.proposal, before.attempt + 1, before.values)
            elif self.proposals < self._most():
                values = self.search.propose(self.proposals)
                self.proposals += 1
                self._plan(self.proposals - 1, 1, values)
            else:
                return

    def _side_by_side(self) -> int:
        """How many training jobs may run at once.

        No more than there are processors: training jobs that share one would all come later, and the
        search would know less when it proposes the next.
        """
        limit: int = self.config["ResourceLimits"]["MaxParallelTrainingJobs"]
        return min(limit, len(os.sched_getaffinity(0)), self.context.engine.parallel_jobs)

    def _plan(self, proposal: int, attempt: int, values: Values) -> None:
        self.children += 1
        one = children.plan(
            self.context,
            self.name,
            number=self.children,
            proposal=proposal,
            attempt=attempt,
            values=values,
        )
        self._launch(one)
        self.running[proposal] = one

    def _launch(self, one: Child) -> None:
        made = arn(self.context, ARN_KIND, self.name)
        request = training_request(self.body, one.name, one.values)
        request["Tags"] = tags.of(self.context, made)
        shared = {training_job.PROCESSORS: max(1, len(os.sched_getaffinity(0)) // self._side_by_side())}
        try:
            training_job.start(self.context, request, TuningJobArn=made, **shared)
        except AwsError as error:
            children.end(self.context, one, children.refused(self.context, one, error.message))
            raise

    def stop_all(self) -> None:
        """Ask all running training jobs to stop, and forget those to be tried again."""
        self._again.clear()
        for one in self.running.values():
            self._stop(one)

    def stop_hopeless(self) -> None:
        """Stop the training jobs that early stopping or Hyperband gives up."""
        if not self._looks:
            return
        for one in self.running.values():
            curve = self._curve(one)
            if self.config["Strategy"] == "Hyperband":
                lost = self.search.reported(one.proposal, curve)
            else:
                lost = hopeless(curve, self._curves, maximize=self.objective.maximize)
            if lost:
                self._stop(one)

    def _stop(self, one: Child) -> None:
        if one.name in self._stopped:
            return  # it has its time to end; a second Stop would change nothing
        self._stopped.add(one.name)
        stop(self.context, one)

    @property
    def _looks(self) -> bool:
        """Whether what a training job logs while it runs is of interest."""
        early: str = self.config["TrainingJobEarlyStoppingType"]
        return early == "Auto" or self.config["Strategy"] == "Hyperband"

    def _curve(self, one: Child) -> list[float]:
        series = self._series.get(one.name)
        if series is None:
            found = self.context.records(training_job.JOBS.record_kind).find(one.name)
            if found is None:
                return []
            series = training_job.MetricSeries(self.context.logs, found.body, self.objective.metric)
            self._series[one.name] = series
        return series.values()


def stop(context: Context, one: Child) -> None:
    """Ask a training job to stop; nothing happens to one that has ended."""
    try:
        context.engine.stop(JobRef(training_job.JOBS.record_kind, one.name))
    except (JobEnded, RecordMissing):
        LOG.debug("%s had ended", one.name)


def _time_of_end(summary: Body) -> datetime:
    found: datetime = summary.get("TrainingEndTime") or summary["CreationTime"]
    return found


def resources(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """Hyperband's least and most resources; None for the other strategies."""
    if config["Strategy"] != "Hyperband":
        return None
    given = config["StrategyConfig"]["HyperbandStrategyConfig"]
    return given["MinResource"], given["MaxResource"]


def training_request(body: Mapping[str, Any], name: str, values: Values) -> Body:
    """The CreateTrainingJob request of one training job of a tuning job."""
    definition = body["TrainingJobDefinition"]
    left_out = ("StaticHyperParameters", "DefinitionName", "TuningObjective", "HyperParameterRanges")
    request = {key: value for key, value in definition.items() if key not in left_out}
    request["TrainingJobName"] = name
    request["HyperParameters"] = {
        **(definition.get("StaticHyperParameters") or {}),
        **values,
        _TUNED: Objective.of(body).metric,
    }
    if definition.get("CheckpointConfig"):
        # Each its own: a training job must not go on where another one, with other values, has ended.
        place = definition["CheckpointConfig"]["S3Uri"].rstrip("/")
        request["CheckpointConfig"] = {**definition["CheckpointConfig"], "S3Uri": f"{place}/{name}"}
    return request


def inherited(context: Context, body: Body) -> list[tuple[Values, float]]:
    """What the parents of a warm start tried, and what came of it."""
    found: list[tuple[Values, float]] = []
    for parent in (body.get("WarmStartConfig") or {}).get("ParentHyperParameterTuningJobs") or ():
        record = context.records(KIND).find(parent["HyperParameterTuningJobName"])
        if record is None:
            continue
        static = record.body["TrainingJobDefinition"].get("StaticHyperParameters") or {}
        found.extend(
            ({**static, **one.values}, one.objective)
            for one in children.children(context, record.key)
            if one.objective is not None
        )
    return found
