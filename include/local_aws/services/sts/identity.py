"""The caller's identity."""

from __future__ import annotations

from typing import Any

from local_aws.services.context import Context
from local_aws.state.credentials import Credentials
from local_aws.wire.registry import Call, operation


@operation("sts", "GetCallerIdentity")
def get_caller_identity(context: Context, call: Call) -> dict[str, Any]:
    """Root's ARN for the stand-in's own key, the assumed role's for a session."""
    caller = Credentials(context.database).find(call.access_key)
    if caller is None or caller.role_arn is None:
        return {
            "UserId": call.account_id,
            "Account": call.account_id,
            "Arn": f"arn:aws:iam::{call.account_id}:root",
        }
    role = caller.role_arn.rpartition("/")[2]
    return {
        "UserId": f"{caller.role_id}:{caller.session_name}",
        "Account": call.account_id,
        "Arn": f"arn:aws:sts::{call.account_id}:assumed-role/{role}/{caller.session_name}",
    }
