"""An engine with a kind of job made for tests: its command is written in its record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local_aws.jobs import process
from local_aws.jobs.engine import Command, Engine, Exit, JobFailed, JobRef
from local_aws.jobs.lifecycle import Life
from local_aws.jobs.room import Room
from local_aws.settings import Settings
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Database, Records

LIFE = Life(
    field="State",
    moves={
        "Starting": frozenset({"Downloading", "Failed", "Stopping"}),
        "Downloading": frozenset({"Running", "Failed", "Stopping"}),
        "Running": frozenset({"Uploading", "Failed", "Stopping"}),
        "Uploading": frozenset({"Completed", "Failed", "Stopping"}),
        "Stopping": frozenset({"Stopped", "TimedOut"}),
        "Completed": frozenset(),
        "Failed": frozenset(),
        "Stopped": frozenset(),
        "TimedOut": frozenset(),
    },
    starting="Starting",
    downloading="Downloading",
    running="Running",
    uploading="Uploading",
    completed="Completed",
    failed="Failed",
    stopping="Stopping",
    stopped="Stopped",
    timed_out="TimedOut",
)


@dataclass
class ScriptKind:
    """Runs the Python program in the record's "Script"."""

    kind: str = "test.job"
    life: Life = LIFE
    exits: list[Exit] = field(default_factory=list)

    def entered(self, body: dict[str, Any], state: str, reason: str | None) -> dict[str, Any]:
        states = [*body.get("States", []), state]
        return {"States": states, **({"Reason": reason} if reason else {})}

    def prepare(self, room: Room, body: dict[str, Any]) -> Command:
        if "Refuse" in body:
            raise JobFailed(body["Refuse"])
        (room.opt_ml / "script.py").write_text(body["Script"])
        return Command(
            argv=["python3", "/opt/ml/script.py"],
            log_group="/test",
            log_stream=body["Name"],
            max_runtime_seconds=body.get("Seconds"),
            memory_gib=body.get("MemoryGib"),
            grace_seconds=body.get("Grace", 20),
        )

    def collect(self, room: Room, body: dict[str, Any], exit: Exit) -> dict[str, Any]:  # noqa: A002 - the contract
        self.exits.append(exit)
        if exit.out_of_memory:
            raise JobFailed("out of memory")
        if not (exit.success or exit.stopped or exit.timed_out):
            raise JobFailed(f"exit code {exit.code}")
        return {"Output": sorted(path.name for path in room.opt_ml.iterdir())}


@dataclass
class Lab:
    """An engine and all it works on."""

    settings: Settings
    database: Database
    logs: Logs
    engine: Engine
    kind: ScriptKind

    @property
    def records(self) -> Records:
        return Records(self.database, self.kind.kind)

    def start(self, name: str, script: str = "", **body: Any) -> JobRef:
        """Insert a record and start its job."""
        self.records.insert(name, {"State": "Starting", "Name": name, "Script": script, **body})
        ref = JobRef(self.kind.kind, name)
        self.engine.start(ref)
        return ref

    def finish(self, ref: JobRef, timeout: float = 60) -> dict[str, Any]:
        """Wait for the end; the record's body."""
        assert self.engine.wait(ref, timeout), f"{ref} did not end"
        return self.records.get(ref.key).body

    def lines(self, name: str) -> list[str]:
        """What the job has printed; not the stand-in's own line on machines without namespaces."""
        messages = [event.message for event in self.logs.events("/test", name)]
        return [message for message in messages if not message.startswith("local stand-in: /opt/ml is")]

    def await_line(self, name: str, line: str) -> None:
        """Until the job has printed a line."""
        import time

        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any(stream.name == name for stream in self._streams()) and line in self.lines(name):
                return
            time.sleep(0.02)
        raise AssertionError(f"{name} never said {line!r}")

    def _streams(self) -> list[Any]:
        return self.logs.streams("/test") if self.logs.groups("/test") else []


def make_lab(data_dir: Path, **options: Any) -> Lab:
    settings = Settings(data_dir=data_dir)
    database = Database(data_dir / "state.sqlite")
    logs = Logs(database)
    engine = Engine(settings, database, Objects(database, data_dir / "objects"), logs, **options)
    kind = ScriptKind()
    engine.register(kind)
    return Lab(settings, database, logs, engine, kind)


@pytest.fixture
def labs(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Make labs on one data directory; whatever becomes of the test, no process is left."""
    made: list[Lab] = []

    def make(**options: Any) -> Lab:
        made.append(make_lab(tmp_path, **options))
        return made[-1]

    yield make
    for lab in made:
        lab.engine.close()
    process.kill_marked(tmp_path)


@pytest.fixture
def lab(labs: Callable[..., Lab]) -> Lab:
    return labs()
