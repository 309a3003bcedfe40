"""`python -m launcher.answer PORT DAG RUN TASK [OPTION [REASON]]`: answer what a task asks a person.

Without an option it prints the question. The answer is given as the launcher's own user of Airflow, whose
name decision.json then keeps; who wants another name there answers in the browser, logged in as himself.
"""

from __future__ import annotations

import argparse
import sys

from launcher import airflow_setup
from launcher.api import Airflow
from launcher.problem import Problem
from launcher.settings import choices_from_environment


def main(arguments: list[str] | None = None) -> int:
    """Print the question, or answer it; what a user can act on is a sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="launcher.answer", description=__doc__)
    parser.add_argument("port", type=int, help="of Airflow's UI")
    for name in ("dag", "run", "task"):
        parser.add_argument(name)
    parser.add_argument("option", nargs="?")
    parser.add_argument("reason", nargs="?", default="")
    given = parser.parse_args(arguments)
    password = airflow_setup.secrets_of(choices_from_environment().layout).admin_password
    airflow = Airflow(f"http://127.0.0.1:{given.port}", airflow_setup.USER, password)
    try:
        found = [task for task in airflow.task_instances(given.dag, given.run) if task.task_id == given.task]
        if not found:
            raise Problem(f"{given.dag} has no task {given.task}.")
        if given.option is None:
            question = airflow.question(found[0])
            print(f"{question['subject']}\n\n{question['body']}\n\nOptions: {', '.join(question['options'])}")
        else:
            airflow.answer(found[0], given.option, given.reason)
            print(f"Answered: {given.option}.")
    except (Problem, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
