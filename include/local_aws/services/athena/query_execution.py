"""Query executions: start, watch, stop, read."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from local_aws.services.athena.requests import invalid_request, listed
from local_aws.services.athena.results import Row, read_rows
from local_aws.services.athena.runner import KIND, queries
from local_aws.services.athena.statement import classify
from local_aws.services.athena.work_group import work_group
from local_aws.services.context import Context
from local_aws.state.objects import BucketMissing, ObjectMissing, parse_s3_uri
from local_aws.state.records import Body, Record, RecordExists
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation

# Makes a query's id from its ClientRequestToken, so that the same request twice is one query.
_TOKENS = uuid.UUID("5c7b8a52-7f0e-4d0c-9c0b-3f1f6f0a9d11")
_ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
_MOST_ROWS = 1000


@operation("athena", "StartQueryExecution")
def start_query_execution(context: Context, call: Call) -> dict[str, Any]:
    """Accept a query; the same ClientRequestToken answers the query that it made before."""
    given = call.parameters
    group = work_group(context, given.get("WorkGroup") or "primary")
    if group["State"] != "ENABLED":
        raise invalid_request(f"WorkGroup {group['Name']} is disabled.")
    if (given.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration", {}).get("Enabled"):
        raise NotEmulated("athena", "StartQueryExecution", "result reuse")
    if not given["QueryString"].strip():
        raise invalid_request("queryString must not be blank", code="MALFORMED_QUERY")
    output = _output(given, group)
    token = given.get("ClientRequestToken")
    query_id = str(uuid.uuid5(_TOKENS, f"{group['Name']}/{token}") if token else uuid.uuid4())
    execution = _execution(query_id, given, group, output)
    try:
        context.records(KIND).insert(
            query_id, {"QueryExecution": execution, "OutputPrefix": output, "Request": _fingerprint(given)}
        )
    except RecordExists:
        if context.records(KIND).get(query_id).body["Request"] != _fingerprint(given):
            raise invalid_request("Idempotent parameters do not match") from None
        return {"QueryExecutionId": query_id}
    queries(context).start(query_id)
    return {"QueryExecutionId": query_id}


@operation("athena", "GetQueryExecution")
def get_query_execution(context: Context, call: Call) -> dict[str, Any]:
    """Describe a query."""
    return {"QueryExecution": _record(context, call.parameters["QueryExecutionId"]).body["QueryExecution"]}


@operation("athena", "BatchGetQueryExecution")
def batch_get_query_execution(context: Context, call: Call) -> dict[str, Any]:
    """Describe several queries; unknown ids are answered as unprocessed."""
    found, missing = [], []
    for query_id in call.parameters["QueryExecutionIds"]:
        record = context.records(KIND).find(query_id)
        if record:
            found.append(record.body["QueryExecution"])
        else:
            missing.append(
                {
                    "QueryExecutionId": query_id,
                    "ErrorCode": "INVALID_INPUT",
                    "ErrorMessage": f"QueryExecution {query_id} was not found",
                }
            )
    return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}


@operation("athena", "ListQueryExecutions")
def list_query_executions(context: Context, call: Call) -> dict[str, Any]:
    """List a workgroup's queries, newest first."""
    group = work_group(context, call.parameters.get("WorkGroup") or "primary")["Name"]
    records = [
        each for each in context.records(KIND).scan() if each.body["QueryExecution"]["WorkGroup"] == group
    ]
    records.sort(key=_age, reverse=True)
    answer = listed("QueryExecutionIds", records, call.parameters, key=_age, descending=True)
    answer["QueryExecutionIds"] = [record.key for record in answer["QueryExecutionIds"]]
    return answer


@operation("athena", "StopQueryExecution")
def stop_query_execution(context: Context, call: Call) -> dict[str, Any]:
    """Cancel a query; it is interrupted. One that has ended stays as it is."""
    queries(context).stop(_record(context, call.parameters["QueryExecutionId"]).key)
    return {}


@operation("athena", "GetQueryResults")
def get_query_results(context: Context, call: Call) -> dict[str, Any]:
    """Read a page of rows; of a SELECT the very first row holds the column names."""
    if call.parameters.get("QueryResultType", "DATA_ROWS") != "DATA_ROWS":
        raise NotEmulated("athena", "GetQueryResults", "QueryResultType other than DATA_ROWS")
    body = _record(context, call.parameters["QueryExecutionId"]).body
    execution = body["QueryExecution"]
    state = execution["Status"]["State"]
    if state != "SUCCEEDED":
        raise invalid_request(
            f"Query has not yet finished. Current state: {state}"
            if state in ("QUEUED", "RUNNING")
            else f"Query did not finish successfully. Final query state: {state}",
            code="INVALID_QUERY_EXECUTION_STATE" if state in ("QUEUED", "RUNNING") else None,
        )
    answer: dict[str, Any] = {"UpdateCount": body.get("UpdateCount", 0)}
    location = execution["ResultConfiguration"]["OutputLocation"]
    rows: list[Row] = []
    if location.endswith((".csv", ".txt")):
        start = _start(call.parameters.get("NextToken"))
        rows, after = _rows(context, location, start, call.parameters.get("MaxResults") or _MOST_ROWS)
        if after is not None:
            answer["NextToken"] = str(after)
    answer["ResultSet"] = {
        "Rows": [{"Data": [_datum(value) for value in row]} for row in rows],
        "ResultSetMetadata": {"ColumnInfo": body.get("Columns", [])},
    }
    return answer


@operation("athena", "GetQueryRuntimeStatistics")
def get_query_runtime_statistics(context: Context, call: Call) -> dict[str, Any]:
    """Tell times and bytes of a query; stages are not emulated."""
    execution = _record(context, call.parameters["QueryExecutionId"]).body["QueryExecution"]
    statistics = execution.get("Statistics", {})
    fields = (
        "QueryQueueTimeInMillis", "ServicePreProcessingTimeInMillis", "QueryPlanningTimeInMillis",
        "EngineExecutionTimeInMillis", "ServiceProcessingTimeInMillis", "TotalExecutionTimeInMillis",
    )  # fmt: skip
    return {
        "QueryRuntimeStatistics": {
            "Timeline": {field: statistics.get(field, 0) for field in fields},
            "Rows": {"InputBytes": statistics.get("DataScannedInBytes", 0)},
        }
    }


def _record(context: Context, query_id: str) -> Record:
    found = context.records(KIND).find(query_id)
    if found is None:
        raise invalid_request(f"QueryExecution {query_id} was not found")
    return found


def _age(record: Record) -> tuple[float, str]:
    return record.created.timestamp(), record.key


def _output(given: Body, group: Body) -> str:
    """Where the result goes: the workgroup's location wins when it is enforced."""
    configured = group["Configuration"].get("ResultConfiguration", {}).get("OutputLocation")
    asked = (given.get("ResultConfiguration") or {}).get("OutputLocation")
    enforced = group["Configuration"].get("EnforceWorkGroupConfiguration")
    location = configured if enforced and configured else asked or configured
    if not location:
        raise invalid_request(
            "No output location provided. You did not provide an output location for your query results. "
            "Please either specify the output location using the ResultConfiguration or set it in the "
            "workgroup."
        )
    try:
        parse_s3_uri(location)
    except ValueError:
        raise invalid_request(f"outputLocation is not a valid S3 path: {location}") from None
    return location if location.endswith("/") else f"{location}/"


def _execution(query_id: str, given: Body, group: Body, output: str) -> Body:
    statement = classify(given["QueryString"])
    encryption = (given.get("ResultConfiguration") or {}).get("EncryptionConfiguration")
    suffix = ".csv" if statement.type == "DML" and statement.kind in ("SELECT", "EXECUTE", "") else ".txt"
    if statement.kind in ("INSERT", "UNLOAD"):
        suffix = ""
    folder = "tables/" if statement.kind == "CREATE_TABLE_AS_SELECT" else ""
    suffix = "" if folder else suffix
    execution: Body = {
        "QueryExecutionId": query_id,
        "Query": given["QueryString"],
        "StatementType": statement.type,
        "ResultConfiguration": {"OutputLocation": f"{output}{folder}{query_id}{suffix}"},
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {
            key: value.lower() if key == "Database" else value
            for key, value in (given.get("QueryExecutionContext") or {}).items()
        },
        "Status": {"State": "QUEUED", "SubmissionDateTime": datetime.now(UTC)},
        "Statistics": {},
        "WorkGroup": group["Name"],
        "EngineVersion": dict(_ENGINE),
    }
    if encryption:
        execution["ResultConfiguration"]["EncryptionConfiguration"] = encryption
    if statement.kind:
        execution["SubstatementType"] = statement.kind
    if given.get("ExecutionParameters"):
        execution["ExecutionParameters"] = given["ExecutionParameters"]
    return execution


def _fingerprint(given: Body) -> Body:
    return {key: value for key, value in given.items() if key != "ClientRequestToken"}


def _rows(context: Context, location: str, start: int, limit: int) -> tuple[list[Row], int | None]:
    try:
        return read_rows(context.objects, location, start, limit)
    except (ObjectMissing, BucketMissing):
        raise invalid_request(
            f"Could not find results: {location} was deleted", code="QUERY_RESULT_NOT_FOUND"
        ) from None


def _start(token: str | None) -> int:
    if not token:
        return 0
    if not token.isdigit():
        raise invalid_request("Invalid NextToken")
    return int(token)


def _datum(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VarCharValue": value}
