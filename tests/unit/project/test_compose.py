"""docker-compose.yaml: valid against the compose specification, and without default secrets."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker-compose.yaml"


def test_fits_the_compose_specification() -> None:
    """The schema comes with check-jsonschema, so nothing is fetched."""
    tool = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_must_be_set() -> None:
    """A secret that is not set stops `docker compose up`; none has a value in the file."""
    text = COMPOSE.read_text()
    variables = re.findall(r"\$\{(\w+)([^}]*)\}", text)
    assert variables
    assert [name for name, rest in variables if not rest.startswith(":?")] == []
    secrets = re.findall(r"\w*(?:PASSWORD|SECRET|FERNET)\w*:\s+(\S+)", text)
    assert secrets
    assert all(value.startswith("${") for value in secrets)


def test_example_environment_names_every_variable_and_no_value() -> None:
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text()))
    lines = (ROOT / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(given) == used
    assert set(given.values()) == {""}


def test_published_ports_are_on_loopback() -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
