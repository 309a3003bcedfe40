"""What a container image URI means here: which of the known images it is, and which version.

    683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0
    └── any account and region ────────────────┘ └ repository ───┘ └ tag

Nothing is pulled: an image is a contract (entry point, directories, environment) that the stand-in's own
environment fulfils with one set of library versions. The tag is therefore noted and not obeyed; a job's log
says which versions really ran.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


class UnknownImage(ValueError):
    """An image URI that the stand-in has no contract for."""

    def __init__(self, uri: str) -> None:
        known = ", ".join(sorted(REPOSITORIES))
        super().__init__(f"The local stand-in has no image '{uri}'. It knows the repositories {known}.")


@dataclass(frozen=True)
class Image:
    """A known image."""

    name: str  # a value of REPOSITORIES
    uri: str
    tag: str  # e.g. "1.4-2-cpu-py3"; "latest" where the URI has none


# The repositories of AWS's first-party images (image URIs of the SageMaker SDK 3.27).
REPOSITORIES = {
    "sagemaker-scikit-learn": "scikit_learn",
    "sagemaker-xgboost": "xgboost",
    "sagemaker-sklearn-automl": "autopilot",
    "sagemaker-clarify-processing": "clarify",
    "sagemaker-debugger-rules": "debugger_rules",
    "sagemaker-data-wrangler-container": "data_wrangler",
}

_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
    r"/(?P<repository>[a-z0-9/_.-]+)(?::(?P<tag>[\w.-]+))?(?:@sha256:[0-9a-f]{64})?"
)


def find(uri: str) -> Image:
    """The image that a URI names. Raises UnknownImage."""
    matched = _URI.fullmatch(uri)
    if matched is None or matched["repository"] not in REPOSITORIES:
        raise UnknownImage(uri)
    return Image(REPOSITORIES[matched["repository"]], uri, matched["tag"] or "latest")
