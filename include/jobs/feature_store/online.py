"""Features of an entity at inference: a record that says only whose features it means is completed.

    {"application_id": "A-1"}   ->   {"application_id": "A-1", "age": 41.0, "income": null, ...}

The online store keeps each entity's newest record. Its values travel as texts; they are read back to what a
client would have sent, so that the answer is the one that the same values get in a batch, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError

from jobs.feature_store.records import FROM_TEXT, entity_of, event_time_of, features_of, group_of

MOST_LOOKUPS = 100  # in one request: each is a call


class NotKnown(ValueError):
    """A record cannot be completed; the message says why."""


def described(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the endpoint has to know of the workflow's online store, as JSON; None where there is none."""
    store = config.get("feature_store") or {}
    if not store.get("enabled") or not store["online"]:
        return None
    return {
        "group": group_of(config),
        "entity": entity_of(config),
        "event_time": event_time_of(config),
        "features": features_of(config),
    }


@dataclass(frozen=True)
class OnlineStore:
    """The online store of one feature group, as :func:`described` describes it."""

    group: str
    entity: str
    event_time: str
    features: Mapping[str, str]  # each with the type of its column

    @cached_property
    def client(self) -> Any:
        """Made when it is first needed: where nobody asks, neither a region nor credentials are."""
        return boto3.client("sagemaker-featurestore-runtime")

    def completed(self, records: Sequence[Any], inputs: Sequence[str]) -> list[Any]:
        """The records, with the features of those that name an entity and none of the inputs.

        Raises NotKnown for an entity without a record, and where the store lacks an input.
        """
        wanted = [place for place, record in enumerate(records) if self._asks(record, inputs)]
        if not wanted:
            return list(records)
        if len(wanted) > MOST_LOOKUPS:
            raise NotKnown(
                f"{len(wanted)} records name only their {self.entity}; at most {MOST_LOOKUPS} are looked up "
                "in one request"
            )
        absent = [name for name in inputs if name not in (*self.features, self.entity, self.event_time)]
        if absent:
            raise NotKnown(
                f"a record cannot be completed by its {self.entity}: the feature group {self.group} has no "
                f"{', '.join(absent)}"
            )
        done = list(records)
        for place in wanted:
            done[place] = self._looked_up(place + 1, records[place][self.entity])
        return done

    def _asks(self, record: Any, inputs: Sequence[str]) -> bool:
        return (
            isinstance(record, dict)
            and self.entity in record
            and not any(name in record for name in inputs if name != self.entity)
        )

    def _looked_up(self, number: int, entity: Any) -> dict[str, Any]:
        if not isinstance(entity, str | int) or isinstance(entity, bool) or entity == "":
            raise NotKnown(f"record {number}: {self.entity} is {entity!r}; expected a text or a whole number")
        try:
            answer = self.client.get_record(
                FeatureGroupName=self.group, RecordIdentifierValueAsString=str(entity)
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFound":
                raise
            answer = {}
        texts = {value["FeatureName"]: value["ValueAsString"] for value in answer.get("Record", [])}
        if not texts:
            raise NotKnown(
                f"record {number}: {self.entity} {entity} has no features in the online store of "
                f"{self.group}; send them, or write them first"
            )
        values: dict[str, Any] = {
            name: FROM_TEXT[kind](texts[name]) if name in texts else None
            for name, kind in self.features.items()
        }
        moment = datetime.fromtimestamp(float(texts[self.event_time]), timezone.utc)
        return {self.entity: entity, self.event_time: moment.replace(tzinfo=None).isoformat(), **values}
