"""The one exception that a handler raises to answer with an AWS error."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An AWS error answer: its code, its message and, where the model does not say, its HTTP status.

    Args:
        code: the error code that clients match, e.g. ``ResourceInUse`` or ``NoSuchKey``.
        message: one sentence for a person.
        status: HTTP status; ``None`` takes it from the service model, or 400.
        fields: further members of the modelled error shape, e.g. ``{"Condition": "..."}``.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


class NotEmulated(AwsError):
    """The operation, or a parameter of it, exists on AWS but not here. Never a silent no-op."""

    def __init__(self, service: str, operation: str, what: str = "") -> None:
        detail = f" with {what}" if what else ""
        super().__init__(
            "NotImplemented",
            f"The local AWS stand-in does not emulate {service}.{operation}{detail}. "
            "This is a limit of the stand-in, not of AWS.",
            status=501,
        )
