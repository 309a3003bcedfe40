"""STS."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example


@example("sts", "GetCallerIdentity")
def get_caller_identity(world: World) -> Request:
    return {}


@example("sts", "AssumeRole")
def assume_role(world: World) -> Request:
    return {"RoleArn": world.role(), "RoleSessionName": "someone"}
