# ruff: noqa: S608 - all SQL here is our own
"""Reading text loses no row and moves no field; writing results and reading them back changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_aws.services.athena.results import Answer, ResultColumn, java_double, read_rows, write_csv
from local_aws.services.athena.sandbox import Sandbox, sandbox
from local_aws.services.athena.storage import LAZY, OPEN_CSV, LinkedFile, Storage, scan_sql
from local_aws.services.catalog.types import parse_type
from local_aws.state.objects import Objects
from local_aws.state.records import Database

COLUMNS = [(name, parse_type("string")) for name in ("a", "b", "c")]
# Any text of a line; the delimiter and quotes often.
LINES = st.lists(
    st.text(
        st.one_of(st.sampled_from(',"\\ ax'), st.characters(codec="utf-8", exclude_characters="\r\n\x00")),
        max_size=12,
    ),
    max_size=8,
)
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox(tmp_path_factory.mktemp("athena") / "room") as made:
        made.lock()
        yield made


def read(room: Sandbox, storage: Storage, lines: list[str]) -> list[tuple[str | None, ...]]:
    path = room.scratch / "in" / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if not lines:
        return []  # an empty object is no data file
    scan = scan_sql(storage, [LinkedFile(path, gzipped=False, uri="s3://b/lines", size=1)], COLUMNS)
    return [tuple(row) for row in room.connection.execute(f"SELECT a, b, c FROM ({scan})").fetchall()]


@given(lines=LINES)
@QUIET
def test_delimited_text_is_cut_at_the_delimiter_and_nowhere_else(room: Sandbox, lines: list[str]) -> None:
    storage = Storage(LAZY, (("field.delim", ","),), skip_lines=0)
    expected = []
    for line in lines:
        fields: list[str | None] = [None if field == "\\N" else field for field in line.split(",")]
        expected.append(tuple((fields + [None] * 3)[:3]))
    assert read(room, storage, lines) == expected


@given(lines=LINES)
@QUIET
def test_quoted_text_keeps_every_line(room: Sandbox, lines: list[str]) -> None:
    assert len(read(room, Storage(OPEN_CSV, (), skip_lines=0), lines)) == len(lines)


FIELD = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=8)


@given(rows=st.lists(st.tuples(FIELD, FIELD, FIELD), min_size=1, max_size=5))
@QUIET
def test_what_was_quoted_comes_back(room: Sandbox, rows: list[tuple[str, str, str]]) -> None:
    """Fields in quotes, with quotes and backslashes escaped, as OpenCSV writes them."""

    def quoted(field: str) -> str:
        return '"' + re.sub(r'(["\\])', r"\\\1", field) + '"'

    lines = [",".join(map(quoted, row)) for row in rows]
    assert read(room, Storage(OPEN_CSV, (), skip_lines=0), lines) == rows


TEXT = st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=10))


@given(rows=st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=6), page=st.integers(1, 3))
@QUIET
def test_results_are_read_as_they_were_written(
    tmp_path: Path, rows: list[list[str | None]], page: int
) -> None:
    """NULL stays NULL, an empty text stays a text, also with quotes and line breaks, page by page."""
    objects = Objects(Database(tmp_path / "state.db"), tmp_path / "objects")
    if not objects.has_bucket("bucket"):
        objects.create_bucket("bucket")
    columns = [ResultColumn("a", "varchar"), ResultColumn("b", "varchar")]
    write_csv(tmp_path / "result", Answer(columns, rows))
    objects.put_file("bucket", "result.csv", tmp_path / "result")
    found: list[list[str | None]] = []
    place: int | None = 0
    while place is not None:
        some, place = read_rows(objects, "s3://bucket/result.csv", place, page)
        found += some
    assert found == [["a", "b"], *rows]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (9999999.5, "9999999.5"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (-1e300, "-1.0E300"),
        (0.0, "0.0"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_doubles_look_as_java_writes_them(value: float, text: str) -> None:
    assert java_double(value) == text
