"""A table written into a feature group, by the container itself: that is what AppManaged means.

    feature       columns that fit
    Integral      long
    Fractional    float, long
    String        all but vector and array
    event time    String: datetime, or a string in ISO 8601; Fractional: float, long (seconds since 1970)

The table has a column for every feature and no other. It is checked whole before the first record is sent; a
record that is refused all the same fails the job, and those before it stay in the group.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from local_aws.images.data_wrangler.problems import CannotDo, listed
from local_aws.images.data_wrangler.values import (
    BOOL,
    DATE,
    DATETIME,
    FLOAT,
    LONG,
    STRING,
    Table,
    arrow,
    column,
    kind_of,
    missing,
    texts,
)

BATCH = 25  # entries of one BatchWriteRecord
BLOCK_ROWS = 10_000  # that are texts at the same time
TRIES = 8  # of entries that the service did not get to
FIRST_WAIT = 0.1  # seconds before the second try; doubled with every further one

COLUMNS = {
    "Integral": (LONG,),
    "Fractional": (FLOAT, LONG),
    "String": (STRING, LONG, FLOAT, BOOL, DATE, DATETIME),
}
TIME_COLUMNS = {"Fractional": (FLOAT, LONG), "String": (DATETIME, STRING)}
ISO_TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$"


@dataclass(frozen=True)
class FeatureGroup:
    """What a table must look like to become the group's records."""

    name: str
    features: Mapping[str, str]  # name -> Integral, Fractional, String; in the group's order
    id_name: str
    time_name: str

    @classmethod
    def described(cls, name: str) -> FeatureGroup:
        """As the service describes it. Raises CannotDo when it is not there or takes no records."""
        import boto3
        from botocore.exceptions import ClientError

        client = boto3.client("sagemaker")
        features: dict[str, str] = {}
        more: dict[str, str] = {}
        while True:
            try:
                answer = client.describe_feature_group(FeatureGroupName=name, **more)
            except ClientError as error:
                raise CannotDo(error.response["Error"]["Message"]) from error
            for each in answer["FeatureDefinitions"]:
                if each.get("CollectionType"):
                    raise CannotDo(
                        f"feature {each['FeatureName']!r} is a {each['CollectionType']}; the local stand-in"
                        " writes features of one value only"
                    )
                features[each["FeatureName"]] = each["FeatureType"]
            if not answer.get("NextToken"):
                break
            more = {"NextToken": answer["NextToken"]}
        if answer["FeatureGroupStatus"] != "Created":
            raise CannotDo(f"its status is {answer['FeatureGroupStatus']}; allowed: Created")
        return cls(name, features, answer["RecordIdentifierFeatureName"], answer["EventTimeFeatureName"])


def write(table: Table, group: FeatureGroup) -> int:
    """Write all rows as records of the group; how many. Raises CannotDo."""
    import boto3
    from botocore.exceptions import ClientError

    check(table, group)
    client = boto3.client("sagemaker-featurestore-runtime")
    written = 0
    for batch in _batches(table, group):
        try:
            _send(client, batch)
        except (CannotDo, ClientError) as error:
            raise CannotDo(
                f"after {written} of {len(table)} records that the feature group {group.name} took: {error}"
            ) from error
        written += len(batch)
    return written


def check(table: Table, group: FeatureGroup) -> None:
    """Raise CannotDo, with all that is wrong, for a table that cannot become the group's records."""
    problems = []
    if lacking := [name for name in group.features if name not in table.columns]:
        problems.append(f"there is no column for the features {listed(lacking)}")
    if strange := [str(name) for name in table.columns if name not in group.features]:
        problems.append(
            f"the columns {listed(strange)} are no features; the group has"
            f" {listed(group.features, strange[0])}"
        )
    for name, kind in group.features.items():
        if name in table.columns:
            problems += _misfits(table, group, name, kind)
    if problems:
        raise CannotDo(f"the table does not fit the feature group {group.name}: " + "; ".join(problems))


def _misfits(table: Table, group: FeatureGroup, name: str, feature: str) -> Iterator[str]:
    is_time = name == group.time_name
    series = column(table, name)
    kind = kind_of(series)
    allowed = (TIME_COLUMNS if is_time else COLUMNS)[feature]
    if kind not in allowed:
        what = "the event time feature" if is_time else "feature"
        yield f"{what} {name!r} is {feature} and its column is {kind}; allowed: {', '.join(allowed)}"
        return
    if name in (group.id_name, group.time_name):
        absent = missing(series)
        if absent.any():
            what = "event time" if is_time else "record identifier"
            yield f"the {what} {name!r} is missing in {absent.sum()} rows, first in row {absent.argmax()}"
    if is_time and kind == STRING:
        wrong = pc.fill_null(pc.invert(pc.match_substring_regex(arrow(series), ISO_TIME)), False)
        if places := pc.indices_nonzero(wrong).to_pylist():
            yield (
                f"the event time {name!r} is no time like 2026-01-15T06:00:00Z in {len(places)} rows, first"
                f" in row {places[0]}: {str(series.iloc[places[0]])[:80]!r}"
            )


def _batches(table: Table, group: FeatureGroup) -> Iterator[list[dict[str, Any]]]:
    names = list(group.features)
    for start in range(0, len(table), BLOCK_ROWS):
        block = table.iloc[start : start + BLOCK_ROWS].reset_index(drop=True)
        rows = list(zip(*(_texts(block, name) for name in names), strict=True))
        for first in range(0, len(rows), BATCH):
            yield [
                {
                    "FeatureGroupName": group.name,
                    "Record": [
                        {"FeatureName": name, "ValueAsString": value}
                        for name, value in zip(names, row, strict=True)
                        if value is not None
                    ],
                }
                for row in rows[first : first + BATCH]
            ]


def _texts(block: Table, name: str) -> list[str | None]:
    series = block[name]
    array = texts(series)
    if kind_of(series) == DATETIME:  # Arrow's %S has the milliseconds: 2026-01-15T06:00:00.000Z
        moments = arrow(series).cast(pa.timestamp("ms"), safe=False)
        array = pc.strftime(moments, format="%Y-%m-%dT%H:%M:%SZ")
    found: list[str | None] = array.to_pylist()
    return found


def _send(client: Any, entries: Sequence[Mapping[str, Any]]) -> None:
    """Write a batch, and again what the service did not get to. Raises CannotDo for a refused record."""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1))
        answer = client.batch_write_record(Entries=entries)
        if errors := answer["Errors"]:
            first = errors[0]
            values = {each["FeatureName"]: each["ValueAsString"] for each in first["Entry"]["Record"]}
            raise CannotDo(
                f"{len(errors)} of {len(entries)} records were refused, the first {str(values)[:200]}:"
                f" {first['ErrorCode']}: {first['ErrorMessage']}"
            )
        entries = answer["UnprocessedEntries"]
        if not entries:
            return
    raise CannotDo(f"{len(entries)} records were left unprocessed {TRIES} times")
