"""A Spark model as AWS's Data Wrangler keeps it in a flow: a saved model's folder, zipped, in base 85.

Only the model's data are read, from memory; nothing of the archive is unpacked to disk.
"""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

LARGEST = 64 << 20  # bytes of one data file; a scaler has a few hundred


class ModelUnreadable(ValueError):
    """The text is no saved model; the message says why."""


def spark_model(encoded: str) -> list[dict[str, Any]]:
    """The rows below the model's `data/`, e.g. one with `mean` and `std`. Raises ModelUnreadable."""
    rows: list[dict[str, Any]] = []
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b85decode(encoded))) as archive:
            for member in archive.infolist():
                if "data/" not in f"/{member.filename}" or not member.filename.endswith(".parquet"):
                    continue
                if member.file_size > LARGEST:
                    raise ModelUnreadable(f"{member.filename} has {member.file_size} bytes")
                rows.extend(pq.read_table(pa.BufferReader(archive.read(member))).to_pylist())
    except (zipfile.BadZipFile, pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise ModelUnreadable(str(error)) from error
    if not rows:
        raise ModelUnreadable("it holds no data")
    return rows


def vector_number(value: Any) -> float:
    """The number of a Spark vector of length 1: dense or sparse, where an absent value is 0."""
    if isinstance(value, dict):
        return float(value["values"][0]) if value["values"] else 0.0
    return float(value)
