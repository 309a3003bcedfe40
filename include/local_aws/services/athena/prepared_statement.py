"""Prepared statements of a workgroup: the API's, and PREPARE, EXECUTE and DEALLOCATE PREPARE in SQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.query import Session
from local_aws.services.athena.requests import invalid_request, listed
from local_aws.services.athena.results import Answer
from local_aws.services.athena.statement import Statement, classify
from local_aws.services.athena.trino.dialect import parse_query
from local_aws.services.athena.work_group import work_group
from local_aws.services.context import Context
from local_aws.state.records import Body, RecordExists, Records
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

KIND = "athena.prepared_statement"
_NAME = r"[A-Za-z_][A-Za-z0-9_@:]{0,255}"
# What may be prepared, as Athena documents it.
_PREPARABLE = ("SELECT", "INSERT", "CREATE_TABLE_AS_SELECT", "UNLOAD")


class PreparedStatements:
    """The prepared statements of one workgroup."""

    def __init__(self, records: Records, group: str) -> None:
        self._records = records
        self.group = group

    def find(self, name: str) -> Body | None:
        """The statement as GetPreparedStatement answers it, or None."""
        found = self._records.find(self._key(name))
        return found.body if found else None

    def add(self, name: str, sql: str, description: str | None = None) -> None:
        """Store a statement. Raises RecordExists."""
        body = {"StatementName": name, "WorkGroupName": self.group, **_changed(sql, description)}
        self._records.insert(self._key(name), body)

    def change(self, name: str, sql: str, description: str | None) -> None:
        """Replace a statement's text. Raises RecordMissing."""
        self._records.change(self._key(name), lambda body: {**body, **_changed(sql, description)})

    def remove(self, name: str) -> bool:
        """Forget a statement; False when there was none."""
        return self._records.delete(self._key(name))

    def __iter__(self) -> Iterator[Body]:
        """All of them, by name."""
        return (record.body for record in self._records.scan(f"{self.group}/"))

    def _key(self, name: str) -> str:
        return f"{self.group}/{name}"


def _changed(sql: str, description: str | None) -> Body:
    body = {"QueryStatement": sql, "LastModifiedTime": datetime.now(UTC)}
    return {**body, "Description": description} if description else body


# The API


@operation("athena", "CreatePreparedStatement")
def create_prepared_statement(context: Context, call: Call) -> dict[str, Any]:
    """Store a statement under a name."""
    given = call.parameters
    try:
        _statements(context, call).add(
            given["StatementName"], given["QueryStatement"], given.get("Description")
        )
    except RecordExists:
        raise invalid_request(
            f"Prepared Statement {given['StatementName']} already exists in WorkGroup {given['WorkGroup']}"
        ) from None
    return {}


@operation("athena", "GetPreparedStatement")
def get_prepared_statement(context: Context, call: Call) -> dict[str, Any]:
    """Describe a statement."""
    return {"PreparedStatement": _existing(context, call)}


@operation("athena", "BatchGetPreparedStatement")
def batch_get_prepared_statement(context: Context, call: Call) -> dict[str, Any]:
    """Describe several statements; unknown names are answered as unprocessed."""
    statements = _statements(context, call)
    found, missing = [], []
    for name in call.parameters["PreparedStatementNames"]:
        body = statements.find(name)
        if body:
            found.append(body)
        else:
            reason = f"Prepared Statement {name} was not found"
            missing.append(
                {"StatementName": name, "ErrorCode": "STATEMENT_NOT_FOUND", "ErrorMessage": reason}
            )
    return {"PreparedStatements": found, "UnprocessedPreparedStatementNames": missing}


@operation("athena", "ListPreparedStatements")
def list_prepared_statements(context: Context, call: Call) -> dict[str, Any]:
    """List a workgroup's statements by name."""
    answer = listed(
        "PreparedStatements",
        _statements(context, call),
        call.parameters,
        key=lambda body: body["StatementName"],
    )
    answer["PreparedStatements"] = [
        {member: body[member] for member in ("StatementName", "LastModifiedTime")}
        for body in answer["PreparedStatements"]
    ]
    return answer


@operation("athena", "UpdatePreparedStatement")
def update_prepared_statement(context: Context, call: Call) -> dict[str, Any]:
    """Replace a statement's text."""
    _existing(context, call)
    given = call.parameters
    _statements(context, call).change(
        given["StatementName"], given["QueryStatement"], given.get("Description")
    )
    return {}


@operation("athena", "DeletePreparedStatement")
def delete_prepared_statement(context: Context, call: Call) -> dict[str, Any]:
    """Forget a statement."""
    _existing(context, call)
    _statements(context, call).remove(call.parameters["StatementName"])
    return {}


def _statements(context: Context, call: Call) -> PreparedStatements:
    group = work_group(context, call.parameters["WorkGroup"])["Name"]
    return PreparedStatements(context.records(KIND), group)


def _existing(context: Context, call: Call) -> Body:
    name = call.parameters["StatementName"]
    found = _statements(context, call).find(name)
    if found is None:
        raise AwsError(
            "ResourceNotFoundException", f"Prepared Statement {name} was not found", ResourceName=name
        )
    return found


# SQL


def prepare(session: Session, sql: str) -> Answer:
    """PREPARE name FROM statement: kept in the workgroup until DEALLOCATE."""
    found = re.fullmatch(rf"\s*PREPARE\s+({_NAME})\s+FROM\s+(.+)", sql, re.I | re.S)
    if not found:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: expecting PREPARE name FROM statement")
    name, text = found[1], found[2].strip()
    kind = classify(text).kind
    if kind not in _PREPARABLE:
        raise QueryFailed(
            "NOT_SUPPORTED: only SELECT, INSERT INTO, CREATE TABLE AS and UNLOAD can be prepared, "
            f"not {kind.replace('_', ' ') or text.split()[0].upper()}"
        )
    try:
        session.prepared.add(name, text)
    except RecordExists:
        raise QueryFailed(
            f"INVALID_PREPARED_STATEMENT: Prepared statement {name} already exists in workgroup "
            f"{session.prepared.group}"
        ) from None
    return Answer()


def deallocate(session: Session, sql: str) -> Answer:
    """DEALLOCATE PREPARE name."""
    found = re.fullmatch(rf"\s*DEALLOCATE\s+PREPARE\s+({_NAME})\s*", sql, re.I)
    if not found:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: expecting DEALLOCATE PREPARE name")
    if not session.prepared.remove(found[1]):
        raise _unknown(session, found[1])
    return Answer()


def executed(session: Session, sql: str) -> tuple[Statement, list[str]]:
    """EXECUTE name [USING value, …]: the prepared statement and the values of its parameters."""
    found = re.fullmatch(rf"\s*EXECUTE\s+({_NAME})(?:\s+USING\s+(.+))?\s*", sql, re.I | re.S)
    if not found:
        raise not_supported("this form of EXECUTE")
    body = session.prepared.find(found[1])
    if body is None:
        raise _unknown(session, found[1])
    if found[2] and session.parameters:
        raise QueryFailed(
            "INVALID_PARAMETER_USAGE: line 1:1: parameters come from USING or from the request, not from both"
        )
    values = _constants(found[2]) if found[2] else list(session.parameters)
    return classify(body["QueryStatement"]), values


def _constants(text: str) -> list[str]:
    values = []
    constants = (exp.Literal, exp.Cast, exp.Neg, exp.Boolean, exp.Null)
    for value in parse_query(f"SELECT {text}").expressions:
        if not isinstance(value, constants) or value.find(exp.Column, exp.Anonymous, exp.Query):
            raise QueryFailed(f"INVALID_PARAMETER_USAGE: line 1:1: '{value.sql('trino')}' is not a constant")
        values.append(value.sql("trino"))
    return values


def _unknown(session: Session, name: str) -> QueryFailed:
    return QueryFailed(
        f"PREPARED_STATEMENT_NOT_FOUND: Prepared Statement {name} was not found in workGroup "
        f"{session.prepared.group}"
    )


STATEMENTS: dict[str, Callable[[Session, str], Answer]] = {
    "PREPARE": prepare,
    "DEALLOCATE_PREPARE": deallocate,
}
