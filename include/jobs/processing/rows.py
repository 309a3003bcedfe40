"""The rows that a run learns from and is judged by, each with its split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.feature_store.records import ROW_ID, entity_of
from jobs.features.columns import FeatureError, Flags
from jobs.features.split import Split, assign
from jobs.processing.job import Job, JobError

WEIGHT = "sample_weight"  # what the mitigation job adds


@dataclass(frozen=True)
class Rows:
    """Training and validation rows as accepted, held-out rows as curated."""

    table: pa.Table
    split: Split
    key: str  # the column that names a row
    curated: int  # rows of the curated partition
    accepted: int  # rows to learn from
    columns: list[str]  # of a curated row, without weights


def load(job: Job) -> Rows:
    """The inputs ``curated`` and, if it was given, ``training``; rows in the order of their key.

    Raises JobError where a column lacks, where rows cannot be split, or where they do not belong together.
    """
    data = job.config["data"]
    key = data["key"] or ROW_ID
    curated = read(job.inputs("curated", "*"))
    learned = read(job.inputs("training", "*")) if job.has("training") else curated
    for column in (key, entity_of(job.config), data["label"]["column"]):
        for table in (curated, learned):
            if column not in table.column_names:
                raise JobError(
                    f"{column}: no such column in the curated rows; they have {', '.join(table.column_names)}"
                )
    judged = in_order(curated, key)
    accepted = judged if learned is curated else in_order(learned, key)
    try:
        table, split = divided(judged, accepted, key, split_of(judged, job.config))
    except FeatureError as error:
        raise JobError(str(error)) from error
    return Rows(table, split, key, curated.num_rows, learned.num_rows, curated.column_names)


def read(paths: Sequence[Path]) -> pa.Table:
    """All curated rows. Raises JobError if there is none."""
    # One file at a time: as a dataset, `dt=...` in a path would become a column of its own.
    table = pa.concat_tables(pq.ParquetFile(str(path)).read() for path in paths)
    if not table.num_rows:
        raise JobError("the curated partition holds no rows")
    return table


def in_order(table: pa.Table, key: str) -> pa.Table:
    """The rows by their key. Athena joins them in any order, and XGBoost draws its samples by place."""
    return table.sort_by([(key, "ascending")])


def split_of(curated: pa.Table, config: Mapping[str, Any]) -> Split:
    """The split of each curated row: by its entity, so that none is in two, or by time."""
    shares = config["features"]["split"]
    times = None
    if shares["time"] is not None:
        times = pd.to_datetime(curated.column(shares["time"]).to_pandas(date_as_object=False))
        times.name = shares["time"]
    return assign(curated.column(entity_of(config)).to_pandas().astype(str), shares, times)


def divided(curated: pa.Table, learned: pa.Table, key: str, split: Split) -> tuple[pa.Table, Split]:
    """All rows and their splits: training and validation rows of ``learned``, held-out rows of ``curated``.

    :param split: of each curated row; a row to learn from lies where the curated one of its key does
    Raises JobError where ``learned`` has a key that the curated partition lacks: it was made from another.
    """
    if learned is curated:
        return curated, split
    place = pd.Series(split, index=curated.column(key).to_pandas().astype(str))
    keys_learned = learned.column(key).to_pandas().astype(str)
    strange = keys_learned[~keys_learned.isin(place.index)]
    if len(strange):
        raise JobError(
            f"training: {len(strange)} rows are not of this partition, e.g. {key} {strange.iloc[0]}; "
            "they were made from other curated rows"
        )
    split_learned = place[~place.index.duplicated()].loc[keys_learned].to_numpy()
    kept, held_out = split_learned != "test", split == "test"
    parts = [learned.filter(pa.array(kept)), curated.filter(pa.array(held_out))]
    both = pa.concat_tables(parts, promote_options="default")  # held-out rows have no weight
    return both, np.concatenate([split_learned[kept], split[held_out]])


def frame(table: pa.Table, chosen: Flags, columns: Sequence[str]) -> pd.DataFrame:
    """The chosen rows of these columns. Texts stay codes of distinct texts: a tenth of the memory.

    Raises FeatureError for a column that is not there.
    """
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise FeatureError(
            f"{', '.join(absent)}: no such column in the rows; they have {', '.join(table.column_names)}"
        )
    rows: pd.DataFrame = (
        table.select(columns)
        .filter(pa.array(chosen))
        .to_pandas(strings_to_categorical=True, date_as_object=False)
    )
    return rows
