"""One example request for every emulated operation, by service, one file each.

    @example("s3", "HeadObject")
    def head_object(world: World) -> dict[str, Any]:
        bucket = world.bucket()
        world.client("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
        return {"Bucket": bucket, "Key": "k"}

The function sets up what the request needs and returns the request's parameters. `test_conformance.py` sends
it and checks that the answer fits botocore's output shape; it fails for an operation without an example.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.stand_in import StandIn

Request = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What an example can use to set itself up."""

    stand_in: StandIn

    def client(self, service: str) -> Any:
        """A boto3 client."""
        return self.stand_in.client(service)

    def name(self, prefix: str) -> str:
        """A name that nobody else uses; letters, digits and dashes, at most 32 long for short prefixes."""
        return f"{prefix}-{uuid.uuid4().hex[:12]}"

    def bucket(self) -> str:
        """A fresh bucket."""
        name = self.name("bucket")
        self.client("s3").create_bucket(Bucket=name)
        return name

    def object(self, key: str = "some/key", body: bytes = b"some bytes") -> Request:
        """A fresh object, as ``{"Bucket": ..., "Key": ...}``."""
        bucket = self.bucket()
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return {"Bucket": bucket, "Key": key}

    def role(self) -> str:
        """The ARN of a fresh role."""
        answer = self.client("iam").create_role(
            RoleName=self.name("role"), AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"})
        )
        arn: str = answer["Role"]["Arn"]
        return arn


EXAMPLES: dict[tuple[str, str], Callable[[World], Request]] = {}


def example(
    service: str, operation: str
) -> Callable[[Callable[[World], Request]], Callable[[World], Request]]:
    """Register the decorated function as the example of ``service.operation``."""

    def register(make: Callable[[World], Request]) -> Callable[[World], Request]:
        if (service, operation) in EXAMPLES:
            raise ValueError(f"{service}.{operation} has two examples")
        EXAMPLES[service, operation] = make
        return make

    return register


def load() -> dict[tuple[str, str], Callable[[World], Request]]:
    """All examples of all files in this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return EXAMPLES
