"""boto3 clients through the Airflow connection, for any service."""

from __future__ import annotations

from typing import Any, Protocol

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook


class AwsAccess(Protocol):
    """What every operator and sensor of the Amazon provider knows about its connection."""

    aws_conn_id: str | None
    region_name: str | None
    verify: bool | str | None
    botocore_config: dict[str, Any] | None


def client_for(access: AwsAccess, service: str) -> Any:
    """Make a boto3 client of `service` with the connection of `access`.

    A session's own `client()` would ignore the connection's `endpoint_url`; this doesn't.
    """
    hook = AwsBaseHook(
        aws_conn_id=access.aws_conn_id,
        client_type=service,
        region_name=access.region_name,
        verify=access.verify,
        config=access.botocore_config,
    )
    return hook.conn
