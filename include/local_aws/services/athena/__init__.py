"""Amazon Athena: SQL over the data catalog, computed by DuckDB.

query_execution   the API of a query               work_group, data_catalog, named_query   their APIs
    | runner      its life, one thread
    v
query, ddl, show, prepared_statement   one function per kind of statement
    | relations   the catalog's tables and their files; storage reads them
    | trino/      what the SQL means
    v
sandbox           a locked DuckDB                  results   the answer in S3
"""

from local_aws.services.athena import (
    data_catalog,
    named_query,
    prepared_statement,
    query_execution,
    work_group,
)
from local_aws.services.athena.runner import close, recover

__all__ = [
    "close",
    "data_catalog",
    "named_query",
    "prepared_statement",
    "query_execution",
    "recover",
    "work_group",
]
