"""What a query calls beyond DuckDB's own functions: macros and Python, given to a connection when needed.

Making all of them would cost every query some thirty milliseconds; most need none or a few.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import duckdb

from local_aws.services.athena.trino import python_functions

_CALL = re.compile(r"\btrino_\w+")


def provide(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    """Make the macros and Python functions that a statement mentions known to a connection."""
    statements = [_macros()[name] for name in _with_inner(text)]
    if statements:
        connection.execute("".join(statements))
    python_functions.register(connection, text)


def _with_inner(text: str) -> list[str]:
    """The macros of a text, each behind those that it calls itself."""
    found: list[str] = []

    def add(inner: str) -> None:
        for name in dict.fromkeys(_CALL.findall(inner)):
            if name in _macros() and name not in found:
                add(_macros()[name].split(name, 1)[1])
                found.append(name)

    add(text)
    return found


@cache
def _macros() -> dict[str, str]:
    """Name -> the statement that makes it."""
    return dict(_statements(files(__package__).joinpath("macros.sql").read_text()))


def _statements(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^CREATE MACRO ", text, flags=re.MULTILINE)[1:]:
        body = re.sub(r"^--.*\n", "", part, flags=re.MULTILINE).rstrip()
        yield part.split("(", 1)[0], f"CREATE MACRO IF NOT EXISTS {body}\n"
