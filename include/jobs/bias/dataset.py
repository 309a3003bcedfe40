"""The dataset of an analysis as one table, from CSV, Parquet or JSON lines, in one file or in many."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from jobs.bias.config import AnalysisConfig
from jobs.bias.reading import ConfigError
from jobs.bias.selection import whole_numbers
from jobs.processing.job import JobError

LABEL = "LABEL_0"  # Clarify's name of a label that has none


def read(folder: Path, config: AnalysisConfig) -> pd.DataFrame:
    """All rows of all files below the folder, of the columns that the configuration names.

    Text in Parquet becomes pandas categories: a number a row and each text once. Raises JobError if there are
    no rows or they cannot be read.
    """
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_"))
    )
    if not files:
        raise JobError(f"the dataset is empty: there is no file in {folder}")
    if config.dataset_type == "application/x-parquet":
        rows = _parquet(files, config)
    else:
        read_file = {"text/csv": _csv, "application/jsonlines": _json_lines}[config.dataset_type]
        frames = []
        for path in files:
            with _as_expected(path, config):
                frames.append(read_file(path, config))
        for path, frame in zip(files, frames, strict=True):
            _require_same(path, list(frame.columns), files[0], list(frames[0].columns))
        rows = pd.concat(frames, ignore_index=True)
    if rows.empty:
        raise JobError("the dataset holds no rows")
    return rows


@contextmanager
def _as_expected(path: Path, config: AnalysisConfig) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError) as error:  # what pandas, pyarrow, json and the decoder raise
        raise JobError(f"{path.name} is not {config.dataset_type} as expected: {error}") from error


def _require_same(path: Path, names: list[Any], first: Path, expected: list[Any]) -> None:
    if names != expected:
        raise JobError(
            f"{path.name} has the columns {', '.join(map(str, names))}, "
            f"but {first.name} has {', '.join(map(str, expected))}"
        )


def _needed(names: list[Any], config: AnalysisConfig) -> list[Any]:
    """The columns to read. All, where one is named by position or is not there: then a message lists them."""
    if config.columns is None:
        return names
    wanted = set(config.columns)
    return [name for name in names if name in wanted] if wanted <= set(names) else names


def column(rows: pd.DataFrame, wanted: str | int, what: str) -> pd.Series:
    """A column by name or position. Raises ConfigError naming the columns that there are."""
    if isinstance(wanted, int):
        if not 0 <= wanted < len(rows.columns):
            raise ConfigError(
                f"{what} is column {wanted}; the dataset has columns 0 to {len(rows.columns) - 1}"
            )
        return rows.iloc[:, wanted]
    if wanted not in rows.columns:
        raise ConfigError(f"{what} is {wanted!r}; the dataset has the columns {_listed(rows)}")
    return rows[wanted]


def _listed(rows: pd.DataFrame) -> str:
    return ", ".join(map(str, rows.columns))


def _csv(path: Path, config: AnalysisConfig) -> pd.DataFrame:
    headers = list(config.headers) if config.headers is not None else None
    with path.open(encoding="utf-8-sig", newline="") as stream:
        first = next(csv.reader(stream), None)
    if first is None:
        return pd.DataFrame(columns=headers or [])
    if headers is not None and len(first) != len(headers):
        raise JobError(f"{path.name} has {len(first)} columns, but headers names {len(headers)}")
    # With headers given, the file may or may not repeat them.
    has_header = headers is None or first == headers
    return pd.read_csv(
        path,
        header=0 if has_header else None,
        names=headers,
        usecols=_needed(first if headers is None else headers, config)
        if len(set(first)) == len(first)
        else None,
        encoding="utf-8-sig",
        keep_default_na=False,  # "NA" may be North America; only an empty field is missing
        na_values=[""],
        low_memory=False,
    )


def _parquet(files: Sequence[Path], config: AnalysisConfig) -> pd.DataFrame:
    """Column by column, so that no more than one of them is in memory twice."""
    import pyarrow as pa  # only this format needs it
    import pyarrow.parquet as pq

    schemas = []
    for path in files:
        with _as_expected(path, config):
            schemas.append(pq.ParquetFile(str(path)).schema_arrow)
    for path, schema in zip(files, schemas, strict=True):
        _require_same(path, schema.names, files[0], schemas[0].names)
    written = schemas[0].names
    names = written if config.headers is None else list(config.headers)
    if len(names) != len(written):
        raise JobError(f"{files[0].name} has {len(written)} columns, but headers names {len(names)}")
    places = dict(zip(names, written, strict=True))
    columns = {}
    for name in _needed(names, config):
        source = places[name]
        parts = []
        for path, schema in zip(files, schemas, strict=True):
            kind = schema.field(source).type
            text = [source] if pa.types.is_string(kind) or pa.types.is_large_string(kind) else []
            with _as_expected(path, config):
                parts.append(pq.ParquetFile(str(path), read_dictionary=text).read(columns=[source]))
        with _as_expected(files[0], config):
            table = pa.concat_tables(parts, promote_options="permissive").unify_dictionaries()
            columns[name] = _plain(table.column(source).to_pandas())
    return pd.DataFrame(columns, copy=False)


def _plain(column: pd.Series) -> pd.Series:
    """Text that may turn out to be numbers as Clarify sees it: not as categories."""
    if isinstance(column.dtype, pd.CategoricalDtype) and whole_numbers(column.cat.categories.to_series()):
        return column.astype(object)
    return column


def _json_lines(path: Path, config: AnalysisConfig) -> pd.DataFrame:
    if config.features is None:
        records = list(_documents(path))
        for number, record in records:
            if not isinstance(record, dict):
                raise JobError(f"{path.name}, line {number}: expected an object, as `features` is not set")
        rows = pd.DataFrame([record for _, record in records])
        return rows[list(config.headers)] if config.headers is not None else rows
    return _json_lines_by_path(path, config)


def _json_lines_by_path(path: Path, config: AnalysisConfig) -> pd.DataFrame:
    """Rows whose features and label lie where two JMESPath expressions say, as Clarify's dense format."""
    import jmespath  # comes with boto3

    find_features, find_label = jmespath.compile(config.features), jmespath.compile(str(config.label))
    rows = []
    for number, document in _documents(path):
        features, label = find_features.search(document), find_label.search(document)
        if not isinstance(features, list):
            raise JobError(f"{path.name}, line {number}: {config.features!r} leads to no list of features")
        rows.append([*features, label])
    width = max((len(row) for row in rows), default=1)
    names = list(config.headers or [f"COLUMN_{index}" for index in range(width - 1)] + [LABEL])
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise JobError(
                f"{path.name}, row {number}: {len(row)} values with the label, expected {len(names)}"
            )
    return pd.DataFrame(rows, columns=names)


def _documents(path: Path) -> Iterator[tuple[int, Any]]:
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except json.JSONDecodeError as error:
                    raise JobError(f"{path.name}, line {number} is not JSON: {error}") from error
