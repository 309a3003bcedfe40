"""What a job writes: a table as CSV or Parquet files, named as Spark names them.

    <LocalPath of the output>/<job name>/<node id>/<output name>/part-00000-<uuid>-c000.csv

CSV has a header, and quotes only where a value needs them; a missing value is an empty field, an empty text
is "". Numbers are written so that they are the same when read.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from local_aws.images.data_wrangler.parameters import Columns, OneOf, Parameter, Record, Text, Whole
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.values import DATETIME, STRING, Table, arrow, column, kind_of, rows, texts

CSV, PARQUET = "CSV", "PARQUET"
SUFFIXES = {"none": "", "gzip": ".gz", "bzip2": ".bz2"}
ARROWS_NAMES = {"gzip": "gzip", "bzip2": "bz2"}
PARQUET_COMPRESSIONS = ("none", "snappy", "gzip", "zstd", "lz4", "brotli")
MOST_FILES = 9999
BLOCK_ROWS = 100_000

# What --output-config says of one output.
CONFIG: dict[str, Parameter] = {
    "content_type": OneOf(CSV, PARQUET, default=CSV),
    "delimiter": Text(default=",", longest=1),
    "compression": Text(default=None),
    "partition_config": Record(
        default=None,
        fields={
            "num_partitions": Whole(low=1, high=MOST_FILES, default=None),
            "partition_by": Columns(default=None),
        },
    ),
}


@dataclass(frozen=True)
class Format:
    """How one output is written."""

    content_type: str = CSV
    delimiter: str = ","
    compression: str = "none"
    files: int | None = None
    partition_by: tuple[str, ...] = ()


def format_of(values: Mapping[str, Any]) -> Format | str:
    """The format that a checked configuration asks for, or what is wrong with it."""
    content = values["content_type"]
    allowed = tuple(SUFFIXES) if content == CSV else PARQUET_COMPRESSIONS
    compression = values["compression"] or ("none" if content == CSV else "snappy")
    if compression not in allowed:
        return f"compression: found {compression!r}; allowed for {content}: {', '.join(allowed)}"
    if values["delimiter"] in ('"', "\n", "\r"):
        return f"delimiter: found {values['delimiter']!r}; allowed: another character"
    partition = values["partition_config"] or {}
    return Format(
        content,
        values["delimiter"],
        compression,
        partition.get("num_partitions"),
        partition.get("partition_by") or (),
    )


def write(table: Table, folder: Path, how: Format, seed: str) -> list[Path]:
    """Write a table below a folder; the files. ``seed`` makes their names the same for the same job.

    A table without rows is one file with a header. Raises CannotDo.
    """
    for name in how.partition_by:
        column(table, name)
    if how.partition_by and len(how.partition_by) == len(table.columns):
        raise CannotDo("partition_by names all columns; allowed: some, as they are left out of the files")
    written = []
    for path, part in _partitions(table, folder, how.partition_by):
        path.mkdir(parents=True, exist_ok=True)
        for place, piece in enumerate(_pieces(part, how.files)):
            stem = f"part-{place:05}-{uuid.uuid5(uuid.NAMESPACE_OID, seed)}-c000"
            target = path / (stem + (_csv_suffix(how) if how.content_type == CSV else _parquet_suffix(how)))
            (_write_csv if how.content_type == CSV else _write_parquet)(piece, target, how)
            written.append(target)
    return written


def _csv_suffix(how: Format) -> str:
    return ".csv" + SUFFIXES[how.compression]


def _parquet_suffix(how: Format) -> str:
    return ("" if how.compression == "none" else f".{how.compression}") + ".parquet"


def _partitions(table: Table, folder: Path, names: tuple[str, ...]) -> Iterable[tuple[Path, Table]]:
    """The table's parts by the values of columns, each in a folder <column>=<value>, as Hive has them."""
    if not names:
        yield folder, table
        return
    keys = pd.DataFrame(
        {name: texts(table[name]).to_pandas().fillna("__HIVE_DEFAULT_PARTITION__") for name in names}
    )
    rest = table.drop(columns=list(names))
    for values, places in keys.groupby(list(names), sort=True).indices.items():
        folders = [
            f"{quote(name, safe='')}={quote(str(value), safe=' ')}"
            for name, value in zip(names, values if isinstance(values, tuple) else (values,), strict=True)
        ]
        yield folder.joinpath(*folders), rows(rest, places)


def _pieces(table: Table, files: int | None) -> Iterable[Table]:
    if files is None or files == 1:
        return [table]
    return [rows(table, places) for places in np.array_split(np.arange(len(table)), files)]


def _write_parquet(table: Table, path: Path, how: Format) -> None:
    arrays = [arrow(table[name]) for name in table.columns]
    given = pa.Table.from_arrays(
        [pc.cast(array, pa.string()) if pa.types.is_large_string(array.type) else array for array in arrays],
        names=list(table.columns),
    )
    pq.write_table(given, path, compression=how.compression)


def _write_csv(table: Table, path: Path, how: Format) -> None:
    with pa.output_stream(str(path), compression=ARROWS_NAMES.get(how.compression)) as stream:
        header = pa.array([str(name) for name in table.columns], pa.large_string())
        names = _quoted(header, how.delimiter).to_pylist()
        stream.write((how.delimiter.join(names) + "\n").encode())
        for start in range(0, len(table), BLOCK_ROWS):
            block = table.iloc[start : start + BLOCK_ROWS].reset_index(drop=True)
            stream.write(_lines(block, how.delimiter))


def _lines(table: Table, delimiter: str) -> bytes:
    fields = []
    for name in table.columns:
        kind = kind_of(table[name])
        text = pc.cast(texts(table[name]), pa.large_string())
        if kind == DATETIME:  # as Spark writes a timestamp to CSV: 2026-01-15T06:00:00.000Z
            text = pc.cast(pc.strftime(arrow(table[name]).cast(pa.timestamp("ms"), safe=False),
                                       format="%Y-%m-%dT%H:%M:%SZ"), pa.large_string())  # fmt: skip
        fields.append(
            _quoted(text, delimiter) if kind == STRING or kind not in _SAFE else pc.fill_null(text, "")
        )
    lines = pc.binary_join_element_wise(*fields, pa.scalar(delimiter, pa.large_string()))
    ended = pc.binary_join_element_wise(lines, *(pa.scalar(text, pa.large_string()) for text in ("", "\n")))
    return ended.buffers()[2].to_pybytes() if len(ended) else b""  # one line after the other


_SAFE = (
    "long",
    "float",
    "bool",
    "date",
    "datetime",
)  # their texts need no quotes, unless the delimiter is in one


def _quoted(text: pa.Array, delimiter: str) -> pa.Array:
    """Texts as CSV fields; a missing one is empty, an empty one is quoted."""
    special = pc.or_(pc.match_substring_regex(text, '["\n\r]'), pc.match_substring(text, delimiter))
    doubled = pc.replace_substring(text, '"', '""')
    mark = pa.scalar('"', pa.large_string())
    quoted = pc.binary_join_element_wise(mark, doubled, mark, pa.scalar("", pa.large_string()))
    return pc.fill_null(pc.if_else(pc.or_(special, pc.equal(text, "")), quoted, text), "")
