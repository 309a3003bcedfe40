"""Run a stage as a DAG run of its own, exactly once for each time that it is asked for.

The stock TriggerDagRunOperator starts a run and fails when there is one already; with `reset_dag_run` it
restarts even one that is running. Neither survives a worker's death. This one looks first:

    run of the stage      what it means                                    what is done
    none                  asked for the first time                         start it
    queued, running       an earlier attempt of this task, or a person,    wait for it
                          has started or cleared it
    success               this task waited for it when its worker died,    take it
                          or when it was cleared
                          this task failed with it, and a person has       take it: the stage was mended
                          mended the stage since
                          anything else: this task was green and cleared   clear all of it and wait
    failed                this task waited for it when its worker died     fail with its error
                          anything else: this task was cleared             clear all of it and wait

An attempt leaves a record in Airflow's task state store, which goes when the task succeeds: a task without
one that finds a finished run was green, and has been cleared. To tell a retry from a clear, the record says
up to which try the attempt was allowed to go: a retry is allowed as much, a cleared task more.

Drawbacks: a task may clear a whole run only, not the failed part of it. To run again only what failed,
clear the failed task of the stage, then clear the parent's task, which waits for the stage or takes it. And
a child run that somebody deletes while it is waited for is waited for until the parent's task is marked or
cleared.
"""

from __future__ import annotations

import math
import time
from typing import Any, ClassVar, NoReturn

from airflow.providers.common.compat.sdk import conf as settings
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError, ErrorType
from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

from aws_ml.callbacks import ERROR
from aws_ml.waiters import patience

LIFE = "life"  # key in the task state store
XCOM_RUN_ID = "trigger_run_id"  # where the operator's link to the child run looks


class StageFailed(AirflowFailException):
    """A stage's run failed. Its tasks had their own retries, so this task has none."""


class StagePaused(AirflowFailException):
    """The stage's DAG is paused: its run would stay queued, and this task would wait for ever."""


class EnsureDagRunOperator(TriggerDagRunOperator):
    """Make sure that a run of another DAG has happened, and wait for it; a long wait takes no worker.

    :param trigger_dag_id: the DAG to run
    :param trigger_run_id: the run's id; follows from this task's own run, never from the clock (templated)
    :param conf: the run's configuration (templated)
    :param poll_seconds: seconds between two looks at the run; the environment's AWS_ML_POLL_SECONDS wins
    :return: the run's id
    """

    defer_after: ClassVar[float | None] = None
    """Seconds to wait on the worker before the triggerer takes over; None: as `defer_after_seconds` says."""

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str,
        conf: dict[str, Any],
        poll_seconds: float = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            trigger_dag_id=trigger_dag_id,
            trigger_run_id=trigger_run_id,
            conf=conf,
            # (dag, logical date) is unique: a date would collide with runs that people start by hand.
            logical_date=None,
            wait_for_completion=True,
            deferrable=True,
            **kwargs,
        )
        self.poll_seconds = poll_seconds

    def execute(self, context: Any) -> str:
        """Start, join, take or clear the run, as the module's table says."""
        ti, run_id = context["ti"], str(self.trigger_run_id)
        self._refuse_paused(ti)
        life = context["task_state_store"].get(LIFE) or {}
        is_retry = life.get("max_tries") == ti.max_tries
        context["task_state_store"].set(LIFE, {"max_tries": ti.max_tries})

        state = self._state_of_child(ti, run_id)
        ti.xcom_push(key=XCOM_RUN_ID, value=run_id)
        if state in ("queued", "running"):
            self.log.info("%s is %s already: waiting for it", self._child(run_id), state)
            return self._wait(context, run_id)
        if state == "success" and life:
            self.log.info("%s has succeeded already: taking it", self._child(run_id))
            self._forget(context)
            return run_id
        if state == "failed" and is_retry:
            self._fail(context, run_id)
        if state is not None:
            self.log.info(
                "%s is %s and this task was cleared: clearing all of it", self._child(run_id), state
            )
        self._start(run_id, clear=state is not None)
        self.log.info("Started %s", self._child(run_id))
        return self._wait(context, run_id)

    def execute_complete(self, context: Any, event: tuple[str, dict[str, Any]]) -> str:
        """Judge the finished run by its own state, not by the event.

        SQLite gives a deleted trigger's number to the next one, and Airflow knows triggers by number: the
        late event of a cleared task's trigger wakes another task, for a run that is not its own.
        """
        return self._wait(context, str(self.trigger_run_id))

    def _wait(self, context: Any, run_id: str) -> str:
        """Wait for the run: a little on the worker, since a deferral costs seconds, then on the triggerer."""
        seconds = patience.defer_after_seconds() if self.defer_after is None else self.defer_after
        began = time.monotonic()
        while (state := self._state_of_child(context["ti"], run_id)) in ("queued", "running"):
            waited = time.monotonic() - began
            if waited >= seconds:
                self._defer(run_id)
            time.sleep(min(patience.pause_on_worker(waited), seconds - waited))
        if state != "success":
            self._fail(context, run_id)
        self.log.info("%s has succeeded", self._child(run_id))
        self._forget(context)
        return run_id

    def _forget(self, context: Any) -> None:
        """Drop the record, where Airflow itself does not, so that a green task that is cleared runs anew."""
        if not settings.getboolean("state_store", "clear_on_success", fallback=False):
            context["task_state_store"].delete(LIFE)

    def _refuse_paused(self, ti: Any) -> None:
        try:
            paused = ti.get_dag(self.trigger_dag_id).is_paused
        except AirflowRuntimeError as error:
            raise StageFailed(
                f"Airflow does not know the DAG {self.trigger_dag_id}: see the import errors. ({error})"
            ) from error
        if paused:
            raise StagePaused(f"The DAG {self.trigger_dag_id} is paused. Unpause it, then clear this task.")

    def _state_of_child(self, ti: Any, run_id: str) -> str | None:
        if not ti.get_dr_count(dag_id=self.trigger_dag_id, run_ids=[run_id]):
            return None
        state = ti.get_dagrun_state(dag_id=self.trigger_dag_id, run_id=run_id)
        return str(getattr(state, "value", state))

    def _start(self, run_id: str, *, clear: bool) -> None:
        """Start the run, or clear it.

        The stock operator fails when the run is there. But Airflow's client repeats a call whose answer is
        late, and is then told of the run that its own first call has started.
        """
        from airflow.sdk.execution_time import task_runner

        request = TriggerDagRun(
            dag_id=self.trigger_dag_id, run_id=run_id, conf=self.conf, logical_date=None, reset_dag_run=clear
        )
        answer = task_runner.SUPERVISOR_COMMS.send(request)
        if isinstance(answer, ErrorResponse) and answer.error != ErrorType.DAGRUN_ALREADY_EXISTS:
            raise AirflowRuntimeError(answer)

    def _defer(self, run_id: str) -> NoReturn:
        self.defer(
            trigger=DagStateTrigger(
                dag_id=self.trigger_dag_id,
                states=[*self.allowed_states, *self.failed_states],
                execution_dates=None,
                run_ids=[run_id],
                poll_interval=math.ceil(patience.poll_seconds(self.poll_seconds)),
            ),
            method_name="execute_complete",
        )

    def _fail(self, context: Any, run_id: str) -> NoReturn:
        """Fail for good, naming the stage, the tasks that failed and what they said."""
        ti = context["ti"]
        states = ti.get_task_states(dag_id=self.trigger_dag_id, run_ids=[run_id]).get(run_id, {})
        failed = sorted(task_id for task_id, state in states.items() if state == "failed")
        if not failed:
            raise StageFailed(
                f"{self._child(run_id)} failed, though none of its tasks did: was it marked by hand?"
            )
        said = [
            f"{self.trigger_dag_id}, task {task_id}: {self._error(ti, run_id, task_id)}" for task_id in failed
        ]
        raise StageFailed("\n".join([*said, f"(run {run_id})"]))

    def _error(self, ti: Any, run_id: str, task_id: str) -> str:
        error = ti.xcom_pull(dag_id=self.trigger_dag_id, run_id=run_id, task_ids=task_id, key=ERROR)
        return str(error) if error else "it left no message, as when its worker was killed; see its log"

    def _child(self, run_id: str) -> str:
        return f"Run {run_id} of {self.trigger_dag_id}"
