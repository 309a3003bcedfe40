"""What is known about a partition, as one document: ``profile.json``.

    version           1
    workflow, partition, rows
    label             {column, positive, positives, share}
    columns           one entry a column, see below
    correlations      {columns, matrix, left_out}: Pearson, null where a column does not vary
    facets            {facet, values, rows, positives, share, low, high, chosen}: one entry a group of rows;
                      low and high are Wilson's 95 % interval of the share
    near_duplicates   {rows, groups, largest_group, share}: rows equal to another in all but the key
    previous          {partition, rows, share}, or null where no earlier profile was found
    alerts            {kind, level, columns, value, threshold, says}

A column has name, type, kind (number, time, category, key), roles, missing, missing_share, missing_positives,
not_finite, distinct, distinct_exact, leakage_auc and drift. To these a number or a time adds minimum,
maximum, mean, standard_deviation, skewness, quartiles, whole, histogram {edges, rows, positives, below,
above} and outliers {iqr, z_score}; a category adds values [{value, rows, positives}] and others {values,
rows, positives}. Numbers of which the workflow lists what is allowed have both.
Times are seconds since 1970 (UTC). Shares are of all rows. What cannot be computed is null: JSON has no NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobs.features.plan import columns_of
from jobs.processing.job import JobError
from jobs.profile.results import Row, count, flag, number

VERSION = 1
SMALLEST_GROUP = 10  # rows; in smaller ones the label's share says more about luck than about the column
WILSON_Z = 1.959963984540054  # 95 %
NOTHING = {"rows": 0, "positives": 0}


def describe(config: Mapping[str, Any], partition: str, results: Mapping[str, list[Row]]) -> dict[str, Any]:
    """The document without its comparison and alerts. Raises JobError for a partition without rows."""
    data = config["data"]
    twins = results["find_near_duplicates"][0]
    rows = count(twins["row_count"])
    if not rows:
        raise JobError(
            f"the partition {partition} of {config['name']} holds no rows after cleaning, so there is "
            "nothing to profile; cleaning.json says how many rows came in and why they were refused"
        )
    counted, measured = (_by_column(results[name]) for name in ("count_values", "measure_numbers"))
    label = data["label"]["column"]
    positives = sum(count(row["positives"]) for row in counted[label])
    columns = [
        _column(
            config,
            column,
            rows=rows,
            positives=positives,
            counted=counted.get(column["name"]),
            measured=measured.get(column["name"]),
        )
        for column in data["columns"]
    ]
    twin_rows = count(twins["twin_rows"])
    return {
        "version": VERSION,
        "workflow": config["name"],
        "partition": partition,
        "rows": rows,
        "label": {
            "column": label,
            "positive": data["label"]["positive"],
            "positives": positives,
            "share": positives / rows,
        },
        "columns": columns,
        "correlations": _correlations(columns, label, results["correlate_numbers"]),
        "facets": [_group(config, row) for row in results["rate_by_facet"]],
        "near_duplicates": {
            "rows": twin_rows,
            "groups": count(twins["twin_groups"]),
            "largest_group": count(twins["largest_group"]),
            "share": twin_rows / rows,
        },
    }


def auc(groups: Iterable[Mapping[str, int]]) -> float | None:
    """How well a column tells the label: the area under the ROC curve of "the label's share in my group".

    0.5 is chance, 1 is certainty; None where there is only one label. Small groups are judged together.
    """
    pooled = dict(NOTHING)
    large = []
    for group in groups:
        if group["rows"] >= SMALLEST_GROUP:
            large.append(group)
        else:
            pooled = {key: pooled[key] + group[key] for key in pooled}
    ranked = sorted(
        (group for group in [*large, pooled] if group["rows"]),
        key=lambda each: each["positives"] / each["rows"],
    )
    positives = sum(group["positives"] for group in ranked)
    negatives = sum(group["rows"] for group in ranked) - positives
    if not positives or not negatives:
        return None
    won, below = 0.0, 0
    for group in ranked:
        mine = group["rows"] - group["positives"]
        won += group["positives"] * (below + mine / 2)
        below += mine
    return won / (positives * negatives)


def interval(positives: int, rows: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share, z2 = positives / rows, WILSON_Z**2
    middle = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    reach = WILSON_Z / (1 + z2 / rows) * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _by_column(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["column_name"], []).append(row)
    return found


def _column(
    config: Mapping[str, Any],
    column: Mapping[str, Any],
    *,
    rows: int,
    positives: int,
    counted: list[Row] | None,
    measured: list[Row] | None,
) -> dict[str, Any]:
    data, name = config["data"], column["name"]
    facets = {facet["column"] for facet in config["bias"]["facets"]}
    features = set(columns_of(config["features"]))
    named = (("key", name == data["key"]), ("label", name == data["label"]["column"]))
    entry: dict[str, Any] = {
        "name": name,
        "type": column["type"],
        "roles": [
            role for role, has in (*named, ("facet", name in facets), ("feature", name in features)) if has
        ],
    }
    if measured:
        entry |= {"kind": "time" if column["type"] in ("timestamp", "date") else "number"}
        entry |= _number(column, measured)
    if counted:
        entry |= {"kind": "number" if measured else "category"} | _category(counted)
    if not measured and not counted:  # the cleaning job lets no key be missing or come twice
        return entry | {
            "kind": "key",
            "missing": 0,
            "missing_share": 0.0,
            "distinct": rows,
            "distinct_exact": True,
        }
    entry["missing_share"] = entry["missing"] / rows
    entry["leakage_auc"] = None if name == data["label"]["column"] else auc(_groups(entry, rows, positives))
    return entry


def _number(column: Mapping[str, Any], bins: Sequence[Row]) -> dict[str, Any]:
    first = bins[0]
    low, high = number(first["low_fence"]), number(first["high_fence"])
    lowest, highest = number(first["minimum"]), number(first["maximum"])
    finite, present = count(first["finite"]), count(first["present"])
    missing = count(first["row_count"]) - present
    quartiles = [number(first[name]) for name in ("lower_quartile", "median", "upper_quartile")]
    histogram = None if low is None or high is None else _histogram(low, high, bins)
    without = [row for row in bins if row["outside"] == "" and row["bin_rows"]]
    timed = column["type"] in ("timestamp", "date")
    varies = lowest is not None and highest is not None and lowest < highest
    outliers: dict[str, Any] = {"iqr": None, "z_score": None}
    if histogram and varies and not timed:
        far = sum(count(row["bin_rows"]) for row in bins if flag(row["far"]))
        outliers["z_score"] = {"rows": far, "share": far / finite}
        if quartiles[0] != quartiles[2]:  # else every value but one would be an outlier
            below, above = histogram["below"]["rows"], histogram["above"]["rows"]
            outliers["iqr"] = {
                "low": low, "high": high, "below": below, "above": above, "share": (below + above) / finite,
            }  # fmt: skip
    return {
        "missing": missing,
        # Without a finite value: what is missing and what is NaN or infinite cannot be told apart by label.
        "missing_positives": sum(count(row["bin_rows"]) for row in without if row["positive"] == "1"),
        "not_finite": present - finite,
        "distinct": count(first["distinct_values"]),
        "distinct_exact": column["type"] in ("integer", "date"),
        "minimum": lowest,
        "maximum": highest,
        "mean": number(first["mean"]),
        "standard_deviation": number(first["standard_deviation"]),
        "skewness": number(first["skewness"]) if varies else None,
        "quartiles": quartiles,
        "whole": number(first["fraction"]) == 0,
        "histogram": histogram,
        "outliers": outliers,
    }


def _histogram(low: float, high: float, bins: Sequence[Row]) -> dict[str, Any]:
    """Counts between the fences and beyond them; a column of one value has one bin without width."""
    placed = [(row, count(row["bin"])) for row in bins if row["bin"] != "" or row["outside"] != ""]
    parts = int(bins[0]["bins"]) if low < high else 1
    edges = [low + (high - low) * place / parts for place in range(parts)] + [high]
    histogram: dict[str, Any] = {
        "edges": edges,
        "rows": [0] * parts,
        "positives": [0] * parts,
        "below": dict(NOTHING),
        "above": dict(NOTHING),
    }
    whole = number(bins[0]["fraction"]) == 0
    first, last = math.ceil(low), math.floor(high)
    one_each = whole and 0 < high - low < parts  # then no bin holds more than one whole number
    if one_each:  # a bin for each whole number, instead of empty ones between them
        histogram |= {
            "edges": [first - 0.5 + step for step in range(last - first + 2)],
            "rows": [0] * (last - first + 1),
            "positives": [0] * (last - first + 1),
        }
    for row, place in placed:
        rows = count(row["bin_rows"])
        positives = rows if row["positive"] == "1" else 0
        if flag(row["outside"]):
            side = histogram["below" if place == 0 else "above"]
            side["rows"] += rows
            side["positives"] += positives
        else:  # the fence itself lies within, though width_bucket counts it as beyond the last bin
            index = min(max(place, 1), parts) - 1
            if one_each:
                index = min(max(math.ceil(low + (high - low) * index / parts - 1e-9), first), last) - first
            histogram["rows"][index] += rows
            histogram["positives"][index] += positives
    return histogram


def _category(counted: Sequence[Row]) -> dict[str, Any]:
    kinds: dict[str, list[Row]] = {}
    for row in counted:
        kinds.setdefault(row["kind"], []).append(row)
    missing = kinds.get("missing", [])
    others = kinds.get("others", [])
    distinct = max(count(row["distinct_values"]) for row in counted)
    kept = kinds.get("value", [])
    return {
        "missing": sum(count(row["row_count"]) for row in missing),
        "missing_positives": sum(count(row["positives"]) for row in missing),
        "not_finite": 0,
        "distinct": distinct,
        "distinct_exact": True,
        "values": [
            {"value": row["value"], "rows": count(row["row_count"]), "positives": count(row["positives"])}
            for row in kept
        ],
        "others": {
            "values": distinct - len(kept),
            "rows": sum(count(row["row_count"]) for row in others),
            "positives": sum(count(row["positives"]) for row in others),
        },
    }


def _groups(entry: Mapping[str, Any], rows: int, positives: int) -> list[Mapping[str, int]]:
    """The rows in the groups that a column makes of them."""
    if "values" in entry:
        groups = [*entry["values"], entry["others"]]
    elif entry["histogram"]:
        histogram = entry["histogram"]
        inner = zip(histogram["rows"], histogram["positives"], strict=True)
        groups = [{"rows": has, "positives": of_them} for has, of_them in inner]
        groups += [histogram["below"], histogram["above"]]
    else:
        groups = []
    rest = {
        key: total - sum(group[key] for group in groups)
        for key, total in (("rows", rows), ("positives", positives))
    }
    return [*groups, rest]


def _correlations(columns: Sequence[Mapping[str, Any]], label: str, pairs: Sequence[Row]) -> dict[str, Any]:
    names = list(dict.fromkeys(row[side] for row in pairs for side in ("left_column", "right_column")))
    names = [name for name in names if name != label] + [name for name in names if name == label]
    known = {
        frozenset((row["left_column"], row["right_column"])): number(row["coefficient"]) for row in pairs
    }
    return {
        "columns": names,
        "matrix": [
            [1.0 if left == right else known.get(frozenset((left, right))) for right in names]
            for left in names
        ],
        "left_out": [
            column["name"]
            for column in columns
            if column["kind"] == "number"
            and pairs
            and column["name"] not in names
            and "key" not in column["roles"]
        ],
    }


def _group(config: Mapping[str, Any], row: Row) -> dict[str, Any]:
    names = row["facet"].split(" & ")
    chosen = []
    for name in names:
        facet = next(each for each in config["bias"]["facets"] if each["column"] == name)
        if facet["values"] is None:
            chosen.append(row[name] == f"> {facet['threshold']}")
        else:
            chosen.append(row[name] in {_as_athena(value) for value in facet["values"]})
    rows, positives = count(row["row_count"]), count(row["positives"])
    low, high = interval(positives, rows)
    return {
        "facet": row["facet"],
        "values": [row[name] or None for name in names],
        "rows": rows,
        "positives": positives,
        "share": positives / rows,
        "low": low,
        "high": high,
        "chosen": all(chosen),
    }


def _as_athena(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
