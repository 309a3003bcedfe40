"""Write sample data to a folder or to S3: `python -m sample_data --help`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

from sample_data import loan_applications


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the days asked for; print where each file went. Returns the exit code."""
    options = _parser().parse_args(arguments)
    put = _to_folder(options.out) if options.out else _to_s3(options.s3)
    for day in (options.day + timedelta(days=offset) for offset in range(options.days)):
        for name, content in loan_applications.files(day).items():
            place = put(f"dt={day.isoformat()}/{name}", content)
            sys.stdout.write(f"{place}  {len(content)} bytes\n")
        if options.truth:
            truth = dataclasses.asdict(loan_applications.truth(day))
            sys.stdout.write(json.dumps(truth, default=str) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sample_data",
        description="Daily loan applications, the same bytes for the same day everywhere. "
        f"They drift from {loan_applications.DRIFT_START.isoformat()} on.",
    )
    parser.add_argument("--day", type=_day, required=True, help="first day, YYYY-MM-DD")
    parser.add_argument("--days", type=_positive, default=1, metavar="N", help="how many days (1)")
    parser.add_argument("--truth", action="store_true", help="print what was planted, one JSON object a day")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, metavar="DIR", help="write DIR/dt=YYYY-MM-DD/*.csv")
    target.add_argument(
        "--s3", type=_s3_uri, metavar="URI", help="write s3://bucket/prefix/dt=YYYY-MM-DD/*.csv"
    )
    return parser


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; expected YYYY-MM-DD") from None


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days; expected 1 or more")
    return int(text)


def _s3_uri(text: str) -> tuple[str, str]:
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not text.startswith("s3://") or not bucket:
        raise argparse.ArgumentTypeError(f"{text!r} is no S3 address; expected s3://bucket/prefix")
    return bucket, prefix.strip("/")


def _to_folder(folder: Path) -> Callable[[str, bytes], str]:
    def put(name: str, content: bytes) -> str:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return put


def _to_s3(target: tuple[str, str]) -> Callable[[str, bytes], str]:
    import boto3  # only this way of writing needs more than Python itself

    bucket, prefix = target
    # A session of its own: the default one keeps the keys that its process was first started with.
    s3 = boto3.session.Session().client("s3")

    def put(name: str, content: bytes) -> str:
        key = f"{prefix}/{name}" if prefix else name
        s3.put_object(Bucket=bucket, Key=key, Body=content, ContentType="text/csv")
        return f"s3://{bucket}/{key}"

    return put


if __name__ == "__main__":
    sys.exit(main())
