"""One run of a crawler: from the objects below its targets to tables and partitions.

    s3://lake/landing/dt=2024-01-01/a.csv ──┐ classify each file
                      dt=2024-01-02/b.csv ──┘ ──> table "landing", partition key dt, two partitions

Folders below a target are one table as long as their files are alike; their names become partition keys:
``dt=…`` is the key dt, a bare name is partition_0, partition_1, … Folders that differ are tables of
their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from urllib.parse import unquote

from local_aws.services.catalog import Catalog, DataFile, data_files
from local_aws.services.catalog.files import folder_of
from local_aws.services.glue.classify import Classified, classify, merge
from local_aws.state.objects import Objects
from local_aws.state.records import Body

_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_PARQUET = (
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
)
_SERDES = {
    "csv": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
    "quoted": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "json": "org.openx.data.jsonserde.JsonSerDe",
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}


class CrawlStopped(Exception):
    """Stop was asked for."""


class CrawlFailed(Exception):
    """The crawl ends as FAILED with this message."""


@dataclass
class Counts:
    """What a crawl changed."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    partitions: int = 0  # added


@dataclass
class _Folder:
    """A folder with the files in it and below."""

    path: tuple[str, ...]  # below the target
    files: list[tuple[DataFile, Classified]] = field(default_factory=list)
    folders: dict[str, _Folder] = field(default_factory=dict)

    def all_files(self) -> Iterator[tuple[DataFile, Classified]]:
        yield from self.files
        for inner in self.folders.values():
            yield from inner.all_files()

    def leaves(self) -> Iterator[_Folder]:
        """The folders that hold files themselves."""
        if self.files:
            yield self
        for inner in self.folders.values():
            yield from inner.leaves()


class Crawl:
    """A crawler's run.

    Args:
        crawler: its definition, as GetCrawler answers it.
        say: writes a line to the crawl's log.
        stopping: set when Stop was asked for.
    """

    def __init__(
        self, catalog: Catalog, objects: Objects, crawler: Body, say: Callable[[str], None], stopping: Event
    ) -> None:
        self.catalog = catalog
        self.objects = objects
        self.crawler = crawler
        self.say = say
        self.stopping = stopping
        self.counts = Counts()
        self._seen: dict[str, set[str]] = {}  # table name -> partition keys, of this run

    def run(self) -> None:
        """Crawl all targets. Raises CrawlStopped, CrawlFailed."""
        database = self.crawler["DatabaseName"].lower()
        if not any(each["Name"] == database for each in self.catalog.databases()):
            raise CrawlFailed(f"Database {database} not found.")
        for target in self.crawler["Targets"]["S3Targets"]:
            self._target(target, database)
        self._gone(database)

    def _target(self, target: Mapping[str, Any], database: str) -> None:
        bucket, prefix = folder_of(target["Path"])
        if not self.objects.has_bucket(bucket):
            raise CrawlFailed(f"The specified bucket does not exist (bucket {bucket}).")
        root = _Folder(())
        for file in _sampled(data_files(self.objects, target["Path"]), target.get("SampleSize")):
            if self.stopping.is_set():
                raise CrawlStopped
            if _excluded(file.below, target.get("Exclusions") or []):
                continue
            found = classify(self.objects.path(file.bucket, file.key))
            if found is None:
                self.say(f"WARN : {file.uri} fits no classifier; it is left out.")
                continue
            folder = root
            for part in file.below.split("/")[:-1]:
                folder = folder.folders.setdefault(part, _Folder((*folder.path, part)))
            folder.files.append((file, found))
        name = prefix.rstrip("/").rpartition("/")[2] or bucket
        for folder in _tables(root):
            self._table(database, bucket, prefix, folder, name)

    def _table(self, database: str, bucket: str, prefix: str, folder: _Folder, target_name: str) -> None:
        location = f"s3://{bucket}/{prefix}{''.join(f'{part}/' for part in folder.path)}"
        files = list(folder.all_files())
        described = merge([found for _, found in files])
        keys = _partition_keys(folder)
        plain = self.crawler.get("TablePrefix", "") + (folder.path[-1] if folder.path else target_name)
        name = self._name(database, plain, location)
        given = self._table_input(name, location, described, keys, [file for file, _ in files])
        table = self.catalog.find_table(database, name)
        if table is None:
            table = self.catalog.create_table(database, given)
            self.counts.created += 1
            self.say(f"INFO : Created table {name} in database {database}")
        elif self._changes_tables() and _differs(table, given):
            table = self.catalog.update_table(database, given)
            self.counts.updated += 1
            self.say(f"INFO : Updated table {name} in database {database}")
        seen = self._seen.setdefault(table["Name"], set())
        if keys:
            self._partitions(table, folder, f"s3://{bucket}/{prefix}", seen)

    def _partitions(self, table: Body, folder: _Folder, base: str, seen: set[str]) -> None:
        depth = len(folder.path)
        for leaf in folder.leaves():
            values = [_value(part) for part in leaf.path[depth:]]
            if len(values) != len(table["PartitionKeys"]):
                self.say(f"WARN : {base}{'/'.join(leaf.path)} does not lie as deep as the other partitions.")
                continue
            seen.add("/".join(values))
            location = f"{base}{'/'.join(leaf.path)}/"
            storage = {**table["StorageDescriptor"], "Location": location}
            given = {
                "Values": values,
                "StorageDescriptor": storage,
                "Parameters": table.get("Parameters", {}),
            }
            held = self.catalog.find_partition(table, values)
            if held is None:
                self.catalog.create_partition(table, given)
                self.counts.partitions += 1
            elif self._changes_tables() and held["StorageDescriptor"] != storage:
                self.catalog.update_partition(table, values, given)

    def _changes_tables(self) -> bool:
        every: bool = self.crawler["RecrawlPolicy"]["RecrawlBehavior"] == "CRAWL_EVERYTHING"
        return every and bool(self.crawler["SchemaChangePolicy"]["UpdateBehavior"] == "UPDATE_IN_DATABASE")

    def _gone(self, database: str) -> None:
        """Tables and partitions of earlier runs whose files are not there any more."""
        behaviour = self.crawler["SchemaChangePolicy"]["DeleteBehavior"]
        if behaviour == "LOG":
            return
        for table in list(self.catalog.tables(database)):
            if (table.get("Parameters") or {}).get("UPDATED_BY_CRAWLER") != self.crawler["Name"]:
                continue
            seen = self._seen.get(table["Name"])
            if seen is None:
                self._drop_table(table, behaviour)
                continue
            for partition in list(self.catalog.partitions(table)):
                if "/".join(partition["Values"]) in seen:
                    continue
                if behaviour == "DELETE_FROM_DATABASE":
                    self.catalog.delete_partition(table, partition["Values"])
                    self.say(f"INFO : Deleted partition {partition['Values']} of {table['Name']}")

    def _drop_table(self, table: Body, behaviour: str) -> None:
        if behaviour == "DELETE_FROM_DATABASE":
            self.catalog.delete_table(table["DatabaseName"], table["Name"])
            self.counts.deleted += 1
            self.say(f"INFO : Deleted table {table['Name']}")
        elif "DEPRECATED_BY_CRAWLER" not in table["Parameters"]:
            kept = {key: value for key, value in table.items() if key not in _SERVER_FIELDS}
            kept["Parameters"] = {**table["Parameters"], "DEPRECATED_BY_CRAWLER": self.crawler["Name"]}
            self.catalog.update_table(table["DatabaseName"], kept)
            self.say(f"INFO : Deprecated table {table['Name']}")

    def _name(self, database: str, plain: str, location: str) -> str:
        name = re.sub(r"[^a-z0-9_]", "_", plain.lower())
        held = self.catalog.find_table(database, name)
        if held is None or _location(held) == location:
            return name
        return f"{name}_{hashlib.md5(location.encode(), usedforsecurity=False).hexdigest()}"

    def _table_input(
        self, name: str, location: str, found: Classified, keys: Sequence[str], files: Sequence[DataFile]
    ) -> Body:
        is_quoted = found.parameters.get("quoted") == "true"
        reads, writes = _PARQUET if found.format == "parquet" else _TEXT
        parameters = {
            "CrawlerSchemaDeserializerVersion": "1.0",
            "CrawlerSchemaSerializerVersion": "1.0",
            "UPDATED_BY_CRAWLER": self.crawler["Name"],
            "classification": found.format,
            "compressionType": found.compression,
            "objectCount": str(len(files)),
            "sizeKey": str(sum(file.size for file in files)),
            "typeOfData": "file",
        }
        serde: dict[str, str] = {"serialization.format": "1"}
        if found.format == "csv":
            delimiter = found.parameters["delimiter"]
            parameters |= {
                "areColumnsQuoted": str(is_quoted).lower(),
                "columnsOrdered": "true",
                "delimiter": delimiter,
            }
            if found.parameters["header"] == "true":
                parameters["skip.header.line.count"] = "1"
            serde = (
                {"separatorChar": delimiter, "quoteChar": '"', "escapeChar": "\\"}
                if is_quoted
                else {"field.delim": delimiter}
            )
        elif found.format == "json":
            serde = {"paths": ",".join(sorted(found.columns))}
        columns = {column: kind for column, kind in found.columns.items() if column not in keys}
        return {
            "Name": name,
            "Owner": "owner",
            "Retention": 0,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": parameters,
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
            "StorageDescriptor": {
                "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
                "Location": location,
                "InputFormat": reads,
                "OutputFormat": writes,
                "Compressed": found.compression != "none",
                "NumberOfBuckets": -1,
                "SerdeInfo": {
                    "SerializationLibrary": _SERDES["quoted" if is_quoted else found.format],
                    "Parameters": serde,
                },
                "BucketColumns": [],
                "SortColumns": [],
                "Parameters": parameters,
                "StoredAsSubDirectories": False,
            },
        }


_SERVER_FIELDS = frozenset(
    {"DatabaseName", "CreateTime", "UpdateTime", "IsRegisteredWithLakeFormation", "CatalogId", "VersionId"}
)


def _tables(folder: _Folder) -> list[_Folder]:
    """The folders that are a table: this one if all below is alike, else those below it."""
    found = [classified for _, classified in folder.all_files()]
    if not found:
        return []
    if all(found[0].alike(other) for other in found[1:]):
        # A table begins where the path branches: a lone chain of plain folders is no set of partitions.
        if not folder.files and len(folder.folders) == 1 and "=" not in next(iter(folder.folders)):
            return _tables(next(iter(folder.folders.values())))
        return [folder]
    own = [_Folder(folder.path, folder.files)] if folder.files else []
    return own + [table for inner in folder.folders.values() for table in _tables(inner)]


def _partition_keys(folder: _Folder) -> list[str]:
    depth = len(folder.path)
    deepest = max((leaf.path[depth:] for leaf in folder.leaves()), key=len)
    return [
        part.split("=", 1)[0].lower() if "=" in part else f"partition_{number}"
        for number, part in enumerate(deepest)
    ]


def _value(part: str) -> str:
    return unquote(part.split("=", 1)[1] if "=" in part else part)


def _location(table: Body) -> str:
    location: str = (table.get("StorageDescriptor") or {}).get("Location") or ""
    return location if location.endswith("/") else f"{location}/"


def _differs(table: Body, given: Body) -> bool:
    def seen(body: Body) -> tuple[Any, ...]:
        storage = body["StorageDescriptor"]
        skip = (body.get("Parameters") or {}).get("skip.header.line.count")
        columns = [(each["Name"], each.get("Type")) for each in storage["Columns"]]
        keys = [each["Name"] for each in body.get("PartitionKeys") or []]
        return columns, keys, storage.get("SerdeInfo"), skip, _location(body)

    return bool(seen(table) != seen(given))


def _sampled(files: Iterator[DataFile], size: int | None) -> Iterator[DataFile]:
    """All files, or the first ``size`` of each folder."""
    taken: dict[str, int] = {}
    for file in files:
        folder = file.below.rpartition("/")[0]
        taken[folder] = taken.get(folder, 0) + 1
        if size is None or taken[folder] <= size:
            yield file


def _excluded(below: str, patterns: Sequence[str]) -> bool:
    return any(re.fullmatch(_glob(pattern), below) for pattern in patterns)


def _glob(pattern: str) -> str:
    """Glue's globs: * stays within a folder, ** does not, ? is one letter, {a,b} is either, [ab] a set."""
    answer, depth, place = [], 0, 0
    while place < len(pattern):
        letter = pattern[place]
        if pattern.startswith("**", place):
            answer.append(".*")
            place += 1
        elif letter == "*":
            answer.append("[^/]*")
        elif letter == "?":
            answer.append("[^/]")
        elif letter == "{":
            depth += 1
            answer.append("(?:")
        elif letter == "}" and depth:
            depth -= 1
            answer.append(")")
        elif letter == "," and depth:
            answer.append("|")
        elif letter == "[" and "]" in pattern[place:]:
            end = pattern.index("]", place)
            inner = pattern[place + 1 : end].replace("\\", "\\\\")
            answer.append(f"[{'^' + inner[1:] if inner.startswith('!') else inner}]")
            place = end
        else:
            answer.append(re.escape(letter))
        place += 1
    return "".join(answer)
