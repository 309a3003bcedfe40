"""Daily consumer loan applications: made up, seeded by the day alone, with known faults.

One day is two CSV files. What is planted in them, and the numbers a run must therefore find:

    5,000 rows of data          ROWS_PER_DAY, over both files
      4,925 good applications   what the cleaning job must keep
         25 duplicates          20 sent twice unchanged, 5 sent again with another amount; the first counts
         50 malformed rows      one fault each, of the kinds in MALFORMED
    In the good ones: missing values (MISSING), outliers that are possible but extreme (OUTLIERS), and a label
    with a bias against women: their share of approvals lies DPL_PLANTED below that of men.
    From DRIFT_START on, incomes are INCOME_DRIFT times what they were, and the bias is DPL_AFTER_DRIFT.

The label is otherwise fair: applications are ranked by what a lender could see (income, debt, history,
late payments, employment) plus luck, and the best of each sex are approved, up to that sex's share. A model
that may not see `sex` can therefore be good, but not perfect.

Any day can be made again, byte for byte, on any machine and Python: the only source of chance is
`random.Random.random()`, which Python promises to keep; the arithmetic is addition, multiplication and
division, which IEEE 754 fixes to the last bit (no exp, log or sin, whose last bit differs between C
libraries, and no sum() of floats, which Python 3.12 changed); amounts are counted in cents and written by
hand.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

_Item = TypeVar("_Item")

ROWS_PER_DAY = 5_000
DRIFT_START = date(2026, 2, 1)
INCOME_DRIFT = 0.72
APPROVED_SHARE_OF_MEN = 0.62
DPL_PLANTED = 0.08
DPL_AFTER_DRIFT = 0.24

COLUMNS = (
    "application_id",
    "applied_at",
    "age",
    "sex",
    "region",
    "employment",
    "income",
    "loan_amount",
    "term_months",
    "credit_history_years",
    "existing_debt",
    "late_payments",
    "purpose",
    "approved",
)

# Good applications in which the value is left empty, per column. Never `employment`: it is the group of CDDL,
# which Clarify does not compute once a group is missing.
MISSING: Mapping[str, int] = {
    "region": 60,
    "income": 150,
    "credit_history_years": 120,
    "existing_debt": 100,
    "late_payments": 50,
    "purpose": 40,
}
# Good applications whose value is this many times what it would have been.
OUTLIERS: Mapping[str, int] = {"income": 15, "existing_debt": 10}
OUTLIER_FACTOR = 25
REPEATED_UNCHANGED = 20
REPEATED_CHANGED = 5
# Malformed rows: kind -> how many, and what the damage is.
MALFORMED: Mapping[str, int] = {
    "two fields cut off": 9,
    "one field too many": 7,
    "age is a word": 6,
    "age below 18": 4,
    "sex not in the list": 5,
    "loan amount empty": 6,
    "loan amount negative": 4,
    "term not offered": 3,
    "label is a word": 3,
    "time is no time": 3,
}

_REGIONS = (("north", 0.31), ("south", 0.27), ("east", 0.22), ("west", 0.20))
_EMPLOYMENTS = (
    ("salaried", 0.61),
    ("self_employed", 0.15),
    ("unemployed", 0.06),
    ("retired", 0.11),
    ("student", 0.07),
)
_PURPOSES = (
    ("car", 0.30),
    ("home", 0.24),
    ("education", 0.14),
    ("medical", 0.10),
    ("business", 0.12),
    ("other", 0.10),
)
_TERMS = (("12", 0.14), ("24", 0.22), ("36", 0.28), ("48", 0.16), ("60", 0.20))
_EMPLOYMENT_MERIT = {
    "salaried": 0.45,
    "self_employed": 0.10,
    "unemployed": -0.70,
    "retired": 0.15,
    "student": -0.20,
}
_EMPLOYMENT_INCOME = {
    "salaried": 1.0,
    "self_employed": 1.12,
    "unemployed": 0.55,
    "retired": 0.66,
    "student": 0.52,
}


@dataclass(frozen=True)
class Application:
    """One application as its sender meant it, before anything is left out or damaged."""

    number: int  # of the day, from 1; its id follows from it
    second: int  # of the day when it came in
    age: int  # years
    sex: str
    region: str
    employment: str
    income: int  # cents a month
    loan_amount: int  # cents
    term_months: str
    history: int  # tenths of years of credit history
    existing_debt: int  # cents
    late_payments: int
    purpose: str
    merit: float  # what a lender sees, plus luck; decides who is approved
    approved: int = 0
    missing: frozenset[str] = frozenset()  # columns left empty


@dataclass(frozen=True)
class Truth:
    """What a run over one day must find; every number follows from what was planted."""

    day: date
    rows: int  # data rows in the files, without their headers
    rows_by_file: Mapping[str, int]
    curated: int
    duplicates: int
    duplicates_changed: int  # those of the duplicates that differ from the first with their id
    quarantined: int
    malformed: Mapping[str, int]  # by kind of damage
    missing: Mapping[str, int]  # by column, in the curated rows
    outliers: Mapping[str, int]  # by column, in the curated rows
    approved: int  # positive labels in the curated rows
    women: int
    women_approved: int
    dpl: float  # approved share of men minus that of women, in the curated rows
    drifted: bool


@dataclass(frozen=True)
class _Plan:
    """A day before it is written: its good applications, and which lines each file has."""

    day: date
    good: Sequence[Application]
    files: Mapping[str, Sequence[str]]  # name -> lines without header


def files(day: date) -> dict[str, bytes]:
    """The day's CSV files by name: UTF-8, a header, one application a line, "\\n" at every line's end."""
    header = ",".join(COLUMNS)
    return {
        name: "".join(f"{line}\n" for line in (header, *lines)).encode()
        for name, lines in _plan(day).files.items()
    }


def truth(day: date) -> Truth:
    """What was planted on that day, counted in the plan, not read back from the files."""
    plan = _plan(day)
    women = [one for one in plan.good if one.sex == "female"]
    men = len(plan.good) - len(women)
    women_approved = sum(one.approved for one in women)
    approved = sum(one.approved for one in plan.good)
    return Truth(
        day=day,
        rows=ROWS_PER_DAY,
        rows_by_file={name: len(lines) for name, lines in plan.files.items()},
        curated=len(plan.good),
        duplicates=REPEATED_UNCHANGED + REPEATED_CHANGED,
        duplicates_changed=REPEATED_CHANGED,
        quarantined=sum(MALFORMED.values()),
        malformed=dict(MALFORMED),
        missing=dict(MISSING),
        outliers=dict(OUTLIERS),
        approved=approved,
        women=len(women),
        women_approved=women_approved,
        dpl=(approved - women_approved) / men - women_approved / len(women),
        drifted=day >= DRIFT_START,
    )


def _plan(day: date) -> _Plan:
    chance = random.Random(f"loan applications of {day.isoformat()}")  # noqa: S311 - nothing here is secret
    damaged = sum(MALFORMED.values())
    repeated = REPEATED_UNCHANGED + REPEATED_CHANGED
    drifted = day >= DRIFT_START

    seconds = sorted(int(chance.random() * 86_400) for _ in range(ROWS_PER_DAY - repeated))
    everyone = [
        _application(chance, number, second, drifted) for number, second in enumerate(seconds, start=1)
    ]
    spoiled = set(_sample(chance, range(len(everyone)), damaged))
    good = [one for index, one in enumerate(everyone) if index not in spoiled]
    good = _approve(good, DPL_AFTER_DRIFT if drifted else DPL_PLANTED)
    good = _leave_out(chance, _exaggerate(chance, good))

    lines = {one.number: _line(day, one) for one in good}
    bad = [everyone[index] for index in sorted(spoiled)]
    kinds = _shuffled(chance, [kind for kind, count in MALFORMED.items() for _ in range(count)])
    lines |= {one.number: _damage(kind, _fields(day, one)) for one, kind in zip(bad, kinds, strict=True)}
    in_order = [lines[number] for number in sorted(lines)]

    # The second file repeats applications of the first: a job that looks at one file at a time misses them.
    half = len(in_order) // 2
    first, second_half = in_order[:half], in_order[half:]
    of_first = [one for one in good if one.number <= half]
    again = _sample(chance, of_first, repeated)
    repeats = [_line(day, one) for one in again[:REPEATED_UNCHANGED]]
    repeats += [
        _line(day, replace(one, loan_amount=one.loan_amount + 50_000)) for one in again[REPEATED_UNCHANGED:]
    ]
    second_half = _shuffled(chance, second_half + repeats)
    stamp = day.strftime("%Y%m%d")
    return _Plan(
        day, good, {f"applications-{stamp}-1.csv": first, f"applications-{stamp}-2.csv": second_half}
    )


def _application(chance: random.Random, number: int, second: int, drifted: bool) -> Application:
    sex = "female" if chance.random() < 0.46 else "male"
    employment = _pick(chance, _EMPLOYMENTS)
    age = {
        "student": lambda: 18 + int(chance.random() * 11),
        "retired": lambda: 58 + int(chance.random() * 25),
    }.get(employment, lambda: _clamp(int(41 + 11 * _normal(chance)), 20, 69))()
    earning = _normal(chance)
    income = 2_900 * _EMPLOYMENT_INCOME[employment] * max(0.25, 1 + 0.36 * earning + 0.07 * earning * earning)
    wish = _normal(chance)
    amount = 11_000 * max(0.08, 1 + 0.55 * wish + 0.12 * wish * wish)
    debt = 6_500 * max(0.0, 0.55 + 0.8 * _normal(chance))
    history = _clamp(int(10 * max(0.0, (age - 19) * (0.25 + 0.55 * chance.random()))), 0, 450)
    late = _clamp(int(max(0.0, 0.9 * _normal(chance) + 0.35) * 1.8), 0, 12)
    term = _pick(chance, _TERMS)
    burden = (amount / int(term) + debt / 60) / income  # of a month's income
    merit = (
        0.55 * (income / 2_900 - 1)
        - 3.1 * (burden - 0.17)
        - 0.52 * (late - 0.8)
        + 0.030 * (history / 10 - 9)
        + _EMPLOYMENT_MERIT[employment]
        + 0.65 * _normal(chance)
    )
    if drifted:
        income *= INCOME_DRIFT
    return Application(
        number=number,
        second=second,
        age=age,
        sex=sex,
        region=_pick(chance, _REGIONS),
        employment=employment,
        income=int(income * 100 + 0.5),
        loan_amount=int(amount) // 100 * 10_000,
        term_months=term,
        history=history,
        existing_debt=int(debt * 100 + 0.5),
        late_payments=late,
        purpose=_pick(chance, _PURPOSES),
        merit=merit,
    )


def _approve(applications: list[Application], dpl: float) -> list[Application]:
    """Approve the best of each sex: men up to their share, women up to that share less the planted bias."""
    approved: set[int] = set()
    for sex, share in (("male", APPROVED_SHARE_OF_MEN), ("female", APPROVED_SHARE_OF_MEN - dpl)):
        ranked = sorted((one for one in applications if one.sex == sex), key=lambda one: -one.merit)
        approved |= {one.number for one in ranked[: int(len(ranked) * share + 0.5)]}
    return [replace(one, approved=int(one.number in approved)) for one in applications]


def _exaggerate(chance: random.Random, applications: list[Application]) -> list[Application]:
    changed = list(applications)
    for column, count in OUTLIERS.items():
        sizes = {index: getattr(one, column) for index, one in enumerate(applications)}
        for index in _sample(chance, [index for index, size in sizes.items() if size > 0], count):
            changed[index] = replace(changed[index], **{column: sizes[index] * OUTLIER_FACTOR})
    return changed


def _leave_out(chance: random.Random, applications: list[Application]) -> list[Application]:
    """Empty the planted number of values per column; an outlier stays visible."""
    usual = {one.number: one for one in applications}
    changed = dict(usual)
    largest = {
        column: sorted(getattr(one, column) for one in applications)[-count]
        for column, count in OUTLIERS.items()
    }
    for column, count in MISSING.items():
        limit = largest.get(column)
        candidates = [n for n, one in usual.items() if limit is None or getattr(one, column) < limit]
        for number in _sample(chance, candidates, count):
            changed[number] = replace(changed[number], missing=changed[number].missing | {column})
    return list(changed.values())


def _fields(day: date, one: Application) -> list[str]:
    clock = f"{one.second // 3600:02d}:{one.second // 60 % 60:02d}:{one.second % 60:02d}"
    values = {
        "application_id": f"A{day.strftime('%Y%m%d')}-{one.number:05d}",
        "applied_at": f"{day.isoformat()} {clock}",
        "age": str(one.age),
        "sex": one.sex,
        "region": one.region,
        "employment": one.employment,
        "income": _cents(one.income),
        "loan_amount": _cents(one.loan_amount),
        "term_months": one.term_months,
        "credit_history_years": f"{one.history // 10}.{one.history % 10}",
        "existing_debt": _cents(one.existing_debt),
        "late_payments": str(one.late_payments),
        "purpose": one.purpose,
        "approved": str(one.approved),
    }
    return ["" if column in one.missing else values[column] for column in COLUMNS]


def _line(day: date, one: Application) -> str:
    return ",".join(_fields(day, one))


def _damage(kind: str, fields: list[str]) -> str:
    place = COLUMNS.index
    match kind:
        case "two fields cut off":
            fields = fields[:-2]
        case "one field too many":
            fields = [*fields, "1"]
        case "age is a word":
            fields[place("age")] = "forty"
        case "age below 18":
            fields[place("age")] = "7"
        case "sex not in the list":
            fields[place("sex")] = "?"
        case "loan amount empty":
            fields[place("loan_amount")] = ""
        case "loan amount negative":
            fields[place("loan_amount")] = "-" + fields[place("loan_amount")]
        case "term not offered":
            fields[place("term_months")] = "13"
        case "label is a word":
            fields[place("approved")] = "yes"
        case "time is no time":
            fields[place("applied_at")] = "yesterday"
        case _:
            raise ValueError(f"MALFORMED names {kind!r}, but nothing here does that damage")
    return ",".join(fields)


def _cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def _clamp(value: int, lowest: int, highest: int) -> int:
    return max(lowest, min(highest, value))


def _normal(chance: random.Random) -> float:
    """Nearly normal, mean 0, deviation 1: twelve uniforms less six need no function of the C library."""
    total = 0.0
    for _ in range(12):
        total += chance.random()
    return total - 6.0


def _pick(chance: random.Random, choices: Sequence[tuple[str, float]]) -> str:
    drawn = chance.random()
    for value, share in choices:
        drawn -= share
        if drawn < 0:
            return value
    return choices[-1][0]


def _shuffled(chance: random.Random, items: Sequence[_Item]) -> list[_Item]:
    """Fisher and Yates, written out because the library's shuffle may draw differently in another Python."""
    mixed = list(items)
    for last in range(len(mixed) - 1, 0, -1):
        other = int(chance.random() * (last + 1))
        mixed[last], mixed[other] = mixed[other], mixed[last]
    return mixed


def _sample(chance: random.Random, items: Sequence[_Item], count: int) -> list[_Item]:
    return _shuffled(chance, items)[:count]
