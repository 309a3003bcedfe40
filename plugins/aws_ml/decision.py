"""``decision.json``: how the data of one partition came to be accepted or refused. Pure.

The gates, the people who were asked and the task that publishes write one document together, each its part,
and the later stages read it::

    version      of this layout
    workflow, partition
    outcome      "accepted", "stopped", or null while it is being decided
    summary      in one line: what each gate and each person said
    decided_at   when the outcome was written down
    dataset      what was accepted, or null: uri, mitigation ("none", "reweighing", "resampling"), weighted
                 (whether its rows carry sample_weight); objects, bytes, digest: what lay there when it was
                 measured
    rounds       one or two: data ("curated", "mitigated"), report (S3 URI of the measured analysis.json),
                 way, summary, metrics (`gate.Verdict`: every number, bound and origin), dataset,
                 answer (null, or choice, reason, by: {id, name} or null, at, timed_out)
    mitigation   what the mitigation job says it did, or null

The document alone says the way that was taken. So a task that is cleared, or set to success by hand, cannot
publish what no gate and no person accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_ml.exceptions import DataNotAccepted, ReportInvalid
from aws_ml.gate import Decision, Way

VERSION = "2"
ACCEPTED, STOPPED = "accepted", "stopped"
APPROVE, REJECT, MITIGATE = "Approve", "Reject", "Mitigate"
CHOICES = {APPROVE: Way.ACCEPT, MITIGATE: Way.MITIGATE, REJECT: Way.STOP}

Record = dict[str, Any]
Answer = dict[str, Any]


def round_of(decision: Decision, *, data: str, report: str, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What one gate found, of ``curated`` or ``mitigated`` data."""
    return {
        "data": data,
        "report": report,
        **decision.as_dict(),
        "dataset": dict(dataset),
        "answer": None,
    }


def opened(workflow: str, partition: str, first: Mapping[str, Any]) -> Record:
    """The document after the first gate: nothing is accepted yet, whatever an earlier run has accepted."""
    return {
        "version": VERSION,
        "workflow": workflow,
        "partition": partition,
        "outcome": None,
        "summary": first["summary"],
        "decided_at": None,
        "dataset": None,
        "rounds": [dict(first)],
        "mitigation": None,
    }


def reopened(record: Mapping[str, Any]) -> Record:
    """The document while a person is asked (again): nothing is accepted until the answer."""
    return {**record, "outcome": None, "decided_at": None, "dataset": None}


def measured_again(
    record: Mapping[str, Any],
    answer: Answer | None,
    second: Mapping[str, Any],
    mitigation: Mapping[str, Any],
) -> Record:
    """The document after the second gate.

    :param answer: of the person who was asked before; None where the first gate itself chose to mitigate
    :raises DataNotAccepted: nobody chose to mitigate
    """
    first = {**record["rounds"][0], "answer": answer if record["rounds"][0]["way"] == Way.ASK else None}
    if way_of(first) is not Way.MITIGATE:
        raise DataNotAccepted(f"The first gate said: {' '.join(said(first))} Nobody chose to mitigate.")
    rounds = [first, dict(second)]
    return {
        **reopened(record),
        "summary": summary_of(rounds),
        "rounds": rounds,
        "mitigation": dict(mitigation),
    }


def settled(record: Mapping[str, Any], answers: Sequence[Answer | None], at: str) -> Record:
    """The finished document.

    :param answers: of the people asked after the first and after the second gate; one that was given in an
        earlier try, when the gate asked and now does not, counts for nothing
    :param at: when, ISO 8601
    :raises DataNotAccepted: the document does not lead to an end, because a task in between was not run
    """
    first, *others = record["rounds"]
    first = {**first, "answer": answers[0] if first["way"] == Way.ASK else None}
    rounds = [first]
    if way_of(first) is Way.MITIGATE:
        if not others:
            raise DataNotAccepted("The data is to be mitigated, and bias was not measured again after that.")
        second = {**others[0], "answer": answers[1] if others[0]["way"] == Way.ASK else None}
        rounds.append(second)
    last = rounds[-1]
    way = way_of(last)
    if way not in (Way.ACCEPT, Way.STOP):
        raise DataNotAccepted(f"Nothing is decided yet: {' '.join(said(last))}")
    return {
        **record,
        "outcome": ACCEPTED if way is Way.ACCEPT else STOPPED,
        "summary": summary_of(rounds),
        "decided_at": at,
        "dataset": last["dataset"] if way is Way.ACCEPT else None,
        "rounds": rounds,
        "mitigation": record["mitigation"] if len(rounds) > 1 else None,
    }


def way_of(part: Mapping[str, Any]) -> Way:
    """The way after a round: the gate's, or that of the person whom it had asked."""
    way = Way(part["way"])
    if way is Way.ASK and part["answer"] is not None:
        return CHOICES[part["answer"]["choice"]]
    return way


def said(part: Mapping[str, Any]) -> list[str]:
    """What a gate and, if one was asked, a person said."""
    return [part["summary"], *([answer_text(part["answer"])] if part["answer"] else [])]


def answer_text(answer: Answer) -> str:
    """A person's answer in a sentence, or that there was none."""
    verb = {APPROVE: "Approved", REJECT: "Rejected", MITIGATE: "Sent to mitigation"}[answer["choice"]]
    if answer["by"] is None:
        return f"{verb} without an answer, as the workflow says for that case, at {answer['at']}."
    reason = f": {answer['reason']}" if answer["reason"] else ", without a reason"
    return f"{verb} by {answer['by']['name']} at {answer['at']}{reason.rstrip('.')}."


def summary_of(rounds: Sequence[Mapping[str, Any]]) -> str:
    """One line on all rounds."""
    first, *others = (" ".join(said(part)) for part in rounds)
    return " ".join([first, *(f"After mitigation: {text}" for text in others)])


def checked(record: Any, uri: str) -> Record:
    """The document as it was read.

    :raises ReportInvalid: it is not one, or of another version
    """
    if not isinstance(record, dict) or record.get("version") != VERSION or not record.get("rounds"):
        version = record.get("version") if isinstance(record, dict) else None
        raise ReportInvalid(
            f"{uri} is not a decision of version {VERSION} (found {version!r}). "
            "Clear decide_on_bias of that day's ingest_analyze, with what follows it."
        )
    return record


def accepted_dataset(record: Record, uri: str) -> dict[str, Any]:
    """What was accepted.

    :raises DataNotAccepted: the run was stopped, or nothing is decided
    """
    if record["outcome"] != ACCEPTED:
        state = "was refused" if record["outcome"] == STOPPED else "is not decided yet"
        raise DataNotAccepted(
            f"{record['workflow']} of {record['partition']} {state}: {record['summary']} ({uri})"
        )
    dataset: dict[str, Any] = record["dataset"]
    return dataset


def measured_values(record: Record) -> dict[tuple[str, str], float]:
    """The numbers of the first gate by (group, metric): what the next day is compared with."""
    return {
        (metric["group"], metric["metric"]): metric["value"]
        for metric in record["rounds"][0]["metrics"]
        if metric["value"] is not None
    }
