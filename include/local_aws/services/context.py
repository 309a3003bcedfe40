"""What every handler gets beside the call: state, the job engine and the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local_aws.jobs.engine import Engine
from local_aws.settings import Settings
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Database, Records


@dataclass(frozen=True)
class Context:
    """Built once by the app; tests build their own."""

    settings: Settings
    database: Database
    objects: Objects  # S3 buckets and objects
    logs: Logs  # CloudWatch log groups, streams and events
    engine: Engine  # starts, stops and recovers jobs
    # What a service holds in memory while it runs, by service name: threads to stop, queries to
    # interrupt. Never anything that must survive a restart.
    running: dict[str, Any] = field(default_factory=dict, compare=False)

    def records(self, kind: str) -> Records:
        """The records of one kind of resource."""
        return Records(self.database, kind)
