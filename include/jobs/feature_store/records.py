"""What a record of the workflow's feature group consists of, and how its values are read from their texts.

:mod:`jobs.feature_store.texts` makes these; it is apart because the endpoint has no need of Arrow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

EVENT_TIME = "event_time"  # the feature that says when, where no column does
ROW_ID = "row_id"  # the entity of a workflow without a key

# As a client would send it to the endpoint: JSON has no times.
FROM_TEXT: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": lambda text: text == "1",
    "timestamp": str,
    "date": str,
}


def group_of(config: Mapping[str, Any]) -> str:
    """The feature group's name: the workflow's, as AWS allows names, unless another was given."""
    return str(config["feature_store"]["group"] or re.sub(r"[^A-Za-z0-9]+", "-", config["name"]).strip("-"))


def entity_of(config: Mapping[str, Any]) -> str:
    """The column that names an entity."""
    return str(config.get("feature_store", {}).get("entity") or config["data"]["key"] or ROW_ID)


def event_time_of(config: Mapping[str, Any]) -> str:
    """The feature that says since when a record holds."""
    return str(config["feature_store"]["event_time"] or EVENT_TIME)


def features_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The features besides entity and event time, each with its column's type, in the file's order."""
    chosen = config["feature_store"]["features"]
    apart = (
        config["data"]["label"]["column"],
        config["data"]["key"],
        entity_of(config),
        event_time_of(config),
    )
    return {
        column["name"]: column["type"]
        for column in config["data"]["columns"]
        if column["name"] not in apart and (chosen is None or column["name"] in chosen)
    }


def seconds_text(milliseconds: int) -> str:
    """An event time as the store takes it: seconds since 1970, with as many digits as needed."""
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole}.{rest:03}" if rest else str(whole)
