"""The dataset of an analysis as one table, from CSV, Parquet or JSON lines, in one file or in many."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from jobs.bias.config import AnalysisConfig, ConfigError
from jobs.processing.job import JobError

LABEL = "LABEL_0"  # Clarify's name of a label that has none


def read(folder: Path, config: AnalysisConfig) -> pd.DataFrame:
    """All rows of all files below the folder. Raises JobError if there are none or they cannot be read."""
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.startswith((".", "_"))
    )
    if not files:
        raise JobError(f"the dataset is empty: there is no file in {folder}")
    read_file = {
        "text/csv": _csv,
        "application/x-parquet": _parquet,
        "application/jsonlines": _json_lines,
    }[config.dataset_type]
    frames = []
    for path in files:
        try:
            frames.append(read_file(path, config))
        except (ValueError, OSError) as error:  # what pandas, pyarrow, json and the decoder raise
            raise JobError(f"{path.name} is not {config.dataset_type} as expected: {error}") from error
    for path, frame in zip(files, frames, strict=True):
        if list(frame.columns) != list(frames[0].columns):
            raise JobError(
                f"{path.name} has the columns {_listed(frame)}, but {files[0].name} has {_listed(frames[0])}"
            )
    rows = pd.concat(frames, ignore_index=True)
    if rows.empty:
        raise JobError("the dataset holds no rows")
    return rows


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
        encoding="utf-8-sig",
        keep_default_na=False,  # "NA" may be North America; only an empty field is missing
        na_values=[""],
        low_memory=False,
    )


def _parquet(path: Path, config: AnalysisConfig) -> pd.DataFrame:
    import pyarrow.parquet as pq  # only this format needs it

    rows: pd.DataFrame = pq.ParquetFile(str(path)).read().to_pandas()
    if config.headers is not None:
        if len(config.headers) != len(rows.columns):
            raise JobError(
                f"{path.name} has {len(rows.columns)} columns, but headers names {len(config.headers)}"
            )
        rows.columns = pd.Index(config.headers)
    return rows


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
