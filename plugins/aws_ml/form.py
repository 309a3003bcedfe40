"""The numbers of a bias gate as Markdown, for the form in which Airflow asks a person. Pure.

Texts from outside (values of columns, messages of jobs) stand in code spans, in which nothing is a link, an
image or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aws_ml.decision import Record, answer_text
from aws_ml.gate import Finding, Way

SHOWN_AS = {Way.ACCEPT: "accept", Way.MITIGATE: "**mitigate**", Way.ASK: "**ask**", Way.STOP: "**stop**"}


def body(record: Record, choices: Mapping[str, str], timeout_hours: float, on_timeout: str, uri: str) -> str:
    """What a person reads before they decide.

    :param choices: each option, and what follows from it
    :param uri: of `decision.json`
    """
    last, first = record["rounds"][-1], record["rounds"][0]
    before = {(each["group"], each["metric"]): each["value"] for each in first["metrics"]}
    again = len(record["rounds"]) > 1
    lines = [f"{code(record['workflow'])} of {code(record['partition'])}: {last['summary']}", ""]
    if again:
        if first["answer"]:
            lines += [f"Before: {code(answer_text(first['answer']))}", ""]
        lines += [f"The data was mitigated ({last['dataset']['mitigation']}) and measured again.", ""]
    head = ["group", "metric", *(["before"] if again else []), "value", "bounds", "way"]
    lines += [row(*head), row(*["---"] * len(head))]
    metrics = sorted(last["metrics"], key=lambda each: -Way(each["way"]).severity)
    for metric in metrics:
        if metric["finding"] == Finding.NOT_BOUNDED:
            continue
        old = [number(before.get((metric["group"], metric["metric"])))] if again else []
        shown = [code(metric["group"]), metric["metric"], *old, number(metric["value"]), bounds(metric)]
        lines.append(row(*shown, SHOWN_AS[Way(metric["way"])]))
    lines.append("")
    lines += [f"- {code(each['sentence'])}" for each in metrics if each["way"] != Way.ACCEPT]
    lines += ["", "You may choose:", ""]
    lines += [*(f"- **{choice}**: {follows}" for choice, follows in choices.items()), ""]
    lines += [f"Without an answer within {timeout_hours:g} hours: **{on_timeout}**.", ""]
    lines.append(f"All numbers: {code(uri)}")
    return "\n".join(lines)


def bounds(metric: Mapping[str, Any]) -> str:
    """All bands of a metric, and its ratio."""
    shown = [
        f"{between(band['minimum'], band['maximum'])}, beyond: {band['beyond']}" for band in metric["bands"]
    ]
    if metric["ratio"]:
        ratio = metric["ratio"]
        against = "nothing" if ratio["reference"] is None else f"{ratio['reference']:.4g}"
        shown.append(f"{ratio['maximum']:g} times {code(ratio['of'])} ({against}), beyond: {ratio['beyond']}")
    return "; ".join(shown)


def between(low: float | None, high: float | None) -> str:
    """The ends of a band."""
    if low is None or high is None:
        return f"at most {high:g}" if low is None else f"at least {low:g}"
    return f"{low:g} to {high:g}"


def number(value: float | None) -> str:
    """A measured value."""
    return "none" if value is None else f"{value:.4f}"


def row(*cells: str) -> str:
    """One row of a table."""
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """A text from outside as a code span of one line, also within a table."""
    line = re.sub(r"\s+", " ", text).strip() or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}".replace("|", "\\|")
