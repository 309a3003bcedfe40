"""The tensors that a training saved, by name and step: in memory, and as Debugger's hook lays them out.

    collections/000000000/worker_0_collections.json      which names belong together
    events/<step>/<step>_worker_0.tfevents                values: TFRecords of TensorFlow's Event messages
    index/<step // 1000>/<step>_worker_0.json             where in that file each tensor begins and ends
    training_job_end.ts                                   nothing more will come

The layout is that of the library smdebug (aws-labs/sagemaker-debugger, core/locations.py); steps are written
with twelve digits, the directories below index/ with nine. The messages are read here field by field, since
the images that this runs on have no TensorFlow.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

METRICS = "metrics"  # what XGBoost evaluates after each round: train-logloss, validation-auc, …
LOSSES = "losses"
LABELS = "labels"
PREDICTIONS = "predictions"
END = "training_job_end.ts"

# TensorFlow's DataType of a number, in types.proto.
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i4"), 4: np.dtype("u1"), 5: np.dtype("<i2"),
    6: np.dtype("i1"), 9: np.dtype("<i8"), 10: np.dtype("?"), 17: np.dtype("<u2"), 22: np.dtype("<u4"),
    23: np.dtype("<u8"),
}  # fmt: skip


class TensorError(ValueError):
    """A file of the hook that is not what its layout says."""


@dataclass
class Trial:
    """All that a training has saved so far."""

    tensors: dict[str, dict[int, Array]] = field(default_factory=dict)  # name -> step -> value
    collections: dict[str, Sequence[str]] = field(default_factory=dict)  # name -> patterns of tensor names

    def put(self, name: str, step: int, value: object) -> None:
        """Save a tensor; a number is a tensor of one element, as in smdebug."""
        self.tensors.setdefault(name, {})[step] = np.atleast_1d(np.asarray(value))

    def matching(self, *patterns: str) -> list[str]:
        """The names that begin with one of these patterns, sorted; smdebug too matches at the beginning."""
        found = {name for name in self.tensors for pattern in patterns if re.match(pattern, name)}
        return sorted(found)

    def collection(self, name: str) -> list[str]:
        """The names that belong to a collection, sorted; none where it was not saved."""
        return self.matching(*self.collections.get(name, ()))

    def scalars(self, name: str) -> dict[int, float]:
        """A tensor of one number at every step where it was saved, in order; empty for others."""
        values = self.tensors.get(name, {})
        return {
            step: float(values[step][0])
            for step in sorted(values)
            if values[step].shape == (1,) and values[step].dtype.kind != "U"
        }

    def steps(self, *names: str) -> list[int]:
        """The steps at which all of these tensors were saved, in order."""
        found = [set(self.tensors.get(name, ())) for name in names]
        return sorted(set.intersection(*found)) if found else []


# --- the hook's files -------------------------------------------------------------------------------


class Saved:
    """A directory that a hook writes into, read as it grows."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.trial = Trial()
        self._read: set[Path] = set()

    def refresh(self) -> bool:
        """Read what is new; whether there was something. A step whose values are still to come waits.

        Raises TensorError.
        """
        for path in sorted(self.directory.glob("collections/*/*_collections.json")):
            if path not in self._read:
                self._read.add(path)
                self.trial.collections |= _collections(path)
        fresh = [path for path in sorted(self.directory.glob("index/*/*.json")) if path not in self._read]
        found = [path for path in fresh if self._load(path)]
        self._read.update(found)
        return bool(found)

    @property
    def ended(self) -> bool:
        """Nothing more will come."""
        return (self.directory / END).exists()

    def _load(self, path: Path) -> bool:
        """Read the tensors of one step, if they are there."""
        try:
            index = json.loads(path.read_text())
            values = self.directory / index["meta"]["event_file_name"]
            if not values.is_file():
                return False
            events = values.read_bytes()
            step = int(path.name.partition("_")[0])
            for tensor in index["tensor_payload"]:
                record = events[tensor["start_idx"] : tensor["start_idx"] + tensor["length"]]
                self.trial.tensors.setdefault(tensor["tensorname"], {})[step] = _value(record)
        except (OSError, ValueError, LookupError, TypeError, struct.error) as error:
            raise TensorError(f"{path.relative_to(self.directory)} cannot be read: {error!r}") from error
        return True


def _collections(path: Path) -> Mapping[str, Sequence[str]]:
    """Patterns of the names in each collection; names that were listed one by one are patterns too."""
    try:
        content = json.loads(path.read_text())["collections"]
        return {
            name: [
                *one["include_regex"],
                *(f"{re.escape(tensor)}$" for tensor in one.get("tensor_names", ())),
            ]
            for name, one in content.items()
        }
    except (ValueError, LookupError, TypeError) as error:
        raise TensorError(f"{path.name} cannot be read: {error!r}") from error


def _value(record: bytes) -> Array:
    """The tensor in one TFRecord: length, its checksum, an Event, a checksum.

    Event.summary is 5, Summary.value 1, Value.tensor 8; of TensorProto dtype is 1, tensor_shape 2 (dim 2,
    size 1), tensor_content 4, string_val 8.
    """
    (length,) = struct.unpack_from("<Q", record)
    event = record[12 : 12 + length]
    tensor = _one(_one(_one(event, 5), 1), 8)
    fields = list(_fields(tensor))
    strings = [value for number, value in fields if number == 8 and isinstance(value, bytes)]
    if strings:
        return np.array([text.decode() for text in strings])
    kind = next((value for number, value in fields if number == 1 and isinstance(value, int)), 0)
    shape = [
        next((size for number, size in _fields(dim) if number == 1 and isinstance(size, int)), 0)
        for name, value in fields
        if name == 2 and isinstance(value, bytes)
        for part, dim in _fields(value)
        if part == 2 and isinstance(dim, bytes)
    ]
    if kind not in DTYPES:
        raise ValueError(f"tensors of DataType {kind} are not known")
    value: Array = np.frombuffer(_one(tensor, 4), DTYPES[kind]).reshape(shape)
    return value


def _one(message: bytes, number: int) -> bytes:
    """The one field of that number; empty bytes where it is not there, as in proto3."""
    found = [value for field_number, value in _fields(message) if field_number == number]
    if len(found) > 1 or not all(isinstance(value, bytes) for value in found):
        raise ValueError(f"field {number} is not one message")
    return bytes(found[0]) if found and isinstance(found[0], bytes) else b""


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer message: number, and an integer or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, at = _varint(message, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} is not known")
        if at + length > len(message):
            raise ValueError("the message is cut off")
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """An integer of seven bits a byte, and where it ends. Raises IndexError where the message is cut off."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
