"""HTML of a report: the run, its sections in order, and a sentence for whatever is not there."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from aws_ml.dags import PARENT, dag_id
from aws_ml.reports.section import MOST_CHARACTERS, MOST_ROWS, Broken, JobPage, Material, Section, View
from aws_ml.reports.sections import SECTIONS
from aws_ml.reports.shelf import Document, Kind, Shelf
from aws_ml.reports.subject import Run, Subject
from aws_ml.run import Paths

TEMPLATES = Path(__file__).with_name("templates")
CRUMB = 1e-12  # what sums of weights leave where there is nothing; and of a nothing the sign says nothing
NOTHING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """A section as the page shows it."""

    section: Section
    view: View | None
    says: str  # why there is nothing, or not all, to see
    broken: bool
    source: Document | None  # the section's own document
    is_later: bool  # another run has written it since
    pages: Sequence[tuple[JobPage, Document]]


def report(subject: Subject, shelf: Shelf, *, ui: str, nonce: str) -> str:
    """The page of a run.

    :param ui: address of Airflow's UI, without a slash at its end; empty on the UI's own host
    :param nonce: of the Content-Security-Policy, for the page's own style and script
    """
    paths = subject.paths
    sections = [section for section in SECTIONS if section.stage in subject.shown]
    keys = {
        section.name: {name: key(paths) for name, key in {**section.documents, **section.texts}.items()}
        for section in sections
    }
    documents = shelf.read(
        documents={key(paths) for section in sections for key in section.documents.values()},
        texts={key(paths) for section in sections for key in section.texts.values()},
        pages={page_key(paths, page) for section in sections for page in section.pages},
    )
    shown = [show(section, subject, documents, keys[section.name], paths) for section in sections]
    return page("report.html", nonce, subject=subject, shown=shown, uri=shelf.uri(run_prefix(paths)), ui=ui)


def unread(subject: Subject, says: str, *, ui: str, nonce: str) -> str:
    """The page of a run whose documents cannot be read at all: the run, and the sentence why."""
    return page("report.html", nonce, subject=subject, shown=[], uri="", ui=ui, says=says)


def notice(title: str, says: str, *, nonce: str) -> str:
    """A page that says only why there is nothing to see."""
    return page("notice.html", nonce, title=title, says=says)


def page(template: str, nonce: str, **values: Any) -> str:
    """A page from a template."""
    return environment().get_template(template).render(nonce=nonce, PARENT=PARENT, **values)


def show(
    section: Section,
    subject: Subject,
    documents: Mapping[str, Document],
    keys: Mapping[str, str],
    paths: Paths,
) -> Shown:
    """One section, whatever state its documents are in."""
    own = {name: documents[key] for name, key in keys.items()}
    source = next(iter(own.values()), None)
    view, says, broken = None, "", False
    try:
        view = section.view(Material(subject.workflow, own))
        if view is None and source is not None:
            says = source.says
    except Broken as error:
        says, broken = str(error), True
    except Exception:
        log.exception("The section %s of %s %s", section.name, subject.own.dag_id, subject.own.run_id)
        says, broken = "This part could not be shown; the API server's log says why.", True
    lifetime = subject.lifetime()
    return Shown(
        section=section,
        view=view,
        says=says,
        broken=broken,
        source=source,
        is_later=any(lifetime.later(document.written) for document in own.values()),
        pages=[(page, documents[page_key(paths, page)]) for page in section.pages],
    )


def run_prefix(paths: Paths) -> str:
    """The key below which a run writes."""
    return f"{paths.workflow}/runs/{paths.run_key}/"


def page_key(paths: Paths, page: JobPage) -> str:
    """The S3 key of a page that a job wrote."""
    return run_prefix(paths) + page.key


def job_page(key: str) -> tuple[Section, JobPage] | None:
    """The page of that key, if a section knows it: no other object is ever served."""
    known = [(section, page) for section in SECTIONS for page in section.pages if page.key == key]
    return known[0] if known else None


@cache
def environment() -> Environment:
    """Jinja with the words and figures of the page. What is undefined is an error, and all is escaped."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "text": text,
        "count": count,
        "bound": bound,
        "fact": fact,
        "figure": figure,
        "short": short,
        "measured": measured,
        "percent": percent,
        "moment": moment,
        "duration": duration,
        "day": day,
        "json": pretty,
        "first": first,
        "segment": segment,
    }
    made.globals |= {"Kind": Kind, "report_of": report_of, "run_in": run_in, "stage_dag": dag_id}
    return made


def text(value: object, most: int = MOST_CHARACTERS) -> str:
    """A value as text of bounded length."""
    shown = value if isinstance(value, str) else str(value)
    return shown if len(shown) <= most else f"{shown[:most]}… ({len(shown):,} characters)"


def count(value: int) -> str:
    """``4,925``."""
    return f"{value:,}"


def figure(value: float | None, digits: int = 4) -> str:
    """A measured number, short; what could not be measured is a dash."""
    if value is None:
        return NOTHING
    if abs(value) < CRUMB:
        value = 0.0
    shown = (
        f"{value:.{digits}f}" if 10**-digits <= abs(value) < 10**6 or value == 0 else f"{value:.{digits}g}"
    )
    return shown.replace("-", MINUS, 1) if shown.startswith("-") else shown


def measured(value: float) -> str:
    """A number of any kind: whole ones as counts, others as figures."""
    return count(int(value)) if value == int(value) else figure(value)


def short(value: float | None) -> str:
    """A number of any size in few characters: ``3,079``, ``0.1235``, ``1.7e+308``."""
    if value is None:
        return NOTHING
    if abs(value) >= 10**7 or 0 < abs(value) < 10**-3:
        shown = f"{value:.3g}"
    elif value == int(value) or abs(value) >= 10**3:
        shown = f"{value:,.0f}"
    else:
        shown = f"{value:.4g}"
    return shown.replace("-", MINUS, 1) if shown.startswith("-") else shown


def bound(value: float) -> str:
    """A number that a person wrote, as short as they did."""
    return f"{value:g}".replace("-", MINUS, 1) if value < 0 else f"{value:g}"


def fact(value: object) -> str:
    """A plain JSON value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    return figure(value) if isinstance(value, float) else text(value, 200)


def percent(part: float, whole: float = 1) -> str:
    """``98.5 %`` of a whole; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else NOTHING


def moment(value: datetime) -> str:
    """``2026-11-25 19:16:17 UTC``."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    """``48 s`` or ``1 h 2 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def day(key: str) -> str:
    """``Thursday, 15 January 2026``."""
    value = date.fromisoformat(key)
    return f"{value:%A}, {value.day} {value:%B %Y}"


def pretty(value: object) -> str:
    """A JSON value on one line, cut when it is long."""
    return text(json.dumps(value, ensure_ascii=False), 2_000)


def first(values: Sequence[Any], most: int = MOST_ROWS) -> Sequence[Any]:
    """As many rows as a table may have."""
    return values[:most]


def segment(value: str) -> str:
    """A value as one segment of a URL's path."""
    return quote(value, safe="")


def report_of(run: Run) -> str:
    """Where another run's report lies, seen from a report."""
    return f"../../{segment(run.dag_id)}/{segment(run.run_id)}/"


def run_in(ui: str, run: Run) -> str:
    """Where Airflow's UI shows a run."""
    return f"{ui}/dags/{segment(run.dag_id)}/runs/{segment(run.run_id)}"
