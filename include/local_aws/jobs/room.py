"""A job's room: the directory that belongs to one job while it lives.

<jobs_dir>/<kind>/<key>/
    ml/             what the job sees as /opt/ml
    home/  tmp/     its HOME and TMPDIR
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

from local_aws.jobs.process import OPT_ML, StopSignal
from local_aws.settings import Settings
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Database

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Room:
    """What a kind works with in prepare() and collect()."""

    path: Path  # the job's directory on this machine
    database: Database  # the records, for a kind whose jobs make some
    objects: Objects  # S3
    logs: Logs  # CloudWatch Logs
    settings: Settings
    stopping: StopSignal  # set as soon as Stop was asked for: long copies look at it
    lines: list[str] = field(default_factory=list)  # for the job's log, before it has a stream

    @property
    def opt_ml(self) -> Path:
        """The tree that the job sees as /opt/ml."""
        return self.path / OPT_ML

    def log(self, line: str) -> None:
        """Put a line of the stand-in's own at the head of the job's log. For prepare()."""
        LOG.info("%s: %s", self.path.name, line)
        self.lines.append(line)

    def inside(self, path: str) -> Path:
        """Where a path of the job's world ("/opt/ml/processing/input") lies here.

        Raises ValueError for a path that leaves /opt/ml.
        """
        parts = Path(path).parts
        if parts[:3] != ("/", "opt", "ml") or ".." in parts:
            raise ValueError(f"{path} does not lie under /opt/ml")
        return self.opt_ml.joinpath(*parts[3:])
