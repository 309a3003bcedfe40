"""A locked DuckDB for one query: it can reach the files of its scratch directory and nothing else.

A query's text never names a file: tables are resolved by the catalog, and their objects are linked into the
scratch directory before the lock. Still, what reaches DuckDB was written by somebody, so the engine itself
has no way out: no other path, no network, no extension, no change of a setting.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock

import duckdb

MEMORY = "1GiB"  # of one query; what does not fit spills to the scratch directory, up to SPILL
SPILL = "8GiB"
THREADS = 2


class Sandbox:
    """One query's database and directory.

    scratch/
        in/     the data files of the tables that the query names, as links
        out/    what CTAS, INSERT and UNLOAD write before it goes to S3
        spill/  DuckDB's own
    """

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._made: duckdb.DuckDBPyConnection | None = None
        self._lock = Lock()  # nobody interrupts a connection while it is being closed
        for name in ("in", "out", "spill"):
            (scratch / name).mkdir(parents=True)

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The database, made when it is first needed: most DDL never needs it."""
        made = duckdb.connect(
            ":memory:",
            config={"memory_limit": MEMORY, "threads": THREADS, "autoinstall_known_extensions": False},
        )
        made.execute(
            f"""
            SET TimeZone = 'UTC';
            SET default_null_order = 'nulls_last';
            SET temp_directory = '{self.scratch / "spill"}';
            SET max_temp_directory_size = '{SPILL}';
            SET enable_progress_bar = false;
            CREATE SCHEMA data; CREATE SCHEMA shape;
            """
        )
        self._made = made
        return made

    def interrupt(self) -> None:
        """End the statement that runs, if any; from another thread."""
        with self._lock:
            if self._made is not None:
                self._made.interrupt()

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._made is not None:
                self._made.close()
            self._made = None

    def lock(self) -> None:
        """From here on only the scratch directory can be reached and no setting be changed."""
        self.connection.execute(
            f"""
            SET allowed_directories = ['{self.scratch}/in/', '{self.scratch}/out/'];
            SET enable_external_access = false;
            SET lock_configuration = true;
            """
        )


@contextmanager
def sandbox(scratch: Path) -> Iterator[Sandbox]:
    """A sandbox whose directory is gone afterwards."""
    shutil.rmtree(scratch, ignore_errors=True)
    made = Sandbox(scratch)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(scratch, ignore_errors=True)
