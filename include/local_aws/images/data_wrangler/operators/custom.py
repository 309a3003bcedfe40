"""Custom steps: the user's own pandas, PySpark or SQL.

The table is called ``df``; what the code leaves under that name is the result. The code runs in the job's
process, with all that the process may do, as on AWS.
"""

from __future__ import annotations

from typing import Any

from local_aws.images.data_wrangler.frames import from_user, to_user
from local_aws.images.data_wrangler.parameters import Text
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.spark import collected, handed_over, is_installed, session
from local_aws.images.data_wrangler.sql import query, query_problem
from local_aws.images.data_wrangler.values import Table

CUSTOM_CODE = "sagemaker.spark.custom_code_0.1"
NO_SPARK = (
    "PySpark code needs Spark, which is not installed: `make spark` installs it in .venv-spark; "
    "allowed without it: pandas or SQL"
)


def _compiles(values: Any) -> str | None:
    """What is wrong with Python code."""
    try:
        compile(values["code"], "<custom code>", "exec")
    except (SyntaxError, ValueError) as error:
        return f"code: is not Python: {error}"
    return None


def _spark_code(values: Any) -> str | None:
    if not is_installed():
        return f"code: {NO_SPARK}"
    return _compiles(values)


def _executed(code: str, given: dict[str, Any]) -> Any:
    """What the code leaves as ``df``; what it prints goes to the job's log."""
    names = {"__name__": "__main__", **given}
    try:
        exec(compile(code, "<custom code>", "exec"), names)  # noqa: S102 - the user's own code is the step
    except Exception as error:
        line = _line_of(error)
        raise CannotDo(f"the code failed{line}: {type(error).__name__}: {error}") from error
    if "df" not in names:
        raise CannotDo("the code has deleted df; allowed: the result in the variable df")
    return names["df"]


def _line_of(error: BaseException) -> str:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<custom code>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" in line {line}" if line else ""


def _pandas(table: Table, code: str) -> Table:
    return from_user(_executed(code, {"df": to_user(table)}))


def _pyspark(table: Table, code: str) -> Table:
    with session() as spark:
        return collected(_executed(code, {"df": handed_over(spark, table), "spark": spark}))


@operation("sagemaker.spark.custom_pandas_0.1", check=_compiles, code=Text())
def custom_pandas(table: Table, *, code: str) -> Table:
    """Pandas code. A column without any value comes back as empty texts, one of mixed types as texts."""
    return _pandas(table, code)


@operation("sagemaker.spark.custom_pyspark_0.1", check=_spark_code, code=Text())
def custom_pyspark(table: Table, *, code: str) -> Table:
    """PySpark code, where PySpark is installed."""
    return _pyspark(table, code)


@operation(CUSTOM_CODE, choice("Python (Pandas)", "pandas_parameters"), check=_compiles, code=Text())
def code_pandas(table: Table, *, code: str) -> Table:
    """Pandas code."""
    return _pandas(table, code)


@operation(CUSTOM_CODE, choice("Python (PySpark)", "pyspark_parameters"), check=_spark_code, code=Text())
def code_pyspark(table: Table, *, code: str) -> Table:
    """PySpark code, where PySpark is installed."""
    return _pyspark(table, code)


@operation(
    CUSTOM_CODE,
    choice("SQL (PySpark SQL)", "sql_parameters"),
    check=lambda values: query_problem(values["code"]),
    code=Text(),
)
def code_sql(table: Table, *, code: str) -> Table:
    """A SELECT from ``df`` in Spark's SQL; the order of the rows is what ORDER BY says, or any."""
    return query(table, code)
