"""EnsureDagRunOperator in a real Airflow: what becomes of the stage's run in each of its states."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.api import TaskInstance
from launcher.follow import error_of, task_log
from launcher.stack import Stack

PARENT, STAGE = "ensured.parent", "ensured.stage"


class Room:
    """Tell the stage's tasks what to do, and see what they did."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tell(self, *orders: str) -> None:
        """Only these orders stand from now on: `wait`, `fail`, `die`."""
        for order in ("wait", "fail", "die"):
            (self.path / order).unlink(missing_ok=True)
        for order in orders:
            (self.path / order).touch()

    def ran(self) -> list[str]:
        """The stage's tasks in the order in which they ran."""
        file = self.path / "ran"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def room(stack: Stack, home: Path) -> Iterator[Room]:
    stack.wait_for_dag(PARENT)
    stack.wait_for_dag(STAGE)
    room = Room(home / "room")
    room.tell()
    (room.path / "ran").unlink(missing_ok=True)
    yield room
    room.tell()


@pytest.fixture
def run_id() -> str:
    return f"manual__{uuid.uuid4().hex[:8]}"


def start(stack: Stack, run_id: str) -> None:
    stack.airflow.trigger(PARENT, {}, run_id)


def end(stack: Stack, dag_id: str, run_id: str) -> str:
    """Wait for the end of a run; its state."""
    airflow = stack.airflow

    def over() -> str | None:
        state = airflow.run(dag_id, run_id)["state"]
        return state if state in ("success", "failed") else None

    return stack.processes.wait_until(over, 90, f"{dag_id} {run_id}")


def task(stack: Stack, dag_id: str, run_id: str, task_id: str) -> TaskInstance:
    return next(task for task in stack.airflow.task_instances(dag_id, run_id) if task.task_id == task_id)


def until_stage_runs(stack: Stack, room: Room) -> None:
    stack.processes.wait_until(lambda: room.ran() or None, 60, "the stage's first task")


def until_deferred(stack: Stack, run_id: str) -> None:
    airflow = stack.airflow

    def deferred() -> bool | None:
        tasks = airflow.task_instances(PARENT, run_id)
        return any(task.state == "deferred" for task in tasks) or None

    stack.processes.wait_until(deferred, 60, "the parent's task")


def said(stack: Stack, run_id: str) -> str:
    stage = task(stack, PARENT, run_id, "stage")
    return error_of(stack.airflow, stage, task_log(stack.choices.layout.airflow_home, stage))


def test_a_stage_runs_once_with_the_parents_conf(stack: Stack, room: Room, run_id: str) -> None:
    """A stage that was never run is started under an id that follows from the parent's."""
    start(stack, run_id)
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "second"]
    assert stack.airflow.run(STAGE, f"parent__{run_id}")["conf"] == {"partition": "2026-01-15"}


def test_a_running_stage_is_joined(stack: Stack, room: Room, run_id: str) -> None:
    """A stage that somebody has started already is waited for, not started again."""
    room.tell("wait")
    stack.airflow.trigger(STAGE, {}, f"parent__{run_id}")
    until_stage_runs(stack, room)
    start(stack, run_id)
    until_deferred(stack, run_id)
    room.tell()
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "second"]
    assert task(stack, PARENT, run_id, "stage").try_number == 1


def test_clearing_a_waiting_parent_leaves_the_stage_alone(stack: Stack, room: Room, run_id: str) -> None:
    """A parent's task that is cleared while its stage runs joins that very run."""
    room.tell("wait")
    start(stack, run_id)
    until_stage_runs(stack, room)
    until_deferred(stack, run_id)
    stack.airflow.clear(PARENT, run_id)
    room.tell()
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "second"]
    assert task(stack, PARENT, run_id, "stage").try_number == 2


def test_a_stage_that_ends_while_its_parent_is_cleared_is_taken(
    stack: Stack, room: Room, run_id: str
) -> None:
    """The stage may be faster than the cleared task's next try: its work is not done twice."""
    room.tell("wait")
    start(stack, run_id)
    until_stage_runs(stack, room)
    until_deferred(stack, run_id)
    stack.airflow.pause(PARENT, paused=True)
    try:
        stack.airflow.clear(PARENT, run_id)
        room.tell()
        assert end(stack, STAGE, f"parent__{run_id}") == "success"
    finally:
        stack.airflow.pause(PARENT, paused=False)
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "second"]


def test_clearing_a_green_parent_runs_the_stage_again(stack: Stack, room: Room, run_id: str) -> None:
    """Clearing means: do it again, all of it."""
    start(stack, run_id)
    assert end(stack, PARENT, run_id) == "success"
    stack.airflow.clear(PARENT, run_id)
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "second", "first", "second"]


def test_a_retry_takes_the_stage_that_has_succeeded(stack: Stack, room: Room, run_id: str) -> None:
    """A worker that dies after the stage's success costs a retry of the parent's task, not of the stage."""
    room.tell("die")
    start(stack, run_id)
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "second"]
    assert task(stack, PARENT, run_id, "stage").try_number == 2


def test_a_failed_stage_is_named_with_task_and_error(stack: Stack, room: Room, run_id: str) -> None:
    """The parent fails at once, without retries of its own, and says which task failed of what."""
    room.tell("fail")
    start(stack, run_id)
    assert end(stack, PARENT, run_id) == "failed"
    assert room.ran() == ["first"]
    assert task(stack, PARENT, run_id, "stage").try_number == 1
    assert "ensured.stage, task first: told to fail" in said(stack, run_id)


def test_a_retry_does_not_repeat_a_failed_stage(stack: Stack, room: Room, run_id: str) -> None:
    """A worker that dies after the stage's failure: the retry tells the failure, and runs nothing."""
    room.tell("fail", "die")
    start(stack, run_id)
    assert end(stack, PARENT, run_id) == "failed"
    assert room.ran() == ["first"]
    assert task(stack, PARENT, run_id, "stage").try_number == 2
    assert "told to fail" in said(stack, run_id)


def test_a_mended_stage_is_taken_as_it_is(stack: Stack, room: Room, run_id: str) -> None:
    """A person clears what failed in the stage, then the parent's task: only what failed runs again."""
    room.tell("fail")
    start(stack, run_id)
    assert end(stack, PARENT, run_id) == "failed"
    room.tell()
    stack.airflow.clear(STAGE, f"parent__{run_id}", ["first"], downstream=True)
    assert end(stack, STAGE, f"parent__{run_id}") == "success"
    stack.airflow.clear(PARENT, run_id)
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "first", "second"]


def test_clearing_a_failed_parent_runs_a_failed_stage_again(stack: Stack, room: Room, run_id: str) -> None:
    """With the cause gone, clearing the parent's task alone is enough."""
    room.tell("fail")
    start(stack, run_id)
    assert end(stack, PARENT, run_id) == "failed"
    room.tell()
    stack.airflow.clear(PARENT, run_id)
    assert end(stack, PARENT, run_id) == "success"
    assert room.ran() == ["first", "first", "second"]


def test_a_paused_stage_is_refused(stack: Stack, room: Room, run_id: str) -> None:
    """Its run would be queued for ever: say so instead of waiting."""
    stack.airflow.pause(STAGE, paused=True)
    try:
        start(stack, run_id)
        assert end(stack, PARENT, run_id) == "failed"
    finally:
        stack.airflow.pause(STAGE, paused=False)
    assert "ensured.stage is paused" in said(stack, run_id)
    assert room.ran() == []
