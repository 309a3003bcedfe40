"""Every emulated operation answers its example with what botocore's model says an answer looks like."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from botocore import xform_name

from local_aws.app import load_services
from local_aws.wire.registry import REGISTRY
from tests.contract.local_aws.examples import World, load
from tests.support.stand_in import StandIn

load_services()
EXAMPLES = load()
OPERATIONS = sorted(REGISTRY.handlers)

PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (datetime,),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}
# Shapes that botocore itself changes after parsing: it decodes IAM's policies, and says None for us-east-1.
CHANGED_BY_BOTOCORE: dict[str, tuple[type, ...]] = {
    "policyDocumentType": (dict,),
    "BucketLocationConstraint": (str, type(None)),
}


def test_registered_operations_exist_on_aws() -> None:
    assert REGISTRY.unknown_to_botocore() == []


def test_every_operation_has_an_example() -> None:
    missing = [f"{service}.{name}" for service, name in OPERATIONS if (service, name) not in EXAMPLES]
    assert not missing, f"no example in tests/contract/local_aws/examples for: {', '.join(missing)}"


def test_every_example_is_of_an_operation() -> None:
    assert set(EXAMPLES) <= set(OPERATIONS)


@pytest.mark.parametrize(
    ("service", "operation"), sorted(EXAMPLES), ids=lambda value: value if isinstance(value, str) else None
)
def test_answer_fits_the_output_shape(stand_in: StandIn, service: str, operation: str) -> None:
    request = EXAMPLES[service, operation](World(stand_in))
    client = stand_in.client(service)
    answer = getattr(client, xform_name(operation))(**request)
    metadata = answer.pop("ResponseMetadata")
    assert 200 <= metadata["HTTPStatusCode"] < 300
    assert metadata["RequestId"]
    output = client.meta.service_model.operation_model(operation).output_shape
    faults = list(misfits(output, answer, operation)) if output is not None else []
    assert not faults, "\n".join(faults)


def misfits(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Every place where a parsed answer is not what the shape says."""
    if shape.type_name == "blob":
        if not isinstance(value, bytes) and not hasattr(value, "read"):
            yield f"{path} is {type(value).__name__}, not bytes"
        return
    if isinstance(value, CHANGED_BY_BOTOCORE.get(shape.name, ())):
        return
    fits: bool = isinstance(value, PYTHON_TYPES[shape.type_name])
    if not fits:
        yield f"{path} is {type(value).__name__} {value!r}, not {shape.type_name}"
        return
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            yield from misfits_of_structure(shape, value, path)
        case "list":
            for number, item in enumerate(value):
                yield from misfits(shape.member, item, f"{path}[{number}]")
        case "map":
            for key, item in value.items():
                yield from misfits(shape.value, item, f"{path}[{key!r}]")
        case "string" if shape.enum and value not in shape.enum:
            yield f"{path} is {value!r}, not one of {shape.enum}"


def misfits_of_structure(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in value)
    for name, item in value.items():
        if name in shape.members:
            yield from misfits(shape.members[name], item, f"{path}.{name}")
        elif name != "ExpiresString":  # botocore's own addition
            yield f"{path}.{name} is not in the model"
