"""Files: what sources read, what outputs write, and that both fit."""

from __future__ import annotations

import csv
import gzip
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_aws.images.data_wrangler.outputs import CONFIG, Format, format_of, write
from local_aws.images.data_wrangler.parameters import read_all
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.reading import read_files
from local_aws.images.data_wrangler.values import Vector, kind_of
from tests.support.data_wrangler import kinds, plain, table

CSV: dict[str, Any] = {"s3ContentType": "csv", "s3HasHeader": True}
ZONED = pa.timestamp("ms", tz="Europe/Paris")
HOSTILE = ['<script>alert("x")</script>', "é😀", "a,b", 'say "hi"', "line\nbreak", "", "=1+1", None]


def put(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


class TestReading:
    def test_columns_are_texts_and_empty_fields_missing(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", a_csv='x,<b> é\n1,\n"","a,b"\n')
        assert plain(read_files(folder, CSV)) == {"x": ["1", ""], "<b> é": [None, "a,b"]}

    def test_files_are_read_in_the_order_of_their_names(self, tmp_path: Path) -> None:
        folder = put(tmp_path / "in", b_csv="x\n2\n", a_csv="x\n1\n", _SUCCESS="", sub__c_csv="x\n3\n")
        assert plain(read_files(folder, CSV)) == {"x": ["1", "2"]}
        nested = {**CSV, "s3DirIncludesNested": True, "s3AddsFilenameColumn": True}
        assert plain(read_files(folder, nested)) == {
            "x": ["1", "2", "3"],
            "_data_source_filename": ["a.csv", "b.csv", "sub/c.csv"],
        }

    def test_options_of_csv(self, tmp_path: Path) -> None:
        folder = tmp_path / "in"
        folder.mkdir()
        (folder / "a").write_bytes("note\nk;v\nü;1\n".encode("latin-1"))
        options = {"s3FieldDelimiter": ";", "s3SkipLines": 1, "s3CsvEncodingType": "ISO_8859_1"}
        assert plain(read_files(folder, {**CSV, **options})) == {"k": ["ü"], "v": ["1"]}
        (folder / "a").write_text('1,2\n3,"4\n5"\n')
        options = {"s3HasHeader": False, "s3MultiLine": True}
        assert plain(read_files(folder, {**CSV, **options})) == {"_c0": ["1", "3"], "_c1": ["2", "4\n5"]}

    def test_a_header_alone_is_a_table_without_rows(self, tmp_path: Path) -> None:
        assert plain(read_files(put(tmp_path / "in", a_csv="x,y\n"), CSV)) == {"x": [], "y": []}

    @pytest.mark.parametrize(
        ("files", "says"),
        [
            ({}, "its input holds no file"),
            ({"_hidden": "x"}, "its input holds no file"),
            ({"a_csv": ""}, r"a\.csv cannot be read as CSV"),
            ({"a_csv": "x,y\n1\n"}, r"a\.csv cannot be read as CSV: .*Expected 2 columns, got 1"),
            ({"a_csv": "x,x\n1,2\n"}, r"a\.csv has two columns 'x'"),
            ({"a_csv": "x\n1\n", "b_csv": "y\n1\n"}, r"b\.csv has the columns y, and a\.csv has x"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, tmp_path: Path, files: dict[str, str], says: str) -> None:
        with pytest.raises(CannotDo, match=says):
            read_files(put(tmp_path / "in", **files), CSV)

    def test_parquet_keeps_its_types(self, tmp_path: Path) -> None:
        given = pa.table(
            {
                "l": pa.array([1, None], pa.int32()),
                "f": pa.array([1.5, None], pa.float32()),
                "b": pa.array([True, None]),
                "t": pa.array(["x", None]),
                "c": pa.array(["x", "x"]).dictionary_encode(),
                "d": pa.array([date(2026, 1, 15), None]),
                "w": pa.array([datetime.fromisoformat("2026-01-15T06:00:00"), None], pa.timestamp("ns")),
                "z": pa.array(
                    [datetime.fromisoformat("2026-01-15T07:00+01:00"), None], pa.timestamp("ms", tz="CET")
                ),
                "n": pa.nulls(2),
            }
        )
        pq.write_table(given, tmp_path / "a.parquet")
        made = read_files(tmp_path, {"s3ContentType": "PARQUET"})
        morning = datetime.fromisoformat("2026-01-15T06:00:00")
        assert " ".join(kinds(made).values()) == (
            "long float bool string string date datetime datetime string"
        )
        assert [values[0] for values in plain(made).values()] == [
            1,
            1.5,
            True,
            "x",
            "x",
            date(2026, 1, 15),
            morning,
            morning,
            None,
        ]

    def test_a_type_that_has_no_kind_is_refused_by_name(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"m": [{"a": 1}]}), tmp_path / "a.parquet")
        with pytest.raises(CannotDo, match=r"column 'm' has Parquet type struct<a: int64>"):
            read_files(tmp_path, {"s3ContentType": "parquet"})
        (tmp_path / "a.parquet").write_text("no")
        with pytest.raises(CannotDo, match=r"a\.parquet is not Parquet"):
            read_files(tmp_path, {"s3ContentType": "parquet"})


class TestWriting:
    def test_csv_is_read_as_it_was_meant(self, tmp_path: Path) -> None:
        (path,) = write(table({"t": HOSTILE, "<i> ,é": list(range(8))}), tmp_path, Format(), "job")
        assert path.name.startswith("part-00000-")
        assert path.name.endswith("-c000.csv")
        with path.open(newline="") as stream:
            rows = list(csv.reader(stream))
        assert rows[0] == ["t", "<i> ,é"]
        assert [row[0] for row in rows[1:]] == [text or "" for text in HOSTILE]
        context = {**CSV, "s3MultiLine": True}
        assert plain(read_files(tmp_path, context))["t"] == HOSTILE  # missing and empty are told apart

    def test_every_kind_has_its_text(self, tmp_path: Path) -> None:
        given = table(
            {
                "l": [1, None],
                "f": [1.0, 0.1],
                "b": [True, None],
                "d": [date(2026, 1, 15), None],
                "w": [datetime.fromisoformat("2026-01-15T06:00:00"), None],
                "v": pd.Series([Vector(2, (1,), (1.0,)), None], dtype=object),
                "a": pd.Series([["x", "y"], None], dtype=object),
            }
        )
        (path,) = write(given, tmp_path, Format(), "job")
        assert path.read_text().splitlines()[1:] == [
            "1,1.0,true,2026-01-15,2026-01-15T06:00:00.000Z,\"(2,[1],[1.0])\",\"['x', 'y']\"",
            ",0.1,,,,,",
        ]

    def test_numbers_survive(self, tmp_path: Path) -> None:
        values = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-500, 500, 1).clip(-300, 300)
        (path,) = write(table({"f": values.tolist()}), tmp_path, Format(), "job")
        assert [float(line) for line in path.read_text().split()[1:]] == values.tolist()

    @pytest.mark.parametrize(("compression", "suffix"), [("gzip", ".csv.gz"), ("bzip2", ".csv.bz2")])
    def test_compression(self, tmp_path: Path, compression: str, suffix: str) -> None:
        (path,) = write(table({"a": [1]}), tmp_path, Format(compression=compression), "job")
        assert path.name.endswith(suffix)
        if compression == "gzip":
            assert gzip.decompress(path.read_bytes()) == b"a\n1\n"

    def test_parquet(self, tmp_path: Path) -> None:
        given = table(
            {"l": [1, None], "t": ["x", None], "v": pd.Series([Vector(2, (1,), (1.0,)), None], dtype=object)}
        )
        (path,) = write(given, tmp_path, Format("PARQUET", compression="snappy"), "job")
        assert path.name.endswith(".snappy.parquet")
        assert pq.read_table(path).to_pydict() == {
            "l": [1, None],
            "t": ["x", None],
            "v": [{"type": 0, "size": 2, "indices": [1], "values": [1.0]}, None],  # as Spark writes a vector
        }

    def test_several_files_and_folders(self, tmp_path: Path) -> None:
        given = table({"g": ["x", "y/../..", "x", None], "v": [1, 2, 3, 4]})
        paths = write(given, tmp_path, Format(files=2), "job")
        assert [path.read_text() for path in paths] == ["g,v\nx,1\ny/../..,2\n", "g,v\nx,3\n,4\n"]
        paths = write(given, tmp_path / "by", Format(partition_by=("g",)), "job")
        assert {path.parent.name: path.read_text() for path in paths} == {
            "g=x": "v\n1\n3\n",
            "g=y%2F..%2F..": "v\n2\n",
            "g=__HIVE_DEFAULT_PARTITION__": "v\n4\n",
        }
        assert all(path.resolve().is_relative_to(tmp_path / "by") for path in paths)

    def test_no_rows_are_a_header(self, tmp_path: Path) -> None:
        (path,) = write(table({"a": [], "b": []}), tmp_path, Format(), "job")
        assert path.read_text() == "a,b\n"

    @pytest.mark.parametrize(
        ("config", "made"),
        [
            ({}, Format()),
            ({"content_type": "PARQUET"}, Format("PARQUET", compression="snappy")),
            ({"delimiter": "\t", "compression": "gzip"}, Format(delimiter="\t", compression="gzip")),
            (
                {"partition_config": {"num_partitions": "3", "partition_by": "a"}},
                Format(files=3, partition_by=("a",)),
            ),
            ({"compression": "snappy"}, "compression: found 'snappy'; allowed for CSV: none, gzip, bzip2"),
            ({"delimiter": '"'}, "delimiter: found '\"'; allowed: another character"),
        ],
    )
    def test_configurations(self, config: dict[str, Any], made: Any) -> None:
        values, wrong = read_all(CONFIG, config)
        assert not wrong
        assert format_of(values) == made

    def test_wrong_configurations(self) -> None:
        _, wrong = read_all(
            CONFIG,
            {
                "content_type": "JSON",
                "delimiter": "::",
                "colour": 1,
                "partition_config": {"num_partitions": 0},
            },
        )
        assert set(wrong) == {"content_type", "delimiter", "colour", "partition_config"}
        with pytest.raises(CannotDo, match="partition_by names all columns"):
            write(table({"a": [1]}), Path("/nowhere"), Format(partition_by=("a",)), "job")


def test_a_thousand_columns(tmp_path: Path) -> None:
    given = table({f"column {place}": [place] for place in range(1000)})
    write(given, tmp_path, Format(), "job")
    made = read_files(tmp_path, CSV)
    assert made.shape == (1, 1000)
    assert {kind_of(made[name]) for name in made.columns} == {"string"}
