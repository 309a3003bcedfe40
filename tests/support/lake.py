"""A bucket, a database and SQL: what tests of the catalog and of Athena start from."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.support.stand_in import StandIn

UNFINISHED = ("QUEUED", "RUNNING")


@dataclass(frozen=True)
class Answered:
    """What became of a query."""

    execution: dict[str, Any]
    rows: list[list[str | None]] = field(default_factory=list)  # without the header
    names: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    update_count: int = 0

    @property
    def state(self) -> str:
        return str(self.execution["Status"]["State"])

    @property
    def reason(self) -> str:
        return str(self.execution["Status"].get("StateChangeReason", ""))

    @property
    def scanned(self) -> int:
        return int(self.execution["Statistics"]["DataScannedInBytes"])

    @property
    def location(self) -> str:
        return str(self.execution["ResultConfiguration"]["OutputLocation"])


class Lake:
    """A bucket and a database of a test's own on a stand-in."""

    def __init__(self, stand_in: StandIn) -> None:
        self.s3, self.glue, self.athena = map(stand_in.client, ("s3", "glue", "athena"))
        self.bucket = f"lake-{uuid.uuid4().hex[:12]}"
        self.database = f"db_{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.glue.create_database(DatabaseInput={"Name": self.database})

    def put(self, key: str, body: bytes | str) -> None:
        """Store an object."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def get(self, uri: str) -> bytes:
        """An object's bytes by its s3:// address."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix."""
        return [
            item["Key"]
            for item in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        ]

    def uri(self, key: str) -> str:
        """The s3:// address of a key."""
        return f"s3://{self.bucket}/{key}"

    def start(self, sql: str, **changes: Any) -> str:
        """Start a query in the database; ``{lake}`` in the text is the bucket's address."""
        query_id: str = self.athena.start_query_execution(
            **{
                "QueryString": sql.replace("{lake}", f"s3://{self.bucket}"),
                "QueryExecutionContext": {"Database": self.database},
                "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results/"},
                **changes,
            }
        )["QueryExecutionId"]
        return query_id

    def wait(self, query_id: str, seconds: float = 60) -> dict[str, Any]:
        """The query, once it has ended."""
        end = time.monotonic() + seconds
        while True:
            execution: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=query_id)[
                "QueryExecution"
            ]
            if execution["Status"]["State"] not in UNFINISHED:
                return execution
            assert time.monotonic() < end, execution
            time.sleep(0.01)  # Athena has nothing that could be awaited

    def query(self, sql: str, **changes: Any) -> Answered:
        """Run a statement to its end, whichever that is."""
        query_id = self.start(sql, **changes)
        execution = self.wait(query_id)
        if execution["Status"]["State"] != "SUCCEEDED":
            return Answered(execution)
        answer = self.athena.get_query_results(QueryExecutionId=query_id)
        columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        rows = [[datum.get("VarCharValue") for datum in row["Data"]] for row in answer["ResultSet"]["Rows"]]
        if execution["StatementType"] == "DML" and columns:
            rows = rows[1:]
        return Answered(
            execution,
            rows,
            [column["Name"] for column in columns],
            [column["Type"] for column in columns],
            answer["UpdateCount"],
        )

    def sql(self, sql: str, **changes: Any) -> list[list[str | None]]:
        """The rows of a statement that must succeed."""
        answered = self.query(sql, **changes)
        assert answered.state == "SUCCEEDED", answered.reason
        return answered.rows

    def failure(self, sql: str, **changes: Any) -> str:
        """The reason of a statement that must fail."""
        answered = self.query(sql, **changes)
        assert answered.state == "FAILED", answered.rows
        return answered.reason
