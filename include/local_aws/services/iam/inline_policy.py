"""Policies written into a role."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from local_aws.services.context import Context
from local_aws.services.iam import role
from local_aws.state.paging import page
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation


@operation("iam", "PutRolePolicy")
def put_role_policy(context: Context, call: Call) -> dict[str, Any]:
    """Write a policy into a role, replacing one of the same name."""
    name, document = call.parameters["PolicyName"], call.parameters["PolicyDocument"]
    try:
        json.loads(document)
    except ValueError:
        raise AwsError(
            "MalformedPolicyDocument", "The policy document is not valid JSON.", status=400
        ) from None

    def written(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "inline": {**body["inline"], name: document}}

    role.existing(context, call.parameters["RoleName"])
    context.records(role.KIND).change(call.parameters["RoleName"], written)
    return {}


@operation("iam", "GetRolePolicy")
def get_role_policy(context: Context, call: Call) -> dict[str, Any]:
    """One policy of a role."""
    role_name, name = call.parameters["RoleName"], call.parameters["PolicyName"]
    document = role.existing(context, role_name).body["inline"].get(name)
    if document is None:
        raise _no_such(name)
    return {"RoleName": role_name, "PolicyName": name, "PolicyDocument": quote(document, safe="")}


@operation("iam", "DeleteRolePolicy")
def delete_role_policy(context: Context, call: Call) -> dict[str, Any]:
    """Remove a policy from a role."""
    name = call.parameters["PolicyName"]

    def removed(body: dict[str, Any]) -> dict[str, Any]:
        if name not in body["inline"]:
            raise _no_such(name)
        return {**body, "inline": {key: text for key, text in body["inline"].items() if key != name}}

    role.existing(context, call.parameters["RoleName"])
    context.records(role.KIND).change(call.parameters["RoleName"], removed)
    return {}


@operation("iam", "ListRolePolicies")
def list_role_policies(context: Context, call: Call) -> dict[str, Any]:
    """The names of a role's inline policies."""
    found, marker = page(
        sorted(role.existing(context, call.parameters["RoleName"]).body["inline"]),
        token=call.parameters.get("Marker"),
        limit=call.parameters.get("MaxItems", 100),
        key=str,
    )
    return {"PolicyNames": found, "IsTruncated": marker is not None, "Marker": marker}


def _no_such(name: str) -> AwsError:
    return AwsError("NoSuchEntity", f"The role policy with name {name} cannot be found.", status=404)
