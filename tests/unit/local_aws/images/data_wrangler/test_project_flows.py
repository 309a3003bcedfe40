"""The flows in include/jobs/flows: the image takes them, every node of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.images.data_wrangler.flow import Edge, parse, selected

FLOWS = sorted((Path(__file__).parents[5] / "include" / "jobs" / "flows").glob("*.flow"))


def test_there_are_flows() -> None:
    assert {path.stem for path in FLOWS} == {"census_income", "loan_approval", "loan_approval_features"}


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_the_image_takes_every_node(path: Path) -> None:
    flow = parse(path.read_bytes())
    assert len(selected(flow, [Edge(node, "default") for node in flow.nodes])) == len(flow.nodes)
