"""The plain facts at the top of any JSON document, for sections that show no more of it than that."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, model_validator

from aws_ml.reports.section import Part

MOST = 16


class Facts(Part):
    """A document that is a mapping, whatever it holds."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    content: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def whole(cls, document: Any) -> Any:
        """Keep the document itself."""
        return {"content": document}

    @property
    def shown(self) -> list[tuple[str, Any]]:
        """Its first texts and numbers, by name; what lies deeper is for the document's own page."""
        plain = [
            (key.replace("_", " "), value)
            for key, value in self.content.items()
            if isinstance(value, str | int | float | bool)
        ]
        return plain[:MOST]
