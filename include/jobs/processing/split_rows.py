"""Write the rows that a Data Wrangler job may learn from: the training rows of a run, and no others.

input  curated, training   as of build_features.py
output rows                part-00000.parquet: raw training rows, in the order of their key
"""

from __future__ import annotations

import sys

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.processing.job import Job, JobError, run, say
from jobs.processing.rows import load


def split_rows(job: Job) -> None:
    """Keep the training rows."""
    rows = load(job)
    train = rows.table.filter(pa.array(rows.split == "train"))
    if not train.num_rows:
        raise JobError(f"the train split is empty; {rows.table.num_rows} rows are too few for these shares")
    pq.write_table(train, str(job.output("rows") / "part-00000.parquet"))
    say(f"{train.num_rows} of {rows.table.num_rows} rows are training rows")


if __name__ == "__main__":
    sys.exit(run(split_rows))
