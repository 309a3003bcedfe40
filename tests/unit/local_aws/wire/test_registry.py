"""Registration refuses what is incomplete."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.wire.registry import Call, Registry


def test_a_handler_needs_a_docstring() -> None:
    def silent(context: Any, call: Call) -> dict[str, Any]:
        return {}

    with pytest.raises(ValueError, match=r"s3\.PutObject: the handler needs a docstring"):
        Registry().operation("s3", "PutObject")(silent)


def test_no_operation_twice() -> None:
    registry = Registry()

    @registry.operation("s3", "PutObject")
    def put(context: Any, call: Call) -> dict[str, Any]:
        """Put."""
        return {}

    with pytest.raises(ValueError, match=r"s3\.PutObject is registered twice"):
        registry.operation("s3", "PutObject")(put)
    assert registry.find("s3", "PutObject") is put
    assert registry.find("s3", "GetObject") is None
    assert registry.services == {"s3"}


def test_a_name_that_aws_does_not_have() -> None:
    registry = Registry()

    @registry.operation("s3", "PutObjekt")
    def put(context: Any, call: Call) -> dict[str, Any]:
        """Put."""
        return {}

    assert registry.unknown_to_botocore() == ["s3.PutObjekt"]
