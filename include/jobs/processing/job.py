"""What every processing script does alike: find its folders, read its config, and say why it failed.

    <base>/input/code/config.json     the resolved workflow file
    <base>/input/<name>/              one folder an input
    <base>/output/<name>/             one folder an output
    <base>/../output/message          why the job failed; SageMaker shows it as ExitMessage

<base> is /opt/ml/processing on AWS. Where a machine cannot give every job its own /opt/ml, SAGEMAKER_BASE_DIR
names what stands for it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_MESSAGE = 1024  # bytes of /opt/ml/output/message that SageMaker keeps
REFUSED = "Refused: "  # before the message of a JobError: the workflow does not retry what says so


class JobError(Exception):
    """The job refuses what it was given, and the message tells a person why; no traceback is needed to
    understand it. The same input would be refused again."""


@dataclass(frozen=True)
class Job:
    """One run of a processing script."""

    base: Path
    config: dict[str, Any]  # the resolved workflow file

    def has(self, name: str) -> bool:
        """Whether the job was given this input."""
        return (self.base / "input" / name).is_dir()

    def input(self, name: str) -> Path:
        """The folder of an input. Raises JobError if it was not given to the job."""
        folder = self.base / "input" / name
        if not folder.is_dir():
            raise JobError(f"the job has no input {name!r}: {folder} does not exist")
        return folder

    def inputs(self, name: str, pattern: str) -> list[Path]:
        """The files of an input that match, in order. Raises JobError if there is none."""
        files = sorted(path for path in self.input(name).rglob(pattern) if path.is_file())
        if not files:
            raise JobError(f"the input {name!r} holds no {pattern} file")
        return files

    def output(self, name: str) -> Path:
        """The folder of an output, made if need be."""
        folder = self.base / "output" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def say(line: str) -> None:
    """Tell the job's log how far it is, at once."""
    print(line, flush=True)


def run(script: Callable[[Job], None], arguments: Sequence[str] | None = None) -> int:
    """Run a processing script with its config; returns its exit code."""
    base = parse_base(script.__doc__, arguments)
    return guarded(base, lambda: script(Job(base, _config(base))))


def parse_base(description: str | None, arguments: Sequence[str] | None = None) -> Path:
    """The folder of inputs and outputs, from the command line or the environment."""
    parser = argparse.ArgumentParser(description=description)
    default = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "processing"
    parser.add_argument(
        "--base", type=Path, default=default, help="folder of inputs and outputs (%(default)s)"
    )
    base: Path = parser.parse_args(arguments).base
    return base


def guarded(base: Path, action: Callable[[], None]) -> int:
    """Do it and return 0; or say why it failed, in the log and in SageMaker's message file, and return 1."""
    try:
        action()
    except JobError as error:
        reason = f"{REFUSED}{error}"
    except Exception as error:  # noqa: BLE001 - whatever it is, the job's owner must see it in ExitMessage
        traceback.print_exc()
        reason = f"{type(error).__name__}: {error}"
    else:
        return 0
    print(reason, file=sys.stderr, flush=True)
    message = base.parent / "output" / "message"
    message.parent.mkdir(parents=True, exist_ok=True)
    # Cut between characters: SageMaker fails the job for a message that is not UTF-8.
    message.write_text(reason.encode()[:LONGEST_MESSAGE].decode(errors="ignore"), encoding="utf-8")
    return 1


def _config(base: Path) -> dict[str, Any]:
    path = base / "input" / "code" / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise JobError(f"the job has no config: {path} does not exist") from None
    except json.JSONDecodeError as error:
        raise JobError(f"{path} is not JSON: {error}") from error
    return config
