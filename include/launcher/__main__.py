"""`python3 -m launcher COMMAND`: make the environments, then go on inside Airflow's."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import NoReturn

from launcher import environments
from launcher.problem import Problem, disk_trouble
from launcher.settings import Choices, choices_from_environment, wants_spark

COMMANDS = {
    "run": "set up, start everything, run one workflow for one day, sum up, stop everything",
    "up": "set up, start everything and keep it running",
    "down": "stop what `up` started",
    "test": "set up, then lint, types, import rules and all tests",
    "bench": "measure and print a table",
    "setup": "only make the environments (with what tests need)",
    "spark": "only make the environments, with the one for Glue Spark jobs",
    "clean": "stop everything and remove what set-up and runs have made",
}


def main() -> int:
    """Run one command; errors that a user can act on are one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="launcher", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        commands.add_parser(name, help=help_text)
    command = parser.parse_args().command
    try:
        return _dispatch(command, choices_from_environment())
    except Problem as problem:
        print(f"\n{problem}", file=sys.stderr)
    except OSError as error:
        sentence = disk_trouble(error)
        if sentence is None:
            raise
        print(f"\n{sentence}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def _dispatch(command: str, choices: Choices) -> int:
    if command == "clean":
        return _clean(choices)
    if command == "down" and not choices.layout.airflow_python.exists():
        print("Nothing is running.")
        return 0
    if command != "down":
        python = environments.suitable_python(choices.layout)
        if python != Path(sys.executable):
            _begin_again(python, command)
        environments.prepare(
            choices.layout,
            with_tests=command in ("test", "setup"),
            with_spark=command in ("spark", "test") or (command in ("run", "up") and wants_spark(choices)),
        )
    if command not in ("setup", "spark"):
        _become_session(command, choices)
    return 0


def _begin_again(python: Path, command: str) -> NoReturn:
    """Replace this process by the same one on a Python that the locks are for."""
    sys.stdout.flush()
    os.execv(python, [str(python), "-m", "launcher", command])  # noqa: S606 - no shell wanted


def _become_session(command: str, choices: Choices) -> NoReturn:
    """Replace this process by the second program, which has Airflow's environment to itself."""
    include = str(choices.layout.root / "include")
    python = str(choices.layout.airflow_python)
    sys.stdout.flush()
    # Ctrl-C while that program imports its modules waits until it can answer without a traceback.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    os.chdir(choices.layout.root)
    os.execve(  # noqa: S606 - no shell wanted
        python, [python, "-m", "launcher.session", command], os.environ | {"PYTHONPATH": include}
    )


def _clean(choices: Choices) -> int:
    """Stop what runs, then remove the environments and everything that runs have kept."""
    from launcher import processes

    processes.stop_recorded(choices.layout.processes_file)
    for name in (".venv", ".venv-jobs", ".venv-spark", ".uv", ".local"):
        shutil.rmtree(choices.layout.root / name, ignore_errors=True)
    print("Removed .venv, .venv-jobs, .venv-spark, .uv and .local.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
