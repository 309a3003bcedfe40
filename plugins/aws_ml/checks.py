"""What must hold across the keys of a workflow file.

Each check takes a workflow that fits its models and yields what is still wrong; all are run, so that a
reader sees every fault at once. A new rule is a new function in one of the lists at the end.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aws_ml import dqdl, flow, hyperparameters, run, training_rules
from aws_ml.automl import check_automl
from aws_ml.bias import PRE_TRAINING
from aws_ml.feature_store import check_feature_store
from aws_ml.features import check_features
from aws_ml.problems import KeyPath, Problem, found, one_of, shown
from aws_ml.schema import SEVERITY, Band, Bias, Bounds, Cell, Column, Workflow, ends
from aws_ml.tuning import check_tuning

# Columns that the cleaning job or the table adds; a file may not bring its own.
RESERVED_COLUMNS = {
    "dt": "the partition's date",
    "row_id": "the row's file and line, where a workflow has no key",
    "sample_weight": "what the mitigation job says a row counts for",
    "feature_time": "since when the features joined with a row hold",
}
PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "timestamp": (),
    "date": (),
}


def check_schedule(workflow: Workflow) -> Iterator[Problem]:
    """Cron expression and time zone can be read."""
    cron, zone = workflow.schedule.cron, workflow.schedule.timezone
    if cron is not None:
        from croniter import croniter  # type: ignore[import-untyped]  # Airflow's parser of cron expressions

        if len(cron.split()) != 5 or not croniter.is_valid(cron):
            yield Problem(("schedule", "cron"), found(cron, 'five cron fields, e.g. "0 6 * * *", or null'))
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Problem(("schedule", "timezone"), found(zone, "an IANA time zone such as UTC or Europe/Paris"))


def check_texts(workflow: Workflow) -> Iterator[Problem]:
    """No text would be taken for a template: requests carry them through Airflow's rendering."""
    parts: list[tuple[KeyPath, object]] = [((), workflow.resolved())]
    while parts:
        path, value = parts.pop(0)
        if isinstance(value, dict):
            parts += [((*path, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            parts += [((*path, index), inner) for index, inner in enumerate(value)]
        elif isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#")):
            yield Problem(path, found(value, "texts without {{, {% and {#, which Airflow would fill in"))


def check_capacity(workflow: Workflow) -> Iterator[Problem]:
    """Glue has two sizes of Python shell job."""
    capacity = workflow.cleaning.max_capacity
    if capacity not in (0.0625, 1):
        yield Problem(("cleaning", "max_capacity"), found(capacity, "0.0625 or 1"))


def check_format(workflow: Workflow) -> Iterator[Problem]:
    """The encoding exists."""
    encoding = workflow.data.format.encoding
    try:
        codecs.lookup(encoding)
    except LookupError:
        yield Problem(("data", "format", "encoding"), found(encoding, "an encoding such as utf-8 or latin-1"))
        return
    if workflow.cleaning.engine == "spark" and not holds_ascii(encoding):
        allowed = "with cleaning.engine spark, which splits files, one that holds ASCII as it is"
        yield Problem(("data", "format", "encoding"), found(encoding, allowed))


def holds_ascii(encoding: str) -> bool:
    """Whether every ASCII byte, a line's end among them, means itself in the encoding."""
    plain = bytes(range(128))
    try:
        return plain.decode(encoding) == plain.decode("ascii")
    except UnicodeDecodeError:
        return False


def check_readings(workflow: Workflow) -> Iterator[Problem]:
    """Formats are days' and times', of directives that mean the same everywhere; separators are numbers'."""
    for index, column in enumerate(workflow.data.columns):
        path: KeyPath = ("data", "columns", index)
        if column.thousands is not None and column.type not in ("integer", "number"):
            yield Problem(
                (*path, "thousands"), f"found for type {column.type}; allowed: for integer and number only"
            )
        if column.formats is not None and column.type not in ("date", "timestamp"):
            yield Problem(
                (*path, "formats"), f"found for type {column.type}; allowed: for date and timestamp only"
            )
            continue
        for place, form in enumerate(column.formats or []):
            directives = re.findall(r"%(.?)", form)
            wanted = {"Y", "m", "d"} | ({"H", "M", "S"} if column.type == "timestamp" else set())
            whole = {"Y", "m", "d"} <= set(directives) <= wanted and len(directives) == len(set(directives))
            if form != "iso" and not whole:
                rest = " and, if need be, %H %M %S" if column.type == "timestamp" else ""
                yield Problem(
                    (*path, "formats", place), found(form, f"iso, or %Y %m %d once each{rest}, no others")
                )
            if form in (column.formats or [])[:place]:
                yield Problem((*path, "formats", place), f"found {form} for the second time")


def check_columns(workflow: Workflow) -> Iterator[Problem]:
    """Column names are unique and not reserved; ranges and allowed values fit the types."""
    names: set[str] = set()
    for index, column in enumerate(workflow.data.columns):
        path: KeyPath = ("data", "columns", index)
        if column.name in RESERVED_COLUMNS:
            yield Problem(
                (*path, "name"),
                f"found {column.name}; that name is reserved for {RESERVED_COLUMNS[column.name]}",
            )
        if column.name in names:
            yield Problem(
                (*path, "name"), f"found {column.name} for the second time; allowed: each name once"
            )
        names.add(column.name)
        low, high = column.minimum, column.maximum
        for end, bound in (("minimum", low), ("maximum", high)):
            if bound is not None and column.type not in ("integer", "number"):
                yield Problem(
                    (*path, end), f"found for type {column.type}; allowed: for integer and number only"
                )
        if low is not None and high is not None and low > high:
            yield Problem((*path, "minimum"), found(low, f"at most the maximum, {high}"))
        for place, value in enumerate(column.allowed or []):
            wrong = list(check_cell((*path, "allowed", place), column, value))
            yield from wrong
            if wrong or isinstance(value, str):
                continue
            if (low is not None and value < low) or (high is not None and value > high):
                yield Problem((*path, "allowed", place), found(value, "within minimum and maximum"))


def check_cell(path: KeyPath, column: Column, value: Cell) -> Iterator[Problem]:
    """A value written for a column has that column's type."""
    types = PYTHON_TYPES[column.type]
    if not types:
        yield Problem(path, found(value, f"no list of values for a {column.type}"))
    elif not isinstance(value, types) or (isinstance(value, bool) and column.type != "boolean"):
        hint = "; write it in quotes" if column.type == "string" else ""
        yield Problem(path, found(value, f"a {column.type}, as column {column.name} is{hint}"))


def check_references(workflow: Workflow) -> Iterator[Problem]:
    """Every column that is named exists."""
    known = [column.name for column in workflow.data.columns]
    named: list[tuple[KeyPath, str | None]] = [
        (("data", "key"), workflow.data.key),
        (("data", "label", "column"), workflow.data.label.column),
        (("bias", "group"), workflow.bias.group),
        *((("bias", "facets", i, "column"), facet.column) for i, facet in enumerate(workflow.bias.facets)),
        *workflow.features.references(),
    ]
    for path, name in named:
        if name is not None and name not in known:
            yield Problem(path, found(name, one_of(known, name)))


def check_values(path: KeyPath, column: Column, values: Sequence[Cell]) -> Iterator[Problem]:
    """Values chosen from a column have its type and are among those it allows."""
    for place, value in enumerate(values):
        wrong = list(check_cell((*path, place), column, value))
        yield from wrong
        if not wrong and column.allowed is not None and value not in column.allowed:
            yield Problem((*path, place), found(value, one_of(column.allowed, value)))
        if value in values[:place]:
            yield Problem((*path, place), f"found {shown(value)} for the second time")
    if column.allowed is not None and set(values) >= set(column.allowed):
        yield Problem(path, f"found all values that {column.name} can have; allowed: some, not all")


def check_label_and_key(workflow: Workflow) -> Iterator[Problem]:
    """Label and key are required columns, and the positive values are some of the label's."""
    label = workflow.column(workflow.data.label.column)
    if not label.required:
        yield Problem(
            ("data", "label", "column"), f"found {label.name}; allowed: a column with `required: true`"
        )
    yield from check_values(("data", "label", "positive"), label, workflow.data.label.positive)
    if label.type == "number":
        yield Problem(
            ("data", "label", "column"), found("number", "a column of type string, integer or boolean")
        )
    if workflow.data.key is not None:
        key = workflow.column(workflow.data.key)
        if key.name == label.name:
            yield Problem(("data", "key"), found(key.name, "a column other than the label"))
        if not key.required:
            yield Problem(
                ("data", "key"), f"found {key.name}; allowed: a column with `required: true`, or null"
            )


def check_facets(workflow: Workflow) -> Iterator[Problem]:
    """Facets select a group in one of the two ways, and fit their columns."""
    seen: set[str] = set()
    for index, facet in enumerate(workflow.bias.facets):
        path: KeyPath = ("bias", "facets", index)
        column = workflow.column(facet.column)
        if column.name == workflow.data.label.column:
            yield Problem((*path, "column"), found(column.name, "a column other than the label"))
        if column.name in seen:
            # Clarify's report is a mapping by column: a second entry could not be told from the first.
            yield Problem((*path, "column"), f"found {column.name} for the second time; allowed: each once")
        seen.add(column.name)
        if (facet.values is None) == (facet.threshold is None):
            yield Problem(
                path, "found both or neither of `values` and `threshold`; allowed: exactly one of them"
            )
        elif facet.values is not None:
            yield from check_values((*path, "values"), column, facet.values)
        elif column.type != "number":
            # Clarify takes an integer column with few distinct values for categories and would compare
            # for equality with the threshold; a number is always compared by size.
            yield Problem(
                (*path, "threshold"), f"found for type {column.type}; allowed: for type number only"
            )


def check_facet_choices(workflow: Workflow) -> Iterator[Problem]:
    """Intersections and mitigation name declared facets, each once, and an engine that can do it."""
    bias = workflow.bias
    known = [facet.column for facet in bias.facets]
    chosen: list[tuple[KeyPath, Sequence[str]]] = [
        (("bias", "intersections", index, "facets"), both.facets)
        for index, both in enumerate(bias.intersections)
    ]
    chosen.append((("bias", "mitigation", "facets"), bias.mitigation.facets or []))
    for path, names in chosen:
        for place, name in enumerate(names):
            if name not in known:
                yield Problem((*path, place), found(name, one_of(known, name)))
            if name in names[:place]:
                yield Problem((*path, place), f"found {name} for the second time; allowed: each facet once")
    if bias.intersections and bias.engine == "managed":
        yield Problem(
            ("bias", "intersections"),
            "found with `engine: managed`; allowed: with `engine: portable` only, "
            "because Clarify measures one column at a time",
        )
    seen: list[set[str]] = []
    for index, both in enumerate(bias.intersections):
        if set(both.facets) in seen:
            yield Problem(
                ("bias", "intersections", index, "facets"),
                f"found {' and '.join(both.facets)} for the second time; allowed: each group once",
            )
        seen.append(set(both.facets))


def check_metrics(workflow: Workflow) -> Iterator[Problem]:
    """Metrics exist, and their bounds lie in their ranges."""
    bias = workflow.bias
    for index, name in enumerate(bias.metrics):
        if name not in PRE_TRAINING:
            yield Problem(("bias", "metrics", index), found(name, one_of(PRE_TRAINING, name)))
        if name in bias.metrics[:index]:
            yield Problem(("bias", "metrics", index), f"found {name} for the second time; allowed: each once")
    if "CDDL" in bias.metrics and bias.group is None:
        yield Problem(("bias", "group"), found(None, "a column; CDDL compares within its groups"))
    yield from check_bounds(bias, ("bias", "thresholds"), bias.thresholds)
    for index, facet in enumerate(bias.facets):
        yield from check_bounds(bias, ("bias", "facets", index, "thresholds"), facet.thresholds)
    for index, both in enumerate(bias.intersections):
        yield from check_bounds(bias, ("bias", "intersections", index, "thresholds"), both.thresholds)


def check_bounds(bias: Bias, path: KeyPath, thresholds: Mapping[str, Bounds]) -> Iterator[Problem]:
    """Bounds are set, in the metric's range, and in order; what follows beyond them can be done."""
    for name, bounds in thresholds.items():
        place: KeyPath = (*path, name)
        if name not in bias.metrics:
            yield Problem(place, f"unknown key; allowed: {one_of(bias.metrics, name)}")
        if name not in PRE_TRAINING:
            continue
        bounded = ends(bounds) != (None, None)
        if not bounded and bounds.ratio is None:
            yield Problem(
                place, "found none of `minimum`, `maximum`, `absolute` and `ratio`; allowed: at least one"
            )
        if bounds.further and not bounded:
            yield Problem((*place, "further"), "found without a first bound; allowed: wider bands than that")
        yield from check_band(place, name, bounds)
        before: Band = bounds
        for index, band in enumerate(bounds.further):
            yield from check_band((*place, "further", index), name, band)
            yield from check_wider((*place, "further", index), bias, before, band)
            before = band
        if bounds.ratio is not None:
            others = ["previous", *(metric for metric in bias.metrics if metric != name)]
            if bounds.ratio.of not in others:
                yield Problem(
                    (*place, "ratio", "of"), found(bounds.ratio.of, one_of(others, bounds.ratio.of))
                )
        said = [(place, bounds.beyond)] if bounded else []
        said += [((*place, "further", i), band.beyond) for i, band in enumerate(bounds.further)]
        said += [((*place, "ratio"), bounds.ratio.beyond)] if bounds.ratio is not None else []
        for where, beyond in said:
            if (beyond or bias.beyond) == "mitigate" and name == "CI":
                yield Problem(
                    (*where, "beyond"),
                    found("mitigate", "ask or stop for CI; mitigation changes no group's size"),
                )
            elif beyond == "mitigate":
                yield from check_method(bias, (*where, "beyond"))


def check_band(path: KeyPath, name: str, band: Band) -> Iterator[Problem]:
    """The ends of one band are numbers in the metric's range, in order, and said in one of the two ways."""
    metric, (low, high) = PRE_TRAINING[name], ends(band)
    if band.absolute is not None:
        if band.minimum is not None or band.maximum is not None:
            yield Problem(
                (*path, "absolute"), "found beside `minimum` or `maximum`; allowed: instead of both"
            )
        elif not 0 <= band.absolute <= metric.maximum or math.isinf(band.absolute):
            yield Problem((*path, "absolute"), found(band.absolute, in_range(name, 0, metric.maximum)))
        return
    for end, bound in (("minimum", low), ("maximum", high)):
        if bound is None:
            continue
        if not metric.minimum <= bound <= metric.maximum or math.isinf(bound):
            yield Problem((*path, end), found(bound, in_range(name, metric.minimum, metric.maximum)))
    if low is not None and high is not None and low > high:
        yield Problem((*path, "minimum"), found(low, f"at most the maximum, {high}"))


def check_wider(path: KeyPath, bias: Bias, before: Band, band: Band) -> Iterator[Problem]:
    """A further band reaches further, and beyond it something more severe follows."""
    wider = False
    for end, sign, inner, outer in zip(
        ("minimum", "maximum"), (-1, 1), ends(before), ends(band), strict=True
    ):
        key = end if band.absolute is None else "absolute"
        if outer is None:
            continue
        if inner is None:
            yield Problem((*path, key), f"found {outer}; allowed: none, as the band before has no {end}")
        elif sign * outer < sign * inner:
            word = "at least" if sign > 0 else "at most"
            yield Problem(
                (*path, key), found(outer, f"{word} {inner}, the band before; the narrowest is first")
            )
        wider |= inner is not None and sign * outer > sign * inner
    if not wider:
        yield Problem(path, "found no end beyond the band before; allowed: a wider band at one end at least")
    milder, beyond = before.beyond or bias.beyond, band.beyond or bias.beyond
    if SEVERITY.index(beyond) <= SEVERITY.index(milder):
        worse = SEVERITY[SEVERITY.index(milder) + 1 :]
        allowed = " or ".join(worse) if worse else "no further band, as nothing is more severe than stop"
        yield Problem((*path, "beyond"), found(beyond, f"{allowed}, as the band before says {milder}"))


def check_method(bias: Bias, path: KeyPath) -> Iterator[Problem]:
    """Who wants to mitigate has a method."""
    if bias.mitigation.method == "none":
        yield Problem(
            path, found("mitigate", "ask or stop, or a `bias.mitigation.method`: reweighing or resampling")
        )


def in_range(name: str, low: float, high: float) -> str:
    """The numbers that a bound on a metric may be, in words."""
    span = f"to {high:.4g}" if high < math.inf else "upwards"
    return f"a number from {low:g} {span}, the range of {name}"


def check_ways(workflow: Workflow) -> Iterator[Problem]:
    """What follows by default can be done, and those who are asked are named once."""
    bias = workflow.bias
    if bias.beyond == "mitigate":
        yield from check_method(bias, ("bias", "beyond"))
    for index, user in enumerate(bias.ask.users):
        path: KeyPath = ("bias", "ask", "users", index)
        if not user.strip():
            yield Problem(path, found(user, "a user of Airflow, by id"))
        if user in bias.ask.users[:index]:
            yield Problem(path, f"found {user} for the second time; allowed: each user once")


def check_training(workflow: Workflow) -> Iterator[Problem]:
    """Hyperparameters are XGBoost's, within its ranges."""
    chosen = workflow.training.hyperparameters
    for name, value in chosen.items():
        path: KeyPath = ("training", "hyperparameters", name)
        accepted = hyperparameters.XGBOOST.get(name)
        if accepted is None:
            yield Problem(path, f"unknown key; allowed: {one_of(hyperparameters.XGBOOST, name)}")
        elif not accepted.accepts(value):
            yield Problem(path, found(value, str(accepted)))
    for name in hyperparameters.REQUIRED:
        if name not in chosen:
            yield Problem(
                ("training", "hyperparameters", name), f"missing; allowed: {hyperparameters.XGBOOST[name]}"
            )


def check_watching(workflow: Workflow) -> Iterator[Problem]:
    """Rules are Debugger's, and so are their parameters."""
    for name, rule in workflow.training.debugger.rules.items():
        path: KeyPath = ("training", "debugger", "rules", name)
        if name not in training_rules.RULES:
            yield Problem(path, f"unknown key; allowed: {one_of(training_rules.RULES, name)}")
            continue
        known = training_rules.RULES[name].parameters
        for parameter in rule.parameters if rule else ():
            if parameter not in known:
                allowed = one_of(known, parameter) if known else "none"
                yield Problem((*path, "parameters", parameter), f"unknown key; allowed: {allowed}")


def check_quality(workflow: Workflow) -> Iterator[Problem]:
    """Data quality rules are rules, and name columns that the curated table has."""
    known = [column.name for column in workflow.data.columns] + ["dt"]
    if workflow.data.key is None:
        known.append("row_id")
    for index, rule in enumerate(workflow.quality.rules):
        path: KeyPath = ("quality", "rules", index)
        try:
            names = dqdl.named(rule)
        except dqdl.RuleInvalid as why:
            yield Problem(path, f"{found(rule, 'one DQDL rule')}; {why}")
            continue
        for column in names.columns:
            if column not in known:
                yield Problem(path, f"found column {column}; allowed: {one_of(known, column)}")


def check_wrangler(workflow: Workflow) -> Iterator[Problem]:
    """The flow is there, is one, and reads the curated partition."""
    wrangler = workflow.wrangler
    if wrangler.flow is None:
        return
    try:
        document = flow.read(wrangler.flow)
    except flow.FlowUnfit as error:
        yield Problem(("wrangler", "flow"), str(error))
        return
    for fault in flow.faults(document, wrangler.output_node):
        key = "output_node" if fault.startswith("output_node: ") else "flow"
        yield Problem(("wrangler", key), fault.removeprefix("output_node: "))


def check_images(workflow: Workflow) -> Iterator[Problem]:
    """Image versions are among those whose URIs are known."""
    chosen: list[tuple[KeyPath, str, str]] = [
        (("bias", "image_version"), "clarify", workflow.bias.image_version),
        (("processing", "scikit_learn_version"), "scikit-learn", workflow.processing.scikit_learn_version),
        (("training", "image_version"), "xgboost", workflow.training.image_version),
        (("wrangler", "image_version"), "data-wrangler", workflow.wrangler.image_version),
    ]
    for path, image, version in chosen:
        known = run.image_versions(image)
        if version not in known:
            yield Problem(path, found(version, one_of(known, version)))


# Columns that are named must exist before anything is asked about them.
FIRST_CHECKS = [
    check_schedule,
    check_format,
    check_columns,
    check_references,
    check_metrics,
    check_ways,
    check_facet_choices,
]
LATER_CHECKS = [check_label_and_key, check_facets, check_features]
OTHER_CHECKS = [
    check_feature_store,
    check_texts,
    check_capacity,
    check_readings,
    check_quality,
    check_training,
    check_tuning,
    check_automl,
    check_watching,
    check_images,
    check_wrangler,
]


def check(workflow: Workflow) -> list[Problem]:
    """All that is wrong with a workflow beyond what its models say."""
    problems = [problem for test in FIRST_CHECKS for problem in test(workflow)]
    if not list(check_references(workflow)):
        problems += [problem for test in LATER_CHECKS for problem in test(workflow)]
    return problems + [problem for test in OTHER_CHECKS for problem in test(workflow)]
