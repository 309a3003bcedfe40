"""What a section of the report page is made of, and the kinds of values that documents may hold.

A section names the documents that it reads and turns them into a :class:`View`; its template shows that. What
a document says is checked by a pydantic model of the part that is shown: more is ignored, less is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aws_ml.problems import KeyPath, path_text, shown
from aws_ml.reports.shelf import Document, Kind
from aws_ml.run import Paths
from aws_ml.schema import Workflow

MOST_ROWS = 200  # of any table on the page
MOST_CHARACTERS = 600  # of any text on the page
LONGEST_PLACE = 200  # characters that name a place in a document

Count = Annotated[int, Field(strict=True, ge=0, le=10**15)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of a document: what a section shows of it. What else it holds is another reader's."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Tone(StrEnum):
    """What a fact means to the reader; also a class in the style sheet."""

    GOOD = "good"
    BAD = "bad"
    CARE = "care"  # look at it
    PLAIN = "plain"


@dataclass(frozen=True)
class Tile:
    """A section's fact for the top of the page: a few words and a sentence."""

    value: str
    says: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class View:
    """What a section has to show."""

    values: Mapping[str, Any] = field(default_factory=dict)  # for its template
    tile: Tile | None = None


class Broken(Exception):
    """A document is not what it should be; the message says which, and how."""


P = TypeVar("P", bound=Part)


@dataclass(frozen=True)
class Material:
    """What a section may look at."""

    workflow: Workflow
    documents: Mapping[str, Document]  # by the names that the section gave them

    def read(self, name: str, part: type[P]) -> P | None:
        """A document as a section wants it, or None if the run has not written it.

        :raises Broken: it cannot be read, or is not of that kind
        """
        document = self.documents[name]
        if document.kind is Kind.MISSING:
            return None
        if document.kind is not Kind.THERE:
            raise Broken(document.says)
        return parsed(document.content, part, document.uri)


def parsed(content: Any, part: type[P], uri: str) -> P:
    """A document's content, checked.

    :raises Broken: naming the first three places that are not as they should be
    """
    try:
        return part.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        told = [
            f"{_place(problem['loc'])}: {problem['msg']}"
            + ("" if problem["type"] == "missing" else f", found {shown(problem['input'])}")
            for problem in problems[:3]
        ]
        more = [f"{len(problems) - 3} more"] if len(problems) > 3 else []
        raise Broken(f"{uri} is not as expected. {'; '.join([*told, *more])}") from None


def _place(path: KeyPath) -> str:
    """Where in a document; its keys are data and may be of any length."""
    text = path_text(path) or "all of it"
    return text if len(text) <= LONGEST_PLACE else f"{text[: LONGEST_PLACE - 3]}..."


@dataclass(frozen=True)
class JobPage:
    """A page of HTML that a job wrote."""

    key: str  # below the run's prefix, and below the report page's address
    title: str


@dataclass(frozen=True)
class Section:
    """One part of the page. Its template is ``templates/<name>.html``."""

    name: str
    title: str
    stage: str  # the stage that writes what it shows
    documents: Mapping[str, Callable[[Paths], str]]  # JSON documents by name; the first is the section's own
    view: Callable[[Material], View | None]  # None: the run has not written what the section is about
    pages: tuple[JobPage, ...] = ()
    texts: Mapping[str, Callable[[Paths], str]] = field(default_factory=dict)  # further documents, no JSON
