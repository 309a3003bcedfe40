"""Two engines, one verdict: the Python shell job and the Spark job make the same of the files.

Every case lies in S3 twice, below `shell-<case>` and `spark-<case>`. The first is cleaned in this process,
all of the others by one Glue Spark job, whose script calls `clean_spark.py` case after case: a session costs
seconds.
"""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.glue import clean, rules
from sample_data.loan_applications import files
from tests.support import stand_in as stand_ins
from tests.support.spark import SparkLab, needs_spark
from tests.support.stand_in import StandIn
from tests.unit.jobs.glue.test_clean import DAY, DECLARED, DECLARED_BAD, DECLARED_GOOD, GOOD, HEADER, data

# All cases are cleaned before the first test, in one session.
pytestmark = [needs_spark, pytest.mark.timeout(1500)]
stand_in = stand_ins.stand_in

DRIVER = """
import json, sys
import boto3, clean_spark, rules
from awsglue.utils import getResolvedOptions
from pyspark.sql import SparkSession

bucket = getResolvedOptions(sys.argv, ["bucket"])["bucket"]
s3, spark = boto3.client("s3"), SparkSession.builder.getOrCreate()
said = {}
for case, block in json.load(s3.get_object(Bucket=bucket, Key="cases.json")["Body"]).items():
    spark.conf.set("spark.sql.files.maxPartitionBytes", block)
    name = f"spark-{case}"
    places = rules.Places.of(["--bucket", bucket, "--workflow", name, "--dt", "2026-01-15",
                              "--config_key", f"{name}/config.json", "--run_prefix", f"{name}/run"])
    try:
        spec = rules.read_spec(s3, places)
        clean_spark.check_splittable(spec)
        clean_spark.Day(spark, s3, places, spec).run()
        said[case] = ""
    except rules.Refused as refusal:
        said[case] = str(refusal)
    spark.catalog.clearCache()
s3.put_object(Bucket=bucket, Key="said.json", Body=json.dumps(said))
"""


@dataclass(frozen=True)
class Case:
    """Files as a-0.csv, a-1.csv and so on, and what the workflow says of them."""

    contents: list[str | bytes]
    changes: dict[str, Any] = field(default_factory=dict)
    block: str = "600b"  # how finely Spark splits files: lines lie in several blocks


def bad_rows() -> str:
    """Every row that test_clean.py has a reason for, between good ones."""
    mark = next(
        each
        for each in vars(_test_clean())["test_a_row_is_refused_with_file_line_and_reason"].pytestmark
        if each.name == "parametrize"
    )
    lines = [line for line, _ in mark.args[1]]
    return "".join(f"{GOOD.replace('a1', f'g{index}')}\n{line}\n" for index, line in enumerate(lines))


def _test_clean() -> Any:
    from tests.unit.jobs.glue import test_clean

    return test_clean


def anything(seed: int) -> str:
    """Lines of random fields, as hypothesis makes them for test_clean.py."""
    fields = [
        "a1",
        "a2",
        "",
        "30",
        "7",
        "x",
        "f",
        "12",
        '"',
        "é",
        "2026-01-15",
        "true",
        " ",
        "\x00",
        "\x85",
        "\x1c",
    ]
    source = random.Random(seed)

    def line() -> str:
        if source.random() < 0.5:  # a good row, one in some the second of its key
            return f"a{source.randrange(300)},,{source.randrange(18, 100)},,{source.choice('fm')},,,\n"
        return ",".join(source.choices(fields, k=source.choice([1, 3, 8, 8, 8, 8, 9]))) + "\n"

    return "".join(line() for _ in range(400))


ALL = {"max_quarantined_share": 1.0}
ZOE = GOOD.replace("a1", "Zoë")
TWICE = "".join(f"k{n * n % 53},,{18 + n % 3},,,,,\n" for n in range(300))
LINES = "".join(f"k{n},,{18 + n % 60},{n}.5,f,12,1996-01-15,true\n" for n in range(200))
CASES = {
    "rows": Case([HEADER + bad_rows()], ALL, block="150b"),
    "rows-in-two-files": Case([HEADER + LINES, "\n\n" + HEADER + bad_rows() + "\n"], ALL),
    "declared": Case(
        ["".join(DECLARED_GOOD) + "\n".join(DECLARED_BAD)],
        {**ALL, "columns": DECLARED, "format": {"header": False}, "key": None},
    ),
    "duplicates": Case([HEADER + TWICE, HEADER + TWICE.replace("18", "19"), HEADER + GOOD + GOOD]),
    "number-key": Case([HEADER + TWICE], {"key": "age"}),
    "no-key": Case([HEADER + GOOD + GOOD, HEADER + GOOD], {"key": None}),
    "quotes": Case([HEADER + '"a,""1""",,30,,,,,\n' + 'a1,,30,,"f,,,\n' + LINES], ALL),
    "marks-and-spaces": Case(
        ["a1; ?; 30; 1; f; 12; ?; \n"],
        {"format": {"header": False, "skip_initial_space": True, "missing": ["?", ""], "delimiter": ";"}},
    ),
    "windows": Case([b"\xef\xbb\xbf" + (HEADER + GOOD).replace("\n", "\r\n").encode()]),
    "no-last-end": Case([(HEADER + LINES).rstrip("\n")]),
    "latin": Case([(HEADER + ZOE).encode("latin-1")], {"format": {"encoding": "latin-1"}}),
    "empty-file": Case(["", HEADER, HEADER + GOOD]),
    "anything": Case([HEADER + anything(1), HEADER + anything(2)], ALL, block="2000b"),
    "wrong-header": Case([HEADER + GOOD, "id,when\na,b\n"]),
    "other-order": Case(["at,id,age,pay,sex,term,born,paid\n"]),
    "no-header": Case([GOOD]),
    "not-utf-8": Case([HEADER + LINES, (HEADER + LINES + ZOE).encode("latin-1"), "x\n"]),
    "not-even-the-header": Case([b"\xff\xfe\x00"]),
    "half-a-character": Case([(HEADER + GOOD).encode() + b"\xe2\x82"]),
    "unknown-encoding": Case([HEADER], {"format": {"encoding": "klingon"}}),
    "no-file": Case([]),
    "no-row": Case(["", HEADER, "\n\n"]),
    "nothing-good": Case([HEADER + "x\n"], ALL),
    "too-many-refused": Case([HEADER + GOOD + "b,,x,,,,,\nc,,x,,,,,\nd\n"]),
}  # fmt: skip
REFUSED = {
    "wrong-header", "other-order", "no-header", "not-utf-8", "not-even-the-header", "half-a-character",
    "unknown-encoding", "no-file", "no-row", "nothing-good", "too-many-refused",
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(stand_in: StandIn) -> SparkLab:
    return SparkLab(stand_in)


@pytest.fixture(scope="module")
def said(lab: SparkLab, loan_config: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Both engines' refusals, "" for none, after both have cleaned everything."""
    landed = {case: (each.contents, data(**each.changes)) for case, each in CASES.items()}
    landed["sample"] = (list(files(DAY).values()), loan_config["data"])
    blocks = {**{case: each.block for case, each in CASES.items()}, "sample": "128m"}
    lab.put("cases.json", json.dumps(blocks))
    spoken: dict[str, str] = {}
    for case, (contents, described) in landed.items():
        for engine in ("shell", "spark"):
            root = f"{engine}-{case}"
            lab.put(f"{root}/config.json", json.dumps({"data": described}))
            lab.put(f"{root}/landing/dt=2026-01-15/_SUCCESS", "done")
            lab.put(f"{root}/curated/dt=2026-01-15/old.parquet", "of an earlier run")
            lab.put(f"{root}/curated/dt=2026-01-14/other.parquet", "of another day")
            lab.put(f"{root}/quarantine/dt=2026-01-15/old.jsonl", "of an earlier run")
            for index, content in enumerate(contents):
                lab.put(f"{root}/landing/dt=2026-01-15/a-{index} é%.csv", content)
        root = f"shell-{case}"
        places = rules.Places.of(
            [
                *("--bucket", lab.bucket, "--workflow", root, "--dt", "2026-01-15"),
                *("--config_key", f"{root}/config.json", "--run_prefix", f"{root}/run"),
            ]
        )
        try:
            clean.run(lab.s3, places, rules.read_spec(lab.s3, places))
            spoken[case] = ""
        except rules.Refused as refusal:
            spoken[case] = str(refusal)
    for module in ("clean_spark", "rules"):
        folder = clean.__file__.rpartition("/")[0]
        lab.s3.upload_file(f"{folder}/{module}.py", lab.bucket, f"code/{module}.py")
    modules = ",".join(f"s3://{lab.bucket}/code/{module}.py" for module in ("clean_spark", "rules"))
    name = lab.job(DRIVER, DefaultArguments={"--bucket": lab.bucket, "--extra-py-files": modules})
    run_id = lab.start(name)
    run = lab.ended(name, run_id, seconds=1400)
    assert run["JobRunState"] == "SUCCEEDED", (run, lab.log("error", run_id)[-40:])
    heard = json.load(lab.s3.get_object(Bucket=lab.bucket, Key="said.json")["Body"])
    return {"shell": spoken, "spark": heard}


def objects(lab: SparkLab, prefix: str) -> list[bytes]:
    return [lab.s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read() for key in lab.keys(prefix)]


@pytest.mark.parametrize("case", [*CASES, "sample"])
def test_both_engines_say_the_same(said: dict[str, dict[str, str]], case: str) -> None:
    spark = said["spark"][case].replace(f"spark-{case}", f"shell-{case}")
    assert spark == said["shell"][case]
    assert bool(spark) == (case in REFUSED)


@pytest.mark.parametrize("case", [*CASES, "sample"])
def test_both_engines_quarantine_the_same_rows(
    lab: SparkLab, said: dict[str, dict[str, str]], case: str
) -> None:
    shell, spark = (
        b"".join(objects(lab, f"{engine}-{case}/quarantine/dt=2026-01-15/")) for engine in ("shell", "spark")
    )
    assert spark == shell


@pytest.mark.parametrize("case", sorted({*CASES, "sample"} - REFUSED))
def test_both_engines_keep_the_same_rows(lab: SparkLab, said: dict[str, dict[str, str]], case: str) -> None:
    shell, spark = (
        pa.concat_tables(
            pq.read_table(io.BytesIO(content)).replace_schema_metadata()
            for content in objects(lab, f"{engine}-{case}/curated/dt=2026-01-15/")
        )
        for engine in ("shell", "spark")
    )
    assert spark.schema.equals(shell.schema)
    assert spark.to_pylist() == shell.to_pylist()
    assert lab.keys(f"spark-{case}/curated/dt=2026-01-14/") != []


@pytest.mark.parametrize("case", sorted({*CASES, "sample"} - REFUSED))
def test_both_engines_count_alike(lab: SparkLab, said: dict[str, dict[str, str]], case: str) -> None:
    shell, spark = (
        json.loads(objects(lab, f"{engine}-{case}/run/cleaning.json")[0]) for engine in ("shell", "spark")
    )
    assert spark == shell
    assert list(spark["reasons"]) == list(shell["reasons"])


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_a_refused_day_leaves_what_was_there(
    lab: SparkLab, said: dict[str, dict[str, str]], case: str
) -> None:
    for engine in ("shell", "spark"):
        assert lab.keys(f"{engine}-{case}/curated/dt=2026-01-15/") == [
            f"{engine}-{case}/curated/dt=2026-01-15/old.parquet"
        ]
        assert lab.keys(f"{engine}-{case}/run/") == []
