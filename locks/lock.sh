#!/usr/bin/env bash
# Write every lock anew from the requirements files: `make lock`. Needs uv on the PATH and the network.
# Run it on a platform like the one you deploy on; the locks hold hashes of every file of a version.
set -euo pipefail
cd "$(dirname "$0")/.."

for python in 3.11 3.12; do
    tag="py${python/./}"
    lock() { # lock <requirements> <name> [further options]
        uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
            --python-version "$python" --output-file "locks/$2-$tag.txt" "$1" "${@:3}"
    }
    lock requirements.txt airflow
    lock include/jobs/requirements.txt jobs
    lock include/jobs/requirements-spark.txt spark
    # The dev locks are installed on top, so they must agree with what is there.
    lock requirements-dev.txt dev-airflow --constraints "locks/airflow-$tag.txt"
    lock include/jobs/requirements-dev.txt dev-jobs --constraints "locks/jobs-$tag.txt"
done
# docker-compose.yaml's image runs one Python.
lock requirements-celery.txt celery --constraints "locks/airflow-$tag.txt"
echo "uv==0.13.9" | uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
    --universal --python-version 3.11 --output-file locks/uv.txt -
