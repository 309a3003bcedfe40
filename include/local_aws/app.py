"""Puts the stand-in together: state, job engine, services, server.

lock the data directory -> bind the port -> open state -> load services -> recover -> answer
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from local_aws.jobs.engine import Engine
from local_aws.services.context import Context
from local_aws.settings import Settings
from local_aws.state.credentials import Credentials
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Database, StateIsNewer
from local_aws.wire import protocol
from local_aws.wire.gateway import Gateway
from local_aws.wire.registry import REGISTRY
from local_aws.wire.server import listen, server
from local_aws.wire.signature import Key

# Every service package; importing one registers its operations. It may also define
# JOB_KINDS (list of jobs.engine.JobKind), recover(context) and close(context).
SERVICES = ["s3", "sts", "iam", "logs", "glue", "athena", "sagemaker"]


class CannotStart(Exception):
    """A sentence that says why the stand-in cannot start, for a person."""


def load_services() -> list[ModuleType]:
    """Import all services."""
    return [importlib.import_module(f"local_aws.services.{name}") for name in SERVICES]


def serve(settings: Settings, *, ready_file: Path | None = None) -> None:
    """Run the stand-in until SystemExit or KeyboardInterrupt. Raises CannotStart."""
    _make_data_dir(settings.data_dir)
    with _locked(settings.data_dir):
        bound = _bind(settings)
        settings = replace(settings, port=bound.getsockname()[1])
        services = load_services()
        try:
            context = open_context(settings)
        except StateIsNewer as error:
            bound.close()
            raise CannotStart(f"{error}.") from None
        except (OSError, sqlite3.Error) as error:
            bound.close()
            raise CannotStart(f"The state in {settings.data_dir} cannot be opened: {error}.") from None
        try:
            _run(context, services, bound, ready_file)
        finally:
            for service in services:
                if hasattr(service, "close"):
                    service.close(context)
            context.engine.close()


def open_context(settings: Settings) -> Context:
    """State and engine below ``settings.data_dir``."""
    database = Database(settings.data_dir / "state.db")
    objects = Objects(database, settings.data_dir / "objects")
    logs = Logs(database)
    return Context(settings, database, objects, logs, Engine(settings, database, objects, logs))


def gateway(context: Context) -> Gateway:
    """The WSGI application over a context."""
    settings = context.settings
    credentials = Credentials(context.database)

    def find_key(access_key: str) -> Key | None:
        found = credentials.find(access_key)
        return Key(found.secret_key, found.session_token, found.expires) if found else None

    return Gateway(
        registry=REGISTRY,
        context=context,
        find_key=find_key,
        region=settings.region,
        account_id=settings.account_id,
        base_url=settings.endpoint_url,
        check_instance_types=settings.check_instance_types,
    )


def connection(context: Context) -> dict[str, str]:
    """What a client needs to call this stand-in."""
    root = Credentials(context.database).root()
    return {
        "endpoint_url": context.settings.endpoint_url,
        "region": context.settings.region,
        "account_id": context.settings.account_id,
        "access_key_id": root.access_key,
        "secret_access_key": root.secret_key,
    }


def _run(context: Context, services: list[ModuleType], bound: socket.socket, ready_file: Path | None) -> None:
    settings = context.settings
    context.objects.sweep()
    known = connection(context)
    for service in services:
        for kind in getattr(service, "JOB_KINDS", ()):
            context.engine.register(kind)
    context.engine.connect(known["endpoint_url"], known["access_key_id"], known["secret_access_key"])
    context.engine.recover()
    for service in services:
        if hasattr(service, "recover"):
            service.recover(context)
    running = server(gateway(context), bound, settings.data_dir / "spool")
    line = json.dumps(known)
    for path in [settings.data_dir / "connection.json", *([ready_file] if ready_file else [])]:
        _write_private(path, line + "\n")
    print(line, flush=True)  # noqa: T201 - the one line that a parent process waits for
    threading.Thread(target=_load_models, name="load models", daemon=True).start()
    running.run()


def _load_models() -> None:
    """Read the services' models, so that nobody's first call waits for them."""
    for service in sorted(REGISTRY.services):
        protocol.model(service)


def _make_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        data_dir.chmod(0o700)  # it holds the secret key
    except OSError as error:
        raise CannotStart(f"The data directory {data_dir} cannot be used: {error.strerror}.") from None
    if not os.access(data_dir, os.W_OK | os.X_OK):
        raise CannotStart(f"The data directory {data_dir} is not writable.")


@contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Hold the directory's lock; the kernel releases it when this process ends, however it ends."""
    try:
        file: Any = (data_dir / "lock").open("w")
    except OSError as error:
        raise CannotStart(f"The data directory {data_dir} cannot be used: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(f"Another stand-in is running on the data directory {data_dir}.") from None
        yield


def _bind(settings: Settings) -> socket.socket:
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        raise CannotStart(
            f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}): "
            "stop what listens there or choose another with --port."
        ) from None


def _write_private(path: Path, text: str) -> None:
    """Replace the file in one step; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
