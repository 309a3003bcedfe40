"""The project's workflows with other bounds on bias, so that each way of the gate is taken, on Spark, and
with several days to learn from, by features of a flow."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from launcher.settings import ROOT

LOAN = ROOT / "include" / "workflows" / "loan_approval.yaml"
CENSUS = ROOT / "tests" / "workflows" / "census_income.yaml"


def bias(*bands: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A section `bias` that bounds only the difference in positive labels between women and men."""
    first, *further = bands
    return {"metrics": ["CI", "DPL"], "thresholds": {"DPL": {**first, "further": further}}, **changes}


# Women's DPL is 0.08 in January's applications and 0.24 in February's, and 0.20 in the census.
VARIANTS: dict[str, tuple[Path, dict[str, Any]]] = {
    "loan_asks": (
        LOAN,
        bias(
            {"absolute": 0.05, "beyond": "ask"},
            {"absolute": 0.2, "beyond": "stop"},
            mitigation={"method": "reweighing"},
        ),
    ),
    "loan_in_time": (
        LOAN,
        bias(
            {"absolute": 0.05, "beyond": "ask"},
            ask={"timeout_hours": 0.005, "on_timeout": "reject", "users": ["somebody-else"]},
        ),
    ),
    "loan_backfills": (LOAN, bias({"absolute": 0.05, "beyond": "ask"})),
    "census_mitigates": (
        CENSUS,
        bias({"absolute": 0.1, "beyond": "mitigate"}, mitigation={"method": "resampling"}),
    ),
    "loan_window": (LOAN, bias({"absolute": 0.2, "beyond": "stop"})),
    "loan_spark": (LOAN, bias({"absolute": 0.2, "beyond": "stop"})),
}
SCHEDULED = ("loan_backfills", "loan_window")  # only what has a schedule can be backfilled
ENGINES = {"loan_spark": "spark"}  # of the cleaning; the others take the default
STORES: dict[str, dict[str, Any]] = {
    # The group of the workflow that it is made from: two workflows may share one.
    "loan_window": {"event_time": "applied_at", "window_days": 3, "group": "loan-approval"},
}
FEATURES: dict[str, dict[str, Any]] = {
    "loan_window": {
        "engine": "data_wrangler",
        "flow": "loan_approval_features.flow",
        "output_node": "encoded",
    },
}


def write(folder: Path) -> None:
    """One workflow file each."""
    for name, (base, changes) in VARIANTS.items():
        data = copy.deepcopy(yaml.safe_load(base.read_text()))
        data |= {"name": name, "bias": {"facets": data["bias"]["facets"][:1], **changes}}
        if name not in SCHEDULED:
            data["schedule"] = {"cron": None}  # theirs are runs by hand, whatever the scheduler may start
        data["bias"]["engine"] = "portable" if base == CENSUS else "managed"
        if name in ENGINES:
            data["cleaning"] = {"engine": ENGINES[name]}
        if name in STORES:
            data["feature_store"] = STORES[name]
        if name in FEATURES:
            data["features"] = FEATURES[name]
        data["deployment"]["endpoint"] = name.replace("_", "-")
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
