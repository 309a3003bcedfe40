"""`python -m launcher.session COMMAND`, in Airflow's environment: everything after the set-up."""

from __future__ import annotations

import argparse
import datetime
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from launcher import airflow_setup, bench, processes, timing
from launcher.api import TaskInstance
from launcher.follow import (
    A_PERSON_TAKES_SECONDS,
    ASKING,
    PARENT,
    STAGES,
    Outcome,
    error_of,
    follow,
    question_url,
    task_line,
    task_log,
)
from launcher.landing import land, prepare_account
from launcher.problem import Problem, disk_trouble
from launcher.settings import Choices, choices_from_environment, require_workflow
from launcher.stack import Stack, write_ports
from launcher.summary import summarize

IMAGES_PYTHON = "3.10"  # of AWS's scikit-learn image, the oldest that jobs run on


def main() -> int:
    """Run one command; what a user can act on is a sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="launcher.session", description=__doc__)
    parser.add_argument("command", choices=("run", "up", "down", "test", "bench", "airflow-env"))
    command = parser.parse_args().command
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})  # blocked by __main__
        choices = choices_from_environment()
        match command:
            case "run":
                return run(choices)
            case "up":
                return up(choices)
            case "down":
                return down(choices)
            case "test":
                return check(choices)
            case "airflow-env":
                return airflow_env(choices)
            case _:
                return bench.bench(choices)
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
        return 1
    except OSError as error:
        sentence = disk_trouble(error)
        if sentence is None:
            raise
        print(f"\n{sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started is stopped.", file=sys.stderr)
        return 130


def run(choices: Choices) -> int:
    """Start everything, run one workflow for one day, sum up, stop what was started."""
    began = time.monotonic()
    require_workflow(choices)
    stack = Stack(choices)
    try:
        if stack.attach():
            print("start         using what `make up` keeps running")
        else:
            print("start         the stand-in and Airflow …", flush=True)
            stack.start()
        print(f"stand-in      {stack.connection.endpoint_url}")
        print(
            f"airflow       http://127.0.0.1:{stack.airflow_port}  ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        prepare_account(stack)
        print(f"data          {land(stack, choices)}", flush=True)
        outcome = run_workflow(stack, choices)
        times = timing.stage_times(stack, choices.workflow, outcome)
        answered = summarize(stack, choices, outcome, times, time.monotonic() - began)
        return 0 if outcome.green and answered else 1
    finally:
        _stop(stack)


def run_workflow(stack: Stack, choices: Choices) -> Outcome:
    """Trigger the parent for the chosen day and print its tasks as they end."""
    dag_id = f"{choices.workflow}.{PARENT}"
    stack.wait_for_dag(dag_id)
    if stack.is_ours:
        end_leftovers(stack, choices.workflow)
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    run_id = f"manual__{choices.date}__{now}"
    stack.airflow.trigger(dag_id, {"partition": choices.date}, run_id)
    print(f"run           {dag_id} for {choices.date}\n", flush=True)
    outcome = follow(
        stack,
        choices.workflow,
        run_id,
        lambda task: tell(stack, task),
        seconds=A_PERSON_TAKES_SECONDS,
    )
    home = choices.layout.airflow_home
    for task in outcome.failed:
        log = task_log(home, task)
        print(f"\n{task.stage}.{task.task_id} failed: {error_of(stack.airflow, task, log)}\n  its log: {log}")
    return outcome


def tell(stack: Stack, task: TaskInstance) -> None:
    """One line on a task; where it asks a person, also where and how to answer."""
    print(task_line(task), flush=True)
    if task.state != ASKING:
        return
    question = stack.airflow.question(task)
    password = airflow_setup.secrets_of(stack.choices.layout).admin_password
    options = " or ".join(question["options"])
    print(
        f"\n  {question['subject']}: a person has to answer {options}; this waits for it.\n"
        f"    in the browser   {question_url(stack.airflow.base_url, task)}\n"
        f"                     user {airflow_setup.USER}, password {password}\n"
        f"    in a terminal    PYTHONPATH=include {stack.choices.layout.airflow_python} -m launcher.answer"
        f" {stack.airflow_port} {task.dag_id} {shlex.quote(task.run_id)} {task.task_id} OPTION 'the reason'\n"
        f"  The form has the numbers; without OPTION the command prints it. "
        f"Without an answer in time: {' '.join(question['defaults'])}.\n",
        flush=True,
    )


def end_leftovers(stack: Stack, workflow: str) -> None:
    """End what an interrupted `make run` has left in Airflow's database: ours would queue behind it."""
    airflow = stack.airflow
    for stage in (PARENT, *STAGES):
        dag_id = f"{workflow}.{stage}"
        for run in airflow.runs(dag_id, "running", "queued"):
            airflow.fail(dag_id, run["dag_run_id"])
            print(f"ended         {dag_id} {run['dag_run_id']}, which an earlier run had left unfinished")


def up(choices: Choices) -> int:
    """Start everything, leave it running, say where it is."""
    stack = Stack(choices)
    if stack.attach():
        print("It is running already.")
    else:
        try:
            stack.start()
            prepare_account(stack)
            stack.wait_for_dag(f"{choices.workflow}.{PARENT}")
        except BaseException:
            _stop(stack)
            raise
        write_ports(stack)
        stack.processes.let_go()
    secrets = airflow_setup.secrets_of(choices.layout)
    print(f"Airflow    http://127.0.0.1:{stack.airflow_port}")
    print(f"           user {airflow_setup.USER}, password {secrets.admin_password}")
    print(f'AWS        {stack.connection.endpoint_url}   credentials: eval "$(make aws-env)"')
    print(f"logs       {choices.layout.logs}")
    print("`make run` uses it; `make down` stops it.")
    return 0


def down(choices: Choices) -> int:
    """Stop what `up` started, or what an interrupted `run` left."""
    print("Stopped." if processes.stop_recorded(choices.layout.processes_file) else "Nothing is running.")
    return 0


def airflow_env(choices: Choices) -> int:
    """Print, for a shell's `eval`, what lets `airflow` find the stack that `make up` keeps running."""
    stack = Stack(choices)
    if not stack.attach():
        raise Problem("Nothing is running: `make up` starts it.")
    print("\n".join(exports(stack.airflow_environment(), os.environ)))
    return 0


def exports(wanted: Mapping[str, str], present: Mapping[str, str]) -> list[str]:
    """Shell lines that make of the present environment the wanted one."""
    return [
        f"export {name}={shlex.quote(value)}"
        for name, value in sorted(wanted.items())
        if present.get(name) != value
    ]


def check(choices: Choices) -> int:
    """Lint, types, import rules and all tests, each in the environment that it belongs to. All are run."""
    airflow, jobs = str(choices.layout.airflow_python), str(choices.layout.jobs_python)
    source = os.environ | {"PYTHONPATH": f"include{os.pathsep}plugins"}
    jobs_code = ["include/local_aws", "include/sample_data"]
    jobs_tests = [
        "tests/unit/local_aws",
        "tests/unit/jobs",
        "tests/unit/sample_data",
        "tests/contract/local_aws",
    ]
    outside_tests = ["tests/e2e"]
    airflow_code = ["plugins", "dags", "include/launcher"]
    pytest = ["-m", "pytest", "-q"]
    # A file's tests share what they have started, so they stay together.
    both_cores = ["-n", "2", "--dist", "loadfile"]
    # These are of one core each, and none waits for another.
    static = {
        "lint": [airflow, "-m", "ruff", "check", "."],
        "format": [airflow, "-m", "ruff", "format", "--check", "."],
        "types (Airflow's side)": [airflow, "-m", "mypy", *airflow_code],
        "types (jobs' side)": [
            *(airflow, "-m", "mypy", "--python-executable", jobs),
            *("--cache-dir", ".mypy_cache/jobs", *jobs_code),
        ],
        # A name that is newer than the oldest Python of AWS's images is found here, and not by a job on AWS.
        f"types (jobs, on Python {IMAGES_PYTHON})": [
            *(airflow, "-m", "mypy", "--python-executable", jobs, "--python-version", IMAGES_PYTHON),
            *("--cache-dir", ".mypy_cache/jobs", "include/jobs"),
        ],
        "import rules": [str(choices.layout.airflow_python.with_name("lint-imports"))],
    }
    tests = {
        "tests (jobs' side)": [jobs, *pytest, *both_cores, *jobs_tests],
        "tests (Airflow's side)": [
            airflow,
            *pytest,
            *both_cores,
            *(f"--ignore={folder}" for folder in (*jobs_tests, *outside_tests)),
        ],
        # Each process starts a whole Airflow of its own, which waits more than it works.
        "tests (from the outside)": [airflow, *pytest, *both_cores, *outside_tests],
    }
    failed = side_by_side(static, choices.layout.root, source)
    for name, command in tests.items():
        print(f"\n== {name}", flush=True)
        if subprocess.run(command, cwd=choices.layout.root, env=source, check=False).returncode != 0:
            failed.append(name)
    print("\nAll is well." if not failed else f"\nNot right: {', '.join(failed)}.")
    return 1 if failed else 0


def side_by_side(steps: Mapping[str, list[str]], folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Run all commands at once, print what each said in their order, and return those that failed."""
    running = {
        name: subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, command in steps.items()
    }
    failed = []
    for name, process in running.items():
        said, _ = process.communicate()
        print(f"\n== {name}\n{said.rstrip()}", flush=True)
        if process.returncode != 0:
            failed.append(name)
    return failed


def _stop(stack: Stack) -> None:
    """Stop what was started, and let no second Ctrl-C interrupt that."""
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        stack.stop()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
