"""Temporary keys."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from local_aws.services.context import Context
from local_aws.state.credentials import Credential, Credentials
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

_ROLE_ARN = re.compile(r"arn:aws:iam::(\d{12}):role/(?:.*/)?([^/]+)")
_IGNORED = ("RoleArn", "RoleSessionName", "DurationSeconds", "Tags", "TransitiveTagKeys", "SourceIdentity")


@operation("sts", "AssumeRole")
def assume_role(context: Context, call: Call) -> dict[str, Any]:
    """A session of a role that exists; policies are not evaluated, every session may do everything."""
    for name in call.parameters:
        if name not in _IGNORED:
            raise NotEmulated("sts", "AssumeRole", name)
    role_arn = call.parameters["RoleArn"]
    session_name = call.parameters["RoleSessionName"]
    role_name = _existing_role(context, call, role_arn)
    lifetime = timedelta(seconds=call.parameters.get("DurationSeconds", 3600))
    role_id = context.records("iam.role").get(role_name).body["RoleId"]
    credential = Credentials(context.database).issue(role_arn, role_id, session_name, lifetime)
    return {
        "Credentials": _shown(credential),
        "AssumedRoleUser": {
            "AssumedRoleId": f"{role_id}:{session_name}",
            "Arn": f"arn:aws:sts::{call.account_id}:assumed-role/{role_name}/{session_name}",
        },
    }


def _existing_role(context: Context, call: Call, role_arn: str) -> str:
    """The name of the role, which is checked as AWS does: one answer for absent and forbidden."""
    match = _ROLE_ARN.fullmatch(role_arn)
    role = context.records("iam.role").find(match[2]) if match else None
    if role is None or role.body["Arn"] != role_arn:
        raise AwsError(
            "AccessDenied",
            f"User: arn:aws:iam::{call.account_id}:root is not authorized to perform: sts:AssumeRole "
            f"on resource: {role_arn} (there is no such role)",
            status=403,
        )
    return role.key


def _shown(credential: Credential) -> dict[str, Any]:
    return {
        "AccessKeyId": credential.access_key,
        "SecretAccessKey": credential.secret_key,
        "SessionToken": credential.session_token,
        "Expiration": credential.expires,
    }
