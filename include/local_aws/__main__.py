"""``python -m local_aws``: start the stand-in, print its environment, list what it emulates."""

from __future__ import annotations

import argparse
import json
import logging
import math
import signal
import sys
from pathlib import Path
from types import FrameType

from local_aws.settings import Settings

LARGEST_PORT = 65535

_DESCRIPTION = """A local AWS for machine-learning workflows: S3, STS, IAM roles, CloudWatch Logs, Glue,
Athena and SageMaker over the real wire protocols. Jobs, queries and endpoints really run, on this machine,
as you; state survives a restart. It listens on 127.0.0.1 only and answers signed calls only."""

_EPILOG = """For any AWS program:
  python -m local_aws serve &
  eval "$(python -m local_aws env)"
  aws s3 mb s3://my-bucket
What is not emulated answers HTTP 501 NotImplemented with the name of the service and operation."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_aws",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    defaults = Settings(data_dir=Path(".local/aws"))

    serve = commands.add_parser(
        "serve",
        help="run until stopped",
        description="Run until SIGTERM or Ctrl-C. When it listens, it prints one JSON line with the address "
        "and the keys, and writes the same to DATA_DIR/connection.json.",
    )
    serve.add_argument(
        "--port", type=_port, default=defaults.port, help="default %(default)s; 0 takes a free one"
    )
    _add_data_dir(serve, defaults.data_dir)
    serve.add_argument("--region", default=defaults.region, help="the one region; default %(default)s")
    serve.add_argument("--ready-file", type=Path, help="also write the JSON line here")
    serve.add_argument(
        "--job-memory-gib",
        type=_gibibytes,
        default=defaults.job_memory_gib,
        help="memory of one job; default %(default)s",
    )
    serve.add_argument(
        "--any-instance-type",
        action="store_true",
        help="accept instance types that botocore's models do not know yet",
    )
    serve.add_argument(
        "--offline-store-seconds",
        type=_seconds,
        default=defaults.offline_store_seconds,
        help="until a feature store's records are in S3; default %(default)s (AWS: up to 900)",
    )
    serve.add_argument(
        "--clarify-program",
        type=Path,
        default=defaults.clarify_program,
        help="what the Clarify image runs; default: jobs/bias/clarify.py beside this package",
    )
    serve.add_argument(
        "--debugger-program",
        type=Path,
        default=defaults.debugger_program,
        help="what Debugger's rule image runs; default: jobs/training/debugger.py beside this package",
    )
    serve.add_argument(
        "--spark-python",
        type=Path,
        default=defaults.spark_python,
        help="the Python with PySpark that Glue Spark jobs run on; default: .venv-spark beside include/",
    )

    env = commands.add_parser(
        "env",
        help="print export lines for a shell",
        description="Print what a shell needs to use the stand-in that last ran on DATA_DIR.",
    )
    _add_data_dir(env, defaults.data_dir)

    commands.add_parser("operations", help="list the emulated operations")
    return parser


def _add_data_dir(parser: argparse.ArgumentParser, default: Path) -> None:
    parser.add_argument(
        "--data-dir", type=Path, default=default, help="all state lies below it; default %(default)s"
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LARGEST_PORT:
        raise argparse.ArgumentTypeError(f"'{text}' is no port: a number from 0 to {LARGEST_PORT}")
    return int(text)


def _gibibytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no amount of memory: a number above 0")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is no time in seconds: a number above 0")
    return value


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the process's exit code."""
    chosen = _parser().parse_args(arguments)
    match chosen.command:
        case "serve":
            return _serve(chosen)
        case "env":
            return _env(chosen.data_dir)
        case _:
            return _operations()


def _serve(chosen: argparse.Namespace) -> int:
    from local_aws.app import CannotStart, serve

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    settings = Settings(
        data_dir=chosen.data_dir.absolute(),
        port=chosen.port,
        region=chosen.region,
        job_memory_gib=chosen.job_memory_gib,
        offline_store_seconds=chosen.offline_store_seconds,
        check_instance_types=not chosen.any_instance_type,
        clarify_program=chosen.clarify_program.absolute(),
        debugger_program=chosen.debugger_program.absolute(),
        spark_python=chosen.spark_python.absolute(),
    )
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        serve(settings, ready_file=chosen.ready_file)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Leave the server's loop; a second signal while closing changes nothing."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(0)


def _env(data_dir: Path) -> int:
    try:
        known = json.loads((data_dir / "connection.json").read_text())
    except FileNotFoundError:
        print(f"No stand-in has run on the data directory {data_dir} yet.", file=sys.stderr)
        return 1
    print(f"export AWS_ENDPOINT_URL={known['endpoint_url']}")
    print(f"export AWS_REGION={known['region']}")
    print(f"export AWS_DEFAULT_REGION={known['region']}")
    print(f"export AWS_ACCESS_KEY_ID={known['access_key_id']}")
    print(f"export AWS_SECRET_ACCESS_KEY={known['secret_access_key']}")
    print("unset AWS_SESSION_TOKEN AWS_PROFILE")
    return 0


def _operations() -> int:
    from local_aws.app import load_services
    from local_aws.wire.registry import REGISTRY

    load_services()
    for service, operation in sorted(REGISTRY.handlers):
        print(f"{service}.{operation}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
