"""The stand-in as a child process, and what others need to reach it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.settings import Layout


@dataclass(frozen=True)
class Connection:
    """How to reach an AWS that may be a stand-in."""

    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str
    account_id: str

    @classmethod
    def read(cls, data_dir: Path) -> Connection | None:
        """Read what a stand-in wrote when it began to listen; None before that."""
        try:
            body = json.loads((data_dir / "connection.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return cls(**{name: body[name] for name in cls.__annotations__})

    def environment(self) -> dict[str, str]:
        """The variables by which boto3, async clients and Airflow's amazon provider find this AWS and
        nothing else."""
        extra = {"region_name": self.region, "endpoint_url": self.endpoint_url}
        connection = {
            "conn_type": "aws",
            "login": self.access_key_id,
            "password": self.secret_access_key,
            "extra": extra,
        }
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            # Neither the user's own profiles nor an instance role may leak in.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            # Both are needed: operators read the connection, some of the provider's code uses a bare session.
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
        }


def command(layout: Layout, port: int) -> list[str]:
    """Start the stand-in on a port (0: a free one); it writes connection.json when it listens."""
    return [
        str(layout.jobs_python),
        "-m",
        "local_aws",
        "serve",
        "--port",
        str(port),
        "--data-dir",
        str(layout.aws_data),
    ]


def clean_environment(layout: Layout, source: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what would steer AWS clients, Airflow or Python elsewhere."""
    foreign = re.compile(r"^(AWS_(?!ML_)|AIRFLOW|_AIRFLOW|PYTHONDONTWRITEBYTECODE$|PYTHONHOME$|VIRTUAL_ENV$)")
    kept = {name: value for name, value in source.items() if not foreign.match(name)}
    return kept | {
        "PYTHONPATH": f"{layout.root / 'include'}{os.pathsep}{layout.root / 'plugins'}",
        "PYTHONUNBUFFERED": "1",
        # A proxy cannot reach this machine's own loopback.
        "NO_PROXY": ",".join(filter(None, [source.get("NO_PROXY"), "127.0.0.1", "localhost"])),
        "no_proxy": ",".join(filter(None, [source.get("no_proxy"), "127.0.0.1", "localhost"])),
    }
