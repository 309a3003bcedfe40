"""GlueContext: where frames come from and go to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pyspark import SparkContext
from pyspark.sql import DataFrame, SparkSession

from . import s3
from .absent import Absent, Partial, only
from .dynamicframe import DynamicFrame

Options = Mapping[str, Any] | None


class GlueContext(Partial):
    """Spark with Glue's readers and writers."""

    def __init__(self, sparkContext: SparkContext, **options: Any) -> None:  # noqa: N803 - AWS's name
        for name in options:
            raise Absent(f"GlueContext's option {name!r}")
        self.spark_session: SparkSession = SparkSession.builder.getOrCreate()
        self.sc = sparkContext
        self.create_dynamic_frame = _DynamicFrames(self)
        self.create_data_frame = _DataFrames(self)
        self.write_dynamic_frame = self.write_data_frame = _Writer(self)

    def get_logger(self) -> Logger:
        """A logger that writes to the job's error log, as Glue's."""
        return Logger()

    def sql(self, query: str) -> DataFrame:
        """A statement of Spark SQL."""
        return self.spark_session.sql(query)

    def createDataFrame(self, *given: Any, **named: Any) -> DataFrame:  # noqa: N802 - Spark's name
        """As the session's."""
        return self.spark_session.createDataFrame(*given, **named)

    @property
    def read(self) -> Any:
        """Spark's own reader."""
        return self.spark_session.read

    def create_dynamic_frame_from_options(self, *given: Any, **named: Any) -> DynamicFrame:
        """As create_dynamic_frame.from_options."""
        return self.create_dynamic_frame.from_options(*given, **named)

    def create_dynamic_frame_from_catalog(self, *given: Any, **named: Any) -> DynamicFrame:
        """As create_dynamic_frame.from_catalog."""
        return self.create_dynamic_frame.from_catalog(*given, **named)

    def create_data_frame_from_options(self, *given: Any, **named: Any) -> DataFrame:
        """As create_data_frame.from_options."""
        return self.create_data_frame.from_options(*given, **named)

    def create_data_frame_from_catalog(self, *given: Any, **named: Any) -> DataFrame:
        """As create_data_frame.from_catalog."""
        return self.create_data_frame.from_catalog(*given, **named)

    def write_dynamic_frame_from_options(self, *given: Any, **named: Any) -> Any:
        """As write_dynamic_frame.from_options."""
        return self.write_dynamic_frame.from_options(*given, **named)

    def write_dynamic_frame_from_catalog(self, *given: Any, **named: Any) -> Any:
        """As write_dynamic_frame.from_catalog."""
        return self.write_dynamic_frame.from_catalog(*given, **named)


class Logger(Partial):
    """Glue's logger."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("glue")
        if not self._logger.handlers:
            handler = logging.StreamHandler()  # stderr
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            self._logger.addHandler(handler)
            self._logger.setLevel(logging.INFO)

    def info(self, message: str) -> None:
        """Something to know."""
        self._logger.info("%s", message)

    def warn(self, message: str) -> None:
        """Something to look at."""
        self._logger.warning("%s", message)

    def error(self, message: str) -> None:
        """Something wrong."""
        self._logger.error("%s", message)

    def debug(self, message: str) -> None:
        """Something for who looks for a fault."""
        self._logger.debug("%s", message)


class _DataFrames(Partial):
    """create_data_frame."""

    def __init__(self, context: GlueContext) -> None:
        self._spark = context.spark_session

    def from_options(
        self,
        connection_type: str,
        connection_options: Options = None,
        format: str | None = None,  # noqa: A002 - AWS's name
        format_options: Options = None,
        transformation_ctx: str = "",  # noqa: ARG002 - names a bookmark
    ) -> DataFrame:
        """Files in S3 as a Spark frame."""
        return s3.read(self._spark, connection_type, connection_options or {}, format or "", format_options)

    def from_catalog(  # noqa: PLR0917 - AWS's order
        self,
        database: str,
        table_name: str,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",  # noqa: ARG002 - names a bookmark
        push_down_predicate: str = "",
        additional_options: Options = None,
        catalog_id: str | None = None,
        **others: Any,
    ) -> DataFrame:
        """A table of Glue's catalog as a Spark frame."""
        only("from_catalog's option", others, ())
        only("additional_options", additional_options, ("useSparkDataSource",))
        for name, value in (("redshift_tmp_dir", redshift_tmp_dir), ("catalog_id", catalog_id)):
            if value:
                raise Absent(f"from_catalog's {name}")
        return s3.Table(self._spark, database, table_name).read(push_down_predicate)


class _DynamicFrames(Partial):
    """create_dynamic_frame."""

    def __init__(self, context: GlueContext) -> None:
        self._context = context

    def from_options(self, *given: Any, **named: Any) -> DynamicFrame:
        """Files in S3."""
        frame = self._context.create_data_frame.from_options(*given, **named)
        return DynamicFrame(frame, self._context)

    def from_catalog(
        self, database: str | None = None, table_name: str | None = None, *given: Any, **named: Any
    ) -> DynamicFrame:
        """A table of Glue's catalog."""
        database = database or named.pop("name_space", None)
        if not database or not table_name:
            raise ValueError("from_catalog needs database and table_name")
        frame = self._context.create_data_frame.from_catalog(database, table_name, *given, **named)
        return DynamicFrame(frame, self._context, table_name)


class _Writer(Partial):
    """write_dynamic_frame and write_data_frame."""

    def __init__(self, context: GlueContext) -> None:
        self._spark = context.spark_session

    def from_options(  # noqa: PLR0917 - AWS's order
        self,
        frame: DynamicFrame | DataFrame,
        connection_type: str,
        connection_options: Options = None,
        format: str = "",  # noqa: A002 - AWS's name
        format_options: Options = None,
        transformation_ctx: str = "",  # noqa: ARG002 - names a bookmark
    ) -> DynamicFrame | DataFrame:
        """Add files to S3; answers the frame."""
        s3.write(_data(frame), connection_type, connection_options or {}, format, format_options)
        return frame

    def from_catalog(  # noqa: PLR0917 - AWS's order
        self,
        frame: DynamicFrame | DataFrame,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",  # noqa: ARG002 - names a bookmark
        additional_options: Options = None,
        **others: Any,
    ) -> DynamicFrame | DataFrame:
        """Add files to a table's location; the catalog learns of no partition, as by default in Glue."""
        database = database or others.pop("name_space", None)
        only("from_catalog's option", others, ())
        if redshift_tmp_dir or not database or not table_name:
            raise Absent("from_catalog without database and table_name, or with redshift_tmp_dir")
        given = only("additional_options", additional_options, ("partitionKeys",))
        table = s3.Table(self._spark, database, table_name)
        keys = given.get("partitionKeys", [name for name, _ in table.keys])
        s3.write(_data(frame), "s3", {"path": table.location, "partitionKeys": keys}, table.form, {})
        return frame


def _data(frame: DynamicFrame | DataFrame) -> DataFrame:
    return frame.toDF() if isinstance(frame, DynamicFrame) else frame
