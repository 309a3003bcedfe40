"""Every example of ``trino_pages/``: a file a page of Trino's documentation, a line an example.

    <expression or query> --> <columns parted by " | ", rows by "; "> | FAILS <beginning of the reason>

NULL is written NULL. A line that FAILS NOT_SUPPORTED is a limit of the stand-in, which must say so by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from local_aws.services.athena.errors import explained
from local_aws.services.athena.failure import QueryFailed
from local_aws.services.athena.results import as_text
from local_aws.services.athena.sandbox import Sandbox, sandbox
from local_aws.services.athena.trino.dialect import parse_query
from local_aws.services.athena.trino.translate import duckdb_sql
from local_aws.services.athena.trino.types import from_result

PAGES = sorted((Path(__file__).parent / "trino_pages").glob("*.txt"))
EXAMPLES = [
    pytest.param(*line.split(" --> "), id=f"{page.stem}: {line}")
    for page in PAGES
    for line in page.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("athena") / "room") as made:
        made.lock()
        yield made


def outcome(room: Sandbox, example: str) -> str:
    """What a line of a page says behind its arrow."""
    is_query = example.startswith(("SELECT ", "WITH ", "VALUES "))
    sql = example if is_query else f"SELECT {example}"
    try:
        text = duckdb_sql(parse_query(sql), sql, room.connection, real="data", shape="shape")
        cursor = room.connection.execute(text)
        kinds = [from_result(column[1]) for column in cursor.description]
        rows = cursor.fetchall()
    except duckdb.Error as problem:
        return f"FAILS {explained(problem, sql).reason}"
    except QueryFailed as failure:
        return f"FAILS {failure.reason}"
    lines = [
        [
            "NULL" if value is None else str(as_text(value, kind))
            for value, kind in zip(row, kinds, strict=True)
        ]
        for row in rows
    ]
    return "; ".join(" | ".join(line) for line in lines)


def test_there_are_pages() -> None:
    assert len(PAGES) >= 15
    assert len(EXAMPLES) >= 500


@pytest.mark.parametrize(("example", "expected"), EXAMPLES)
def test_example(room: Sandbox, example: str, expected: str) -> None:
    found = outcome(room, example)
    if expected.startswith("FAILS"):
        assert found.startswith(expected)
    else:
        assert found == expected
