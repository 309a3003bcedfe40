"""When every labelled row has its features: what was written has arrived, and nothing is missing. Pure.

Records come late to the offline store, by up to a quarter of an hour on AWS. So a row of the run's own day
may lack its record for a while; then the record is lost. A row of an earlier day may not: it was written by
that day's run, if there was one. And no waiting brings back a deleted entity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from aws_ml.exceptions import FeaturesUnknown, RecordsLost

STATES = ("unknown", "late", "deleted")


def known(
    counts: Sequence[Mapping[str, str | None]],
    day: str,
    *,
    ended: float,
    patience_minutes: float,
    now: float,
) -> dict[str, int] | None:
    """The rows of each day if all have features; None: not yet.

    :param counts: rows of ``count_known.sql``
    :param day: the run's own
    :param ended: when the ingestion ended, in seconds since 1970, like `now`
    :raises FeaturesUnknown: a row will never have features
    :raises RecordsLost: a record has not arrived within `patience_minutes` of the ingestion's end
    """
    gone, late = [], []
    for count in counts:
        deleted, unknown, waiting = (int(count[state] or 0) for state in ("deleted", "unknown", "late"))
        rows = f"of {int(count['row_count'] or 0):,} rows of {count['dt']}"
        if deleted:
            gone.append(f"{deleted:,} {rows} are of entities that were deleted: {count['deleted_entities']}")
        if unknown and count["dt"] != day:
            gone.append(
                f"{unknown:,} {rows} have no record from before their time: {count['unknown_entities']}; "
                "run prepare_transform of that day first"
            )
        elif unknown or waiting:
            first = count["unknown_entities"] or count["late_entities"]
            late.append(f"{unknown + waiting:,} {rows} lack the record that was written for them: {first}")
    if day not in [count["dt"] for count in counts]:
        gone.append(f"no row of {day} is accepted")
    if gone:
        raise FeaturesUnknown("\n  ".join(["", *gone, *late]))
    if not late:
        return {str(count["dt"]): int(count["row_count"] or 0) for count in counts}
    if now - ended > patience_minutes * 60:
        at = datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds")
        late.append(f"The ingestion ended at {at}; {patience_minutes:g} minutes are allowed.")
        raise RecordsLost("\n  ".join(["", *late]))
    return None
