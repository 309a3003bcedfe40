"""Operations register themselves here; the app looks them up. Registration refuses what is incomplete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import botocore.session
from botocore.model import OperationModel, ServiceModel

from local_aws.wire.payload import Payload


@dataclass(frozen=True)
class Call:
    """One decoded and validated AWS call."""

    service: str  # botocore's service name, e.g. "sagemaker-runtime"
    operation: str  # e.g. "InvokeEndpoint"
    parameters: dict[str, Any]  # as botocore's input shape has them, timestamps as datetime (UTC)
    body: Payload | None  # the body when it is itself a member of the input, e.g. PutObject's Body
    headers: Mapping[str, str]  # lower-case names
    region: str
    account_id: str
    access_key: str
    request_id: str
    base_url: str  # "http://127.0.0.1:4566", for answers that carry an address

    @property
    def stream(self) -> Payload:
        """The body of an operation that has one."""
        if self.body is None:
            raise TypeError(f"{self.service}.{self.operation} has no streamed body")
        return self.body


# A handler gets the context that the app was built with (see services.context.Context) and the call;
# it answers a dict that fits the operation's output shape. A streaming payload is answered as a
# binary file or an iterable of bytes under the payload member's name.
Handler = Callable[[Any, Call], Mapping[str, Any]]


@dataclass(frozen=True)
class Sent:
    """One call as it came, for a quick handler: only its signature and the body's hash are checked."""

    path: Mapping[str, str]  # parameters in the path, decoded
    query: list[tuple[str, str]]
    body: bytes


# Reads a call by itself, without the model's parsing and validation, which cost far more than the work of a
# small operation. It answers None for all that it does not take for certainly right: then the call goes the
# usual way, and what is wrong is refused in the usual words.
Quick = Callable[[Any, Sent], Mapping[str, Any] | None]


@cache
def service_model(service: str) -> ServiceModel:
    """Botocore's model of a service; loading sagemaker's takes about a second, once."""
    return botocore.session.get_session().get_service_model(service)


@dataclass
class Registry:
    """All emulated operations, by service and operation name."""

    handlers: dict[tuple[str, str], Handler] = field(default_factory=dict)
    services: set[str] = field(default_factory=set)  # those with at least one operation
    quick: dict[tuple[str, str], Quick] = field(default_factory=dict)

    def operation(self, service: str, name: str) -> Callable[[Handler], Handler]:
        """Register the decorated function as the handler of ``service.name``."""

        def register(handler: Handler) -> Handler:
            if (service, name) in self.handlers:
                raise ValueError(f"{service}.{name} is registered twice")
            if not handler.__doc__:
                raise ValueError(f"{service}.{name}: the handler needs a docstring")
            self.handlers[service, name] = handler
            self.services.add(service)
            return handler

        return register

    def quickly(self, service: str, name: str) -> Callable[[Quick], Quick]:
        """Register the decorated function as the quick way of an operation that has a handler."""

        def register(handler: Quick) -> Quick:
            if (service, name) not in self.handlers:
                raise ValueError(f"{service}.{name} has no handler that a quick one could fall back on")
            self.quick[service, name] = handler
            return handler

        return register

    def find(self, service: str, operation: str) -> Handler | None:
        """The handler, or ``None`` when the operation is not emulated."""
        return self.handlers.get((service, operation))

    def unknown_to_botocore(self) -> list[str]:
        """Registered names that botocore's models do not have; a test asserts there are none."""
        return [
            f"{service}.{name}"
            for service, name in self.handlers
            if name not in service_model(service).operation_names
        ]

    def model(self, service: str, operation: str) -> OperationModel:
        """Botocore's model of one operation."""
        return service_model(service).operation_model(operation)


REGISTRY = Registry()
operation = REGISTRY.operation
quickly = REGISTRY.quickly
