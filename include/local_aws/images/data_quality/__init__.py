"""Glue Data Quality: the rule language, its evaluation over a table's files, and recommended rules.

    text ── dqdl.parse ──> rules ── evaluate ──> results
    files ── source.open_table ──> one DuckDB table ──┘      └── recommend ──> text

``program`` is what a run starts as a process of its own; the service itself uses ``dqdl`` alone, to refuse
a ruleset.
"""
