"""Named queries: texts that a workgroup keeps."""

from __future__ import annotations

import uuid
from typing import Any

from local_aws.services.athena.requests import invalid_request, listed
from local_aws.services.athena.work_group import work_group
from local_aws.services.context import Context
from local_aws.state.records import Body, RecordExists
from local_aws.wire.registry import Call, operation

KIND = "athena.named_query"
# Makes a query's id from its ClientRequestToken, so that the same request twice is one named query.
_TOKENS = uuid.UUID("8f1d1c1e-6a0b-4c37-9a53-0d0f5b8a2b77")
_MEMBERS = ("Name", "Description", "Database", "QueryString")


@operation("athena", "CreateNamedQuery")
def create_named_query(context: Context, call: Call) -> dict[str, Any]:
    """Keep a query; the same ClientRequestToken answers the one that it made before."""
    given = call.parameters
    group = work_group(context, given.get("WorkGroup") or "primary")["Name"]
    token = given.get("ClientRequestToken")
    query_id = str(uuid.uuid5(_TOKENS, f"{group}/{token}") if token else uuid.uuid4())
    body = {member: given[member] for member in _MEMBERS if given.get(member)}
    body |= {"NamedQueryId": query_id, "WorkGroup": group}
    try:
        context.records(KIND).insert(query_id, body)
    except RecordExists:
        if context.records(KIND).get(query_id).body != body:
            raise invalid_request("Idempotent parameters do not match") from None
    return {"NamedQueryId": query_id}


@operation("athena", "GetNamedQuery")
def get_named_query(context: Context, call: Call) -> dict[str, Any]:
    """Describe a query."""
    return {"NamedQuery": _existing(context, call.parameters["NamedQueryId"])}


@operation("athena", "BatchGetNamedQuery")
def batch_get_named_query(context: Context, call: Call) -> dict[str, Any]:
    """Describe several queries; unknown ids are answered as unprocessed."""
    found, missing = [], []
    for query_id in call.parameters["NamedQueryIds"]:
        record = context.records(KIND).find(query_id)
        if record:
            found.append(record.body)
        else:
            reason = f"NamedQuery {query_id} was not found"
            missing.append({"NamedQueryId": query_id, "ErrorCode": "INVALID_INPUT", "ErrorMessage": reason})
    return {"NamedQueries": found, "UnprocessedNamedQueryIds": missing}


@operation("athena", "ListNamedQueries")
def list_named_queries(context: Context, call: Call) -> dict[str, Any]:
    """List the ids of a workgroup's queries."""
    group = work_group(context, call.parameters.get("WorkGroup") or "primary")["Name"]
    ids = [record.key for record in context.records(KIND).scan() if record.body["WorkGroup"] == group]
    return listed("NamedQueryIds", ids, call.parameters, key=str)


@operation("athena", "UpdateNamedQuery")
def update_named_query(context: Context, call: Call) -> dict[str, Any]:
    """Change a query's name, text and description."""
    given = call.parameters
    _existing(context, given["NamedQueryId"])
    changed = {member: given[member] for member in _MEMBERS if given.get(member)}
    context.records(KIND).change(given["NamedQueryId"], lambda body: {**body, **changed})
    return {}


@operation("athena", "DeleteNamedQuery")
def delete_named_query(context: Context, call: Call) -> dict[str, Any]:
    """Forget a query."""
    _existing(context, call.parameters["NamedQueryId"])
    context.records(KIND).delete(call.parameters["NamedQueryId"])
    return {}


def _existing(context: Context, query_id: str) -> Body:
    found = context.records(KIND).find(query_id)
    if found is None:
        raise invalid_request(f"NamedQuery {query_id} was not found")
    return found.body
