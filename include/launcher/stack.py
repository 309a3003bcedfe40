"""The stand-in and Airflow as one thing: start, wait until healthy, stop.

Both `make run` and the tests from the outside use it, so what is tested is what a user runs.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from launcher import airflow_setup, stand_in
from launcher.api import Airflow, NotThere
from launcher.environments import require_space
from launcher.problem import Problem
from launcher.processes import Processes, last_lines, recorded, stop_recorded
from launcher.settings import Choices
from launcher.stand_in import Connection

HEALTHY_WITHIN_SECONDS = 240.0  # ten on a quiet machine
DISK_NEEDED_GB = 0.5  # a run keeps 20 MB; its jobs, and the logs, need room to work
RESTARTS = 3  # of each of Airflow's processes
AIRFLOW_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


@dataclass
class Stack:
    """Everything that runs on the laptop.

    `source` is the environment to start from; `extra` is added for all children.
    """

    choices: Choices
    source: Mapping[str, str] = field(default_factory=lambda: os.environ)
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        layout = self.choices.layout
        self.processes = Processes(layout.processes_file, layout.logs)
        self.airflow_port = 0
        self.aws_port = 0
        self.is_ours = True  # False: it ran before, and goes on after us

    @property
    def connection(self) -> Connection:
        """How to reach the stand-in.

        :raises Problem: it has never listened
        """
        connection = Connection.read(self.choices.layout.aws_data)
        if connection is None:
            raise Problem("The stand-in is not running: `make up` starts it.")
        return connection

    @property
    def airflow(self) -> Airflow:
        """A client of Airflow's REST API, logged in."""
        password = airflow_setup.secrets_of(self.choices.layout).admin_password
        return Airflow(f"http://127.0.0.1:{self.airflow_port}", airflow_setup.USER, password)

    def start(self) -> None:
        """Start everything and wait until it is healthy.

        :raises Problem: a port is taken, a child died, or it took too long
        """
        self._refuse_or_clear_leftovers()
        require_space(self.choices.layout.home, DISK_NEEDED_GB, "a run")
        self.aws_port = free_port(self.choices.ports.stand_in, "AWS_PORT")
        self.airflow_port = free_port(self.choices.ports.airflow, "PORT", but=self.aws_port)
        airflow_setup.prepare_home(self.choices.layout)
        self.start_stand_in()
        self.start_airflow()

    def start_stand_in(self) -> None:
        """Start the stand-in on its port and wait until it listens. Also after it was stopped."""
        layout = self.choices.layout
        (layout.aws_data / "connection.json").unlink(missing_ok=True)
        environment = stand_in.clean_environment(layout, self.source) | dict(self.extra)
        self.processes.start("stand-in", stand_in.command(layout, self.aws_port), environment, layout.root)
        self.processes.wait_until(lambda: Connection.read(layout.aws_data), 60, "the stand-in")

    def start_airflow(self) -> None:
        """Migrate the database if needed, start the four processes, wait until all are healthy."""
        layout = self.choices.layout
        environment = self.airflow_environment()
        if not airflow_setup.database_is_current(layout):
            self._migrate(environment)
        for name, command in airflow_setup.commands(layout, self.airflow_port).items():
            self._start_part(name, command, environment)
        self.processes.wait_until(self._healthy, HEALTHY_WITHIN_SECONDS, "Airflow")

    def start_airflow_part(self, name: str) -> None:
        """Start one of the four processes again after it was stopped."""
        command = airflow_setup.commands(self.choices.layout, self.airflow_port)[name]
        self._start_part(name, command, self.airflow_environment())

    def _start_part(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        # On SQLite, a scheduler may die of a run that the API made and took back: its POST /backfills found
        # the database locked. A supervisor would start it again, and so does this one.
        self.processes.start(name, command, environment, self.choices.layout.root, restarts=RESTARTS)

    def airflow_environment(self) -> dict[str, str]:
        """What Airflow's processes read; also right for an `airflow` command typed by hand."""
        return airflow_setup.environment(
            self.choices, self.airflow_port, self.connection, self.source
        ) | dict(self.extra)

    def stop(self) -> None:
        """Stop what this stack started, Airflow first: its tasks would otherwise see AWS vanish."""
        if self.is_ours:
            self.processes.stop()

    def attach(self) -> bool:
        """Use what `make up` keeps running.

        :return: whether there was something to attach to
        """
        launcher, children = recorded(self.choices.layout.processes_file)
        if launcher or len(children) < 1 + len(AIRFLOW_PARTS):
            return False
        ports = read_ports(self.choices)
        if ports is None:
            return False
        self.airflow_port, self.aws_port = ports
        self.is_ours = False
        return self._healthy() is not None

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until the dag-processor has read a DAG and its stages.

        :raises Problem: it never appeared; carries Airflow's import errors
        """
        airflow = self.airflow
        deadline = time.monotonic() + 60

        def known() -> bool | None:
            try:
                return True if airflow.dag(dag_id) else None
            except NotThere:
                if time.monotonic() > deadline:
                    raise Problem(f"Airflow does not know the DAG {dag_id}.\n{_errors(airflow)}") from None
                return None

        self.processes.wait_until(known, 90, f"the DAG {dag_id}")

    def _migrate(self, environment: Mapping[str, str]) -> None:
        layout = self.choices.layout
        child = self.processes.start(
            "db-migrate", airflow_setup.migrate_command(layout), environment, layout.root
        )
        code = child.process.wait()
        self.processes.stop("db-migrate")
        if code != 0:
            raise Problem(
                f"Airflow's database could not be made ready; {child.log} ends with:\n{last_lines(child.log)}"
            )
        airflow_setup.note_database_is_current(layout)

    def _healthy(self) -> bool | None:
        airflow = self.airflow
        if not airflow.takes_tasks():
            return None
        health = airflow.health()
        return True if all(health.get(part) == "healthy" for part in AIRFLOW_PARTS) else None

    def _refuse_or_clear_leftovers(self) -> None:
        launcher, children = recorded(self.choices.layout.processes_file)
        if launcher:
            raise Problem(
                "Another `make run` of this project is going on; wait for it, or end it with `make down`."
            )
        if children:
            print("stopping what an earlier run left behind …", flush=True)
            stop_recorded(self.choices.layout.processes_file)


_OWN_PORTS = range(20_000, 20_400)  # below the ports that Linux gives to outgoing connections


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port(wanted: int, option: str, *, but: int = 0) -> int:
    """The wanted port if it is free, or any free one for 0.

    Not one that the kernel picks: it also gives those to outgoing connections, so that by the time a slow
    server binds, its port may be taken.

    :raises Problem: it is taken; names the option to choose another
    """
    if wanted == 0:
        wanted = secrets.choice([port for port in _OWN_PORTS if port != but and _is_free(port)])
    with socket.socket() as probe:
        # As servers do: a connection of an earlier run that is still closing does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except PermissionError:
            raise Problem(
                f"Port {wanted} is reserved for the administrator; choose one above 1023 with {option}."
            ) from None
        except OSError:
            raise Problem(
                f"Port {wanted} is taken by another program. "
                f"Choose a free one, for example {option}={wanted + 1}."
            ) from None
        return int(probe.getsockname()[1])


def read_ports(choices: Choices) -> tuple[int, int] | None:
    """The ports (Airflow, stand-in) of the stack that `make up` keeps running."""
    file = choices.layout.home / "ports"
    if not file.exists():
        return None
    airflow, aws = file.read_text().split()
    return int(airflow), int(aws)


def write_ports(stack: Stack) -> None:
    """Remember the ports for those who attach."""
    (stack.choices.layout.home / "ports").write_text(f"{stack.airflow_port} {stack.aws_port}\n")


def _errors(airflow: Airflow) -> str:
    errors = airflow.import_errors()
    if not errors:
        return "It reports no import error: is there a workflow file of that name?"
    return "\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors)
