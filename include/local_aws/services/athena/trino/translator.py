"""The parts of the translator in one: what writes the DuckDB text of a tree."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from local_aws.services.athena.trino.calls import Calls
from local_aws.services.athena.trino.casts import Casts
from local_aws.services.athena.trino.operators import Operators
from local_aws.services.athena.trino.tables import Tables
from local_aws.services.athena.trino.time_syntax import Times


class Translator(Operators, Casts, Times, Calls, Tables):
    """Writes DuckDB's text. Nodes without a method of ours mean the same in both."""

    # What the parts replace must not be taken from DuckDB's table of transforms.
    TRANSFORMS: ClassVar[dict[type[exp.Expr], Any]] = {
        kind: transform
        for kind, transform in DuckDB.Generator.TRANSFORMS.items()
        if not any(f"{kind.key}_sql" in vars(part) for part in (Operators, Casts, Times, Calls, Tables))
    }
