"""Managed policies attached to roles: AWS's own, by ARN."""

from __future__ import annotations

from typing import Any

from local_aws.services.context import Context
from local_aws.services.iam import role
from local_aws.state.paging import page
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

_AWS_OWN = "arn:aws:iam::aws:policy/"


@operation("iam", "AttachRolePolicy")
def attach_role_policy(context: Context, call: Call) -> dict[str, Any]:
    """Attach one of AWS's managed policies; attaching it again changes nothing."""
    arn = call.parameters["PolicyArn"]
    if not arn.startswith(_AWS_OWN):  # CreatePolicy is not emulated, so no other policy can exist
        raise AwsError("NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", status=404)

    def attached(body: dict[str, Any]) -> dict[str, Any]:
        return body if arn in body["attached"] else {**body, "attached": [*body["attached"], arn]}

    role.existing(context, call.parameters["RoleName"])
    context.records(role.KIND).change(call.parameters["RoleName"], attached)
    return {}


@operation("iam", "DetachRolePolicy")
def detach_role_policy(context: Context, call: Call) -> dict[str, Any]:
    """Detach a managed policy."""
    arn = call.parameters["PolicyArn"]

    def detached(body: dict[str, Any]) -> dict[str, Any]:
        if arn not in body["attached"]:
            raise AwsError("NoSuchEntity", f"Policy {arn} was not found.", status=404)
        return {**body, "attached": [other for other in body["attached"] if other != arn]}

    role.existing(context, call.parameters["RoleName"])
    context.records(role.KIND).change(call.parameters["RoleName"], detached)
    return {}


@operation("iam", "ListAttachedRolePolicies")
def list_attached_role_policies(context: Context, call: Call) -> dict[str, Any]:
    """The managed policies of a role whose path starts with the prefix."""
    prefix = call.parameters.get("PathPrefix", "/")
    attached = sorted(role.existing(context, call.parameters["RoleName"]).body["attached"])
    found, marker = page(
        [arn for arn in attached if arn.removeprefix(_AWS_OWN[:-1]).startswith(prefix)],
        token=call.parameters.get("Marker"),
        limit=call.parameters.get("MaxItems", 100),
        key=str,
    )
    return {
        "AttachedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in found],
        "IsTruncated": marker is not None,
        "Marker": marker,
    }
