"""What a job was asked: the file that the stand-in writes for the program."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.images.autopilot.contract import CSV

AUTO_BYTES = 100 * 2**20  # AUTO ensembles data sets that are smaller, and tunes on larger ones


@dataclass(frozen=True)
class Settings:
    """One job's request, normalised."""

    job: str
    target: str
    mode: str  # AUTO, ENSEMBLING, HYPERPARAMETER_TUNING
    problem_type: str | None = None  # None: inferred
    objective: str | None = None  # None: AWS's default of the problem type
    algorithms: tuple[str, ...] = ()  # none: all of the mode
    weights: str | None = None  # the column of sample weights
    validation_fraction: float | None = None
    max_candidates: int | None = None
    candidate_seconds: float | None = None  # MaxRuntimePerTrainingJobInSeconds
    deadline: float | None = None  # seconds since 1970 at which the job's budget is used up
    definitions_only: bool = False
    content_type: str = CSV
    gzip: bool = False
    features: tuple[str, ...] = ()  # FeatureAttributeNames; none: all columns
    kinds: tuple[tuple[str, str], ...] = ()  # FeatureDataTypes

    @classmethod
    def read(cls, path: Path) -> Settings:
        """The settings in a file that write() made."""
        values: dict[str, Any] = json.loads(path.read_text())
        for name in ("algorithms", "features"):
            values[name] = tuple(values[name])
        values["kinds"] = tuple((column, kind) for column, kind in values["kinds"])
        return cls(**values)

    def write(self, path: Path) -> None:
        """Make the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.__dict__, indent=2))
