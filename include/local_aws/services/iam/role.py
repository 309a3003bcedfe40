"""Roles."""

from __future__ import annotations

import json
import secrets
import string
from typing import Any
from urllib.parse import quote

from local_aws.services.context import Context
from local_aws.state.paging import page
from local_aws.state.records import Record, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "iam.role"
_PAGE = 100


def existing(context: Context, name: str) -> Record:
    """The role. Raises NoSuchEntity."""
    try:
        return context.records(KIND).get(name)
    except RecordMissing:
        raise no_such(name) from None


def no_such(name: str) -> AwsError:
    """What AWS answers for a role that is not there."""
    return AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", status=404)


@operation("iam", "CreateRole")
def create_role(context: Context, call: Call) -> dict[str, Any]:
    """Make a role; its trust policy must be JSON."""
    asked = call.parameters
    if "PermissionsBoundary" in asked:
        raise NotEmulated("iam", "CreateRole", "PermissionsBoundary")
    _check_document(asked["AssumeRolePolicyDocument"])
    path = asked.get("Path", "/")
    name = asked["RoleName"]
    body = {
        "RoleName": name,
        "Path": path,
        "RoleId": "AROA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(17)),
        "Arn": f"arn:aws:iam::{call.account_id}:role{path}{name}",
        "AssumeRolePolicyDocument": asked["AssumeRolePolicyDocument"],
        "Description": asked.get("Description"),
        "MaxSessionDuration": asked.get("MaxSessionDuration", 3600),
        "Tags": asked.get("Tags", []),
        "attached": [],  # ARNs of managed policies, in the order they were attached
        "inline": {},  # name -> document
    }
    try:
        record = context.records(KIND).insert(name, body)
    except RecordExists:
        raise AwsError("EntityAlreadyExists", f"Role with name {name} already exists.", status=409) from None
    return {"Role": shown(record)}


@operation("iam", "GetRole")
def get_role(context: Context, call: Call) -> dict[str, Any]:
    """One role."""
    return {"Role": shown(existing(context, call.parameters["RoleName"]))}


@operation("iam", "ListRoles")
def list_roles(context: Context, call: Call) -> dict[str, Any]:
    """Roles by name, below a path prefix."""
    prefix = call.parameters.get("PathPrefix", "/")
    roles = [role for role in context.records(KIND).scan() if role.body["Path"].startswith(prefix)]
    found, marker = page(
        roles,
        token=call.parameters.get("Marker"),
        limit=call.parameters.get("MaxItems", _PAGE),
        key=lambda role: role.key,
    )
    return {"Roles": [shown(role) for role in found], "IsTruncated": marker is not None, "Marker": marker}


@operation("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(context: Context, call: Call) -> dict[str, Any]:
    """Replace a role's trust policy."""
    document = call.parameters["PolicyDocument"]
    _check_document(document)
    existing(context, call.parameters["RoleName"])
    context.records(KIND).change(
        call.parameters["RoleName"], lambda body: {**body, "AssumeRolePolicyDocument": document}
    )
    return {}


@operation("iam", "DeleteRole")
def delete_role(context: Context, call: Call) -> dict[str, Any]:
    """Remove a role that has no policies left."""
    name = call.parameters["RoleName"]
    with context.database.transaction():
        role = existing(context, name)
        if role.body["attached"] or role.body["inline"]:
            what = "detach all policies" if role.body["attached"] else "delete policies"
            raise AwsError("DeleteConflict", f"Cannot delete entity, must {what} first.", status=409)
        context.records(KIND).delete(name)
    return {}


@operation("iam", "TagRole")
def tag_role(context: Context, call: Call) -> dict[str, Any]:
    """Set tags of a role."""
    new = {tag["Key"]: tag for tag in call.parameters["Tags"]}

    def tagged(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "Tags": list(({tag["Key"]: tag for tag in body["Tags"]} | new).values())}

    existing(context, call.parameters["RoleName"])
    context.records(KIND).change(call.parameters["RoleName"], tagged)
    return {}


@operation("iam", "UntagRole")
def untag_role(context: Context, call: Call) -> dict[str, Any]:
    """Remove tags of a role."""
    gone = call.parameters["TagKeys"]

    def untagged(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "Tags": [tag for tag in body["Tags"] if tag["Key"] not in gone]}

    existing(context, call.parameters["RoleName"])
    context.records(KIND).change(call.parameters["RoleName"], untagged)
    return {}


@operation("iam", "ListRoleTags")
def list_role_tags(context: Context, call: Call) -> dict[str, Any]:
    """The tags of a role."""
    found, marker = page(
        sorted(existing(context, call.parameters["RoleName"]).body["Tags"], key=lambda tag: tag["Key"]),
        token=call.parameters.get("Marker"),
        limit=call.parameters.get("MaxItems", _PAGE),
        key=lambda tag: str(tag["Key"]),
    )
    return {"Tags": found, "IsTruncated": marker is not None, "Marker": marker}


def shown(role: Record) -> dict[str, Any]:
    """A role as answers have it; policy documents are URL-encoded there."""
    return {
        **role.body,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": quote(role.body["AssumeRolePolicyDocument"], safe=""),
    }


def _check_document(document: str) -> None:
    try:
        fits = isinstance(json.loads(document), dict)
    except ValueError:
        fits = False
    if not fits:
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json", status=400)
