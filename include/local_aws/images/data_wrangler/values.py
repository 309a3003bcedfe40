"""The kinds of values that a column can have, and how one becomes another. The rules are Spark's.

========  ==========================  ====================================================================
kind      here                        becomes one from a text
========  ==========================  ====================================================================
long      Int64 (nullable)            digits with an optional sign; a fraction is cut off
float     float64                     what Java reads as a double, also NaN and Infinity
bool      boolean (nullable)          t, true, y, yes, 1 and f, false, n, no, 0, in any case
string    string, kept by Arrow       itself
date      date32, kept by Arrow       yyyy-MM-dd, or another format that the operator names
datetime  datetime64[us], UTC         ISO 8601, or the first of a few formats that fits the first value
vector    Vector                      never
array     list of texts               never
========  ==========================  ====================================================================

A value that cannot become one of its new kind is missing afterwards. Unlike in Spark, NaN is a missing value
here: pandas knows no difference. So NaN becomes a missing integer, where Spark makes it 0.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from local_aws.images.data_wrangler.problems import CannotDo, listed

Table: TypeAlias = (
    pd.DataFrame
)  # columns of the kinds below, rows numbered from 0; columns are never changed in place

LONG, FLOAT, BOOL, STRING = "long", "float", "bool", "string"
DATE, DATETIME, VECTOR, ARRAY = "date", "datetime", "vector", "array"
NUMERIC = (LONG, FLOAT)
DATA_TYPES = (LONG, FLOAT, BOOL, STRING, DATE, DATETIME)  # that a cast may ask for

DTYPES: dict[str, Any] = {
    LONG: pd.Int64Dtype(),
    FLOAT: np.dtype("float64"),
    BOOL: pd.BooleanDtype(),
    STRING: pd.StringDtype("pyarrow"),
    DATE: pd.ArrowDtype(pa.date32()),
    DATETIME: np.dtype("datetime64[us]"),
}
ARROW = {
    LONG: pa.int64(),
    FLOAT: pa.float64(),
    BOOL: pa.bool_(),
    STRING: pa.large_string(),
    DATE: pa.date32(),
    DATETIME: pa.timestamp("us"),
    ARRAY: pa.list_(pa.string()),
}

TRUE, FALSE = ("t", "true", "y", "yes", "1"), ("f", "false", "n", "no", "0")
INTEGER = r"^[+-]?\d+(\.\d*)?$"
DECIMAL = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|NaN|nan|Infinity|inf)[dDfF]?$"
# Java's patterns for dates (Spark's to_date and to_timestamp) in Python's words.
JAVA_DATES = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%m", "dd": "%d", "d": "%d",
    "HH": "%H", "H": "%H", "hh": "%I", "mm": "%M", "ss": "%S", "SSSSSS": "%f", "SSS": "%f", "a": "%p",
}  # fmt: skip


class Vector(NamedTuple):
    """A vector as Spark's encoders make them: most of it is 0."""

    size: int
    indices: tuple[int, ...]
    values: tuple[float, ...]

    def __str__(self) -> str:
        return f"({self.size},[{','.join(map(str, self.indices))}],[{','.join(map(str, self.values))}])"


# --- kinds ------------------------------------------------------------------------------------------


def kind_of(series: pd.Series[Any]) -> str:
    """The kind of a column."""
    for kind, dtype in DTYPES.items():
        if series.dtype == dtype:
            return kind
    first = series.dropna().head(1)
    return VECTOR if len(first) and isinstance(first.iloc[0], Vector) else ARRAY


def new(values: Any, kind: str) -> pd.Series[Any]:
    """A column of a kind that a dtype stands for."""
    return pd.Series(values, dtype=DTYPES[kind]).reset_index(drop=True)


def column(table: Table, name: str) -> pd.Series[Any]:
    """A column of the table. Raises CannotDo that names those there are."""
    if name not in table.columns:
        raise CannotDo(f"there is no column {name!r}; there are {listed(table.columns, name)}")
    return table[name]


def numbers(table: Table, name: str) -> pd.Series[Any]:
    """A numeric column as float64. Raises CannotDo for another kind."""
    series = column(table, name)
    kind = kind_of(series)
    if kind not in NUMERIC:
        raise CannotDo(f"column {name!r} is {kind}; allowed: long or float, so cast it first")
    return series.astype("float64")


def with_column(table: Table, name: str, series: Any) -> Table:
    """The table with a column set: in its place, or at the end if it is new."""
    changed = table.copy(deep=False)
    changed[name] = series
    return changed


def rows(table: Table, keep: Any) -> Table:
    """The rows for which ``keep`` is true, or the rows with these numbers, numbered anew."""
    if isinstance(keep, pd.Series):
        keep = np.flatnonzero(keep.to_numpy(dtype=bool, na_value=False))
    return table.take(np.asarray(keep, dtype=np.intp)).reset_index(drop=True)


def missing(series: pd.Series[Any], *, blank: bool = True) -> pd.Series[Any]:
    """Which values are missing; a text of nothing but spaces counts as one, unless ``blank`` is false."""
    absent = series.isna().astype(bool)
    if blank and kind_of(series) == STRING:
        empty = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(arrow(series)), ""), False)
        absent |= empty.to_numpy(zero_copy_only=False)
    return absent


# --- Arrow ------------------------------------------------------------------------------------------


def arrow(series: pd.Series[Any]) -> pa.Array:
    """A column as one Arrow array."""
    kind = kind_of(series)
    if kind == VECTOR:
        return pa.array(
            [
                None if value is None else {"type": 0, "size": value.size, "indices": list(value.indices),
                                            "values": list(value.values)}
                for value in series
            ],
            pa.struct(
                [("type", pa.int8()), ("size", pa.int32()), ("indices", pa.list_(pa.int32())),
                 ("values", pa.list_(pa.float64()))]
            ),
        )  # fmt: skip
    made = pa.array(series, ARROW[kind], from_pandas=True)
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def from_arrow(array: Any, name: str = "") -> pd.Series[Any]:
    """A column from an Arrow array. Raises CannotDo for a type that the stand-in has no kind for."""
    kind_type = array.type
    if pa.types.is_dictionary(kind_type):
        array, kind_type = pc.cast(array, kind_type.value_type), kind_type.value_type
    if pa.types.is_boolean(kind_type):
        return new(array.to_pandas(types_mapper=lambda _: DTYPES[BOOL]), BOOL)
    if pa.types.is_integer(kind_type):
        return new(pc.cast(array, pa.int64()).to_pandas(types_mapper=lambda _: DTYPES[LONG]), LONG)
    if pa.types.is_floating(kind_type) or pa.types.is_decimal(kind_type):
        return new(pc.cast(array, pa.float64()).to_pandas(), FLOAT)
    if pa.types.is_string(kind_type) or pa.types.is_large_string(kind_type):
        return new(pc.cast(array, pa.large_string()).to_pandas(types_mapper=lambda _: DTYPES[STRING]), STRING)
    if pa.types.is_date(kind_type):
        return new(pc.cast(array, pa.date32()).to_pandas(types_mapper=lambda _: DTYPES[DATE]), DATE)
    if pa.types.is_timestamp(kind_type):
        plain = pc.cast(array, pa.timestamp("us", tz=kind_type.tz), safe=False)
        return new(pc.cast(plain, pa.timestamp("us"), safe=False).to_pandas(), DATETIME)
    if pa.types.is_null(kind_type):
        return new(pd.array([None] * len(array), dtype=DTYPES[STRING]), STRING)
    if pa.types.is_list(kind_type) and pa.types.is_string(kind_type.value_type):
        return pd.Series(array.to_pylist(), dtype=object)
    raise CannotDo(f"column {name!r} has Parquet type {kind_type}, which the local stand-in does not read")


def table_from_arrow(given: pa.Table) -> Table:
    """A table from Arrow's."""
    twice = {name for name in given.column_names if given.column_names.count(name) > 1}
    if twice:
        raise CannotDo(f"there are two columns {min(twice)!r}; allowed: each name once")
    return pd.DataFrame(
        {name: from_arrow(given.column(name), name) for name in given.column_names},
        index=pd.RangeIndex(given.num_rows),
        copy=False,  # else pandas copies all columns into one block a type
    )


def over_distinct(
    series: pd.Series[Any], function: Callable[[str], Any], kind: str = STRING
) -> pd.Series[Any]:
    """A text column with a function applied to each distinct value once; what is missing stays so."""
    coded = pc.dictionary_encode(arrow(series))
    if kind == ARRAY:
        lists = [function(text) for text in coded.dictionary.to_pylist()]
        return pd.Series(
            [None if code is None else lists[code] for code in coded.indices.to_pylist()], dtype=object
        )
    made = pa.array([function(text) for text in coded.dictionary.to_pylist()], ARROW[kind])
    return from_arrow(made.take(coded.indices))


# --- casts ------------------------------------------------------------------------------------------


def cast(series: pd.Series[Any], kind: str, formatting: str | None = None) -> pd.Series[Any]:
    """The column as another kind; what cannot be one is missing.

    Args:
        formatting: Java's pattern of a date or datetime, e.g. ``dd-MM-yyyy``; None: see the table above.
    """
    before = kind_of(series)
    if before == kind:
        return series
    if before in (VECTOR, ARRAY):
        if kind == STRING:
            return new([None if value is None else str(value) for value in series], STRING)
        raise CannotDo(f"a column of kind {before} can only become string")
    if kind == STRING:
        return from_arrow(pc.cast(texts(series), pa.large_string()))
    if before == STRING:
        return _from_text(series, kind, formatting)
    casts: dict[tuple[str, str], Callable[[], pd.Series[Any]]] = {
        (LONG, FLOAT): lambda: new(series.to_numpy("float64", na_value=np.nan), FLOAT),
        (LONG, BOOL): lambda: new(series != 0, BOOL),
        (FLOAT, BOOL): lambda: new((series != 0).where(series.notna(), pd.NA), BOOL),
        (FLOAT, LONG): lambda: _whole(series),
        (BOOL, LONG): lambda: new(series.astype("Int64"), LONG),
        (BOOL, FLOAT): lambda: new(series.to_numpy("float64", na_value=np.nan), FLOAT),
        (DATE, DATETIME): lambda: from_arrow(pc.cast(arrow(series), pa.timestamp("us"))),
        (DATETIME, DATE): lambda: from_arrow(pc.cast(arrow(series), pa.date32(), safe=False)),
        (DATETIME, LONG): lambda: _seconds(series).astype("Int64"),
        (LONG, DATETIME): lambda: new(
            pd.to_datetime(series.astype("float64"), unit="s", errors="coerce"), DATETIME
        ),
    }
    if (before, kind) not in casts:
        raise CannotDo(f"a column of kind {before} cannot become {kind}")
    return casts[before, kind]()


def _whole(series: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers without their fraction; what no 64-bit integer can hold is missing."""
    fits = series.abs() < 2.0**63
    return new(np.trunc(series.where(fits)).astype("Int64"), LONG)


def _seconds(series: pd.Series[Any]) -> pd.Series[Any]:
    """Seconds since 1970."""
    whole = series.astype("int64").floordiv(1_000_000).astype("Int64")
    return whole.where(series.notna(), pd.NA)


def texts(series: pd.Series[Any]) -> pa.Array:
    """A column as the texts that Spark writes: 1.0, true, 2026-01-15, 2026-01-15 06:00:00."""
    kind = kind_of(series)
    if kind == STRING:
        return arrow(series)
    if kind in (VECTOR, ARRAY):
        return pa.array([None if value is None else str(value) for value in series], pa.large_string())
    array = arrow(series)
    if kind == FLOAT:
        return pc.replace_substring_regex(
            pc.cast(array, pa.large_string()), pattern=r"^(-?\d+)$", replacement=r"\1.0"
        )
    if kind == DATETIME:
        return _without_zeros(pc.cast(pc.strftime(array, format="%Y-%m-%d %H:%M:%S"), pa.large_string()))
    return pc.cast(array, pa.large_string())


def _without_zeros(text: pa.Array) -> pa.Array:
    """06:00:00.500000 as 06:00:00.5, and 06:00:00.000000 as 06:00:00."""
    cut = pc.replace_substring_regex(text, pattern=r"(\.\d*?)0+$", replacement=r"\1")
    return pc.replace_substring_regex(cut, pattern=r"\.$", replacement="")


def _from_text(series: pd.Series[Any], kind: str, formatting: str | None) -> pd.Series[Any]:
    text = pc.utf8_trim_whitespace(arrow(series))
    if kind == LONG:
        valid = pc.if_else(pc.match_substring_regex(text, INTEGER), text, None)
        digits = pc.replace_substring_regex(valid, pattern=r"^\+|\..*$", replacement="")
        try:
            return from_arrow(pc.cast(digits, pa.int64()))
        except pa.ArrowInvalid:  # some have more digits than a long can hold
            return over_distinct(
                from_arrow(digits), lambda each: int(each) if abs(int(each)) < 2**63 else None, LONG
            )
    if kind == FLOAT:
        valid = pc.if_else(pc.match_substring_regex(text, DECIMAL), text, None)
        plain = pc.replace_substring_regex(valid, pattern=r"^\+|(?:\b|\.)[dDfF]$", replacement="")
        return from_arrow(pc.cast(plain, pa.float64()))
    if kind == BOOL:
        lowered = pc.utf8_lower(text)
        known = pc.is_in(lowered, pa.array([*TRUE, *FALSE], lowered.type))
        return from_arrow(pc.if_else(known, pc.is_in(lowered, pa.array(TRUE, lowered.type)), None))
    return _times(from_arrow(text), kind, formatting)


def _times(series: pd.Series[Any], kind: str, formatting: str | None) -> pd.Series[Any]:
    """Texts as dates or datetimes."""
    pattern = "ISO8601" if formatting is None else _python_pattern(formatting)

    def read(text: str) -> datetime.datetime | None:
        moment = pd.to_datetime(text, errors="coerce", format=pattern, utc=True)
        return None if moment is pd.NaT else moment.tz_localize(None).to_pydatetime()

    distinct = pc.unique(arrow(series)).drop_null()
    if len(distinct) > len(series) // 2:  # a table of distinct values would only cost
        moments = pd.to_datetime(
            series.astype(object), errors="coerce", format=pattern, utc=True
        ).dt.tz_localize(None)
        made = new(moments.astype("datetime64[us]"), DATETIME)
    else:
        made = over_distinct(series, read, DATETIME)
    return cast(made, DATE) if kind == DATE else made


def _python_pattern(java: str) -> str:
    """Java's pattern in Python's words. Raises CannotDo for letters that are not in the table."""

    def one(match: re.Match[str]) -> str:
        run = match[0]
        if run.startswith("'"):
            return run[1:-1].replace("%", "%%") or "'"
        if run not in JAVA_DATES:
            raise CannotDo(
                f"the local stand-in does not read {run!r} of the pattern {java!r}; "
                f"allowed: {', '.join(JAVA_DATES)} and texts in quotes"
            )
        return JAVA_DATES[run]

    return re.sub(r"'[^']*'|([A-Za-z])\1*", one, java)


# --- inference --------------------------------------------------------------------------------------

SAMPLE_ROWS = 5000  # AWS infers from the first so many rows
NULL_LIKE = r"^(?i:null|none|nil|na|nan|\s*)$"
ENOUGH, SHARE = 0.3, 0.8  # of the sample has to have a value; of these so many have to fit


def infer(series: pd.Series[Any]) -> str:
    """The kind that a column most probably is; a column that is typed already keeps its kind.

    AWS's rule: more than 80 of 100 values fit. Of numbers, more than 80 of 100 have to be whole to be long.
    """
    kind = kind_of(series)
    if kind != STRING:
        return kind
    sample = arrow(series.head(SAMPLE_ROWS))
    known = sample.drop_null()
    known = known.filter(pc.invert(pc.match_substring_regex(known, NULL_LIKE)))
    if not len(known) or len(known) / len(sample) < ENOUGH:
        return STRING
    text = pc.utf8_trim_whitespace(known)

    def share(mask: pa.Array) -> float:
        return float(pc.sum(pc.cast(mask, pa.int64())).as_py() or 0) / len(known)

    numeric = share(pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"))
    if numeric > SHARE:
        whole = share(pc.match_substring_regex(text, r"^[+-]?\d+(\.0*)?$"))
        return LONG if whole / numeric > SHARE else FLOAT
    if share(pc.is_in(pc.utf8_lower(text), pa.array(["true", "false"], text.type))) > SHARE:
        return BOOL
    if share(pc.match_substring_regex(text, r"^\d{4}-\d\d-\d\d$")) > SHARE:
        days = share(pc.match_substring_regex(text, r"^\d{4}-\d\d-\d\d$"))
        moments = _times(from_arrow(text), DATETIME, None).notna().mean()
        return DATETIME if moments > days else DATE
    return DATETIME if _times(from_arrow(text), DATETIME, None).notna().mean() > SHARE else STRING
