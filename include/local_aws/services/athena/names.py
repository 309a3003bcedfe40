"""Names in Hive's statements: ``db.table``, in backticks, in double quotes or bare."""

from __future__ import annotations

import re

from local_aws.services.athena.failure import QueryFailed
from local_aws.services.athena.relations import CATALOG_NAME

NAME = r'(?:`[^`]+`|"[^"]+"|[A-Za-z_0-9][\w$-]*)'


def bare(name: str) -> str:
    """A name without its quotes, in lower case."""
    return name.strip().strip('`"').lower()


def qualified(text: str, database: str) -> tuple[str, str]:
    """Database and table of a possibly qualified name; ``database`` is the session's."""
    parts = [bare(part) for part in re.findall(NAME, text)]
    if len(parts) == 3:
        if parts[0] != CATALOG_NAME:
            raise QueryFailed(f"CATALOG_NOT_FOUND: line 1:1: Catalog '{parts[0]}' does not exist")
        parts = parts[1:]
    return (database, parts[0]) if len(parts) == 1 else (parts[0], parts[1])
