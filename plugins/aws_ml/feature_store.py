"""What a workflow's feature group looks like, and how far it may differ from the one that is there. Pure.

Each curated column but the label is a feature. A feature group knows three types, and none of them is a truth
or a time: those travel as numbers and texts from which the join makes them again, to the last bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_ml.problems import KeyPath, Problem, found, one_of
from aws_ml.schema import EVENT_TIME, ROW_ID, ColumnType, Workflow

# How a column is kept. An event time is Fractional, in seconds: AWS also takes texts, in two forms, which
# do not sort among each other.
FEATURE_TYPES: Mapping[ColumnType, str] = {
    "string": "String",
    "integer": "Integral",
    "number": "Fractional",
    "boolean": "Integral",
    "timestamp": "String",
    "date": "String",
}
EVENT_TIME_TYPE = "Fractional"

# What the offline store adds to each record, and the folders in which its table is partitioned.
RESERVED = {
    "is_deleted": "the mark of a deleted record",
    "write_time": "the time of writing",
    "api_invocation_time": "the time of the call",
    **dict.fromkeys(("year", "month", "day", "hour"), "a partition"),
}
FEATURE_NAME = re.compile(r"[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}")
MOST_FEATURES = 2500  # of a feature group

Definition = Mapping[str, Any]
"""One of CreateFeatureGroup's FeatureDefinitions."""


def definitions(workflow: Workflow) -> list[dict[str, str]]:
    """The features of the workflow's group: entity, event time, then the columns in the file's order."""
    entity = "String" if workflow.entity == ROW_ID else FEATURE_TYPES[workflow.column(workflow.entity).type]
    named = [(workflow.entity, entity), (workflow.event_time, EVENT_TIME_TYPE)]
    named += [(column.name, FEATURE_TYPES[column.type]) for column in workflow.stored_features()]
    return [{"FeatureName": name, "FeatureType": kind} for name, kind in named]


# --------------------------------------------------------------------------------------------------
# Against the group that is there


def differences(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What of a group cannot be changed and yet is not as wanted, one sentence each.

    :param wanted: body of CreateFeatureGroup
    :param there: answer of DescribeFeatureGroup
    """
    said = []
    for key, title in (
        ("RecordIdentifierFeatureName", "entity"),
        ("EventTimeFeatureName", "event time"),
    ):
        if wanted[key] != there[key]:
            said.append(f"its {title} is {there[key]}, wanted is {wanted[key]}")
    types = {each["FeatureName"].lower(): each for each in there["FeatureDefinitions"]}
    for each in wanted["FeatureDefinitions"]:
        known = types.get(each["FeatureName"].lower())
        if known is None:
            continue
        if known["FeatureName"] != each["FeatureName"]:
            said.append(f"its feature {known['FeatureName']} differs from {each['FeatureName']} only in case")
        elif _type(known) != _type(each):
            said.append(f"its feature {each['FeatureName']} is {_type(known)}, wanted is {_type(each)}")
    online, has_online = _has_online(wanted), _has_online(there)
    if online != has_online:
        said.append(
            "it has no online store, wanted is one" if online else "it has an online store, wanted is none"
        )
    offline = there.get("OfflineStoreConfig")
    if not offline:
        said.append("it has no offline store, wanted is one")
    elif not offline.get("DataCatalogConfig"):
        said.append("its offline store has no table in the Glue catalog, wanted is one: Athena reads that")
    total = len({*types, *(each["FeatureName"].lower() for each in wanted["FeatureDefinitions"])})
    if total > MOST_FEATURES:
        said.append(f"with what is added it would have {total:,} features, AWS allows {MOST_FEATURES:,}")
    return said


def additions(wanted: Sequence[Definition], there: Sequence[Definition]) -> list[Definition]:
    """The features that a group lacks."""
    known = {each["FeatureName"] for each in there}
    return [each for each in wanted if each["FeatureName"] not in known]


def leftovers(wanted: Sequence[Definition], there: Sequence[Definition]) -> list[str]:
    """The features of a group that the workflow no longer writes; a feature group keeps them."""
    named = {each["FeatureName"] for each in wanted}
    return [each["FeatureName"] for each in there if each["FeatureName"] not in named]


def _has_online(group: Mapping[str, Any]) -> bool:
    """AWS may also describe a store that is switched off."""
    return bool((group.get("OnlineStoreConfig") or {}).get("EnableOnlineStore"))


def _type(definition: Definition) -> str:
    collection = definition.get("CollectionType")
    return f"{collection} of {definition['FeatureType']}" if collection else str(definition["FeatureType"])


# --------------------------------------------------------------------------------------------------
# What is refused when the workflow file is loaded


def check_feature_store(workflow: Workflow) -> Iterator[Problem]:
    """The feature group can be made: its features are columns that it may hold, under names that are free."""
    store, data = workflow.feature_store, workflow.data
    if not store.enabled:
        return
    known = [column.name for column in data.columns]
    yield from check_entity(workflow)
    if store.event_time is not None:
        if store.event_time not in known:
            yield Problem(
                ("feature_store", "event_time"), found(store.event_time, one_of(known, store.event_time))
            )
        elif (column := workflow.column(store.event_time)).type not in ("timestamp", "date"):
            yield Problem(
                ("feature_store", "event_time"),
                f"found {column.name} of type {column.type}; allowed: a timestamp or a date, or null",
            )
        elif not column.required:
            yield Problem(
                ("feature_store", "event_time"),
                f"found {column.name}; allowed: a column with `required: true`, or null",
            )
    elif EVENT_TIME in known:
        yield Problem(
            ("feature_store", "event_time"),
            f"found null beside a column {EVENT_TIME}; allowed: a timestamp or date column",
        )
    yield from check_stored_features(workflow)
    for name in store.notes:
        names = [
            *(column.name for column in workflow.stored_features()),
            workflow.entity,
            workflow.event_time,
        ]
        if name not in names:
            yield Problem(("feature_store", "notes", name), f"unknown key; allowed: {one_of(names, name)}")


def check_entity(workflow: Workflow) -> Iterator[Problem]:
    """The entity is a column without gaps, of a type that is written in one way only."""
    name, path = workflow.feature_store.entity, ("feature_store", "entity")
    known = [column.name for column in workflow.data.columns]
    if name is None:
        return
    if name not in known:
        yield Problem(path, found(name, one_of(known, name)))
        return
    column = workflow.column(name)
    if name == workflow.data.label.column:
        yield Problem(path, found(name, "a column other than the label"))
    if name == workflow.feature_store.event_time:
        yield Problem(path, found(name, "a column other than the event time"))
    if not column.required:
        yield Problem(path, f"found {name}; allowed: a column with `required: true`: an entity has a name")
    if column.type not in ("string", "integer"):
        yield Problem(path, f"found {name} of type {column.type}; allowed: a string or an integer")


def check_stored_features(workflow: Workflow) -> Iterator[Problem]:
    """Features are named once, exist, are not the label, and there are neither none nor too many."""
    chosen, label = workflow.feature_store.features, workflow.data.label.column
    known = [column.name for column in workflow.data.columns]
    for index, name in enumerate(chosen or []):
        path: KeyPath = ("feature_store", "features", index)
        if name not in known:
            yield Problem(path, found(name, one_of(known, name)))
        if name == label:
            yield Problem(path, f"found {name}, the label; allowed: others, as it is not known at inference")
        elif name == workflow.data.key != workflow.entity:
            yield Problem(path, f"found {name}, the row's own key; allowed: others, as it says nothing else")
        if name in (chosen or [])[:index]:
            yield Problem(path, f"found {name} for the second time; allowed: each feature once")
    stored = [column.name for column in workflow.stored_features()]
    yield from check_names(workflow, [*stored, workflow.entity, workflow.event_time])
    path = ("data", "columns") if chosen is None else ("feature_store", "features")
    if not stored:
        yield Problem(path, "found no feature; allowed: at least one column")
    if len(stored) + 2 > MOST_FEATURES:
        total = f"{len(stored) + 2:,} features with entity and event time"
        yield Problem(path, f"found {total}; allowed: {MOST_FEATURES:,} in a feature group")


def check_names(workflow: Workflow, names: Sequence[str]) -> Iterator[Problem]:
    """No feature is called as something of the store's own, or as no feature may be."""
    known = [column.name for column in workflow.data.columns]
    for name in dict.fromkeys(names):
        path: KeyPath = ("feature_store",)
        if name in known:
            path = ("data", "columns", known.index(name), "name")
        if name in RESERVED:
            yield Problem(
                path,
                f"found {name}; that name is reserved for {RESERVED[name]} of the feature store; "
                "allowed: another one, or leave it out of `feature_store.features`",
            )
        elif not FEATURE_NAME.fullmatch(name):
            yield Problem(path, found(name, "a name that ends with a letter or a digit, as a feature's does"))
