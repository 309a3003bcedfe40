"""The sections of the report page, in its order. A new one is a module, its template, and a line here."""

from __future__ import annotations

from aws_ml.reports.section import Section
from aws_ml.reports.sections import (
    bias,
    candidates,
    deployment,
    explanations,
    feature_store,
    features,
    mitigation,
    model,
    profile,
    quality,
    rows,
)

SECTIONS: tuple[Section, ...] = (
    rows.SECTION,
    profile.SECTION,
    quality.SECTION,
    bias.SECTION,
    mitigation.SECTION,
    feature_store.SECTION,
    features.SECTION,
    candidates.SECTION,
    model.SECTION,
    explanations.SECTION,
    deployment.SECTION,
)
