"""Every trigger survives its way through the database."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from typing import Any

import pytest
from airflow.sdk.serde import deserialize, serialize
from airflow.triggers.base import BaseTrigger

import aws_ml.triggers
from aws_ml.triggers.clarify_bias_report import ClarifyBiasReportTrigger
from aws_ml.triggers.remote_job import RemoteJobTrigger

AWS: dict[str, Any] = {
    "aws_conn_id": "other",
    "region_name": "eu-west-1",
    "verify": False,
    "botocore_config": {"retries": {}},
}
EXAMPLES: list[BaseTrigger] = [
    RemoteJobTrigger(
        kind="glue.job_run",
        handle={"JobName": "j", "RunId": "r"},
        poll_seconds=0.5,
        stop_on_kill=False,
        **AWS,
    ),
    ClarifyBiasReportTrigger(bucket="b", key="k", job_name="j", poll_seconds=2, **AWS),
]


def all_triggers() -> set[type[BaseTrigger]]:
    modules = [
        importlib.import_module(f"aws_ml.triggers.{module.name}")
        for module in pkgutil.iter_modules(aws_ml.triggers.__path__)
    ]
    return {
        found
        for module in modules
        for found in vars(module).values()
        if inspect.isclass(found) and issubclass(found, BaseTrigger) and found.__module__ == module.__name__
    }


def test_every_trigger_has_an_example() -> None:
    assert {type(example) for example in EXAMPLES} == all_triggers()


@pytest.mark.parametrize("trigger", EXAMPLES, ids=lambda trigger: type(trigger).__name__)
def test_a_trigger_is_made_again_from_what_it_says(trigger: BaseTrigger) -> None:
    path, kwargs = trigger.serialize()
    stored = json.loads(json.dumps(serialize(kwargs)))
    module, _, name = path.rpartition(".")
    arguments: Any = deserialize(stored)
    made: Any = getattr(importlib.import_module(module), name)(**arguments)
    assert type(made) is type(trigger)
    assert made.serialize() == trigger.serialize()


@pytest.mark.parametrize("trigger", EXAMPLES, ids=lambda trigger: type(trigger).__name__)
def test_what_a_trigger_says_is_all_that_its_constructor_takes(trigger: BaseTrigger) -> None:
    assert set(trigger.serialize()[1]) == set(inspect.signature(type(trigger).__init__).parameters) - {"self"}
