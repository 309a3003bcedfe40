"""Runs queries: one thread each, a few at a time.

    QUEUED ──> RUNNING ──> SUCCEEDED | FAILED
       └──────────┴──────> CANCELLED               Stop wins: a late end changes nothing

A query lives in this process; one that is found unfinished after a restart becomes FAILED.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from local_aws.services.athena import ddl, prepared_statement, query, show
from local_aws.services.athena.errors import explained
from local_aws.services.athena.failure import SYSTEM, QueryCancelled, QueryFailed, not_supported
from local_aws.services.athena.names import bare
from local_aws.services.athena.prepared_statement import PreparedStatements, executed
from local_aws.services.athena.query import Session
from local_aws.services.athena.relations import Relations, Scanned
from local_aws.services.athena.results import (
    Answer,
    csv_manifest,
    write_csv,
    write_metadata,
    write_text,
)
from local_aws.services.athena.sandbox import Sandbox, sandbox
from local_aws.services.athena.statement import Statement, classify, without_comments
from local_aws.services.catalog import Catalog
from local_aws.services.context import Context
from local_aws.state.objects import BucketMissing, parse_s3_uri
from local_aws.state.records import Body
from local_aws.wire.errors import AwsError

LOG = logging.getLogger(__name__)

KIND = "athena.query_execution"
# A query uses two threads; more queries than cores side by side take longer than one after the other.
PARALLEL_QUERIES = max(2, os.cpu_count() or 1)
_INTERRUPT_SECONDS = 0.05
_STATEMENTS = {
    **query.STATEMENTS,
    **ddl.STATEMENTS,
    **show.STATEMENTS,
    **prepared_statement.STATEMENTS,
}
UNFINISHED = ("QUEUED", "RUNNING")


@dataclass
class _Running:
    """A query that this process works on."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    room: Sandbox | None = None

    def interrupt(self) -> None:
        """Make the query end as soon as it can; answers at once."""
        self.cancelled.set()
        threading.Thread(target=self._insist, name="athena interrupt", daemon=True).start()

    def _insist(self) -> None:
        # An interrupt between two statements is lost, so one is not enough.
        while not self.ended.is_set():
            room = self.room
            if room is not None:
                room.interrupt()
            self.ended.wait(_INTERRUPT_SECONDS)


class Queries:
    """The queries of one stand-in."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pool = ThreadPoolExecutor(PARALLEL_QUERIES, thread_name_prefix="athena")
        self._running: dict[str, _Running] = {}
        self._records = context.records(KIND)

    def start(self, query_id: str) -> None:
        """Run the query whose record was just stored as QUEUED."""
        self._running[query_id] = _Running()
        self._pool.submit(self._run, query_id)

    def stop(self, query_id: str) -> None:
        """Cancel a query; one that has ended stays as it is."""
        self._move(query_id, UNFINISHED, "CANCELLED", "Query cancelled by user")
        running = self._running.get(query_id)
        if running:
            running.interrupt()

    def close(self) -> None:
        """Interrupt what runs and wait for the threads."""
        unfinished = list(self._running.values())
        for running in unfinished:
            running.interrupt()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for running in unfinished:  # those that never began
            running.ended.set()

    def _run(self, query_id: str) -> None:
        running = self._running[query_id]
        try:
            if self._move(query_id, ("QUEUED",), "RUNNING"):
                self._execute(query_id, running)
        except QueryCancelled:
            self._move(query_id, UNFINISHED, "FAILED", "The stand-in was stopped while this query ran.")
        except Exception as problem:
            LOG.exception("Athena query %s", query_id)
            self._fail(query_id, QueryFailed(f"GENERIC_INTERNAL_ERROR: {problem!r}", category=SYSTEM))
        finally:
            running.ended.set()
            self._running.pop(query_id, None)

    def _execute(self, query_id: str, running: _Running) -> None:
        body = self._records.get(query_id).body
        execution = body["QueryExecution"]
        statement = classify(execution["Query"])
        started = time.monotonic()
        scratch = self._context.settings.data_dir / "athena" / query_id
        with sandbox(scratch) as room:
            running.room = room
            catalog = Catalog(self._context)
            # awswrangler gives the database in backticks; Athena takes it.
            database = bare(execution["QueryExecutionContext"].get("Database", "default"))
            relations = Relations(catalog, self._context.objects, room, database)
            session = Session(
                query_id=query_id,
                database=database,
                parameters=execution.get("ExecutionParameters") or [],
                output=body["OutputPrefix"],
                catalog=catalog,
                objects=self._context.objects,
                sandbox=room,
                relations=relations,
                prepared=PreparedStatements(
                    self._context.records(prepared_statement.KIND), execution["WorkGroup"]
                ),
                cancelled=running.cancelled,
            )
            try:
                if statement.kind == "EXECUTE":
                    statement, session.parameters = executed(session, statement.sql)
                answer = _answer(session, statement)
                stored = self._store(session, statement, answer, scratch)
            except QueryFailed as failure:
                self._fail(query_id, failure, relations.scanned, started)
            except duckdb.InterruptException:
                raise QueryCancelled from None
            except duckdb.Error as problem:
                told = explained(problem, statement.sql)
                told.reason = relations.with_addresses(told.reason)
                self._fail(query_id, told, relations.scanned, started)
            except AwsError as problem:
                self._fail(
                    query_id, QueryFailed(f"{problem.code}: {problem.message}"), relations.scanned, started
                )
            except BucketMissing as problem:
                no_bucket = QueryFailed(f"PERMISSION_DENIED: The bucket {problem.args[0]} does not exist")
                self._fail(query_id, no_bucket, relations.scanned, started)
            else:
                self._succeed(query_id, stored, relations.scanned, started)
            finally:
                running.room = None

    def _store(self, session: Session, statement: Statement, answer: Answer, scratch: Path) -> Body:
        """Put the result into S3; answers what the record needs to know of it."""
        base = f"{session.output}{session.query_id}"
        stored: Body = {"UpdateCount": answer.update_count}
        if answer.manifest is not None:
            location = (
                base
                if statement.kind != "CREATE_TABLE_AS_SELECT"
                else f"{session.output}tables/{session.query_id}"
            )
            manifest = f"{location}-manifest.csv"
            self._put(manifest, csv_manifest(answer.manifest).encode())
            stored |= {"OutputLocation": location, "Manifest": manifest, "Columns": []}
            return stored
        path = scratch / "result"
        if statement.type == "DML":
            location = f"{base}.csv"
            write_csv(path, answer)
        else:
            location = f"{base}.txt"
            write_text(path, answer)
        session.go_on()
        described = scratch / "metadata"
        write_metadata(described, answer.columns)
        bucket, key = parse_s3_uri(location)
        self._context.objects.put_file(bucket, f"{key}.metadata", described, move=True)
        self._context.objects.put_file(bucket, key, path, move=True)
        stored |= {"OutputLocation": location, "Columns": [column.info() for column in answer.columns]}
        return stored

    def _put(self, uri: str, content: bytes) -> None:
        bucket, key = parse_s3_uri(uri)
        self._context.objects.put(bucket, key, content)

    # The record

    def _move(self, query_id: str, before: tuple[str, ...], after: str, reason: str | None = None) -> bool:
        """Compare-and-set of the state; False when the query was in another one."""
        moved = False

        def change(body: Body) -> Body | None:
            nonlocal moved
            status = body["QueryExecution"]["Status"]
            if status["State"] not in before:
                return None
            moved = True
            status["State"] = after
            if reason:
                status["StateChangeReason"] = reason
            if after not in UNFINISHED:
                status["CompletionDateTime"] = datetime.now(UTC)
            return body

        self._records.change(query_id, change)
        return moved

    def _succeed(self, query_id: str, stored: Body, scanned: Scanned, started: float) -> None:
        def change(body: Body) -> Body | None:
            execution = body["QueryExecution"]
            if execution["Status"]["State"] != "RUNNING":
                return None
            execution["Status"] |= {"State": "SUCCEEDED", "CompletionDateTime": datetime.now(UTC)}
            execution["ResultConfiguration"]["OutputLocation"] = stored["OutputLocation"]
            execution["Statistics"] = _statistics(execution, scanned, started)
            if "Manifest" in stored:
                execution["Statistics"]["DataManifestLocation"] = stored["Manifest"]
            body["Columns"] = stored["Columns"]
            if stored["UpdateCount"] is not None:
                body["UpdateCount"] = stored["UpdateCount"]
            return body

        self._records.change(query_id, change)

    def _fail(
        self,
        query_id: str,
        failure: QueryFailed,
        scanned: Scanned | None = None,
        started: float | None = None,
    ) -> None:
        def change(body: Body) -> Body | None:
            execution = body["QueryExecution"]
            if execution["Status"]["State"] not in UNFINISHED:
                return None
            execution["Status"] |= {
                "State": "FAILED",
                "StateChangeReason": failure.reason,
                "CompletionDateTime": datetime.now(UTC),
                "AthenaError": {
                    "ErrorCategory": failure.category,
                    "ErrorType": failure.error_type,
                    "Retryable": False,
                    "ErrorMessage": failure.reason,
                },
            }
            execution["Statistics"] = _statistics(
                execution, scanned or Scanned(), started or time.monotonic()
            )
            return body

        self._records.change(query_id, change)


# Statements that Athena knows and the stand-in does not; anything else is a syntax error in both.
_OTHER_STATEMENTS = ("OPTIMIZE", "VACUUM")


def _answer(session: Session, statement: Statement) -> Answer:
    run = _STATEMENTS.get(statement.kind)
    if run is not None:
        if session.parameters and statement.type != "DML" and statement.kind != "CREATE_TABLE_AS_SELECT":
            raise QueryFailed("INVALID_PARAMETER_USAGE: parameters can only be used in queries")
        return run(session, statement.sql)
    words = " ".join(without_comments(statement.sql).split()[:2]).upper()
    if words.split(" ")[0] in ("DELETE", "UPDATE", "MERGE"):
        raise QueryFailed(
            "NOT_SUPPORTED: Modifying Hive table rows is only supported for transactional tables"
        )
    if words.split(" ")[0] in _OTHER_STATEMENTS:
        raise not_supported(f"the statement {words}")
    if not words:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: mismatched input '<EOF>'")
    raise QueryFailed(f"SYNTAX_ERROR: line 1:1: mismatched input '{words.split(' ')[0]}'")


def _statistics(execution: Body, scanned: Scanned, started: float) -> dict[str, Any]:
    engine = int((time.monotonic() - started) * 1000)
    total = int((datetime.now(UTC) - execution["Status"]["SubmissionDateTime"]).total_seconds() * 1000)
    return {
        "EngineExecutionTimeInMillis": engine,
        "DataScannedInBytes": scanned.bytes,
        "TotalExecutionTimeInMillis": max(total, engine),
        "QueryQueueTimeInMillis": max(0, total - engine),
        "ServicePreProcessingTimeInMillis": 0,
        "QueryPlanningTimeInMillis": 0,
        "ServiceProcessingTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
    }


def queries(context: Context) -> Queries:
    """The queries of this stand-in."""
    found: Queries | None = context.running.get("athena")
    if found is None:
        found = context.running.setdefault("athena", Queries(context))
    return found


def recover(context: Context) -> None:
    """Fail what an earlier life of the stand-in left unfinished."""
    records = context.records(KIND)

    def fail(body: Body) -> Body:
        body["QueryExecution"]["Status"] |= {
            "State": "FAILED",
            "StateChangeReason": "INTERNAL_ERROR: the stand-in was stopped while this query ran",
            "CompletionDateTime": datetime.now(UTC),
            "AthenaError": {"ErrorCategory": SYSTEM, "ErrorType": 0, "Retryable": True},
        }
        return body

    for record in list(records.scan()):
        if record.body["QueryExecution"]["Status"]["State"] in UNFINISHED:
            records.change(record.key, fail)
    shutil.rmtree(context.settings.data_dir / "athena", ignore_errors=True)


def close(context: Context) -> None:
    """Interrupt what runs."""
    found: Queries | None = context.running.get("athena")
    if found is not None:
        found.close()
