"""What one crawl does: group the files of a target into tables, and bring the catalog up to date.

    target s3://lake/sales/
      sales/dt=2026-01-15/a.csv      one table "sales", partition key dt
      sales/returns/b.csv            one table "returns"
      sales/2026/01/c.csv            folders of one form and one depth: one table "sales", keys partition_0, …

Files that no classifier knows, and folders whose files differ among themselves, make no table; the crawl's
log says so. Folders that differ from each other, in their files or in their partition keys, are no
partitions of one table: each becomes a table.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from local_aws.services.catalog import Catalog, DataFile, data_files
from local_aws.services.catalog.catalog import invalid
from local_aws.services.catalog.files import folder_of
from local_aws.services.context import Context
from local_aws.services.glue.classify import Classified, Column, classified, merged, with_headers
from local_aws.state.objects import BucketMissing, ObjectMissing, parse_s3_uri
from local_aws.state.records import Body

UPDATED_BY = "UPDATED_BY_CRAWLER"


class CrawlStopped(Exception):
    """StopCrawler was called, or the stand-in ends."""


@dataclass
class Found:
    """What a crawl did to the catalog."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    lines: list[str] = field(default_factory=list)  # for the crawl's log

    def counts(self) -> dict[str, int]:
        """The numbers alone."""
        return {"created": self.created, "updated": self.updated, "deleted": self.deleted}


@dataclass(frozen=True)
class _Folder:
    """A folder that holds data files, with what the classifiers say of them."""

    root: str  # s3:// URI of the table's folder, ends in "/"
    keys: tuple[str, ...]  # names of Hive partition keys on the way from root
    values: tuple[str, ...]
    uri: str  # s3:// URI of the folder itself
    files: tuple[DataFile, ...]
    kind: Classified


@dataclass(frozen=True)
class _Table:
    """A table that a crawl has found."""

    root: str
    keys: tuple[str, ...]
    folders: tuple[_Folder, ...]
    kind: Classified
    columns: tuple[Column, ...]


def make_tables(context: Context, crawler: Body, stop: threading.Event, found: Found) -> None:
    """Crawl all targets; ``found`` is filled meanwhile. Raises CrawlStopped, AwsError."""
    if not crawler.get("DatabaseName"):
        raise invalid("The crawler has no DatabaseName.")
    catalog = Catalog(context)
    if not any(item["Name"] == crawler["DatabaseName"].lower() for item in catalog.databases()):
        catalog.create_database({"Name": crawler["DatabaseName"]})  # as a crawler does
    for target in crawler["Targets"]["S3Targets"]:
        bucket, _ = parse_s3_uri(target["Path"])
        if not context.objects.has_bucket(bucket):
            raise invalid(f"The S3 location: {target['Path']} does not exist: there is no bucket {bucket}.")
        folders = list(_folders(context, target, stop, found))
        if not folders:
            found.lines.append(f"WARN : {target['Path']} holds no data of a known classification")
        tables = list(_tables(folders, target["Path"]))
        with context.database.transaction():
            for table in tables:
                _store(catalog, crawler, table, found)
            _forget(catalog, crawler, target["Path"], tables, found)


def _folders(
    context: Context, target: Mapping[str, Any], stop: threading.Event, found: Found
) -> Iterator[_Folder]:
    """The target's folders that hold data of one form."""
    exclusions = [_glob(pattern) for pattern in target.get("Exclusions") or []]
    by_folder: dict[str, list[DataFile]] = defaultdict(list)
    for file in data_files(context.objects, target["Path"]):
        if not any(pattern.fullmatch(file.below) for pattern in exclusions):
            by_folder[str(PurePosixPath(file.below).parent)].append(file)
    bucket, prefix = folder_of(target["Path"])
    for below, files in by_folder.items():
        parts = () if below == "." else PurePosixPath(below).parts
        pairs = [part.partition("=") for part in parts]
        cut = next((index for index, (_, equals, _) in enumerate(pairs) if equals), len(parts))
        if any(not equals for _, equals, _ in pairs[cut:]):
            found.lines.append(f"WARN : s3://{bucket}/{prefix}{below} mixes key=value folders with others")
            continue
        kind = _kind_of(context, files[: target.get("SampleSize") or len(files)], stop, found)
        if kind is None:
            continue
        yield _Folder(
            root=f"s3://{bucket}/{prefix}{''.join(f'{part}/' for part in parts[:cut])}",
            keys=tuple(_named(key) for key, _, _ in pairs[cut:]),
            values=tuple(unquote(value) for _, _, value in pairs[cut:]),
            uri=f"s3://{bucket}/{prefix}{''.join(f'{part}/' for part in parts)}",
            files=tuple(files),
            kind=kind,
        )


def _kind_of(
    context: Context, files: Iterable[DataFile], stop: threading.Event, found: Found
) -> Classified | None:
    """What the files of a folder are, with the columns of all of them; None when they are not of one form."""
    known: list[tuple[DataFile, Classified]] = []
    for file in files:
        if stop.is_set():
            raise CrawlStopped
        try:
            with context.objects.open(file.bucket, file.key)[1] as source:
                kind = classified(source, file.key)
        except (ObjectMissing, BucketMissing):
            continue  # deleted since it was listed
        if kind is None:
            found.lines.append(f"WARN : {file.uri} is of no known classification")
            continue
        known.append((file, kind))
    whole: Classified | None = None
    kinds = with_headers([kind for _, kind in known])
    for (file, _), kind in zip(known, kinds, strict=True):
        if whole is None:
            whole = kind
        elif whole.form != kind.form or (kind.classification == "csv" and not _fits(whole, kind)):
            found.lines.append(f"WARN : {file.uri} is not like the other files of its folder")
            return None
        else:
            whole = replace(whole, columns=merged(whole.columns, kind.columns))
    return whole


def _fits(one: Classified, other: Classified) -> bool:
    """CSV files go by position: they must have the same column names in the same order."""
    return [name for name, _ in one.columns] == [name for name, _ in other.columns]


def _tables(folders: Sequence[_Folder], target: str) -> Iterator[_Table]:
    """Folders grouped into tables."""
    kinds = with_headers([folder.kind for folder in folders])
    folders = [replace(folder, kind=kind) for folder, kind in zip(folders, kinds, strict=True)]
    by_root: dict[str, list[_Folder]] = defaultdict(list)
    for folder in folders:
        by_root[folder.root].append(folder)
    groups = {root: group for root, group in by_root.items() if _alike(group)}
    top = "s3://{}/{}".format(*folder_of(target))
    depths = {root.removeprefix(top).count("/") for root in groups}
    together = [folder for group in groups.values() for folder in group]
    if len(groups) > 1 and len(depths) == 1 and not any(f.keys for f in together) and _same(together):
        keys = tuple(f"partition_{index}" for index in range(depths.pop()))
        parted = [
            _Folder(top, keys, tuple(f.uri.removeprefix(top).split("/")[:-1]), f.uri, f.files, f.kind)
            for f in together
        ]
        yield _table(top, keys, parted)
        return
    for root, group in by_root.items():
        if root in groups:
            yield _table(root, group[0].keys, group)
            continue
        for folder in group:
            alone = replace(folder, root=folder.uri, keys=(), values=())
            yield _table(folder.uri, (), [alone])


def _alike(folders: Sequence[_Folder]) -> bool:
    """Whether the folders can be one table: the same form of files, the same partition keys."""
    first = folders[0]
    return all(
        folder.keys == first.keys
        and folder.kind.form == first.kind.form
        and (first.kind.classification != "csv" or _fits(first.kind, folder.kind))
        for folder in folders
    )


def _same(folders: Sequence[_Folder]) -> bool:
    return _alike(folders) and len({folder.kind.columns for folder in folders}) == 1


def _table(root: str, keys: tuple[str, ...], folders: Sequence[_Folder]) -> _Table:
    columns: tuple[Column, ...] = ()
    for folder in folders:
        columns = merged(columns, folder.kind.columns)
    kept = tuple((name, kind) for name, kind in columns if name not in keys)
    return _Table(root, keys, tuple(folders), folders[0].kind, kept)


def _store(catalog: Catalog, crawler: Body, table: _Table, found: Found) -> None:
    """Create the table, or bring it up to date as far as SchemaChangePolicy allows; add its partitions."""
    database = crawler["DatabaseName"]
    name = _free_name(catalog, crawler, table.root)
    given = _table_input(name, crawler, table)
    before = catalog.find_table(database, name)
    if before is None:
        stored = catalog.create_table(database, given)
        found.created += 1
        found.lines.append(f"INFO : Created table {name} in database {database}")
    elif _differs(before, given) and crawler["SchemaChangePolicy"].get("UpdateBehavior") != "LOG":
        stored = catalog.update_table(database, given)
        found.updated += 1
        found.lines.append(f"INFO : Updated table {name} in database {database}")
    else:
        stored = before
    for partition in list(catalog.partitions(stored)):
        if len(partition["Values"]) != len(stored["PartitionKeys"]):  # of the keys that the table had before
            catalog.delete_partition(stored, partition["Values"])
    if [key["Name"] for key in stored["PartitionKeys"]] != list(table.keys):
        found.lines.append(f"WARN : {name} keeps its partition keys, which its folders no longer have")
        return
    for folder in table.folders:
        if folder.keys and catalog.find_partition(stored, folder.values) is None:
            descriptor = {**stored["StorageDescriptor"], "Location": folder.uri}
            catalog.create_partition(
                stored,
                {"Values": list(folder.values), "StorageDescriptor": descriptor,
                 "Parameters": _statistics(folder.files, folder.kind)},
            )  # fmt: skip


def _differs(before: Body, given: Body) -> bool:
    """Whether the schema changed; other counts of records do not make a table another."""

    def schema(table: Body) -> tuple[Any, ...]:
        descriptor = table["StorageDescriptor"]
        return (
            descriptor["Columns"], descriptor["Location"], descriptor["SerdeInfo"], table["PartitionKeys"],
            table["Parameters"].get("skip.header.line.count"),
            "DEPRECATED_BY_CRAWLER" in table["Parameters"],
        )  # fmt: skip

    return schema(before) != schema(given)


def _forget(catalog: Catalog, crawler: Body, target: str, tables: Sequence[_Table], found: Found) -> None:
    """Treat this crawler's tables whose data is gone as DeleteBehavior says."""
    behaviour = crawler["SchemaChangePolicy"].get("DeleteBehavior")
    if behaviour == "LOG":
        return
    top = "s3://{}/{}".format(*folder_of(target))
    there = {table.root: table for table in tables}
    for table in list(catalog.tables(crawler["DatabaseName"])):
        parameters = table.get("Parameters", {})
        location = table.get("StorageDescriptor", {}).get("Location", "")
        if parameters.get(UPDATED_BY) != crawler["Name"] or not location.startswith(top):
            continue
        if location in there:
            if behaviour == "DELETE_FROM_DATABASE":
                values = {folder.values for folder in there[location].folders}
                for partition in list(catalog.partitions(table)):
                    if tuple(partition["Values"]) not in values:
                        catalog.delete_partition(table, partition["Values"])
        elif behaviour == "DELETE_FROM_DATABASE":
            catalog.delete_table(table["DatabaseName"], table["Name"])
            found.deleted += 1
        elif "DEPRECATED_BY_CRAWLER" not in parameters:
            marked = {
                **table,
                "Parameters": {**parameters, "DEPRECATED_BY_CRAWLER": str(int(time.time() * 1000))},
            }
            catalog.update_table(table["DatabaseName"], _input_of(marked))
            found.updated += 1


_INPUT_MEMBERS = ("Name", "Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys",
                  "TableType", "Parameters")  # fmt: skip


def _input_of(table: Body) -> Body:
    return {member: table[member] for member in _INPUT_MEMBERS if member in table}


_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
)
_FORMATS = {
    # Glue's own choice for CSV, quoted or not, because it keeps the types.
    "csv": (*_TEXT, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
    "json": (*_TEXT, "org.openx.data.jsonserde.JsonSerDe"),
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
}


def _table_input(name: str, crawler: Body, table: _Table) -> Body:
    """The TableInput as a crawler writes it."""
    kind = table.kind
    input_format, output_format, serde = _FORMATS[kind.classification]
    serde_parameters = {
        "csv": {"field.delim": kind.delimiter},
        "json": {"paths": ",".join(column for column, _ in table.columns)},
        "parquet": {"serialization.format": "1"},
    }[kind.classification]
    parameters = {
        **_statistics([file for folder in table.folders for file in folder.files], kind),
        UPDATED_BY: crawler["Name"],
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "classification": kind.classification,
        "compressionType": kind.compression,
        "typeOfData": "file",
    }
    if kind.classification == "csv":
        parameters |= {
            "areColumnsQuoted": str(kind.quoted).lower(),
            "columnsOrdered": "true",
            "delimiter": kind.delimiter,
        }
        if kind.header:
            parameters["skip.header.line.count"] = "1"
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in table.keys],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind_} for column, kind_ in table.columns],
            "Location": table.root,
            "InputFormat": input_format,
            "OutputFormat": output_format,
            "Compressed": kind.compression != "none",
            "NumberOfBuckets": -1,
            "SerdeInfo": {"SerializationLibrary": serde, "Parameters": serde_parameters},
            "BucketColumns": [],
            "SortColumns": [],
            "Parameters": parameters,
            "StoredAsSubDirectories": False,
        },
    }


def _statistics(files: Sequence[DataFile], kind: Classified) -> dict[str, str]:
    """Counts as a crawler writes them; records are estimated from the sample's record size."""
    size = sum(file.size for file in files)
    counts = {"objectCount": str(len(files)), "sizeKey": str(size)}
    if kind.classification != "parquet":
        counts |= {
            "averageRecordSize": str(kind.record_bytes),
            "recordCount": str(max(1, size // kind.record_bytes)),
        }
    return counts


def _free_name(catalog: Catalog, crawler: Body, root: str) -> str:
    """The folder's name with the crawler's prefix; a name that another place holds gets a suffix."""
    bucket, prefix = folder_of(root)
    name = _named(f"{crawler.get('TablePrefix', '')}{PurePosixPath(prefix).name or bucket}")
    held = catalog.find_table(crawler["DatabaseName"], name)
    if held is None or held.get("StorageDescriptor", {}).get("Location", "").rstrip("/") == root.rstrip("/"):
        return name
    return f"{name}_{hashlib.md5(root.encode(), usedforsecurity=False).hexdigest()}"


def _named(text: str) -> str:
    return re.sub(r"\W", "_", text.lower(), flags=re.ASCII)


def _glob(pattern: str) -> re.Pattern[str]:
    """Glue's exclusion patterns: * and ? within a folder, ** across, {a,b} for choices."""
    words = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|"}
    parts = re.findall(r"\*\*|\*|\?|\{|\}|,|[^*?{},]+", pattern)
    depth, regex = 0, ""
    for part in parts:
        depth += {"{": 1, "}": -1}.get(part, 0)
        regex += re.escape(part) if part == "," and not depth else words.get(part) or re.escape(part)
    try:
        return re.compile(regex)
    except re.error:
        raise invalid(f"Exclusion pattern '{pattern}' is not valid.") from None
