"""Records that come as the last ones did, found in the JSON of a batch by one pattern.

    {"Entries":[{"FeatureGroupName":"g","Record":[{"FeatureName":"id","ValueAsString":"1"},…]},…]}

That takes a fifth of the time of reading the JSON and looking at each value. The pattern has every name and
every comma in its place, and of each value what is plainly right for its type: what it matches to the last
character is a batch that fits. Of all else it says nothing, and the JSON is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

PLAINLY = {
    "Integral": r"[+-]?[0-9]{1,18}+",
    "Fractional": r"[+-]?[0-9]{1,200}+(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]{1,2}+)?+",
    "String": r'[^"\\\x00-\x1f]*+',  # what JSON writes as it is
}
"""Texts that are certainly values of their type."""

MOST_FEATURES = 500  # of a pattern: it is made in 0.2 s then
MOST_ENTRIES = 25

Columns = list[list[str | None]]
Feature = tuple[str, str, bool]
"""Name, type, and whether no record may lack it."""

_FIRST = re.compile(r'\{"Entries": ?\[\{"FeatureGroupName": ?"([^"\\]+)"')


def group_of(text: str) -> str | None:
    """The group of the first entry of a batch."""
    found = _FIRST.match(text)
    return found[1] if found else None


class Alike:
    """How the records of one group come; it learns that from those that were read otherwise.

    Args:
        group: its name.
        features: as they are defined; none is a collection.
    """

    def __init__(self, group: str, features: Sequence[Feature]) -> None:
        self._group = group
        self._features = {feature[0]: feature for feature in features}
        self._last: list[str] = []
        # With the place of each feature, as they are defined, among those of a record.
        self._known: tuple[re.Pattern[str], list[int]] | None = None

    def learn(self, records: Sequence[Sequence[Mapping[str, Any]]]) -> None:
        """Take the order in which records that fit have their features.

        Only those with all of them say it, and two must agree: a pattern for each of ever new orders would
        cost more than it saves.
        """
        if len(self._features) > MOST_FEATURES:
            return
        for record in records:
            if len(record) == len(self._features):
                names = [each["FeatureName"] for each in record]
                if names == self._last:
                    pattern = _pattern(self._group, tuple(self._features[name] for name in names))
                    self._known = pattern, [names.index(name) for name in self._features]
                    return
                self._last = names

    def columns(self, text: str) -> Columns | None:
        """Each feature's values, one a record; ``None`` for a batch that does not come as the last ones did.

        Args:
            text: the body of BatchWriteRecord.
        """
        if self._known is None:
            return None
        pattern, places = self._known
        pieces = pattern.split(text)
        step = pattern.groups + 1  # what stands between two records, and the values of the second
        before, *between, after = pieces[::step] if len(pieces) > step else ("", "")
        plain = (
            before in ('{"Entries":[', '{"Entries": [')
            and after == "]}"
            and len(between) < MOST_ENTRIES
            and all(each in (",", ", ") for each in between)
        )
        return [pieces[1 + place :: step] for place in places] if plain else None


@lru_cache(maxsize=64)
def _pattern(group: str, features: tuple[Feature, ...]) -> re.Pattern[str]:
    """One entry, with a group for each value."""
    members = []
    for name, kind, always in features:
        # A comma says that another one follows. Nothing is tried twice ("+" behind "?" and "*"): what does
        # not match is found out at once.
        member = (
            rf'\{{"FeatureName": ?{re.escape(json.dumps(name))}, ?"ValueAsString": ?"({PLAINLY[kind]})"\}}'
            r"(?:, ?(?=\{)|(?=\]))"
        )
        members.append(member if always else f"(?:{member})?+")
    head = rf'\{{"FeatureGroupName": ?{re.escape(json.dumps(group))}, ?"Record": ?\['
    return re.compile(f"{head}{''.join(members)}\\]\\}}")
