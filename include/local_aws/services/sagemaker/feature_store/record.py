"""The runtime: records put, asked for, listed and deleted.

    event time of a record      online store            offline store
    newer, or the first         takes it                a row
    equal                       writes over             a row
    older                       stays as it is          a row

AWS says that a put record's event time must be greater to write over, and leaves open what an equal one does
in practice; it says that a deletion's must be later. So an equal one deletes nothing: SoftDelete leaves its
row in the offline store, HardDelete is refused.

Which stores a call means, it says in TargetStores; else all that the group has.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker.feature_store.keeper import Keeper
from local_aws.services.sagemaker.feature_store.schema import Row, Schema, Value, invalid, iso_text
from local_aws.state.features import Online, Write
from local_aws.state.paging import page, position
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

SERVICE = "sagemaker-featurestore-runtime"
MOST_LISTED = 100
MOST_UPDATED = 100

_MISSING = "Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}"


# --- writing ----------------------------------------------------------------------------------------


@operation(SERVICE, "PutRecord")
def put_record(context: Context, call: Call) -> dict[str, Any]:
    """Store one record; an older one than is there goes to the offline store only."""
    asked = call.parameters
    keeper = Keeper.of(context)
    batch = Batch(keeper)
    schema = _schema(keeper, asked["FeatureGroupName"], absent="ValidationError")
    batch.add(schema, schema.read(asked["Record"]), asked.get("TargetStores"), asked.get("TtlDuration"))
    batch.write()
    return {}


@operation(SERVICE, "BatchWriteRecord")
def batch_write_record(context: Context, call: Call) -> dict[str, Any]:
    """Store up to 25 records of any groups; those that do not fit are told, the others are written."""
    keeper = Keeper.of(context)
    batch = Batch(keeper)
    entries = call.parameters["Entries"]
    schemas = {name: _schema(keeper, name) for name in {entry["FeatureGroupName"] for entry in entries}}
    errors = []
    for entry in entries:
        schema = schemas[entry["FeatureGroupName"]]
        try:
            ttl = entry.get("TtlDuration") or call.parameters.get("TtlDuration")
            batch.add(schema, schema.read(entry["Record"]), entry.get("TargetStores"), ttl)
        except AwsError as fault:
            errors.append({"Entry": entry, "ErrorCode": fault.code, "ErrorMessage": fault.message})
    batch.write()
    return {"Errors": errors, "UnprocessedEntries": []}


@operation(SERVICE, "DeleteRecord")
def delete_record(context: Context, call: Call) -> dict[str, Any]:
    """Hide a record (SoftDelete) or remove it (HardDelete), and mark it as deleted in the offline store."""
    asked = call.parameters
    keeper = Keeper.of(context)
    schema = _schema(keeper, asked["FeatureGroupName"], absent="ValidationError")
    identifier, event_time = asked["RecordIdentifierValueAsString"], asked["EventTime"]
    schema.check_identifier(identifier)
    moment = schema.time_of(event_time)
    row = Row(identifier, moment, schema.marker(identifier, event_time))
    batch = Batch(keeper, deleted=True)
    if asked.get("DeletionMode") != "HardDelete":
        batch.add(schema, row, asked.get("TargetStores"), None)
        batch.write()
        return {}
    online, offline = _targets(schema, asked.get("TargetStores"))
    with context.database.transaction():
        found = keeper.features.find(schema.store, identifier, batch.now) if online else None
        if found is not None:
            if moment <= found.time:
                raise invalid(
                    f"EventTime {event_time} is as old as or older than the record's own, and must be later;"
                    " the record is not deleted."
                )
            keeper.features.delete(schema.store, identifier)
        if offline:
            batch.add(schema, row, ["OfflineStore"], None)
        batch.write_within()
    batch.announce()
    return {}


@operation(SERVICE, "UpdateRecord")
def update_record(context: Context, call: Call) -> dict[str, Any]:
    """Replace some values of the record that is online, and keep the others."""
    asked = call.parameters
    keeper = Keeper.of(context)
    schema = _schema(keeper, asked["FeatureGroupName"])
    if schema.storage_type not in ("Standard_V2", "InMemory"):
        raise invalid(
            f"UpdateRecord needs an online store with StorageType Standard_V2 or InMemory; {schema.name} has"
            f" {schema.storage_type or 'none'}."
        )
    given = {each["FeatureName"]: each for each in asked["Features"]}
    _check_update(schema, asked, given)
    identifier, batch = asked["RecordIdentifierValueAsString"], Batch(keeper)
    with context.database.transaction():
        found = keeper.features.find(schema.store, identifier, batch.now)
        if found is None or found.deleted:
            raise AwsError(
                "ResourceNotFound", f"Resource Not Found: {schema.name} has no record with that identifier."
            )
        held = _named(schema, schema.values_of(found.body))
        row = schema.read(list((held | given).values()))
        if row.time < found.time:
            raise AwsError(
                "ConflictException",
                f"The event time of the update is older than that of the record ({iso_text(found.time)}).",
            )
        ttl = asked.get("TtlDuration")
        batch.add(schema, row, asked.get("TargetStores"), ttl, kept=None if ttl else found)
        batch.write_within()
    batch.announce()
    return {}


@dataclass
class Batch:
    """The records of one call, on their way to the database."""

    keeper: Keeper
    deleted: bool = False
    now: float = field(default_factory=time.time)
    _online: list[tuple[str, str, float, float | None, int, str]] = field(default_factory=list)
    _offline: dict[str, list[str]] = field(default_factory=dict)  # by store
    _stores: set[str] = field(default_factory=set)
    _count: int = 0

    def add(
        self,
        schema: Schema,
        row: Row,
        targets: Sequence[str] | None,
        ttl: Mapping[str, Any] | None,
        *,
        kept: Online | None = None,
    ) -> None:
        """Take a record in. Raises ValidationError for a store that the group does not have.

        Args:
            schema: of its group.
            row: as the schema read it.
            targets: TargetStores.
            ttl: the record's own TtlDuration.
            kept: the record that is updated, whose expiry stays.
        """
        online, offline = _targets(schema, targets)
        self._stores.add(schema.store)
        if online:
            expires = kept.expires if kept else None if self.deleted else schema.expires(row.time, ttl)
            self._online.append((schema.store, row.id, row.time, expires, int(self.deleted), row.body))
        if offline:
            self._offline.setdefault(schema.store, []).append(row.body)
            self._count += 1

    def add_all(self, schema: Schema, rows: Sequence[Row]) -> None:
        """Take many records of a group in, for all of its stores, without TTLs of their own."""
        store = schema.store
        self._stores.add(store)
        if schema.has_online:
            for row in rows:
                self._online.append((store, row.id, row.time, schema.expires(row.time, None), 0, row.body))
        if schema.has_offline:
            self._offline.setdefault(store, []).extend([row.body for row in rows])
            self._count += len(rows)

    def write(self) -> None:
        """Make all of it durable. Raises ValidationError when a group was deleted meanwhile."""
        if self._stores:
            self.keeper.features.write(self._made())
            self.announce()

    def write_within(self) -> None:
        """The same inside a transaction; ``announce`` when that has ended."""
        if self._stores:
            self.keeper.features.write_within(self._made())

    def announce(self) -> None:
        """Tell the keeper of records for the offline store."""
        if self._count:
            self.keeper.buffered(self._count)

    def _made(self) -> Write:
        offline = [
            (store, self.now, int(self.deleted), "\n".join(bodies)) for store, bodies in self._offline.items()
        ]
        return Write(self._check, self._online, offline, self.now)

    def _check(self) -> None:
        if any(self.keeper.is_closed(store) for store in self._stores):
            raise invalid("The FeatureGroup is being deleted.")


def _targets(schema: Schema, asked: Sequence[str] | None) -> tuple[bool, bool]:
    """Whether a call means the online store, and the offline store."""
    if not asked:
        return schema.has_online, schema.has_offline
    online, offline = "OnlineStore" in asked, "OfflineStore" in asked
    if online > schema.has_online or offline > schema.has_offline:
        raise invalid(
            f"TargetStores names a store that FeatureGroup {schema.name} does not have; it has"
            f" {' and '.join(_stores(schema))}."
        )
    return online, offline


def _stores(schema: Schema) -> list[str]:
    return ["OnlineStore"] * schema.has_online + ["OfflineStore"] * schema.has_offline


def _check_update(schema: Schema, asked: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    if len(given) != len(asked["Features"]):
        raise invalid("A feature stands in Features twice.")
    if len(given) > MOST_UPDATED:
        raise invalid(f"UpdateRecord changes at most {MOST_UPDATED} features; {len(given)} were given.")
    own = given.get(schema.id_name, {}).get("ValueAsString", asked["RecordIdentifierValueAsString"])
    if own != asked["RecordIdentifierValueAsString"]:
        raise invalid(f"The record identifier feature {schema.id_name} cannot be changed.")
    if asked.get("TtlDuration") and schema.time_name not in given:
        raise invalid(f"TtlDuration needs a value of the event time feature {schema.time_name}.")


# --- reading ----------------------------------------------------------------------------------------


@operation(SERVICE, "GetRecord")
def get_record(context: Context, call: Call) -> dict[str, Any]:
    """The newest record of an identifier; nothing when there is none."""
    asked = call.parameters
    keeper = Keeper.of(context)
    schema = _online_schema(keeper, asked["FeatureGroupName"])
    names = _chosen(schema, asked.get("FeatureNames"))
    return found(
        keeper,
        schema,
        asked["RecordIdentifierValueAsString"],
        names,
        expiry=asked.get("ExpirationTimeResponse") == "Enabled",
    )


@operation(SERVICE, "BatchGetRecord")
def batch_get_record(context: Context, call: Call) -> dict[str, Any]:
    """The newest records of many identifiers of many groups; what cannot be had is told."""
    keeper = Keeper.of(context)
    expiry = call.parameters.get("ExpirationTimeResponse") == "Enabled"
    records, errors = [], []
    for wanted in call.parameters["Identifiers"]:
        group, identifiers = wanted["FeatureGroupName"], wanted["RecordIdentifiersValueAsString"]
        try:
            schema = _online_schema(keeper, group)
            names = _chosen(schema, wanted.get("FeatureNames"))
        except AwsError as fault:
            errors += [
                {
                    "FeatureGroupName": group,
                    "RecordIdentifierValueAsString": identifier,
                    "ErrorCode": fault.code,
                    "ErrorMessage": fault.message,
                }
                for identifier in identifiers
            ]
            continue
        for identifier in identifiers:
            if held := found(keeper, schema, identifier, names, expiry=expiry):
                own = {"FeatureGroupName": group, "RecordIdentifierValueAsString": identifier}
                records.append({**own, **held})
    return {"Records": records, "Errors": errors, "UnprocessedIdentifiers": []}


@operation(SERVICE, "ListRecords")
def list_records(context: Context, call: Call) -> dict[str, Any]:
    """The identifiers of the records that are online, in order."""
    asked = call.parameters
    keeper = Keeper.of(context)
    schema = _online_schema(keeper, asked["FeatureGroupName"])
    token = asked.get("NextToken")
    after = str(position(token)[0]) if token else None
    with_deleted = bool(asked.get("IncludeSoftDeletedRecords"))
    found, token = page(
        keeper.features.identifiers(schema.store, after, time.time(), deleted=with_deleted),
        token=token,
        limit=asked.get("MaxResults") or MOST_LISTED,
        key=lambda identifier: identifier,
    )
    return {"RecordIdentifiers": found, **({"NextToken": token} if token else {})}


def found(
    keeper: Keeper, schema: Schema, identifier: str, names: Iterable[str] | None, *, expiry: bool
) -> dict[str, Any]:
    """Record and ExpiresAt of what is online; empty when nothing is, or nothing of what was asked for."""
    online = keeper.features.find(schema.store, identifier, time.time())
    if online is None or online.deleted:
        return {}
    held = _named(schema, schema.values_of(online.body))
    record = list(held.values()) if names is None else [held[name] for name in names if name in held]
    if not record:
        return {}
    answer: dict[str, Any] = {"Record": record}
    if expiry and online.expires is not None:
        answer["ExpiresAt"] = iso_text(online.expires)
    return answer


def _named(schema: Schema, values: Sequence[Value]) -> dict[str, dict[str, Any]]:
    """FeatureValues by name, without those that the record lacks."""
    return {
        name: {
            "FeatureName": name,
            "ValueAsStringList" if isinstance(value, list) else "ValueAsString": value,
        }
        for name, value in zip(schema.names, values, strict=True)
        if value is not None
    }


def _chosen(schema: Schema, names: Sequence[str] | None) -> Sequence[str] | None:
    for name in names or ():
        if name not in schema.position:
            raise invalid(f"Feature {name} is not defined in feature group {schema.name}.")
    return names or None


def _online_schema(keeper: Keeper, name: str) -> Schema:
    schema = _schema(keeper, name)
    if not schema.has_online:
        raise invalid(f"FeatureGroup {schema.name} has no online store.")
    return schema


def _schema(keeper: Keeper, name_or_arn: str, *, absent: str = "ResourceNotFound") -> Schema:
    """The checks of a group that takes records. ``absent`` is the code where there is none."""
    name = name_or_arn.rpartition("/")[2]
    found = keeper.schema(name)
    if found is None or (name != name_or_arn and name_or_arn.lower() != found.arn):
        raise AwsError(absent, _MISSING.format(name=name_or_arn))
    return found
