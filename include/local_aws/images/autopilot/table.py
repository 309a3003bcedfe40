"""Tables: from the files of a channel to columns of known kinds.

    numeric       every value is a number
    datetime      every value is a date or a time, ISO 8601
    text          sentences: mostly different, several words each
    categorical   everything else
    dropped       one value only, or a different word in every row: nothing can be learned from it

A datetime becomes numbers (year, month, day, weekday, hour, days since 1970). What a request brings goes the
same way, so that a model sees in an endpoint what it saw in training.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.images.autopilot.contract import PARQUET
from local_aws.images.autopilot.problems import Unusable

TEXT_WORDS = 3.0  # on average, from which a column is taken for text
TEXT_DISTINCT = 0.5  # the share of different values from which it may be
PARTS = ("year", "month", "day", "weekday", "hour", "epoch_days")


@dataclass(frozen=True)
class Column:
    """One column of the input, in the order in which requests give them."""

    name: str
    kind: str


def read(directory: Path, content_type: str, *, gzip: bool) -> Any:
    """All files of a channel as one frame; the cells of CSV are texts. Raises Unusable."""
    import pandas

    files = [
        path
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.startswith((".", "_")) and path.stat().st_size
    ]
    if not files:
        raise Unusable(f"The {directory.name} channel has no data.")
    frames = [_parquet(path) if content_type == PARQUET else _csv(path, gzip=gzip) for path in files]
    columns = list(frames[0].columns)
    for path, frame in zip(files, frames, strict=True):
        if list(frame.columns) != columns:
            raise Unusable(
                f"The files of the {directory.name} channel have different headers: {path.name} has "
                f"{', '.join(map(str, frame.columns))}, {files[0].name} has {', '.join(map(str, columns))}."
            )
    return pandas.concat(frames, ignore_index=True)


def _csv(path: Path, *, gzip: bool) -> Any:
    import pandas

    try:
        return pandas.read_csv(
            path, dtype=str, compression="gzip" if gzip else None, skipinitialspace=True, encoding="utf-8"
        )
    except (ValueError, OSError, EOFError, pandas.errors.ParserError) as error:
        raise Unusable(f"{path.name} cannot be read as CSV with a header: {error}") from None


def _parquet(path: Path) -> Any:
    import pyarrow
    import pyarrow.parquet

    try:
        # One thread: candidates are forked from this process.
        table = pyarrow.parquet.read_table(path, use_threads=False)
    except (ValueError, OSError, pyarrow.ArrowException) as error:
        raise Unusable(f"{path.name} cannot be read as Parquet: {error}") from None
    return table.to_pandas(use_threads=False)


def columns_of(frame: Any, asked: Mapping[str, str]) -> list[Column]:
    """The kind of every column; ``asked`` are the kinds that the caller knows better."""
    return [Column(name, kind_of(frame[name], asked.get(name))) for name in frame.columns]


def kind_of(values: Any, asked: str | None = None) -> str:
    """The kind of one column."""
    present = values.dropna()
    distinct = present.nunique()
    if distinct <= 1:
        # One value and gaps: whether there is one can still tell something.
        return "categorical" if distinct == 1 and len(present) < len(values) else "dropped"
    if asked:
        return asked
    if numbers(present).notna().all():
        return "numeric"
    if times(present).notna().all():
        return "datetime"
    texts = present.astype(str)
    if distinct > TEXT_DISTINCT * len(present):
        if texts.str.split().str.len().mean() >= TEXT_WORDS:
            return "text"
        if distinct == len(present):
            return "dropped"
    return "categorical"


def numbers(values: Any) -> Any:
    """The values as 64-bit floats; NaN for what is no number. A truth value is a category, not a number."""
    import pandas

    if pandas.api.types.is_bool_dtype(values) or pandas.api.types.is_datetime64_any_dtype(values):
        return pandas.Series(float("nan"), index=values.index)
    return pandas.to_numeric(values, errors="coerce").astype("float64")


def times(values: Any) -> Any:
    """The values as moments in UTC; NaT for what is none."""
    import pandas

    if pandas.api.types.is_datetime64_any_dtype(values):
        return pandas.to_datetime(values, utc=True)
    return pandas.to_datetime(values.astype(str), format="ISO8601", errors="coerce", utc=True)


def prepared(frame: Any, columns: Sequence[Column]) -> Any:
    """The columns that can be learned from, typed: floats, and texts in which a missing value is empty."""
    import pandas

    made: dict[str, Any] = {}
    for column in columns:
        values = frame[column.name]
        match column.kind:
            case "numeric":
                made[column.name] = numbers(values)
            case "datetime":
                made |= _parts(column.name, values)
            case "categorical" | "text":
                made[column.name] = values.where(values.notna(), "").astype(str).astype(object)
    return pandas.DataFrame(made, index=frame.index)


def _parts(name: str, values: Any) -> dict[str, Any]:
    import pandas

    moments = times(values.where(values.notna()))
    parts = moments.dt
    found = {part: getattr(parts, part) for part in ("year", "month", "day", "weekday", "hour")}
    found["epoch_days"] = (moments - pandas.Timestamp(0, tz="UTC")) / pandas.Timedelta(days=1)
    return {f"{name}.{part}": found[part].astype("float64") for part in PARTS}


def names_by_kind(columns: Sequence[Column]) -> dict[str, list[str]]:
    """The columns of a prepared frame: ``numeric``, ``categorical``, ``text`` -> names."""
    names: dict[str, list[str]] = {"numeric": [], "categorical": [], "text": []}
    for column in columns:
        if column.kind == "datetime":
            names["numeric"] += [f"{column.name}.{part}" for part in PARTS]
        elif column.kind != "dropped":
            names[column.kind].append(column.name)
    return names


def rows_of(body: bytes, columns: Sequence[Column]) -> Any:
    """The frame of a request: CSV without a header, the cells in the columns' order. Raises ValueError."""
    import pandas

    try:
        frame = pandas.read_csv(
            io.BytesIO(body), header=None, dtype=str, skipinitialspace=True, encoding="utf-8"
        )
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError) as error:
        raise ValueError(str(error)) from None
    if frame.shape[1] != len(columns):
        raise ValueError(
            f"a row has {frame.shape[1]} cells; the model was trained on {len(columns)} columns: "
            f"{', '.join(column.name for column in columns)}"
        )
    return frame.set_axis([column.name for column in columns], axis=1)
