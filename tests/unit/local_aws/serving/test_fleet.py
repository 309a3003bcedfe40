"""Fleets: what happens between the traffic's move and the end of the old workers."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.app import open_context
from local_aws.services.context import Context
from local_aws.services.sagemaker import runtime
from local_aws.services.sagemaker.endpoint import KIND
from local_aws.services.sagemaker.fleet import Fleet, Fleets
from local_aws.settings import Settings
from local_aws.wire.errors import AwsError
from local_aws.wire.payload import UNSIGNED, Payload
from local_aws.wire.registry import Call

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
NAMES = b"""
def model_fn(model_dir): return None
def transform_fn(*arguments): return __import__('os').environ['NAME'], 'text/plain'
"""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """State with a model archive and the record of an endpoint in service."""
    context = open_context(Settings(data_dir=tmp_path))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        info = tarfile.TarInfo("code/inference.py")
        info.size = len(NAMES)
        tar.addfile(info, io.BytesIO(NAMES))
    context.objects.create_bucket("models")
    context.objects.put("models", "model.tar.gz", archive.getvalue())
    context.records(KIND).insert("e", {"EndpointName": "e", "EndpointStatus": "InService"})
    yield context
    Fleets.of(context).close()


def ready_fleet(context: Context, name: str) -> Fleet:
    container = {
        "Image": IMAGE,
        "ModelDataUrl": "s3://models/model.tar.gz",
        "Environment": {"NAME": name},
    }
    variant = {"VariantName": "v", "containers": [container], "weight": 1.0, "instances": 1}
    fleet = Fleet(context, "e", {"id": name, "config": name, "variants": [variant]})
    Fleets.of(context).add(fleet)
    fleet.start()
    fleet.wait_ready()
    return fleet


def invoke(context: Context) -> str:
    body = Payload(io.BytesIO(b"{}"), {"content-length": "2"}, UNSIGNED, None, has_checksum=False)
    call = Call(
        service="sagemaker-runtime", operation="InvokeEndpoint", parameters={"EndpointName": "e"}, body=body,
        headers={}, region="", account_id="", access_key="", request_id="", base_url="",
    )  # fmt: skip
    answer: bytes = runtime.invoke_endpoint(context, call)["Body"]
    return answer.decode()


def test_a_caller_that_chose_the_old_fleet_too_late_is_sent_to_the_new_one(context: Context) -> None:
    """It picked a worker just before the traffic moved, and asked when that one took no more requests."""
    old, new = ready_fleet(context, "old"), ready_fleet(context, "new")
    fleets = Fleets.of(context)
    fleets.switch("e", old)
    assert invoke(context) == "old"
    old.stop()
    moving = threading.Timer(0.3, fleets.switch, ("e", new))
    moving.start()
    assert invoke(context) == "new"
    moving.join()


def test_nothing_answers_after_close(context: Context) -> None:
    fleet = ready_fleet(context, "one")
    Fleets.of(context).switch("e", fleet)
    Fleets.of(context).close()
    with pytest.raises(AwsError, match="not found"):
        invoke(context)


def test_a_fleet_can_be_discarded_twice(context: Context) -> None:
    """Whoever comes second finds the work done: no process, no room."""
    fleet = ready_fleet(context, "one")
    worker = fleet.variants["v"][0].worker
    Fleets.of(context).discard(fleet)
    Fleets.of(context).discard(fleet)
    assert worker.pid is None
    assert not any((context.settings.data_dir / "endpoints" / "e").iterdir())
