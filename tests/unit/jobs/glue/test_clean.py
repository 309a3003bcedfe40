"""The cleaning job: what it keeps, what it refuses and why, and that no row vanishes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.glue import clean, rules
from jobs.glue.clean import Partition
from jobs.glue.rules import Refused, Spec, judge, parse_timestamp
from sample_data.loan_applications import files, truth
from tests.support import stand_in as stand_ins
from tests.support.stand_in import StandIn

DAY = date(2026, 1, 15)
COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type": "string"},
    {"name": "at", "type": "timestamp"},
    {"name": "age", "type": "integer", "required": True, "minimum": 18, "maximum": 100},
    {"name": "pay", "type": "number", "minimum": 0},
    {"name": "sex", "type": "string", "allowed": ["f", "m"]},
    {"name": "term", "type": "integer", "allowed": [12, 24]},
    {"name": "born", "type": "date"},
    {"name": "paid", "type": "boolean"},
]
HEADER = "id,at,age,pay,sex,term,born,paid\n"
GOOD = "a1,2026-01-15 10:00:00,30,12.5,f,12,1996-01-15,true\n"


def data(**changes: Any) -> dict[str, Any]:
    """The `data` part of a workflow file."""
    layout = {
        "type": "csv",
        "header": True,
        "delimiter": ",",
        "encoding": "utf-8",
        "skip_initial_space": False,
        "missing": [""],
    }
    layout |= changes.pop("format", {})
    return {
        "format": layout,
        "key": "id",
        "columns": COLUMNS,
        "max_quarantined_share": 0.05,
        **changes,
    }


def cleaned(tmp_path: Path, *contents: str | bytes, **changes: Any) -> Partition:
    """Clean files with these contents, as a-0.csv, a-1.csv and so on."""
    landed = []
    for index, content in enumerate(contents):
        path = tmp_path / f"a-{index}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        landed.append((path.name, path))
    room = tmp_path / "room"
    room.mkdir(exist_ok=True)
    return clean.clean(landed, Spec.of(data(**changes)), room)


def rows_of(partition: Partition) -> list[dict[str, Any]]:
    return pq.read_table(partition.curated_path).to_pylist()


def refused_of(partition: Partition) -> list[dict[str, Any]]:
    return [json.loads(line) for line in partition.quarantine_path.read_text("utf-8").splitlines()]


def test_values_arrive_with_their_types(tmp_path: Path):
    empty = "a2,,40,,,,,\n"
    partition = cleaned(tmp_path, HEADER + GOOD + empty)
    first, second = rows_of(partition)
    assert first == {
        "id": "a1",
        "at": datetime(2026, 1, 15, 10),  # noqa: DTZ001 - Parquet holds UTC without a zone
        "age": 30,
        "pay": 12.5,
        "sex": "f",
        "term": 12,
        "born": date(1996, 1, 15),
        "paid": True,
    }
    assert second == dict.fromkeys(first) | {"id": "a2", "age": 40}


def test_the_schema_does_not_depend_on_the_data(tmp_path: Path):
    expected = pa.schema(
        [
            ("id", pa.string()),
            ("at", pa.timestamp("us")),
            ("age", pa.int64()),
            ("pay", pa.float64()),
            ("sex", pa.string()),
            ("term", pa.int64()),
            ("born", pa.date32()),
            ("paid", pa.bool_()),
        ]
    )
    for content in (HEADER + GOOD, HEADER + "a2,,40,,,,,\n", HEADER + "a2,,x,,,,,\n"):
        partition = cleaned(tmp_path, content)
        assert pq.read_schema(partition.curated_path).equals(expected)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a1,,30", "ragged row: 3 fields, expected 8"),
        (GOOD.strip() + ",1", "ragged row: 9 fields, expected 8"),
        ('a1,,30,1,"f,12,,', "broken quotes"),
        ('a1,,30,1,"f"x,12,,', "broken quotes"),
        (",,30,,,,,", "id: required value is missing"),
        ("a1,,,,,,,", "age: required value is missing"),
        ("a1,,forty,,,,,", "age: not a whole number"),
        ("a1,,30.5,,,,,", "age: not a whole number"),
        ("a1,,1_8,,,,,", "age: not a whole number"),
        (f"a1,,{'9' * 5000},,,,,", "age: not a whole number"),
        ("a1,,17,,,,,", "age: below the minimum of 18"),
        ("a1,,101,,,,,", "age: above the maximum of 100"),
        ("a1,,30,nan,,,,", "pay: not a number"),
        ("a1,,30,inf,,,,", "pay: not a number"),
        ("a1,,30,1e999,,,,", "pay: not a number"),
        ("a1,,30,0x10,,,,", "pay: not a number"),
        ("a1,,30,-0.01,,,,", "pay: below the minimum of 0"),
        ("a1,,30,,x,,,", "sex: not one of f, m"),
        ("a1,,30,,,13,,", "term: not one of 12, 24"),
        ("a1,yesterday,30,,,,,", "at: not an ISO 8601 time"),
        ("a1,2026-02-30 10:00:00,30,,,,,", "at: not an ISO 8601 time"),
        (
            "a1,,30,,,,20260115,",
            "born: not a date (YYYY-MM-DD); it seems to be in another format, which the column does not "
            "declare (formats)",
        ),
        (
            'a1,,30,"1,234.50",,,,',
            "pay: not a number; it seems to have thousands separators, which the column does not declare "
            "(thousands)",
        ),
        ("a1,,30,,,,,maybe", "paid: not true or false"),
    ],
)
def test_a_row_is_refused_with_file_line_and_reason(tmp_path: Path, line: str, reason: str):
    partition = cleaned(tmp_path, HEADER + "a0,,20,,,,,\n", HEADER + GOOD + "\n" + line + "\n", key="id")
    assert refused_of(partition) == [{"file": "a-1.csv", "line": 4, "reason": reason, "raw": line}]
    assert partition.report.reasons == {reason: 1}
    assert partition.report.blank_lines == 1


DECLARED = [
    {"name": "id", "type": "string"},
    {"name": "born", "type": "date", "formats": ["iso", "%d.%m.%Y", "%m/%d/%Y"]},
    {"name": "at", "type": "timestamp", "formats": ["%d.%m.%Y %H:%M"]},
    {"name": "pay", "type": "number", "thousands": ",", "minimum": 0},
    {"name": "size", "type": "integer", "thousands": "'"},
    {"name": "day", "type": "date", "formats": ["%d/%m/%Y", "%m/%d/%Y"]},
]
DECLARED_GOOD = {
    "a,2026-01-15,,,,\n": {"born": date(2026, 1, 15)},
    "a,15.01.2026,,,,\n": {"born": date(2026, 1, 15)},
    "a,01/15/2026,,,,\n": {"born": date(2026, 1, 15)},
    "a,,15.01.2026 10:20,,,\n": {"at": datetime(2026, 1, 15, 10, 20)},  # noqa: DTZ001 - files hold UTC
    'a,,,"1,234,567.5",,\n': {"pay": 1234567.5},
    'a,,,"1,234",,\n': {"pay": 1234.0},
    "a,,,1234.5,,\n": {"pay": 1234.5},
    "a,,,,-12'345,\n": {"size": -12345},
    "a,,,,,15/01/2026\n": {"day": date(2026, 1, 15)},
    "a,,,,,03/03/2026\n": {"day": date(2026, 3, 3)},  # read alike by both
}
DECLARED_BAD = {
    "a,15-01-2026,,,,": "born: in none of the formats iso, %d.%m.%Y, %m/%d/%Y",
    "a,31.02.2026,,,,": "born: in none of the formats iso, %d.%m.%Y, %m/%d/%Y",
    "a,,2026-01-15 10:20,,,": "at: in none of the formats %d.%m.%Y %H:%M",
    'a,,,"12,34",,': "pay: not a number",
    'a,,,"-1,234",,': "pay: below the minimum of 0",
    'a,,,,"12,345",': "size: not a whole number",
    "a,,,,,03/04/2026": "day: the formats %d/%m/%Y, %m/%d/%Y read it differently",
    "a,01/15/٢٢٢٢,,,,": "born: in none of the formats iso, %d.%m.%Y, %m/%d/%Y",
}


@pytest.mark.parametrize("line", DECLARED_GOOD)
def test_declared_formats_and_separators_are_read(tmp_path: Path, line: str):
    partition = cleaned(tmp_path, line, columns=DECLARED, format={"header": False})
    row = rows_of(partition)[0]
    assert {name: value for name, value in row.items() if value is not None} == {
        "id": "a",
        **DECLARED_GOOD[line],
    }


@pytest.mark.parametrize("line", DECLARED_BAD)
def test_what_no_declared_format_fits_is_refused(tmp_path: Path, line: str):
    partition = cleaned(tmp_path, line, columns=DECLARED, format={"header": False})
    assert [entry["reason"] for entry in refused_of(partition)] == [DECLARED_BAD[line]]


def test_duplicates_are_found_over_blocks_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also where keys are many and meet on disk only; a plain set is the oracle."""
    monkeypatch.setattr(clean, "BLOCK_ROWS", 100)
    keys = [f"k{number * number % 1009}" for number in range(3000)]
    lines = [f"{key},,{18 + number % 3},,,,,\n" for number, key in enumerate(keys)]
    partition = cleaned(tmp_path, HEADER + "".join(lines[:1700]), HEADER + "".join(lines[1700:]))
    first: dict[str, str] = {}
    for key, line in zip(keys, lines, strict=True):
        first.setdefault(key, line)
    expected = [int(line.split(",")[2]) for line in first.values()]
    assert [(row["id"], row["age"]) for row in rows_of(partition)] == list(zip(first, expected, strict=True))
    assert partition.report.duplicates == len(keys) - len(first)
    assert partition.report.conflicting_duplicates == sum(
        first[key] != line for key, line in zip(keys, lines, strict=True)
    )


def test_a_stray_quote_costs_its_own_row_only(tmp_path: Path):
    later = "".join(f"b{index},,30,,,,,\n" for index in range(100))
    partition = cleaned(tmp_path, HEADER + 'a1,,30,,"f,,,\n' + later)
    assert (partition.report.rows_in, partition.report.curated, partition.report.quarantined) == (101, 100, 1)


def test_quotes_may_hold_a_delimiter(tmp_path: Path):
    partition = cleaned(tmp_path, HEADER + '"a,""1""",,30,,,,,\n')
    assert rows_of(partition)[0]["id"] == 'a,"1"'


def test_the_first_of_a_key_wins_over_all_files(tmp_path: Path):
    other = GOOD.replace("12.5", "99")
    partition = cleaned(tmp_path, HEADER + GOOD + GOOD, HEADER + other + "a2,,30,,,,,\n")
    report = partition.report
    assert (report.rows_in, report.curated, report.duplicates, report.conflicting_duplicates) == (4, 2, 2, 1)
    assert [row["pay"] for row in rows_of(partition)] == [12.5, None]


def test_a_refused_row_does_not_take_its_key(tmp_path: Path):
    partition = cleaned(tmp_path, HEADER + GOOD.replace("30", "7") + GOOD)
    assert (partition.report.quarantined, partition.report.curated, partition.report.duplicates) == (1, 1, 0)


def test_without_a_key_every_row_gets_an_id_and_none_is_a_duplicate(tmp_path: Path):
    partition = cleaned(tmp_path, HEADER + GOOD + GOOD, HEADER + GOOD, key=None)
    assert [row["row_id"] for row in rows_of(partition)] == ["a-0.csv:2", "a-0.csv:3", "a-1.csv:2"]
    assert partition.report.duplicates == 0


def test_a_file_may_have_no_header_other_marks_and_spaces(tmp_path: Path):
    layout = {"header": False, "skip_initial_space": True, "missing": ["?", ""], "delimiter": ";"}
    partition = cleaned(tmp_path, "a1; ?; 30; 1; f; 12; ?; \n", format=layout)
    assert rows_of(partition)[0] | {"age": 0} == {
        "id": "a1", "at": None, "age": 0, "pay": 1.0, "sex": "f", "term": 12, "born": None, "paid": None,
    }  # fmt: skip


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_endings_and_a_byte_order_mark_do_not_matter(tmp_path: Path, ending: str, mark: bytes):
    content = mark + (HEADER + GOOD).replace("\n", ending).encode()
    assert len(rows_of(cleaned(tmp_path, content))) == 1


def test_a_last_line_without_an_end_is_a_row(tmp_path: Path):
    assert len(rows_of(cleaned(tmp_path, (HEADER + GOOD).rstrip("\n")))) == 1


def test_another_encoding_is_read_if_the_workflow_says_so(tmp_path: Path):
    content = (HEADER + GOOD.replace("a1", "Zoë")).encode("utf-16")
    assert rows_of(cleaned(tmp_path, content, format={"encoding": "utf-16"}))[0]["id"] == "Zoë"


@pytest.mark.parametrize(
    ("content", "changes", "complaint"),
    [
        (
            "id,when\na,b\n",
            {},
            "a-0.csv, line 1: wrong header; expected the columns id, at, age, pay, sex, term",
        ),
        (
            "id,when\na,b\n",
            {},
            "found id, when; missing: at, age, pay, sex, term, born, paid; unexpected: when",
        ),
        (
            "at,id,age,pay,sex,term,born,paid\n",
            {},
            "found at, id, age, pay, sex, term, born, paid; the order differs",
        ),
        (GOOD, {}, "a-0.csv, line 1: wrong header"),
        (
            (HEADER + GOOD + GOOD.replace("a1", "Zoë")).encode("latin-1"),
            {},
            "a-0.csv, line 3: byte 0xeb is not utf-8",
        ),
        (b"\xff\xfe\x00", {}, "a-0.csv, line 1: byte 0xff is not utf-8"),
        ((HEADER + GOOD).encode() + b"\xc3", {}, "a-0.csv, line 3: byte 0xc3 is not utf-8"),
        (HEADER, {"format": {"encoding": "klingon"}}, "the encoding 'klingon' is not known"),
    ],
)
def test_a_file_that_is_not_what_was_agreed_stops_the_job(
    tmp_path: Path, content: str | bytes, changes: dict[str, Any], complaint: str
):
    with pytest.raises(Refused) as refused:
        cleaned(tmp_path, content, **changes)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("contents", "complaint"),
    [
        ([], "there is no file under s3://b/landing"),
        ([""], "every file is empty or has a header and no rows under s3://b/landing: a-0.csv"),
        (["", HEADER, "\n\n"], "every file is empty or has a header and no rows"),
        (
            [HEADER + GOOD + "b,,x,,,,,\nc,,x,,,,,\nd\n"],
            "3 of 4 rows under s3://b/landing had to be quarantined (75.0%, allowed are 5.0%). Most often: "
            "age: not a whole number (2); ragged row: 1 fields, expected 8 (1)",
        ),
    ],
)
def test_a_partition_that_is_of_no_use_is_refused(tmp_path: Path, contents: list[str], complaint: str):
    partition = cleaned(tmp_path, *contents)
    with pytest.raises(Refused) as refused:
        judge(partition.report, partition.spec, "s3://b/landing")
    assert complaint in str(refused.value)


def test_the_allowed_share_is_itself_allowed(tmp_path: Path):
    lines = "".join(f"b{index},,30,,,,,\n" for index in range(19)) + "x\n"
    partition = cleaned(tmp_path, HEADER + lines, max_quarantined_share=0.05)
    judge(partition.report, partition.spec, "s3://b/landing")


def test_a_row_unaccounted_for_stops_the_job(tmp_path: Path):
    """The check sees what the files hold, not what was counted on the way."""
    path = tmp_path / "a.csv"
    path.write_text(HEADER + GOOD)
    with Partition(Spec.of(data()), tmp_path) as partition:
        partition.read("a.csv", path)
        partition.report.rows_in += 1
        with pytest.raises(
            RuntimeError, match=r"2 came in, but 1 curated \+ 0 quarantined \+ 0 duplicates = 1"
        ):
            partition.close()


FIELD = st.sampled_from(
    ["a1", "a2", "", "30", "7", "x", "f", "12", '"', "é", "2026-01-15", "true", " ", "\x00"]
)
LINES = st.lists(st.lists(FIELD, min_size=1, max_size=9).map(",".join), max_size=30)


@given(lines=LINES, keyed=st.booleans(), block=st.integers(1, 7))
@settings(max_examples=200, deadline=None)
def test_no_row_vanishes_whatever_lands(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], keyed: bool, block: int
):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clean, "BLOCK_ROWS", block)
        text = HEADER + "".join(line + "\n" for line in lines)
        partition = cleaned(tmp_path_factory.mktemp("any"), text, key="id" if keyed else None)
    report = partition.report
    blank = sum(not line.strip() for line in lines)
    assert report.rows_in == len(lines) - blank == report.curated + report.quarantined + report.duplicates
    refused = refused_of(partition)
    assert len(refused) == report.quarantined == sum(report.reasons.values())
    assert all(lines[entry["line"] - 2] == entry["raw"] for entry in refused)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-15", "2026-01-15T00:00:00"),
        ("2026-01-15 10:20", "2026-01-15T10:20:00"),
        ("2026-01-15T10:20:30Z", "2026-01-15T10:20:30"),
        ("2026-01-15T10:20:30.5", "2026-01-15T10:20:30.500000"),
        ("2026-01-15 10:20:30.123456+02:00", "2026-01-15T08:20:30.123456"),
        ("2026-01-15 10:20:30 -05:30", "2026-01-15T15:50:30"),
        ("2026-01-15 25:00:00", None),
        ("2026-01-15 10", None),
        ("20260115", None),
        ("0001-01-01 00:00:00+14:00", None),
        ("٢٠٢٦-01-15", None),
    ],
)
def test_times_are_read_as_utc(text: str, moment: str | None):
    found = parse_timestamp(text)
    assert (found and found.isoformat()) == moment


def test_the_sample_day_holds_what_was_planted(tmp_path: Path, loan_data: dict[str, Any]):
    planted = truth(DAY)
    landed = []
    for name, content in files(DAY).items():
        (tmp_path / name).write_bytes(content)
        landed.append((name, tmp_path / name))
    partition = clean.clean(landed, Spec.of(loan_data), tmp_path)
    report = partition.report
    assert (report.rows_in, report.curated, report.quarantined) == (
        planted.rows,
        planted.curated,
        planted.quarantined,
    )
    assert (report.duplicates, report.conflicting_duplicates) == (
        planted.duplicates,
        planted.duplicates_changed,
    )
    assert {entry["key"]: entry["rows"] for entry in report.files} == planted.rows_by_file
    rows = rows_of(partition)
    assert sum(row["approved"] for row in rows) == planted.approved
    missing = Counter(column for row in rows for column, value in row.items() if value is None)
    assert missing == planted.missing
    kinds = planted.malformed
    assert report.reasons["ragged row: 12 fields, expected 14"] == kinds["two fields cut off"]
    assert report.reasons["sex: not one of female, male"] == kinds["sex not in the list"]
    judge(report, partition.spec, "")


@pytest.mark.parametrize(
    ("module", "allowed"),
    [(rules, set()), (clean, {"boto3", "numpy", "pyarrow", "jobs", "rules"})],
)
def test_it_runs_on_glues_python(module: ModuleType, allowed: set[str]):
    """Glue's Python shell is 3.9; of the project only what --extra-py-files brings may be imported."""
    tree = ast.parse(Path(module.__file__ or "").read_text(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) == allowed
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))


stand_in = stand_ins.stand_in


class Landing:
    """A bucket with one workflow's partition in it, and the job run on it as Glue runs it."""

    def __init__(self, running: StandIn, bucket: str) -> None:
        self.running, self.bucket = running, bucket
        self.s3 = running.client("s3")
        self.s3.create_bucket(Bucket=bucket)

    def put(self, key: str, content: str | bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)

    def keys(self, prefix: str) -> list[str]:
        return [
            entry["Key"]
            for entry in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        ]

    def json(self, key: str) -> Any:
        return json.load(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"])

    def clean(self) -> subprocess.CompletedProcess[str]:
        arguments = {
            "JOB_NAME": "loans-clean",
            "bucket": self.bucket,
            "workflow": "loans",
            "dt": "2026-01-15",
            "config_key": "loans/code/abc/config.json",
            "run_prefix": "loans/runs/2026-01-15/ingest_analyze",
        }
        given = [text for name, value in arguments.items() for text in (f"--{name}", value)]
        return subprocess.run(
            [sys.executable, "-W", "error", clean.__file__, *given],
            env={**os.environ, **self.running.env()},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def landing(request: pytest.FixtureRequest) -> Landing:
    running: StandIn = request.getfixturevalue("stand_in")
    place = Landing(running, request.node.name.replace("_", "-")[:60].strip("-"))
    place.put("loans/code/abc/config.json", json.dumps({"data": data()}))
    return place


def test_a_partition_in_s3_is_replaced_as_a_whole(landing: Landing):
    landing.put("loans/landing/dt=2026-01-15/a.csv", HEADER + GOOD * 2)
    landing.put("loans/landing/dt=2026-01-15/_SUCCESS", "done")
    landing.put("loans/landing/dt=2026-01-16/b.csv", HEADER + GOOD.replace("a1", "tomorrow"))
    landing.put("loans/curated/dt=2026-01-15/part-00001.parquet", "of an earlier run")
    landing.put("loans/quarantine/dt=2026-01-15/part-00000.jsonl", "of an earlier run")
    done = landing.clean()
    assert done.returncode == 0, done.stderr
    assert "2 rows in = 1 curated + 0 quarantined + 1 duplicates" in done.stdout
    assert landing.keys("loans/curated/") == ["loans/curated/dt=2026-01-15/part-00000.parquet"]
    assert landing.keys("loans/quarantine/") == []
    report = landing.json("loans/runs/2026-01-15/ingest_analyze/cleaning.json")
    assert report["files"] == [{"key": "a.csv", "rows": 2}]
    assert (report["rows_in"], report["curated"], report["quarantined"], report["duplicates"]) == (2, 1, 0, 1)


def test_too_many_refused_rows_fail_the_job_but_are_kept(landing: Landing):
    landing.put("loans/landing/dt=2026-01-15/a.csv", HEADER + GOOD + "x\n")
    done = landing.clean()
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Refused: 1 of 2 rows under s3://")
    assert "every refused row is in s3://" in last
    kept = landing.json("loans/quarantine/dt=2026-01-15/part-00000.jsonl")
    assert kept == {"file": "a.csv", "line": 3, "reason": "ragged row: 1 fields, expected 8", "raw": "x"}
    assert landing.keys("loans/curated/") == []


def test_an_empty_partition_fails_the_job(landing: Landing):
    done = landing.clean()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("Refused: there is no file under s3://")
    assert "Traceback" not in done.stderr
