"""What the types of Glue jobs have in common, and where they differ.

A job's Command.Name is its type. Each type is one module beside this one: what its definition may say, how
large a run is, which process runs it, and how a failure is told.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import local_aws.images
from local_aws.jobs.engine import Command, JobFailed
from local_aws.jobs.room import Room
from local_aws.state.logs import GroupMissing, StreamMissing
from local_aws.state.objects import BucketMissing, ObjectMissing, parse_s3_uri
from local_aws.state.records import Body

# Arguments that Glue itself reads; the script gets them too, as on AWS.
EXTRA_FILES, EXTRA_MODULES = "--extra-py-files", "--additional-python-modules"
GIB_PER_DPU = 16
LIBRARY = Path(local_aws.images.__file__).parent / "glue"  # holds awsglue


class JobType(Protocol):
    """One type of job. Stateless."""

    name: str  # Command.Name
    log_group: str  # LogGroupName of its runs; stdout goes to <log_group>/output, stderr to <log_group>/error

    def defined(self, api: str, given: Mapping[str, Any]) -> Body:
        """The members that this type adds to a definition, with Glue's defaults, or changes in it.

        Raises InvalidInputException, NotEmulated.
        """

    def size(self, given: Mapping[str, Any], definition: Mapping[str, Any]) -> Body:
        """The capacity of a run: what StartJobRun says, else what the definition does.

        Raises InvalidInputException.
        """

    def check_arguments(self, arguments: Mapping[str, str]) -> None:
        """Refuse arguments that ask for what is not emulated. Raises NotEmulated."""

    def command(self, room: Room, body: Body) -> Command:
        """Fill the room of a run and say what to run. Raises JobFailed."""

    def failure(self, room: Room, body: Body, code: int) -> str:
        """The ErrorMessage of a run whose process ended with a status that is not 0."""


def script_of(room: Room, body: Body) -> Path:
    """Fetch the script. Raises JobFailed."""
    directory = room.path / "script"
    return directory / _fetch(room, body["Command"]["ScriptLocation"], directory)


def search_path(room: Room, arguments: Mapping[str, str]) -> list[Path]:
    """Fetch what --extra-py-files names; what goes on PYTHONPATH for it, and Glue's own library.

    An archive is an entry itself, a .py file has its directory as one. Raises JobFailed.
    """
    directory = room.path / "script" / "extra"
    search: list[Path] = []
    for uri in _uris(arguments):
        path = directory / _fetch(room, uri, directory)
        place = directory if path.suffix == ".py" else path
        if place not in search:
            search.append(place)
    return [*search, LIBRARY]


def argv_of(arguments: Mapping[str, str]) -> list[str]:
    """The arguments as a script sees them: name, value, name, value."""
    return [part for pair in arguments.items() for part in pair]


def last_line(room: Room, group: str, stream: str) -> str | None:
    """The last thing that a process wrote to a stream: of a traceback, the exception."""
    try:
        lines = [event.message.strip() for event in room.logs.events(group, stream)]
    except (GroupMissing, StreamMissing):  # it wrote nothing
        return None
    return next((line for line in reversed(lines) if line), None)


def _uris(arguments: Mapping[str, str]) -> Iterator[str]:
    return filter(None, (part.strip() for part in arguments.get(EXTRA_FILES, "").split(",")))


def _fetch(room: Room, uri: str, directory: Path) -> str:
    """Copy one object into ``directory``; its file name. Raises JobFailed."""
    try:
        bucket, key = parse_s3_uri(uri)
        _, source = room.objects.open(bucket, key)
    except (ValueError, BucketMissing, ObjectMissing):
        raise JobFailed(f"The script or library {uri} does not exist.") from None
    name = PurePosixPath(key).name
    if name in ("", ".."):
        raise JobFailed(f"The script or library {uri} has no file name.")
    directory.mkdir(parents=True, exist_ok=True)
    with source, (directory / name).open("wb") as copy:
        shutil.copyfileobj(source, copy)
    return name
