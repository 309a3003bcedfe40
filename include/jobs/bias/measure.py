"""Bias and explanations where Clarify is not to be had: its contract, and intersections of facets besides.

The same files in and out as jobs.bias.clarify. analysis_config.json may also say

    "facet_intersections": [[{"name_or_index": "sex", "value_or_threshold": ["female"]},
                             {"name_or_index": "age", "value_or_threshold": [60]}]]

and the rows that are in all of them are one more facet of analysis.json, with the same metrics: its name is
that of its columns, "sex & age", its value "female & (60.0, 84.0]". Whoever reads Clarify's reports reads
these.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from jobs.bias.clarify import run
from jobs.processing.job import guarded, parse_base


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; returns the exit code."""
    base = parse_base(__doc__, arguments)
    return guarded(base, lambda: run(base, intersections=True))


if __name__ == "__main__":
    sys.exit(main())
