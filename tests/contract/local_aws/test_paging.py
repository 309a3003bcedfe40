"""Every service refuses a token that it never gave out, in its own words."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("athena", "list_query_executions", "InvalidRequestException"),
        ("glue", "get_databases", "InvalidInputException"),
        ("sagemaker", "list_models", "ValidationException"),
    ],
)
def test_a_made_up_token(stand_in: StandIn, service: str, operation: str, code: str) -> None:
    stand_in.client("glue").create_database(DatabaseInput={"Name": f"{service}_paging"})
    with pytest.raises(ClientError) as caught:
        getattr(stand_in.client(service), operation)(NextToken="made up")
    assert caught.value.response["Error"]["Code"] == code
    assert "made up" in caught.value.response["Error"]["Message"]
