"""Write include/workflows/images.json: the container image URIs of each region, from the SageMaker SDK.

``make images`` runs it in the jobs' environment, the only one that has the SDK, which carries the URIs
and asks nobody. Run it again after the SDK was updated; DAGs read the file and never the SDK.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ca-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-central-1",
    "eu-north-1",
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
)
# name here -> name in the SDK, and the versions that a workflow file may choose
IMAGES = {
    "clarify": ("clarify", ("1.0",)),
    "data-wrangler": ("data-wrangler", ("2.x", "3.x")),
    "debugger-rules": ("debugger", ("latest",)),
    "scikit-learn": ("sklearn", ("1.2-1", "1.4-2")),
    "xgboost": ("xgboost", ("1.7-1", "3.0-5", "3.2-0")),
}
FILE = Path(__file__).parents[1] / "workflows" / "images.json"


def table() -> dict[str, dict[str, str]]:
    """Region -> ``<name>:<version>`` -> URI."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGIONS[0])  # the SDK wants some region at import
    from sagemaker.core import image_uris  # type: ignore[import-not-found,unused-ignore]

    return {
        region: {
            f"{name}:{version}": image_uris.retrieve(framework, region, version=version)
            for name, (framework, versions) in IMAGES.items()
            for version in versions
        }
        for region in REGIONS
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(table(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"wrote {FILE}")
