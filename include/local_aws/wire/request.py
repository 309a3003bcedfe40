"""One HTTP request, as it arrived, before anything is believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

# The server stores a header name's underscore as this character: WSGI folds "-" into "_" and would lose it.
KEPT_UNDERSCORE = "\x7f"


@dataclass(frozen=True)
class Request:
    """Method, raw path, query and headers; the body is read later, once."""

    method: str
    raw_path: str  # still percent-encoded
    raw_query: str
    query: list[tuple[str, str]]  # decoded, in the order sent
    headers: dict[str, str]  # lower-case names
    source: BinaryIO  # the body as sent; seekable, buffered by the server (on disk when large)

    @classmethod
    def of(cls, environ: dict[str, Any]) -> Request:
        """The request of a WSGI environment."""
        path, _, query = environ["REQUEST_URI"].partition("?")
        if not path.startswith("/"):  # absolute form: GET http://host/path
            path = "/" + path.partition("://")[2].partition("/")[2]
        headers = {
            name[5:].replace("_", "-").replace(KEPT_UNDERSCORE, "_").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if name in environ:
                headers[name.replace("_", "-").lower()] = environ[name]
        return cls(
            method=environ["REQUEST_METHOD"],
            raw_path=path,
            raw_query=query,
            query=parse_qsl(query, keep_blank_values=True),
            headers=headers,
            source=environ["wsgi.input"],
        )

    def argument(self, name: str) -> str | None:
        """The first query argument of this name."""
        return next((value for key, value in self.query if key == name), None)
