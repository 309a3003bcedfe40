"""Athena's queries, workgroups and data catalog."""

from __future__ import annotations

import time

from tests.contract.local_aws.examples import Request, World, example
from tests.contract.local_aws.examples.glue_catalog import table


def query(world: World, sql: str = "SELECT 1 AS one", *, wait: bool = True) -> str:
    """The id of a query, which has ended unless told otherwise."""
    client = world.client("athena")
    output = {"OutputLocation": f"s3://{world.bucket()}/results/"}
    query_id: str = client.start_query_execution(QueryString=sql, ResultConfiguration=output)[
        "QueryExecutionId"
    ]
    end = time.monotonic() + 60
    while wait and time.monotonic() < end:
        execution = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.02)  # Athena has nothing that could be awaited
    return query_id


def group(world: World) -> str:
    name = world.name("group")
    results = {"OutputLocation": f"s3://{world.bucket()}/results/"}
    world.client("athena").create_work_group(Name=name, Configuration={"ResultConfiguration": results})
    return name


@example("athena", "StartQueryExecution")
def start_query_execution(world: World) -> Request:
    return {
        "QueryString": "SELECT ? AS given",
        "ExecutionParameters": ["'text'"],
        "ResultConfiguration": {"OutputLocation": f"s3://{world.bucket()}/results/"},
        "QueryExecutionContext": {"Database": "default", "Catalog": "AwsDataCatalog"},
        "ClientRequestToken": world.name("a-token-of-at-least-32-characters"),
    }


@example("athena", "GetQueryExecution")
def get_query_execution(world: World) -> Request:
    return {"QueryExecutionId": query(world, "SELECT nonsense")}


@example("athena", "BatchGetQueryExecution")
def batch_get_query_execution(world: World) -> Request:
    return {"QueryExecutionIds": [query(world), "no-such-query"]}


@example("athena", "ListQueryExecutions")
def list_query_executions(world: World) -> Request:
    query(world)
    return {"WorkGroup": "primary", "MaxResults": 1}


@example("athena", "StopQueryExecution")
def stop_query_execution(world: World) -> Request:
    return {"QueryExecutionId": query(world, wait=False)}


@example("athena", "GetQueryResults")
def get_query_results(world: World) -> Request:
    return {"QueryExecutionId": query(world, "SELECT 1 AS one, NULL AS nothing, 'text' AS words")}


@example("athena", "GetQueryRuntimeStatistics")
def get_query_runtime_statistics(world: World) -> Request:
    return {"QueryExecutionId": query(world)}


@example("athena", "CreateWorkGroup")
def create_work_group(world: World) -> Request:
    return {"Name": world.name("group"), "Description": "for an example"}


@example("athena", "GetWorkGroup")
def get_work_group(world: World) -> Request:
    return {"WorkGroup": group(world)}


@example("athena", "ListWorkGroups")
def list_work_groups(world: World) -> Request:
    group(world)
    return {"MaxResults": 1}


@example("athena", "UpdateWorkGroup")
def update_work_group(world: World) -> Request:
    return {
        "WorkGroup": group(world),
        "Description": "changed",
        "ConfigurationUpdates": {"ResultConfigurationUpdates": {"RemoveOutputLocation": True}},
    }


@example("athena", "DeleteWorkGroup")
def delete_work_group(world: World) -> Request:
    return {"WorkGroup": group(world)}


@example("athena", "ListDataCatalogs")
def list_data_catalogs(world: World) -> Request:
    return {}


@example("athena", "GetDataCatalog")
def get_data_catalog(world: World) -> Request:
    return {"Name": "AwsDataCatalog"}


@example("athena", "ListDatabases")
def list_databases(world: World) -> Request:
    table(world)
    return {"CatalogName": "AwsDataCatalog", "MaxResults": 1}


@example("athena", "GetDatabase")
def get_database(world: World) -> Request:
    return {"CatalogName": "AwsDataCatalog", "DatabaseName": table(world)["DatabaseName"]}


@example("athena", "ListTableMetadata")
def list_table_metadata(world: World) -> Request:
    return {"CatalogName": "AwsDataCatalog", "DatabaseName": table(world)["DatabaseName"]}


@example("athena", "GetTableMetadata")
def get_table_metadata(world: World) -> Request:
    return {"CatalogName": "AwsDataCatalog", **table(world)}


def prepared(world: World) -> Request:
    """A prepared statement's name and workgroup."""
    name = {"StatementName": world.name("prepared").replace("-", "_"), "WorkGroup": "primary"}
    world.client("athena").create_prepared_statement(**name, QueryStatement="SELECT ? AS given")
    return name


@example("athena", "CreatePreparedStatement")
def create_prepared_statement(world: World) -> Request:
    return {
        "StatementName": world.name("prepared").replace("-", "_"),
        "WorkGroup": "primary",
        "QueryStatement": "SELECT ?",
        "Description": "for an example",
    }


@example("athena", "GetPreparedStatement")
def get_prepared_statement(world: World) -> Request:
    return prepared(world)


@example("athena", "BatchGetPreparedStatement")
def batch_get_prepared_statement(world: World) -> Request:
    return {"PreparedStatementNames": [prepared(world)["StatementName"], "none"], "WorkGroup": "primary"}


@example("athena", "ListPreparedStatements")
def list_prepared_statements(world: World) -> Request:
    prepared(world)
    return {"WorkGroup": "primary", "MaxResults": 1}


@example("athena", "UpdatePreparedStatement")
def update_prepared_statement(world: World) -> Request:
    return {**prepared(world), "QueryStatement": "SELECT 1 + ?"}


@example("athena", "DeletePreparedStatement")
def delete_prepared_statement(world: World) -> Request:
    return prepared(world)


def named(world: World) -> str:
    """A named query's id."""
    made = world.client("athena").create_named_query(
        Name=world.name("named"), Database="default", QueryString="SELECT 1"
    )
    return str(made["NamedQueryId"])


@example("athena", "CreateNamedQuery")
def create_named_query(world: World) -> Request:
    return {
        "Name": world.name("named"),
        "Database": "default",
        "QueryString": "SELECT 1",
        "Description": "for an example",
        "ClientRequestToken": world.name("a-token-of-at-least-32-characters"),
    }


@example("athena", "GetNamedQuery")
def get_named_query(world: World) -> Request:
    return {"NamedQueryId": named(world)}


@example("athena", "BatchGetNamedQuery")
def batch_get_named_query(world: World) -> Request:
    return {"NamedQueryIds": [named(world), "no-such-query"]}


@example("athena", "ListNamedQueries")
def list_named_queries(world: World) -> Request:
    named(world)
    return {"MaxResults": 1}


@example("athena", "UpdateNamedQuery")
def update_named_query(world: World) -> Request:
    return {"NamedQueryId": named(world), "Name": "changed", "QueryString": "SELECT 2"}


@example("athena", "DeleteNamedQuery")
def delete_named_query(world: World) -> Request:
    return {"NamedQueryId": named(world)}
