"""DynamicFrame over a Spark frame.

AWS's frame can hold values of several types in one column (a choice) and sets records aside that a step
cannot process. Here a column has one type, so that there is nothing to resolve, and a step that fails fails
the job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

from .absent import Absent, Partial

Record = dict[str, Any]


class DynamicFrame(Partial):
    """Rows with named columns; every method answers a new frame."""

    def __init__(self, frame: DataFrame, glue_ctx: Any, name: str = "") -> None:
        self._frame = frame
        self.glue_ctx = glue_ctx
        self.name = name

    @classmethod
    def fromDF(cls, dataframe: DataFrame, glue_ctx: Any, name: str = "") -> DynamicFrame:  # noqa: N802 - AWS's
        """A Spark frame as a DynamicFrame."""
        return cls(dataframe, glue_ctx, name)

    def toDF(self, options: Any = None) -> DataFrame:  # noqa: N802 - AWS's name
        """The Spark frame."""
        if options:
            raise Absent("toDF's options")
        return self._frame

    def schema(self) -> Any:
        """Spark's schema of the frame."""
        return self._frame.schema

    def printSchema(self) -> None:  # noqa: N802 - AWS's name
        """Print the columns and their types."""
        self._frame.printSchema()

    def show(self, num_rows: int = 20) -> None:
        """Print the first rows as JSON, one a line."""
        for line in self._frame.toJSON().take(num_rows):
            print(line)  # noqa: T201 - that is what it is for

    def count(self) -> int:
        """How many rows."""
        return int(self._frame.count())

    def errorsCount(self) -> int:  # noqa: N802 - AWS's name
        """0: a record that cannot be processed fails the job."""
        return 0

    stageErrorsCount = errorsCount  # noqa: N815 - AWS's name

    def repartition(self, num_partitions: int, *_: Any, **__: Any) -> DynamicFrame:
        """The rows in so many partitions."""
        return self._with(self._frame.repartition(num_partitions))

    def coalesce(self, num_partitions: int, *_: Any, **__: Any) -> DynamicFrame:
        """The rows in at most so many partitions."""
        return self._with(self._frame.coalesce(num_partitions))

    def apply_mapping(self, mappings: Sequence[Sequence[str]], *_: Any, **__: Any) -> DynamicFrame:
        """Choose, rename and cast: (source, source type, target, target type), or (source, target)."""
        columns = []
        for mapping in mappings:
            match tuple(mapping):
                case (source, target):
                    kind = None
                case (source, _, target, kind):
                    pass
                case _:
                    raise ValueError(f"{mapping!r} is no mapping: (source, type, target, type) is one")
            if "." in target.replace("`", "") and target not in self._frame.columns:
                raise Absent(f"a nested target of ApplyMapping ({target})")
            column = self._column(source)
            columns.append((column.cast(kind) if kind else column).alias(target))
        return self._with(self._frame.select(columns))

    def select_fields(self, paths: Sequence[str], *_: Any, **__: Any) -> DynamicFrame:
        """Keep these columns; one that is not there is passed over, as in Glue."""
        return self._with(self._frame.select([self._column(path) for path in paths if self._has(path)]))

    def drop_fields(self, paths: Sequence[str], *_: Any, **__: Any) -> DynamicFrame:
        """Leave these columns out."""
        for path in paths:
            if not self._has(path) and "." in path:
                raise Absent(f"dropping a nested field ({path})")
        return self._with(self._frame.drop(*paths))

    def rename_field(self, oldName: str, newName: str, *_: Any, **__: Any) -> DynamicFrame:  # noqa: N803 - AWS's
        """Give a column another name."""
        if not self._has(oldName):
            raise Absent(f"renaming {oldName!r}, which is not a column of the top level,")
        return self._with(self._frame.withColumnRenamed(oldName, newName))

    def filter(self, f: Callable[[Record], bool], *_: Any, **__: Any) -> DynamicFrame:
        """Keep the records for which the function says True."""
        rows = self._frame.rdd.filter(lambda row: f(row.asDict(recursive=True)))
        return self._with(self._session().createDataFrame(rows, self._frame.schema))

    def map(self, f: Callable[[Record], Record], *_: Any, **__: Any) -> DynamicFrame:
        """Replace each record by what the function makes of it; the types follow from the values."""
        rows = self._frame.rdd.map(lambda row: Row(**f(row.asDict(recursive=True))))
        if rows.isEmpty():
            return self
        return self._with(self._session().createDataFrame(rows, samplingRatio=1.0))

    def join(
        self, paths1: Sequence[str], paths2: Sequence[str], frame2: DynamicFrame, *_: Any, **__: Any
    ) -> DynamicFrame:
        """Inner equality join; columns of the second frame that the first has too get a dot before them."""
        other = frame2.toDF()
        names = {name: f".{name}" if name in self._frame.columns else name for name in other.columns}
        other = other.toDF(*names.values())
        fits = [
            self._column(left) == other[f"`{names[right]}`"]
            for left, right in zip(paths1, paths2, strict=True)
        ]
        return self._with(self._frame.join(other, fits, "inner"))

    def resolveChoice(  # noqa: N802 - AWS's name
        self,
        specs: Sequence[tuple[str, str]] | None = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        *_: Any,
        **__: Any,
    ) -> DynamicFrame:
        """Cast the columns that ``specs`` names; a column has one type here, so that is all."""
        if choice == "match_catalog" or database or table_name:
            raise Absent("resolveChoice with match_catalog")
        frame = self._frame
        for path, action in specs or []:
            word, _colon, kind = action.partition(":")
            if word in ("cast", "project") and kind:
                if not self._has(path):
                    raise Absent(f"resolveChoice of {path!r}, which is not a column of the top level,")
                frame = frame.withColumn(path, F.col(f"`{path}`").cast(kind))
            elif word not in ("make_cols", "make_struct"):
                raise Absent(f"resolveChoice's action {action!r}")
        return self._with(frame)

    def drop_null_fields(self) -> DynamicFrame:
        """Leave out the columns that hold no value at all."""
        counts = self._frame.select(
            [F.count(F.col(f"`{name}`")).alias(f"c{at}") for at, name in enumerate(self._frame.columns)]
        ).first()
        empty = [
            name for at, name in enumerate(self._frame.columns) if counts is not None and not counts[f"c{at}"]
        ]
        return self._with(self._frame.drop(*empty))

    def _has(self, path: str) -> bool:
        return path.strip("`") in self._frame.columns

    def _column(self, path: str) -> Any:
        """A column by its name, also one with dots in it, or a nested field by its path."""
        return self._frame[f"`{path.strip('`')}`" if self._has(path) else path]

    def _with(self, frame: DataFrame) -> DynamicFrame:
        return DynamicFrame(frame, self.glue_ctx, self.name)

    def _session(self) -> Any:
        return self._frame.sparkSession
