"""What the scheduler has noticed of a task, which tests must await before they let the task go on."""

from __future__ import annotations

from launcher.api import TaskInstance
from launcher.stack import Stack


def noticed(stack: Stack, task: TaskInstance) -> bool:
    """Whether the scheduler has read that the process which asked or deferred has ended.

    It reads so once a round. An answer or a trigger's event before that, for which people and real jobs are
    too slow, queues the task again; the scheduler then takes the end of the first process for that of the
    second, and the try is lost.
    """
    told = f"TaskInstance Finished: dag_id={task.dag_id}, task_id={task.task_id}, run_id={task.run_id},"
    lines = (stack.choices.layout.logs / "scheduler.log").read_text(errors="replace").splitlines()
    return any(told in line and f" try_number={task.try_number}," in line for line in lines)
