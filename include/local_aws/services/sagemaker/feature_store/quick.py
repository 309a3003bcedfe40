"""The runtime's three frequent calls read without botocore's model: ten times less work a record.

Each takes only what is plainly right, and answers None for everything else; then ``record`` does it, with the
model's checks and words.
"""

from __future__ import annotations

import json
from itertools import groupby
from operator import itemgetter
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker.feature_store.alike import MOST_ENTRIES, group_of
from local_aws.services.sagemaker.feature_store.keeper import Keeper
from local_aws.services.sagemaker.feature_store.record import SERVICE, Batch, found
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Sent, quickly

_ENTRY = {"FeatureGroupName", "Record"}
_SURPRISES = (AwsError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


@quickly(SERVICE, "PutRecord")
def put_record(context: Context, sent: Sent) -> dict[str, Any] | None:
    """A record for all stores of its group, without a TTL of its own."""
    try:
        asked = json.loads(sent.body)
        if asked.keys() != {"Record"}:
            return None
        return _written(context, [(sent.path["FeatureGroupName"], asked["Record"])], {})
    except _SURPRISES:
        return None


@quickly(SERVICE, "BatchWriteRecord")
def batch_write_record(context: Context, sent: Sent) -> dict[str, Any] | None:
    """Records that all fit, for all stores of their groups, without TTLs of their own."""
    answer: dict[str, Any] = {"Errors": [], "UnprocessedEntries": []}
    try:
        if _alike_written(context, sent.body.decode()):
            return answer
        asked = json.loads(sent.body)
        entries = asked["Entries"]
        if asked.keys() != {"Entries"} or not 1 <= len(entries) <= MOST_ENTRIES:
            return None
        if any(entry.keys() != _ENTRY for entry in entries):
            return None
        pairs = [(entry["FeatureGroupName"], entry["Record"]) for entry in entries]
        return _written(context, pairs, answer)
    except _SURPRISES:
        return None


@quickly(SERVICE, "GetRecord")
def get_record(context: Context, sent: Sent) -> dict[str, Any] | None:
    """The whole record of an identifier, without its expiry."""
    if len(sent.query) != 1 or sent.query[0][0] != "RecordIdentifierValueAsString":
        return None
    keeper = Keeper.of(context)
    schema = keeper.schema(sent.path["FeatureGroupName"])
    if schema is None or not schema.has_online:
        return None
    return found(keeper, schema, sent.query[0][1], None, expiry=False)


def _alike_written(context: Context, text: str) -> bool:
    """Whether the records came as the last ones of their group did, and are written."""
    name, keeper = group_of(text), Keeper.of(context)
    schema = keeper.schema(name) if name else None
    rows = schema.read_alike(text) if schema else None
    if schema is None or rows is None:
        return False
    batch = Batch(keeper)
    batch.add_all(schema, rows)
    batch.write()
    return True


def _written(context: Context, pairs: list[tuple[str, Any]], answer: dict[str, Any]) -> dict[str, Any] | None:
    keeper = Keeper.of(context)
    batch = Batch(keeper)
    for name, entries in groupby(pairs, itemgetter(0)):
        schema = keeper.schema(name)
        records = [record for _, record in entries]
        if schema is None or any(type(record) is not list for record in records):
            return None
        rows = [schema.read(record) for record in records]
        if any("\\n" in row.body for row in rows):  # as JSON writes it: the model's ".*" takes no line break
            return None
        schema.learn(records)
        batch.add_all(schema, rows)
    batch.write()
    return answer
