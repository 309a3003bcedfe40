"""Debugger's hook in the XGBoost image: after each round it saves what was asked for, in smdebug's files.

    <LocalPath>/collections/000000000/worker_0_collections.json
               events/<step>/<step>_worker_0.tfevents             TFRecords of Event messages
               index/<step // 1000>/<step>_worker_0.json          where each tensor lies in that file
               training_job_end.ts

Collections, names and layout are those of AWS's library (aws-labs/sagemaker-debugger, xgboost/hook.py and
core/locations.py), which needs a protobuf of 2020. Messages are written field by field, as the few that it
takes are short. XGBoost's hook saves everything under the mode GLOBAL. Not saved here: full_shap.
"""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKER = "worker_0"
DEFAULT_INTERVAL = 10
MODES = ("TRAIN", "EVAL", "PREDICT", "GLOBAL")
GLOBAL = "4"  # its number among smdebug's modes
STEPS_A_DIRECTORY = 1000  # of index/
IMPORTANCES = ("weight", "gain", "cover", "total_gain", "total_cover")

# collection -> patterns of the tensors' names
COLLECTIONS = {
    "all": [".*"],
    "metrics": ["^[a-zA-z]+-[a-zA-z0-9]+$"],
    "losses": [],
    "hyperparameters": ["^hyperparameters/.*$"],
    "predictions": ["^predictions$"],
    "labels": ["^labels$"],
    "feature_importance": ["^feature_importance/.*"],
    "average_shap": ["^average_shap/.*"],
    "trees": ["^trees/.*"],
}

# numpy's type -> TensorFlow's DataType
_DTYPES = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "int64": 9, "bool": 10,
    "uint16": 17, "uint32": 22, "uint64": 23,
}  # fmt: skip


class HookError(ValueError):
    """DebugHookConfig asks for something that the hook does not understand."""


@dataclass(frozen=True)
class SaveConfig:
    """At which steps a collection is saved."""

    save_interval: int = DEFAULT_INTERVAL
    start_step: int = 0
    end_step: int | None = None  # no longer from it on
    save_steps: tuple[int, ...] = ()

    @classmethod
    def read(cls, where: str, *given: Mapping[str, str]) -> SaveConfig:
        """From parameters, of which later mappings win. Raises HookError."""
        merged: dict[str, str] = {}
        for one in given:
            merged |= {name: text for name, text in one.items() if "." not in name}
            merged |= {name.removeprefix("global."): text for name, text in one.items() if "global." in name}
        try:
            interval = int(merged.get("save_interval", DEFAULT_INTERVAL))
            end = int(merged["end_step"]) if "end_step" in merged else None
            steps = tuple(int(step) for step in merged.get("save_steps", "").split(",") if step.strip())
            config = cls(interval, int(merged.get("start_step", 0)), end, steps)
        except ValueError as error:
            raise HookError(f"{where}: steps are whole numbers: {error}") from None
        if interval < 1:
            raise HookError(f"{where}: save_interval is {interval}; expected at least 1")
        return config

    def saves(self, step: int) -> bool:
        """Whether this step is saved; save_steps are saved beside those of the interval, as smdebug does."""
        within = step >= self.start_step and (self.end_step is None or step < self.end_step)
        return step in self.save_steps or (within and step % self.save_interval == 0)

    def as_json(self) -> dict[str, Any]:
        """As worker_0_collections.json has it."""
        return {
            "save_interval": self.save_interval,
            "save_steps": list(self.save_steps),
            "start_step": self.start_step,
            "end_step": self.end_step,
        }


@dataclass
class Collection:
    """Tensors that are saved together."""

    name: str
    patterns: list[str]
    config: SaveConfig
    tensors: set[str] = field(default_factory=set)  # saved so far

    def has(self, tensor: str) -> bool:
        """Whether a tensor belongs to it."""
        return any(re.search(pattern, tensor) for pattern in self.patterns)


class Hook:
    """Saves tensors of one training.

    Args:
        configuration: debughookconfig.json, which is the request's DebugHookConfig.
        base: what stands for /opt/ml.

    Raises HookError.
    """

    def __init__(self, configuration: Mapping[str, Any], base: Path) -> None:
        local = configuration.get("LocalPath") or "/opt/ml/output/tensors"
        self.directory = base / Path(local).relative_to("/opt/ml")
        self._partial = base / "output" / ".index"  # beside the directory, which is uploaded as it is
        parameters = configuration.get("HookParameters") or {}
        self.collections = _collections(parameters, configuration.get("CollectionConfigurations") or [])

    def wanted(self, step: int) -> list[Collection]:
        """The collections that are saved at this step."""
        return [one for one in self.collections if one.config.saves(step)]

    def save(self, step: int, tensors: Iterator[tuple[str, Any]]) -> None:
        """Save those of the tensors that belong to a collection of this step."""
        collections = self.wanted(step)
        records, index, at = [], [], 0
        for name, value in tensors:
            its = [one for one in collections if one.has(name)]
            for one in its:
                one.tensors.add(name)
            if its:
                record = _record(_event(name, step, value))
                records.append(record)
                index.append({"tensorname": name, "start_idx": at, "length": len(record)})
                at += len(record)
        if not records:
            return
        number = f"{step:012}"
        events = Path("events") / number / f"{number}_{WORKER}.tfevents"
        self._write(events, b"".join(records))
        exported = Path("collections") / "000000000" / f"{WORKER}_collections.json"
        if not (self.directory / exported).exists():
            self._write(exported, json.dumps(self._exported()).encode())
        meta = {"mode": "GLOBAL", "mode_step": step, "event_file_name": events.as_posix()}
        self._write(
            Path("index") / f"{step // STEPS_A_DIRECTORY:09}" / f"{number}_{WORKER}.json",
            json.dumps({"meta": meta, "tensor_payload": index, "shape_payload": []}).encode(),
        )

    def end(self) -> None:
        """Tell the rules that nothing more will come."""
        self._write(Path("training_job_end.ts"), b"")

    def _write(self, path: Path, content: bytes) -> None:
        """A file that is there as a whole, or not yet."""
        target = self.directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._partial.write_bytes(content)
        self._partial.replace(target)

    def _exported(self) -> dict[str, Any]:
        return {
            "collections": {
                one.name: {
                    "name": one.name,
                    "include_regex": one.patterns,
                    "tensor_names": sorted(one.tensors),
                    "reduction_config": None,
                    "save_config": dict.fromkeys(MODES, one.config.as_json()),
                    "save_histogram": True,
                }
                for one in self.collections
            },
            "_meta": {"num_workers": 1},
        }


def _collections(parameters: Mapping[str, str], given: Sequence[Mapping[str, Any]]) -> list[Collection]:
    """What was asked for, and always the metrics. Raises HookError."""
    base = SaveConfig.read("HookParameters", parameters)
    found = {"metrics": Collection("metrics", list(COLLECTIONS["metrics"]), base)}
    if str(parameters.get("save_all", "")).lower() == "true":
        found["all"] = Collection("all", list(COLLECTIONS["all"]), base)
    for one in given:
        name = one.get("CollectionName") or ""
        own = one.get("CollectionParameters") or {}
        patterns = [part.strip() for part in own.get("include_regex", "").split(",") if part.strip()]
        if name not in COLLECTIONS and not patterns:
            raise HookError(
                f"the collection {name!r} needs include_regex; without it known are "
                f"{', '.join(sorted(COLLECTIONS))}"
            )
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise HookError(f"the collection {name!r}: {pattern!r} is no pattern: {error}") from None
        config = SaveConfig.read(f"the collection {name!r}", parameters, own)
        found[name] = Collection(name, COLLECTIONS.get(name, []) + patterns, config)
    return list(found.values())


# --- what XGBoost can tell --------------------------------------------------------------------------


@dataclass(frozen=True)
class Training:
    """What a round's tensors are made of."""

    hyperparameters: Mapping[str, Any]
    train: Any  # DMatrix
    validation: Any | None

    def tensors(
        self, model: Any, step: int, metrics: Mapping[str, float], names: set[str]
    ) -> Iterator[tuple[str, Any]]:
        """Names and values of a round.

        Args:
            names: the collections that are saved; what none of them may hold is not computed.
        """
        everything = "all" in names
        if everything or "hyperparameters" in names:
            for name, value in self.hyperparameters.items():
                shown = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
                yield f"hyperparameters/{name}", shown
        yield from metrics.items()
        if self.validation is not None and (everything or "predictions" in names):
            yield "predictions", model.predict(self.validation)
        if self.validation is not None and (everything or "labels" in names):
            yield "labels", self.validation.get_label()
        if self.hyperparameters.get("booster") == "gblinear":
            return  # neither trees nor importances
        if everything or "feature_importance" in names:
            yield from _importances(model)
        if everything or "average_shap" in names:
            yield from _average_shap(model, self.train)
        if everything or "trees" in names:
            yield from _trees(model, step)


def _importances(model: Any) -> Iterator[tuple[str, float]]:
    """Shares of each feature, by the ways in which XGBoost counts importance."""
    for kind in IMPORTANCES:
        scores = model.get_score(importance_type=kind)
        total = sum(scores.values())
        for name, score in scores.items() if total else ():
            yield f"feature_importance/{kind}/{name}", score / total


def _average_shap(model: Any, matrix: Any) -> Iterator[tuple[str, float]]:
    contributions = model.predict(matrix, pred_contribs=True)
    averages = contributions.mean(axis=tuple(range(contributions.ndim - 1)))
    names = model.feature_names or [f"f{number}" for number in range(len(averages) - 1)]
    for name, value in zip(names, averages[:-1], strict=True):
        yield f"average_shap/{name}", value


def _trees(model: Any, step: int) -> Iterator[tuple[str, Any]]:
    """The nodes of the round's trees, one tensor a column."""
    import numpy

    nodes = []
    for number, text in enumerate(model[step : step + 1].get_dump(with_stats=True, dump_format="json")):
        waiting = [json.loads(text)]
        while waiting:
            node = waiting.pop()
            waiting += node.get("children", [])
            nodes.append((number, node))
    nodes.sort(key=lambda one: (one[0], one[1]["nodeid"]))
    yield "trees/Tree", numpy.array([number for number, _ in nodes])
    yield "trees/Node", numpy.array([node["nodeid"] for _, node in nodes])
    yield "trees/ID", numpy.array([f"{number}-{node['nodeid']}" for number, node in nodes])
    yield "trees/Feature", numpy.array([node.get("split", "Leaf") for _, node in nodes])
    for name, member in (("Yes", "yes"), ("No", "no"), ("Missing", "missing")):
        values = [f"{number}-{node[member]}" if member in node else "nan" for number, node in nodes]
        yield f"trees/{name}", numpy.array(values)
    nan = float("nan")
    yield "trees/Split", numpy.array([float(node.get("split_condition", nan)) for _, node in nodes])
    yield "trees/Gain", numpy.array([float(node.get("gain", node.get("leaf", nan))) for _, node in nodes])
    yield "trees/Cover", numpy.array([float(node["cover"]) for _, node in nodes])


# --- messages ---------------------------------------------------------------------------------------


def _event(name: str, step: int, value: Any) -> bytes:
    """An Event (wall_time 1, step 2, summary 5) with one value (tag 1, tensor 8, metadata 9)."""
    metadata = b"".join(
        _bytes(1, _bytes(1, plugin.encode()) + _bytes(2, content.encode()))
        for plugin, content in (("mode_step", str(step)), ("mode", GLOBAL))
    )
    tag = _bytes(1, name.encode())
    summary = _bytes(1, tag + _bytes(8, _tensor(name, value)) + _bytes(9, metadata))
    return b"\x09" + struct.pack("<d", time.time()) + _integer(2, step) + _bytes(5, summary)


def _tensor(name: str, value: Any) -> bytes:
    """A TensorProto: dtype 1, shape 2 (dim 2: size 1, name 2), content 4, or the texts of string_val 8."""
    import numpy

    array = numpy.atleast_1d(numpy.asarray(value))
    shape = b"".join(
        _bytes(2, _integer(1, size) + _bytes(2, f"{name}_{size}".encode())) for size in array.shape
    )
    if array.dtype.kind == "U":
        return _bytes(2, shape) + b"".join(_bytes(8, str(text).encode()) for text in array.ravel())
    content = numpy.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    return _integer(1, _DTYPES[array.dtype.name]) + _bytes(2, shape) + _bytes(4, content)


def _record(message: bytes) -> bytes:
    """A TFRecord. smdebug puts a constant's checksum where the message's own belongs, and expects it."""
    length = struct.pack("<Q", len(message))
    return length + _masked(length) + message + _FOOTER


def _masked(content: bytes) -> bytes:
    """TFRecord's CRC-32C, rotated and moved. Bit by bit: the contents here have eight or ten bytes."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


_FOOTER = _masked(b"0x12345678")


def _bytes(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    text = bytearray()
    while value > 127:
        text.append(value & 127 | 128)
        value >>= 7
    text.append(value)
    return bytes(text)
