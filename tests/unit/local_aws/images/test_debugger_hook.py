"""What Debugger's hook writes, read by protobuf's own reader and by the rules' reader."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from awscrt.checksums import crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from jobs.training.tensors import Saved
from local_aws.images.debugger_hook import Hook, HookError

F = descriptor_pb2.FieldDescriptorProto
# Messages, and in each its fields: name, number, type, the message where it is one, and whether it repeats.
# Numbers and types: smdebug's core/tfevent/proto/{event,summary,tensor,tensor_shape}.proto.
MESSAGES = {
    "Event": [
        ("wall_time", 1, F.TYPE_DOUBLE, "", False),
        ("step", 2, F.TYPE_INT64, "", False),
        ("summary", 5, F.TYPE_MESSAGE, "Summary", False),
    ],
    "Summary": [("value", 1, F.TYPE_MESSAGE, "Value", True)],
    "Value": [
        ("tag", 1, F.TYPE_STRING, "", False),
        ("tensor", 8, F.TYPE_MESSAGE, "Tensor", False),
        ("metadata", 9, F.TYPE_MESSAGE, "Metadata", False),
    ],
    "Metadata": [("plugin_data", 1, F.TYPE_MESSAGE, "Plugin", True)],
    "Plugin": [("plugin_name", 1, F.TYPE_STRING, "", False), ("content", 2, F.TYPE_STRING, "", False)],
    "Tensor": [
        ("dtype", 1, F.TYPE_INT32, "", False),
        ("tensor_shape", 2, F.TYPE_MESSAGE, "Shape", False),
        ("tensor_content", 4, F.TYPE_BYTES, "", False),
        ("string_val", 8, F.TYPE_BYTES, "", True),
    ],
    "Shape": [("dim", 2, F.TYPE_MESSAGE, "Dim", True)],
    "Dim": [("size", 1, F.TYPE_INT64, "", False), ("name", 2, F.TYPE_STRING, "", False)],
}
VALUES = {
    "train-logloss": 0.25,
    "predictions": np.array([0.5, 0.75], dtype=np.float32),
    "trees/Node": np.array([[0, 1], [2, 300]]),
    "trees/Feature": np.array(["f0", "Leaf"]),
    "not-asked-for": 1.0,
}
CONFIGURATION = {
    "CollectionConfigurations": [
        {"CollectionName": "predictions", "CollectionParameters": {"save_interval": "1"}},
        {"CollectionName": "trees", "CollectionParameters": {"save_steps": "3,7", "save_interval": "100"}},
    ],
    "HookParameters": {"save_interval": "2", "start_step": "2"},
}

UNPARSABLE = {"CollectionName": "mine", "CollectionParameters": {"include_regex": "("}}


def event_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="events.proto", package="t", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of, repeats in fields:
            message.field.add(
                name=field, number=number, type=kind, type_name=f".t.{of}" if of else None,
                label=F.LABEL_REPEATED if repeats else F.LABEL_OPTIONAL,
            )  # fmt: skip
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Event"))


def masked(content: bytes) -> int:
    value = crc32c(content)
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    hook = Hook(CONFIGURATION, tmp_path)
    for step in range(8):
        hook.save(step, iter(VALUES.items()))
    hook.end()
    return tmp_path / "output" / "tensors"


def test_the_files_lie_where_smdebug_puts_them(saved: Path) -> None:
    files = sorted(path.relative_to(saved).as_posix() for path in saved.rglob("*") if path.is_file())
    assert files == [
        "collections/000000000/worker_0_collections.json",
        *(f"events/{step:012}/{step:012}_worker_0.tfevents" for step in range(2, 8)),
        *(f"index/000000000/{step:012}_worker_0.json" for step in range(2, 8)),
        "training_job_end.ts",
    ]


def test_protobuf_reads_the_records(saved: Path) -> None:
    event_of = event_class()
    content = (saved / "events/000000000007/000000000007_worker_0.tfevents").read_bytes()
    index = json.loads((saved / "index/000000000/000000000007_worker_0.json").read_text())
    assert index["meta"] == {
        "mode": "GLOBAL",
        "mode_step": 7,
        "event_file_name": "events/000000000007/000000000007_worker_0.tfevents",
    }
    found = {}
    for tensor in index["tensor_payload"]:
        record = content[tensor["start_idx"] : tensor["start_idx"] + tensor["length"]]
        length, check = struct.unpack_from("<QI", record)
        assert check == masked(record[:8])
        assert record[12 + length :] == struct.pack("<I", masked(b"0x12345678"))
        event = event_of.FromString(record[12 : 12 + length])
        [value] = event.summary.value
        assert (event.step, value.tag) == (7, tensor["tensorname"])
        assert [(one.plugin_name, one.content) for one in value.metadata.plugin_data] == [
            ("mode_step", "7"),
            ("mode", "4"),
        ]
        found[value.tag] = value.tensor
    assert sorted(found) == ["predictions", "trees/Feature", "trees/Node"]
    node = found["trees/Node"]
    assert [dim.size for dim in node.tensor_shape.dim] == [2, 2]
    assert (node.dtype, np.frombuffer(node.tensor_content, "<i8").tolist()) == (9, [0, 1, 2, 300])
    assert list(found["trees/Feature"].string_val) == [b"f0", b"Leaf"]


def test_each_collection_is_saved_at_its_own_steps(saved: Path) -> None:
    reader = Saved(saved)
    assert reader.refresh()
    assert not reader.refresh()
    trial = reader.trial
    assert {name: sorted(steps) for name, steps in trial.tensors.items()} == {
        "train-logloss": [2, 4, 6],  # every second, from the second on: HookParameters
        "predictions": [2, 3, 4, 5, 6, 7],  # start_step of HookParameters, its own interval
        "trees/Node": [3, 7],
        "trees/Feature": [3, 7],
    }
    for name, value in VALUES.items():
        if name in trial.tensors:
            last = trial.steps(name)[-1]
            assert np.array_equal(trial.tensors[name][last], np.atleast_1d(value))
    assert trial.collection("metrics") == ["train-logloss"]
    assert reader.ended


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"HookParameters": {"save_interval": "often"}}, "HookParameters: steps are whole numbers"),
        ({"HookParameters": {"save_interval": "0"}}, "save_interval is 0; expected at least 1"),
        ({"CollectionConfigurations": [{"CollectionName": "mine"}]}, "'mine' needs include_regex"),
        (
            {
                "CollectionConfigurations": [
                    {"CollectionName": "m", "CollectionParameters": {"include_regex": "("}}
                ]
            },
            "is no pattern",
        ),
    ],
)
def test_what_the_hook_does_not_understand_is_refused(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(HookError, match=said):
        Hook({**CONFIGURATION, **change}, tmp_path)
