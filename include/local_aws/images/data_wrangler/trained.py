"""Trained parameters: what a step has learned from the data, kept in the flow so that a run repeats it.

    "trained_parameters": {"<group>": {"<inner group>": {"_hash": "<sha1>", "lower_threshold": …}}}
                                      or, for several columns, a list of those, each with its "input_column"

They count as long as the parameters that they depend on are the same, which `_hash` tells: SHA-1 of those
parameters as JSON, as in AWS's container since version 1.13. An older flow's hash is an integer that nobody
can check; such a step is fitted anew.

AWS keeps encoders and scalers as saved Spark models: a zip archive in base 85. They are read here
(:func:`spark_model`), not written: what is learned here is kept as plain numbers and labels, which AWS's
container does not know for these steps and learns anew. Thresholds, imputed values, rare values and schemas
are the same in both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import Selected

LARGEST_MODEL = 64 << 20  # bytes of one file in a model's archive


def digest(selected: Selected, column: str | None) -> str | None:
    """AWS's hash of the parameters that the fitted state depends on; None where there are none."""
    if not selected.operation.fits:
        return None if selected.operation.parameters == {} else _sha1({})
    state: dict[str, Any] = {}
    for name in selected.operation.fits:
        plain = name.rstrip("=")
        state[plain] = selected.values[plain] if name.endswith("=") else selected.given.get(plain)
    if "input_column" in state:
        state["input_column"] = column
    return _sha1(state)


def _sha1(value: Any) -> str:
    return hashlib.sha1(json.dumps(value, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def stored(trained: Mapping[str, Any], selected: Selected, column: str | None) -> dict[str, Any]:
    """What an earlier run has learned for one column; {} when there is nothing that counts."""
    part: Any = trained
    for level in selected.operation.path:
        part = part.get(level.group) if isinstance(part, Mapping) else None
    if isinstance(part, list):
        part = next((each for each in part if each.get("input_column") == column), None)
    elif column is not None and isinstance(part, Mapping) and part.get("input_column", column) != column:
        part = None
    if not isinstance(part, Mapping) or not part:
        return {}
    expected = digest(selected, column)
    return {} if expected is not None and part.get("_hash") != expected else dict(part)


def packed(
    selected: Selected, learned: list[tuple[str | None, dict[str, Any]]], before: Mapping[str, Any]
) -> dict[str, Any]:
    """What was learned, column by column, as it goes into the flow; other groups stay as they were."""
    parts = []
    for column, state in learned:
        hashed = digest(selected, column)
        parts.append(
            {
                **({"_hash": hashed} if hashed else {}),
                **state,
                **({"input_column": column} if len(learned) > 1 else {}),
            }
        )
    made: Any = parts if len(parts) > 1 else parts[0]
    if not selected.operation.path:
        return dict(made)
    *outer, last = selected.operation.path
    made = {last.group: made}
    for level in reversed(outer):
        made = {level.group: made}
    return {**before, **made}


def spark_model(encoded: str) -> list[dict[str, Any]]:
    """The rows of a saved Spark model: a StringIndexer's have `labelsArray`, a scaler's `mean`, `std`.

    Nothing of the archive is written to disk. Raises CannotDo.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(base64.b85decode(encoded)))
        rows: list[dict[str, Any]] = []
        for info in archive.infolist():
            folder, _, name = info.filename.removeprefix("./").rpartition("/")
            if folder.split("/")[-1] == "data" and name.endswith(".parquet"):
                if info.file_size > LARGEST_MODEL:
                    raise CannotDo(f"a file of the trained model has {info.file_size} bytes")
                rows += pq.read_table(pa.BufferReader(archive.read(info))).to_pylist()
    except (ValueError, zipfile.BadZipFile, binascii.Error, pa.ArrowException, OSError) as error:
        raise CannotDo(f"the trained model in the flow cannot be read: {error}") from error
    if not rows:
        raise CannotDo("the trained model in the flow holds no data")
    return rows


def number(vector: Any) -> float:
    """The one number of a Spark vector of length 1."""
    values = vector["values"] if isinstance(vector, dict) else [vector]
    return float(values[0]) if values else 0.0
