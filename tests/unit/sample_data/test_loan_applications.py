"""The sample data is the same everywhere, and what is planted in it is what `truth` says."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import statistics
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from sample_data import __main__ as command
from sample_data.loan_applications import (
    COLUMNS,
    DPL_AFTER_DRIFT,
    DPL_PLANTED,
    DRIFT_START,
    INCOME_DRIFT,
    MALFORMED,
    files,
    truth,
)
from tests.support import stand_in as stand_ins
from tests.support.stand_in import StandIn

stand_in = stand_ins.stand_in

DAY = date(2026, 1, 15)
GOLDEN = {
    "applications-20260115-1.csv": "c540771fef0412dfaccc1e22ce9ed09b1108a9e6fd365eb250180f3a81608bc9",
    "applications-20260115-2.csv": "4d39c7268bc75acb60d5238638cbf86b9d28c1f2d638ca270376b40e27f21064",
}
DAYS = [DAY, date(2025, 12, 31), DRIFT_START - timedelta(days=1), DRIFT_START, date(2026, 3, 1)]


def rows_of(day: date) -> list[list[str]]:
    """All data rows of a day, in the order of its files."""
    rows = []
    for content in files(day).values():
        lines = list(csv.reader(io.StringIO(content.decode("utf-8"))))
        assert tuple(lines[0]) == COLUMNS
        rows += lines[1:]
    return rows


def fault_of(row: list[str]) -> str | None:
    """The damage a reader sees in a row, named as the generator names it."""
    if len(row) < len(COLUMNS):
        return "two fields cut off"
    if len(row) > len(COLUMNS):
        return "one field too many"
    values = dict(zip(COLUMNS, row, strict=True))
    faults = {
        "age is a word": values["age"] == "forty",
        "age below 18": values["age"] == "7",
        "sex not in the list": values["sex"] not in ("female", "male"),
        "loan amount empty": values["loan_amount"] == "",
        "loan amount negative": values["loan_amount"].startswith("-"),
        "term not offered": values["term_months"] not in ("12", "24", "36", "48", "60"),
        "label is a word": values["approved"] not in ("0", "1"),
        "time is no time": not values["applied_at"].startswith("20"),
    }
    found = [name for name, is_so in faults.items() if is_so]
    assert len(found) <= 1, "one fault a row, so that its reason is known"
    return found[0] if found else None


def curated_of(day: date) -> list[dict[str, str]]:
    """The good rows of a day, the first of each id."""
    good = [dict(zip(COLUMNS, row, strict=True)) for row in rows_of(day) if fault_of(row) is None]
    return list({row["application_id"]: row for row in reversed(good)}.values())


def test_a_day_is_the_same_bytes_everywhere():
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files(DAY).items()} == GOLDEN


def test_days_differ():
    assert {*files(DAY).values()}.isdisjoint(files(DAY + timedelta(days=1)).values())


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_what_is_planted_is_what_the_files_hold(day: date):
    told = truth(day)
    rows = rows_of(day)
    assert len(rows) == told.rows == 5_000
    assert told.rows == told.curated + told.quarantined + told.duplicates
    assert {name: content.count(b"\n") - 1 for name, content in files(day).items()} == told.rows_by_file
    faults = Counter(fault for row in rows if (fault := fault_of(row)))
    assert faults == told.malformed == dict(MALFORMED)

    good = [row for row in rows if fault_of(row) is None]
    ids = Counter(row[0] for row in good)
    assert sum(count - 1 for count in ids.values()) == told.duplicates
    assert len({tuple(row) for row in good}) - len(ids) == told.duplicates_changed

    curated = curated_of(day)
    assert len(curated) == told.curated
    empty = {column: sum(row[column] == "" for row in curated) for column in COLUMNS}
    assert {column: count for column, count in empty.items() if count} == told.missing
    women = [row for row in curated if row["sex"] == "female"]
    assert (len(women), sum(row["approved"] == "1" for row in women)) == (told.women, told.women_approved)
    assert sum(row["approved"] == "1" for row in curated) == told.approved


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_outliers_are_far_from_everything_else(day: date):
    for column, count in truth(day).outliers.items():
        sizes = sorted(float(row[column]) for row in curated_of(day) if row[column])
        median = statistics.median(sizes)
        far = sum(size > 8 * median for size in sizes)
        assert 0.5 * count <= far <= count, f"{column}: some outliers start small, none may be missed by much"


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_the_label_is_biased_by_what_was_planted(day: date):
    planted = DPL_AFTER_DRIFT if day >= DRIFT_START else DPL_PLANTED
    assert truth(day).dpl == pytest.approx(planted, abs=0.001)
    assert truth(day).drifted is (day >= DRIFT_START)


def test_income_drifts_on_its_day_and_not_before():
    def median_income(day: date) -> float:
        return statistics.median(float(row["income"]) for row in curated_of(day) if row["income"])

    usual = median_income(DAY)
    assert median_income(DRIFT_START - timedelta(days=1)) == pytest.approx(usual, rel=0.05)
    assert median_income(DRIFT_START) == pytest.approx(usual * INCOME_DRIFT, rel=0.05)


def test_the_command_writes_every_day_into_its_partition(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert command.main(["--day", "2026-01-31", "--days", "2", "--out", str(tmp_path), "--truth"]) == 0
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.csv"))
    assert found == [
        "dt=2026-01-31/applications-20260131-1.csv",
        "dt=2026-01-31/applications-20260131-2.csv",
        "dt=2026-02-01/applications-20260201-1.csv",
        "dt=2026-02-01/applications-20260201-2.csv",
    ]
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [day["drifted"] for day in told] == [False, True]


def test_the_command_writes_to_s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    running: StandIn = request.getfixturevalue("stand_in")
    s3 = running.client("s3")
    s3.create_bucket(Bucket="landing")
    for name, value in running.env().items():
        monkeypatch.setenv(name, value)
    assert command.main(["--day", DAY.isoformat(), "--s3", "s3://landing/loan_approval/landing"]) == 0
    for name, content in files(DAY).items():
        key = f"loan_approval/landing/dt=2026-01-15/{name}"
        assert s3.get_object(Bucket="landing", Key=key)["Body"].read() == content


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--day", "15.1.2026", "--out", "x"], "'15.1.2026' is no day; expected YYYY-MM-DD"),
        (["--day", "2026-01-15", "--out", "x", "--days", "0"], "'0' is no number of days"),
        (["--day", "2026-01-15", "--s3", "bucket/prefix"], "expected s3://bucket/prefix"),
        (["--day", "2026-01-15"], "one of the arguments --out --s3 is required"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_nothing_but_python_is_needed():
    """The generator runs in either environment, so it may import neither's libraries."""
    program = "import sys, sample_data.loan_applications as m; m.files; print(*sys.modules)"
    include = Path(command.__file__).parents[1]
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(include)!r}); {program}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"numpy", "pandas", "boto3", "pyarrow"} & set(loaded)
