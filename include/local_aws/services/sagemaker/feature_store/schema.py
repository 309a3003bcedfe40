"""What a record of a feature group must look like, compiled once a group and asked for every record.

    Integral     a whole number of 64 bits           bigint
    Fractional   a finite decimal number             double
    String       any text                            string
    List, Set    texts of the feature's type         array<…>
    Vector       as many numbers as its dimension    array<double>

Event times are seconds since 1970 (Fractional) or UTC as 2026-01-15T06:00:00Z, with or without three digits
of milliseconds (String).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from local_aws.services.sagemaker.feature_store.alike import PLAINLY, Alike
from local_aws.state.records import Body
from local_aws.wire.errors import AwsError

LARGEST_RECORD = 350 * 1024  # bytes of all values, AWS's limit
LARGEST_IDENTIFIER = 2 * 1024  # bytes
# Event times that have a year of four digits, which the offline store's folders need.
EARLIEST, LATEST = -62135596800.0, 253402300799.999

_UNIT_SECONDS = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86400, "Weeks": 604800}
_INTEGRAL = re.compile(r"[+-]?[0-9]+")
_FRACTIONAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# Many values at once, joined by commas; what these two do not take is looked at one by one.
_MANY_INTEGRAL, _MANY_FRACTIONAL = (
    re.compile(f"{PLAINLY[kind]}(?:,{PLAINLY[kind]})*+") for kind in ("Integral", "Fractional")
)
_ISO_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Value = str | list[str] | None


def invalid(message: str) -> AwsError:
    """The runtime's answer to a record that does not fit its group."""
    return AwsError("ValidationError", f"Validation Error: {message}", status=400)


class Row(NamedTuple):
    """A record that fits."""

    id: str
    time: float  # event time, seconds since 1970
    body: str  # JSON: the values in the order of the definitions


@dataclass(frozen=True)
class Feature:
    """One definition."""

    name: str
    kind: str  # Integral, Fractional, String
    collection: str | None  # List, Set, Vector
    dimension: int | None  # of a vector

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> Feature:
        """From a FeatureDefinition."""
        vector = (definition.get("CollectionConfig") or {}).get("VectorConfig") or {}
        return cls(
            definition["FeatureName"],
            definition["FeatureType"],
            definition.get("CollectionType"),
            vector.get("Dimension"),
        )


class Schema:
    """The checks of one feature group.

    Args:
        group: as it is stored.
    """

    def __init__(self, group: Body) -> None:
        self.name: str = group["FeatureGroupName"]
        self.arn: str = group["FeatureGroupArn"]
        self.store: str = group["StoreId"]
        self.has_online = bool((group.get("OnlineStoreConfig") or {}).get("EnableOnlineStore"))
        self.has_offline = bool(group.get("OfflineStoreConfig"))
        self.storage_type = (group.get("OnlineStoreConfig") or {}).get("StorageType")
        self.ttl = (group.get("OnlineStoreConfig") or {}).get("TtlDuration")
        self.features = [Feature.of(each) for each in group["FeatureDefinitions"]]
        self.names = [feature.name for feature in self.features]
        self.position = {name: number for number, name in enumerate(self.names)}
        self.id_name: str = group["RecordIdentifierFeatureName"]
        self.time_name: str = group["EventTimeFeatureName"]
        self.id_position = self.position[self.id_name]
        self.time_position = self.position[self.time_name]
        time_kind = self.features[self.time_position].kind
        self.seconds: Callable[[str], float | None] = iso_seconds if time_kind == "String" else unix_seconds
        self.has_collections = any(feature.collection for feature in self.features)
        self._whole = _getter(self.features, "Integral")
        self._fractional = _getter(self.features, "Fractional")
        always = (self.id_name, self.time_name)
        scalars = [(each.name, each.kind, each.name in always) for each in self.features]
        self._alike = None if self.has_collections else Alike(self.name, scalars)

    def read(self, record: Sequence[Mapping[str, Any]]) -> Row:
        """The record's row. Raises ValidationError with a sentence."""
        try:
            given: dict[str, Value] = {each["FeatureName"]: each["ValueAsString"] for each in record}
            if self.has_collections or sum(map(len, record)) != 2 * len(record):  # a value beside the text
                given = self._with_lists(record)
        except KeyError:
            given = self._with_lists(record)
        values: list[Value] = list(map(given.get, self.names))
        if len(given) != len(record) or len(values) - values.count(None) != len(given):
            raise self._misnamed(record)
        identifier, moment = values[self.id_position], values[self.time_position]
        if not isinstance(identifier, str) or not identifier:
            raise invalid(f"The record has no value for its record identifier feature {self.id_name}.")
        if not isinstance(moment, str):
            raise invalid(f"The record has no value for its event time feature {self.time_name}.")
        if self.has_collections or not self._quickly_fits(values):
            self._check(values)
        return Row(identifier, self.time_of(moment), _encode(values))

    def read_alike(self, text: str) -> list[Row] | None:
        """The rows of a whole batch; ``None`` where that takes more than a look.

        Args:
            text: the body of BatchWriteRecord.
        """
        columns = self._alike.columns(text) if self._alike else None
        if columns is None:
            return None
        identifiers: Any = columns[self.id_position]
        moments: Any = columns[self.time_position]
        seconds = [found for found in map(self.seconds, moments) if found is not None]
        if len(seconds) != len(moments) or not all(identifiers):
            return None
        if any(None in column for column in columns):
            bodies = [_encode(values) for values in zip(*columns, strict=True)]
        else:
            table: Any = zip(*columns, strict=True)
            bodies = ['["' + '","'.join(values) + '"]' for values in table]
        # UTF-8 has four bytes a character at most.
        if max(map(len, bodies)) * 4 > LARGEST_RECORD or max(map(len, identifiers)) * 4 > LARGEST_IDENTIFIER:
            return None
        return list(map(Row, identifiers, seconds, bodies))

    def learn(self, records: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Look how records come that were read, so that ``read_alike`` takes the next ones."""
        if self._alike:
            self._alike.learn(records)

    def time_of(self, text: str) -> float:
        """An event time in seconds since 1970. Raises ValidationError."""
        seconds = self.seconds(text)
        if seconds is None:
            form = (
                "an ISO-8601 time in UTC such as 2026-01-15T06:00:00Z or 2026-01-15T06:00:00.000Z"
                if self.seconds is iso_seconds
                else "a Unix time in seconds between the years 0001 and 9999"
            )
            raise invalid(
                f"The event time feature {self.time_name} has the value '{_cut(text)}'; it must be {form}."
            )
        return seconds

    def check_identifier(self, text: str) -> None:
        """Raise ValidationError for an identifier that no record can have."""
        feature = self.features[self.id_position]
        if not text:
            raise invalid("RecordIdentifierValueAsString must not be empty.")
        if not _fits(feature.kind, text):
            raise _misfit(feature, text)
        _check_identifier_size(text)

    def marker(self, identifier: str, event_time: str) -> str:
        """The body of a record that says that one was deleted."""
        values: list[Value] = [None] * len(self.names)
        values[self.id_position], values[self.time_position] = identifier, event_time
        return _encode(values)

    def values_of(self, body: str) -> list[Value]:
        """The values of a stored record, one for every definition."""
        values: list[Value] = json.loads(body)
        return values + [None] * (len(self.names) - len(values))

    def expires(self, time: float, own: Mapping[str, Any] | None) -> float | None:
        """When a record of this event time expires; its own TTL goes before the group's."""
        ttl = own or self.ttl
        return time + ttl["Value"] * _UNIT_SECONDS[ttl["Unit"]] if ttl else None

    def _quickly_fits(self, values: Sequence[Any]) -> bool:
        """Whether all numbers are plainly numbers and nothing is long; False says look closer."""
        try:
            for pattern, chosen in ((_MANY_INTEGRAL, self._whole), (_MANY_FRACTIONAL, self._fractional)):
                if not _all_are(pattern, [value for value in chosen(values) if value is not None]):
                    return False
            size = len("".join([value for value in values if value is not None]).encode())
        except (TypeError, UnicodeEncodeError):  # a list, or what is no text at all
            return False
        # UTF-8 has four bytes a character at most.
        return size <= LARGEST_RECORD and len(values[self.id_position]) * 4 <= LARGEST_IDENTIFIER

    def _check(self, values: Sequence[Value]) -> None:
        size = 0
        for feature, value in zip(self.features, values, strict=True):
            if value is None:
                continue
            if feature.collection:
                if not isinstance(value, list):
                    raise invalid(
                        f"Feature {feature.name} is a {feature.collection}: give ValueAsStringList."
                    )
                _check_collection(feature, value)
                size += sum(_size(feature, item) for item in value)
                continue
            if not isinstance(value, str):
                raise invalid(f"Feature {feature.name} has one value: give ValueAsString.")
            if not _fits(feature.kind, value):
                raise _misfit(feature, value)
            size += _size(feature, value)
        if size > LARGEST_RECORD:
            raise invalid(f"The record has {size} bytes of values; at most {LARGEST_RECORD} are allowed.")
        identifier = values[self.id_position]
        assert isinstance(identifier, str)  # noqa: S101 - read has looked
        _check_identifier_size(identifier)

    def _with_lists(self, record: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
        given: dict[str, Value] = {}
        for each in record:
            one, many = each.get("ValueAsString"), each.get("ValueAsStringList")
            if not isinstance(one, str | None) or not isinstance(many, list | None):
                raise invalid(
                    f"Feature {each['FeatureName']}: its value is neither text nor a list of texts."
                )
            if (one is None) == (many is None):
                raise invalid(
                    f"Feature {each['FeatureName']}: give either ValueAsString or ValueAsStringList."
                    " Leave the feature out where it has no value."
                )
            given[each["FeatureName"]] = many if one is None else one
        return given

    def _misnamed(self, record: Sequence[Mapping[str, Any]]) -> AwsError:
        names = [each["FeatureName"] for each in record]
        for name in names:
            if name not in self.position:
                return invalid(f"Feature {name} is not defined in feature group {self.name}.")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is None:  # then one of them is null
            self._with_lists(record)
        return invalid(f"Feature {twice} stands in the record twice.")


def _all_are(pattern: re.Pattern[str], texts: Sequence[str]) -> bool:
    """Whether all texts are plainly numbers."""
    joined = ",".join(texts)
    # A comma of a value's own would make two of it.
    return not texts or (joined.count(",") < len(texts) and bool(pattern.fullmatch(joined)))


def _getter(features: Sequence[Feature], kind: str) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """What picks the values of one scalar type out of a record."""
    found = [number for number, each in enumerate(features) if each.kind == kind and not each.collection]
    match found:
        case []:
            return lambda _: ()
        case [only]:
            return lambda values: (values[only],)
        case _:
            return itemgetter(*found)


def _fits(kind: str, text: str) -> bool:
    match kind:
        case "Integral":
            return len(text) < 100 and bool(_INTEGRAL.fullmatch(text)) and -(2**63) <= int(text) < 2**63
        case "Fractional":
            return bool(_FRACTIONAL.fullmatch(text)) and abs(float(text)) != float("inf")
        case _:
            return True


def _misfit(feature: Feature, text: str) -> AwsError:
    needs = {"Integral": "a whole number of 64 bits", "Fractional": "a finite decimal number"}[feature.kind]
    return invalid(f"Feature {feature.name} is {feature.kind}, and '{_cut(text)}' is not {needs}.")


def _size(feature: Feature, text: str) -> int:
    """The bytes of a value. JSON may escape half of a surrogate pair, which is no character."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise invalid(f"Feature {feature.name} has a value that is no Unicode text.") from None


def _check_collection(feature: Feature, items: Sequence[str]) -> None:
    for item in items:
        if not _fits(feature.kind, item):
            raise _misfit(feature, item)
    if feature.collection == "Vector" and len(items) != feature.dimension:
        raise invalid(
            f"Feature {feature.name} is a vector of {feature.dimension} numbers, and {len(items)} were given."
        )
    if feature.collection == "Set" and len(set(items)) != len(items):
        raise invalid(f"Feature {feature.name} is a set, and an element was given twice.")


def _check_identifier_size(text: str) -> None:
    size = len(text.encode())
    if size > LARGEST_IDENTIFIER:
        raise invalid(f"The record identifier has {size} bytes; at most {LARGEST_IDENTIFIER} are allowed.")


@lru_cache(maxsize=1 << 16)
def iso_seconds(text: str) -> float | None:
    """2026-01-15T06:00:00Z or 2026-01-15T06:00:00.000Z in seconds since 1970; None for anything else."""
    if not _ISO_TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def unix_seconds(text: str) -> float | None:
    """Seconds since 1970 as a number; None for anything else."""
    if not _FRACTIONAL.fullmatch(text):
        return None
    seconds = float(text)
    return seconds if EARLIEST <= seconds <= LATEST else None


def iso_text(seconds: float) -> str:
    """A time as GetRecord answers ExpiresAt."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _cut(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:100]}…"
