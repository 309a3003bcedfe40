"""The stand-in's settings: read once at start, never changed afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Everything that can be chosen at start."""

    data_dir: Path  # records, objects, job rooms and credentials live below it
    host: str = "127.0.0.1"  # never anything but loopback: jobs are real code
    port: int = 4566  # 0 takes a free one
    region: str = "us-east-1"
    account_id: str = "000000000000"
    job_memory_gib: float = 4.0  # resident memory of all processes of one job together
    check_instance_types: bool = True  # botocore's enum lags behind AWS; False accepts any ml.* type
    offline_store_seconds: float = 2.0  # how long a feature store's records wait until they are written to S3

    # What the Clarify image runs: a program that keeps that image's contract.
    clarify_program: Path = Path(__file__).parents[1] / "jobs" / "bias" / "clarify.py"

    # What Debugger's rule image runs, likewise.
    debugger_program: Path = Path(__file__).parents[1] / "jobs" / "training" / "debugger.py"

    # The Python of the Spark environment, which Glue Spark jobs need; it may be absent.
    spark_python: Path = Path(__file__).parents[2] / ".venv-spark" / "bin" / "python"

    @property
    def endpoint_url(self) -> str:
        """The server's own address; right once the port is bound."""
        return f"http://{self.host}:{self.port}"

    @property
    def jobs_dir(self) -> Path:
        """Where each job has its room."""
        return self.data_dir / "jobs"
