"""Report what a partition looks like, from the results of Athena's statements.

    input  sources    <day>/ingest_analyze/statistics/<statement>/<query>.csv, and the profile.json of an
                      earlier day, if there is one: what the manifest sources.json names
    output profile    profile.json: all facts, see jobs/profile/facts.py
                      profile.html: the same for people, one page that needs nothing else

PARTITION in the environment says which day it is.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from jobs.processing.job import Job, JobError, run, say
from jobs.profile import facts, results
from jobs.profile.alerts import alerts
from jobs.profile.drift import compare
from jobs.profile.page import render


def report(job: Job) -> None:
    """Read the results, gather the facts, compare them, write both files."""
    partition = os.environ.get("PARTITION", "")
    if not partition:
        raise JobError("PARTITION is not set; expected the day that is profiled, YYYY-MM-DD")
    sources = job.input("sources")
    found = facts.describe(job.config, partition, results.read(sources))
    compare(found, earlier(sources))
    found["alerts"] = alerts(found, job.config["profile"]["alerts"])
    compared = f"compared with {found['previous']['partition']}" if found["previous"] else "the first profile"
    say(f"{found['rows']:,} rows, {len(found['columns'])} columns; {compared}")
    for alert in found["alerts"]:
        say(
            f"{alert['level']}: {' and '.join([*alert['columns'], ''])[:-5]} {alert['says']}".replace(
                ":  ", ": "
            )
        )
    output = job.output("profile")
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    (output / "profile.json").write_text(text, encoding="utf-8")
    (output / "profile.html").write_text(render(found), encoding="utf-8")


def earlier(sources: Path) -> dict[str, Any] | None:
    """The profile to compare with, or None on the first day. Raises JobError if it is not one."""
    found = sorted(sources.rglob("profile.json"))
    if not found:
        return None
    try:
        profile = json.loads(found[-1].read_text(encoding="utf-8"))
    except ValueError as error:
        raise JobError(f"the previous profile is not JSON: {error}") from error
    if not isinstance(profile, dict) or profile.get("version") != facts.VERSION:
        say("the previous profile has another version; nothing is compared")
        return None
    return profile


if __name__ == "__main__":
    sys.exit(run(report))
