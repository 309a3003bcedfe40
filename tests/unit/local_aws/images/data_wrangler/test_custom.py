"""The user's own code: what it is given, what it may leave, and how its failures are told."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from local_aws.images.data_wrangler.operators.custom import NO_SPARK
from local_aws.images.data_wrangler.problems import FlowInvalid, NodeFailed
from local_aws.images.data_wrangler.spark import SPARK_PACKAGES
from local_aws.images.data_wrangler.values import LONG, new
from local_aws.images.programs import spark_packages
from local_aws.settings import Settings
from tests.support.data_wrangler import applied, kinds, plain, table
from tests.support.spark import PYTHON, needs_spark

NOON = datetime.fromisoformat("2026-01-15T12:00:00")
SPARK = spark_packages(Settings(data_dir=Path(), spark_python=PYTHON))


@pytest.fixture
def with_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stand-in tells the image where Spark is installed."""
    monkeypatch.setenv(SPARK_PACKAGES, str(SPARK))
    monkeypatch.setattr(sys, "path", sys.path.copy())


def pandas(code: str, given: Any) -> Any:
    return applied("custom_pandas_0.1", {"code": code}, table(given))


def test_code_sees_what_to_pandas_gives(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"l": [1], "m": [1, None][:1], "f": [1.5], "t": ["x"], "b": [True], "w": [NOON]}
    pandas("print(dict(df.dtypes.astype(str)))", given)
    assert capsys.readouterr().out.strip() == str(
        {"l": "int64", "m": "int64", "f": "float64", "t": "object", "b": "bool", "w": "datetime64[ns]"}
    )
    pandas("print(df['m'].dtype, df['t'].tolist())", {"m": [1, None], "t": ["x", None]})
    assert capsys.readouterr().out == "float64 ['x', None]\n"


def test_the_usual_line_of_awss_flows_works() -> None:
    code = (
        "cat_cols = df.dtypes[df.dtypes == object].index\n"
        "df[cat_cols] = df[cat_cols].apply(lambda x: x.str.lower())\n"
    )
    assert plain(pandas(code, {"t": ["Car", None], "n": [1, 2]})) == {"t": ["car", None], "n": [1, 2]}


def test_what_code_leaves_gets_its_kinds() -> None:
    code = """
import datetime, decimal
import pandas as pd
df = pd.DataFrame({
    "l": [1, 2], "f": [1.5, None], "t": ["x", None], "b": [True, False], "c": pd.Categorical(["u", "v"]),
    "d": [datetime.date(2026, 1, 15), None], "w": pd.to_datetime(["2026-01-15 12:00", None]),
    "mixed": [1, "x"], "none": [None, None], "dec": [decimal.Decimal("1.5"), None], 7: [1, 2],
}, index=[5, 9])
"""
    made = pandas(code, {"a": [1]})
    assert kinds(made) == {
        "l": "long", "f": "float", "t": "string", "b": "bool", "c": "string", "d": "date", "w": "datetime",
        "mixed": "string", "none": "string", "dec": "float", "7": "long",
    }  # fmt: skip
    assert [values[0] for values in plain(made).values()] == [
        1, 1.5, "x", True, "u", date(2026, 1, 15), NOON, "1", "", 1.5, 1,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("df = 7", "the code left a int in df; allowed: a pandas DataFrame"),
        ("del df", "the code has deleted df"),
        ("\ndf = df / nope", r"the code failed in line 2: NameError: name 'nope' is not defined"),
        ("df.columns = ['x', 'x']", "the code left two columns 'x'"),
        ("df['z'] = 1j", "the code left column 'z' with type complex128"),
        ("raise SystemExit", None),
    ],
)
def test_code_that_goes_wrong_fails_its_node(code: str, says: str | None) -> None:
    if says is None:
        with pytest.raises(SystemExit):
            pandas(code, {"a": [1], "b": [2]})
        return
    with pytest.raises(NodeFailed, match=rf"node n \(sagemaker.spark.custom_pandas_0.1\): {says}"):
        pandas(code, {"a": [1], "b": [2]})


def test_code_that_is_not_python_is_refused_before_anything_runs() -> None:
    with pytest.raises(FlowInvalid, match=r"node n .*code: is not Python: invalid syntax"):
        pandas("df = = 1", {"a": [1]})


@pytest.mark.parametrize(
    ("operator", "parameters"),
    [
        ("custom_pyspark_0.1", {"code": "df = df"}),
        ("custom_code_0.1", {"operator": "Python (PySpark)", "pyspark_parameters": {"code": "df = df"}}),
    ],
)
def test_spark_code_without_spark_is_refused_with_the_remedy(operator: str, parameters: Any) -> None:
    with pytest.raises(FlowInvalid) as caught:
        applied(operator, parameters, table({"a": [1]}))
    assert NO_SPARK in str(caught.value)


@needs_spark
@pytest.mark.usefixtures("with_spark")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # PySpark leaves its sockets to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_code_runs_where_spark_is() -> None:
    given = table({"t": ["a", "a", None], "n": [1, 2, 3], "w": [NOON] * 3, "none": new([None] * 3, LONG)})
    code = (
        "from pyspark.sql import functions as F\n"
        "df = df.groupBy('t').agg(F.sum('n').alias('s'), F.max('w').alias('w'), F.max('none').alias('e'))"
        ".orderBy('t')"
    )
    for operator, parameters in [
        ("custom_pyspark_0.1", {"code": code}),
        ("custom_code_0.1", {"operator": "Python (PySpark)", "pyspark_parameters": {"code": code}}),
    ]:
        made = plain(applied(operator, parameters, given))
        assert made == {"t": [None, "a"], "s": [3, 3], "w": [NOON, NOON], "e": [None, None]}
    with pytest.raises(NodeFailed, match="the code left a int in df; allowed: a Spark DataFrame"):
        applied("custom_pyspark_0.1", {"code": "df = 7"}, given)
