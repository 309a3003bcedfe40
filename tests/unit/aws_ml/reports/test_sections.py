"""What each section makes of its documents, as jobs write them and as nobody should."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_ml.reports import page
from aws_ml.reports.histogram import Histogram
from aws_ml.reports.section import Broken, Material, Section, Tone
from aws_ml.reports.sections import (
    SECTIONS,
    bias,
    candidates,
    explanations,
    feature_store,
    features,
    profile,
    quality,
)
from aws_ml.reports.shelf import Document, Kind
from aws_ml.run import STAGES
from aws_ml.workflow import load_workflows
from tests.support.run_documents import (
    CHOICE,
    DECISION,
    DEPLOYMENT,
    DOCUMENTS,
    EVALUATION,
    EXPLANATIONS,
    FEATURE_GROUP,
    FEATURES,
    FIRST_LAYOUT,
    PROFILE,
    QUALITY,
)

WORKFLOW = load_workflows()["loan_approval"]
ALL = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.name)


def material(section: Section, content: Any, **others: Any) -> Material:
    """What a section sees when its own document has this content; others are as a run writes them."""
    own = next(iter(section.documents))
    contents = {name: written(section, name) for name in section.documents} | {own: content} | others
    return Material(
        WORKFLOW,
        {name: Document("s3://b/k.json", Kind.THERE, content=each) for name, each in contents.items()},
    )


def written(section: Section, name: str) -> Any:
    """A document of the section as a run writes it."""
    return DOCUMENTS[section.documents[name](WORKFLOW.paths).partition("/runs/")[2].partition("/")[2]]


def own_document(section: Section) -> Any:
    """The section's first document as a run writes it."""
    return written(section, next(iter(section.documents)))


def shown(section: Section, content: Any, **others: Any) -> str:
    """The section's HTML."""
    view = section.view(material(section, content, **others))
    assert view is not None
    return page.environment().get_template(f"{section.name}.html").render(values=view.values)


def complaint(section: Section, content: Any, **others: Any) -> str | None:
    """Why the section is broken, if it is."""
    try:
        shown(section, content, **others)
    except Broken as error:
        return str(error)
    return None


@ALL
def test_a_section_belongs_to_a_stage_and_shows_its_document(section: Section) -> None:
    assert section.stage in STAGES
    assert all(entry.key.startswith(f"{section.stage}/") for entry in section.pages)
    assert shown(section, own_document(section)).strip()


@ALL
def test_a_document_that_is_not_there_is_no_section(section: Section) -> None:
    missing = Document("s3://b/k.json", Kind.MISSING, "Not made by this run.")
    assert section.view(Material(WORKFLOW, dict.fromkeys(section.documents, missing))) is None


@ALL
@pytest.mark.parametrize("content", [None, [], "text", 7, True])
def test_another_kind_of_json_is_broken(section: Section, content: Any) -> None:
    with pytest.raises(Broken, match=r"s3://b/k\.json is not as expected"):
        section.view(material(section, content))


@ALL
def test_a_missing_key_is_named_or_not_needed(section: Section) -> None:
    """Never an error of the program: what is required says so, and without the rest the section is shown."""
    document = own_document(section)
    for key in document:
        less = {name: value for name, value in document.items() if name != key}
        says = complaint(section, less)
        assert says is None or key in says


HOSTILE = [
    "</td><script>alert(1)</script>",
    "\"' onload='x",
    "&amp;",
    "\ud800",
    "x" * 5_000,
    "{{ 7*7 }}",
    "\0",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(HOSTILE), inner, max_size=3)
    ),
    max_leaves=8,
)


def paths(document: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    return [above, *(path for key, value in inner for path in paths(value, (*above, key)))]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at one place."""
    if not path:
        return value
    copied = dict(document) if isinstance(document, dict) else list(document)
    copied[path[0]] = replaced(document[path[0]], path[1:], value)
    return copied


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_whatever_stands_anywhere_in_a_document_is_shown_as_text_or_named_as_broken(
    data: st.DataObject,
) -> None:
    section = data.draw(st.sampled_from(SECTIONS))
    name = data.draw(st.sampled_from(sorted(section.documents)))
    document = written(section, name)
    changed = replaced(document, data.draw(st.sampled_from(paths(document))), data.draw(JSON))
    contents = {next(iter(section.documents)): own_document(section), name: changed}
    own = contents.pop(next(iter(section.documents)))
    says = complaint(section, own, **contents)
    if says is not None:
        assert len(says) < 3_000
        return
    html = shown(section, own, **contents)
    assert "<script" not in html
    assert "onload='x" not in html
    assert "x" * 2_500 not in html
    html.encode(errors="replace")


def test_a_place_with_a_long_name_is_cut() -> None:
    rows = next(section for section in SECTIONS if section.name == "rows")
    says = complaint(rows, {**own_document(rows), "reasons": {"x" * 5_000: "many"}})
    assert says is not None
    assert "reasons.xxx" in says
    assert "xxx...: Input should be" in says
    assert len(says) < 500


class TestBias:
    def test_the_first_layout_is_one_round(self) -> None:
        view = bias.view(material(bias.SECTION, FIRST_LAYOUT))
        assert view is not None
        assert view.values["heads"] == ["Value"]
        assert view.tile is not None
        assert (view.tile.value, view.tile.tone) == ("Stopped", Tone.BAD)

    def test_two_rounds_stand_side_by_side_and_the_last_one_counts(self) -> None:
        view = bias.view(material(bias.SECTION, DECISION))
        assert view is not None
        assert view.values["heads"] == ["Before", "After"]
        dpl = view.values["groups"]["sex = female"][0]
        assert [verdict.value for verdict in dpl.verdicts] == [0.24, 0.0123]
        assert dpl.last.tone is Tone.GOOD

    def test_both_ends_of_one_key_are_named_once(self) -> None:
        dpl = bias.Decision.model_validate(DECISION).rounds[0].metrics[0]
        assert dpl.origins == ["loan_approval.yaml: bias.thresholds.DPL"]

    def test_a_metric_without_a_number_says_why(self) -> None:
        verdict = FIRST_LAYOUT["metrics"][0] | {
            "value": None,
            "finding": "not computable",
            "sentence": "DPL is not computable: no rows.",
        }
        html = shown(bias.SECTION, FIRST_LAYOUT | {"metrics": [verdict]})
        assert "no rows" in html
        assert "has no value, not computable" in html

    def test_an_open_decision_is_not_shown_as_accepted(self) -> None:
        view = bias.view(
            material(bias.SECTION, DECISION | {"outcome": None, "decided_at": None, "dataset": None})
        )
        assert view is not None
        assert view.tile is not None
        assert (view.tile.value, view.tile.tone) == ("Open", Tone.CARE)


def test_rules_that_did_not_pass_stand_first_and_are_bad() -> None:
    view = quality.view(material(quality.SECTION, QUALITY))
    assert view is not None
    assert [rule.word for rule in view.values["rules"]] == ["broken", "passed"]
    assert view.tile is not None
    assert (view.tile.value, view.tile.tone) == ("1 of 2 rules", Tone.BAD)
    passed = quality.view(material(quality.SECTION, QUALITY | {"rules": QUALITY["rules"][:1]}))
    assert passed is not None
    assert passed.tile is not None
    assert passed.tile.tone is Tone.GOOD


def test_recommended_rules_are_folded_and_escaped() -> None:
    """They quote values of the data, so they are text of a stranger."""
    there = Document("s3://b/r.dqdl", Kind.THERE, content='ColumnValues "sex" in ["<script>"]')
    checked = Document("s3://b/k.json", Kind.THERE, content=QUALITY)
    html = quality_html({"quality": checked, "recommended": there})
    assert "<details>" in html
    assert "ColumnValues &#34;sex&#34; in [&#34;&lt;script&gt;&#34;]" in html
    assert "4,925<" in html  # a count, not 4925.0000


@pytest.mark.parametrize("kind", [Kind.BROKEN, Kind.UNREACHABLE])
def test_recommended_rules_that_cannot_be_read_hide_no_other(kind: Kind) -> None:
    checked = Document("s3://b/k.json", Kind.THERE, content=QUALITY)
    html = quality_html({"quality": checked, "recommended": Document("s3://b/r", kind, "S3 is away.")})
    assert "S3 is away." in html
    assert "RowCount" in html


def test_recommended_rules_are_shown_where_none_was_checked() -> None:
    there = Document("s3://b/r.dqdl", Kind.THERE, content="Rules = [ RowCount > 7 ]")
    html = quality_html({"quality": Document("s3://b/k.json", Kind.MISSING), "recommended": there})
    assert "have not been checked" in html
    assert "RowCount &gt; 7" in html


def quality_html(documents: dict[str, Document]) -> str:
    view = quality.view(Material(WORKFLOW, documents))
    assert view is not None
    return page.environment().get_template("quality.html").render(values=view.values)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-7.772e-16, "0.0000"),
        (0.0, "0.0000"),
        (3e-7, "3e-07"),
        (-0.25, "\N{MINUS SIGN}0.2500"),
        (None, "\N{EN DASH}"),
    ],
)
def test_what_sums_leave_of_nothing_is_nothing(value: float | None, shown: str) -> None:
    assert page.figure(value) == shown


def test_a_run_without_results_of_rules_did_not_pass() -> None:
    view = quality.view(material(quality.SECTION, QUALITY | {"rules": []}))
    assert view is not None
    assert view.tile is not None
    assert view.tile.tone is Tone.BAD


def test_the_profile_shows_what_has_moved_most_first() -> None:
    view = profile.view(material(profile.SECTION, PROFILE))
    assert view is not None
    assert [column.name for column in view.values["moved"]] == ["income", "region"]
    html = shown(profile.SECTION, PROFILE)
    assert "4,907 on 2026-01-14" in html
    assert ">serious<" in html
    alone = {**PROFILE, "previous": None, "columns": [{"name": "income", "drift": None}]}
    assert "no profile of an earlier day" in shown(profile.SECTION, alone)


def test_features_stand_with_the_column_that_they_are_made_of() -> None:
    """The longest name wins: `income_b=x` is of `income_b`, not of `income`."""
    document = FEATURES | {
        "columns": ["income", "income*age", "income_b=x", "odd"],
        "inputs": ["income", "income_b"],
    }
    made = features.made_of(features.Features.model_validate(document))
    assert made == [("income", ["income", "income*age"]), ("income_b", ["income_b=x"]), ("", ["odd"])]


class TestFeatures:
    def test_each_feature_stands_with_before_after_and_what_was_learned(self) -> None:
        html = shown(features.SECTION, FEATURES)
        income, product, region, age = re.split(r'<th scope="row"><code>', html)[1:5]
        for text in (
            'aria-label="Histogram from 1,000 to 7,000"',
            '<span class="quiet">from</span> 1,000 <span class="quiet">to</span> 91,000',
            '<span class="quiet">far above</span> 1<',
            "absent: 3,125, and a column that says so",
            "outside 0 to 7,000: the nearer end",
            "standardised: minus 3,800, over 1,925",
        ):
            assert text in income
        assert "made of scaled features" in product
        assert "the product of both, once scaled" in product
        assert "of all rows 0.5000" in region
        assert "2 rare values taken as one" in region
        assert "9 categories" in region  # two are told, seven more are there
        assert "a value never seen: the share of all rows" in region
        assert '<bdi>north</bdi></th><td class="number">6</td><td class="number">0.6250</td>' in region
        assert "intervals between 25, 40" in age
        assert "a value never seen: refused" in age
        assert "nothing stays" in age

    def test_rows_of_each_step_and_what_was_left_out_by_which_rule(self) -> None:
        html = shown(features.SECTION, FEATURES)
        assert '<th scope="row">accepted</th><td class="number" data-label="In">32</td>' in html
        assert "<code>age.bin=&gt;=40</code></th><td>variance 0, not above 0</td>" in html

    @pytest.mark.parametrize(
        ("mean", "deviation", "told"),
        [
            (8.6e-09, 0.9999, "0"),  # of a standardised column in single precision
            (-8.6e-09, 0.9999, "0"),
            (8.6e-09, 2e-09, "8.6e-09"),
            (8.6e-09, 0.0, "8.6e-09"),
            (None, None, None),
        ],
    )
    def test_a_mean_that_is_only_rounding_reads_0(
        self, mean: float | None, deviation: float | None, told: str | None
    ) -> None:
        column = {"name": "age", "rows": 9, "minimum": -1.5, "maximum": 2.5}
        feature = FEATURES["features"][0] | {"after": [column | {"mean": mean, "deviation": deviation}]}
        html = shown(features.SECTION, FEATURES | {"features": [feature]})
        found = re.findall("mean</span> ([^<]*?) <", html.split('data-label="After"')[1])
        assert found == ([told] if told else [])

    @pytest.mark.parametrize(
        ("alerts", "tone", "says"),
        [
            (FEATURES["alerts"], Tone.BAD, "from 3 columns; 2 alerts"),
            (FEATURES["alerts"][:1], Tone.CARE, "from 3 columns; 1 alert"),
            ([], Tone.PLAIN, "from 3 columns"),
        ],
    )
    def test_leakage_is_told_first_and_is_bad(self, alerts: list[Any], tone: Tone, says: str) -> None:
        view = features.view(material(features.SECTION, FEATURES | {"alerts": alerts}))
        assert view is not None
        assert view.tile is not None
        assert (view.tile.tone, view.tile.says) == (tone, says)
        ranks = [list(Tone).index(each.tone) for each in view.values["alerts"]]
        assert ranks == sorted(ranks)

    def test_many_features_are_folded_and_what_is_not_shown_is_counted(self) -> None:
        many = [FEATURES["features"][0] | {"name": f"f{place:03}"} for place in range(300)]
        html = shown(features.SECTION, FEATURES | {"features": many})
        at_once, folded = html.split("<summary>288 more features</summary>")
        assert at_once.count("<code>f0") == 12
        assert folded.count("<code>f") == 200 + 1
        assert "88 more are in <code>features.json</code>" in folded
        assert len(html) < 600_000

    def test_an_earlier_run_tells_of_columns_only(self) -> None:
        new = ("steps", "features", "left_out", "alerts")
        html = shown(features.SECTION, {key: value for key, value in FEATURES.items() if key not in new})
        assert "5 features of 3 columns" in html
        assert "Before" not in html


class TestFeatureStore:
    def test_the_group_its_records_and_the_join_are_told(self) -> None:
        html = shown(feature_store.SECTION, FEATURE_GROUP)
        for text in (
            "This run has added 1 to the 3 features that were there:",
            '<code>income</code>\n <span class="pill good">new</span>',
            '<code>height</code>\n <span class="pill care">no longer written</span>',
            "a record lives 24 hours",
            "<dt>sent again</dt><dd>4</dd>",
            "<dt>refused</dt><dd>2</dd>",
            "<dt>left</dt><dd>1</dd>",  # of 30 records 27 are written and two refused
            "54 records a second",  # 27 in half a second
            "in the past",
            "The offline store had all records 7 s after the ingestion had ended.",
            "Each labelled row of 2 days",
            "<dt>asked for</dt><dd>62</dd>",
            "<dt>joined</dt><dd>62</dd>",
            '<dt>to learn from</dt><dd>30 <span class="quiet">accepted rows</span>',
            '<dt>to judge by</dt><dd>32 <span class="quiet">curated rows</span>',
            "last written for 2026-01-14 by the job <code>ingest-14</code>",
        ):
            assert text in html, text
        assert "came to the feature job" not in html

    def test_records_that_are_not_written_are_bad(self) -> None:
        view = feature_store.view(material(feature_store.SECTION, FEATURE_GROUP))
        assert view is not None
        assert view.tile is not None
        assert (view.tile.value, view.tile.says, view.tile.tone) == (
            "27 written",
            "3 of 30 are not",
            Tone.BAD,
        )
        whole = {"records": 30, "resumed": 20, "written": 10}
        view = feature_store.view(material(feature_store.SECTION, FEATURE_GROUP, ingestion=whole))
        assert view is not None
        assert view.tile is not None
        assert (view.tile.value, view.tile.says, view.tile.tone) == (
            "30 written",
            "1 feature added",
            Tone.PLAIN,
        )

    def test_what_an_earlier_job_has_written_is_told_apart(self) -> None:
        gone_on = {"records": 30, "resumed": 21, "written": 9, "seconds": 0.5}
        html = shown(feature_store.SECTION, FEATURE_GROUP, ingestion=gone_on)
        assert '<dt>written before a break</dt><dd>21 <span class="quiet">70.0 %</span></dd>' in html
        assert "<dt>left</dt><dd>0</dd>" in html
        assert "18 records a second" in html  # its own nine in half a second
        assert "a break" not in shown(feature_store.SECTION, FEATURE_GROUP)

    def test_rows_that_got_lost_on_the_way_are_bad(self) -> None:
        """70 labelled rows have features, 62 of them came: 30 and 32."""
        offline = {"rows": {"2026-01-15": 70}}
        html = shown(feature_store.SECTION, FEATURE_GROUP, offline=offline)
        assert "70 labelled rows have features, 62 came to the feature job." in html
        view = feature_store.view(material(feature_store.SECTION, FEATURE_GROUP, offline=offline))
        assert view is not None
        assert view.tile is not None
        assert view.tile.tone is Tone.BAD

    def test_a_broken_document_does_not_hide_the_others(self) -> None:
        html = shown(feature_store.SECTION, FEATURE_GROUP, ingestion={"records": "<b>"}, features=[])
        assert "records: Input should be" in html
        assert "written: Field required" in html
        assert "<b>" not in html
        assert "Labelled rows with features" in html

    def test_an_earlier_run_has_its_ingestion_only(self) -> None:
        missing = Document("s3://b/k.json", Kind.MISSING, "Not made by this run.")
        documents = dict.fromkeys(feature_store.SECTION.documents, missing)
        documents["features"] = Document("s3://b/f.json", Kind.THERE, content=FEATURES)
        assert feature_store.view(Material(WORKFLOW, documents)) is None  # it has no feature store
        documents["ingestion"] = Document("s3://b/i.json", Kind.THERE, content={"records": 5, "written": 5})
        view = feature_store.view(Material(WORKFLOW, documents))
        assert view is not None
        html = page.environment().get_template("feature_store.html").render(values=view.values)
        assert "<dt>written</dt><dd>5 " in html
        assert "Schema" not in html

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"created": True, "added": []}, "This run has made the group, with 4 features."),
            ({"added": []}, "This run has changed nothing of it."),
            (
                {"added": [], "time_to_live_changed": True},
                "This run has changed how long a record lives online.",
            ),
        ],
    )
    def test_what_the_run_did_to_the_group_is_told(self, change: dict[str, Any], says: str) -> None:
        html = shown(feature_store.SECTION, FEATURE_GROUP | change)
        assert says in html
        assert ("last written for" in html) is not change.get(
            "created", False
        )  # what it was made with is no ingestion

    def test_a_large_schema_is_folded_and_cut(self) -> None:
        many = [FEATURE_GROUP["features"][0] | {"name": f"f{place:04}"} for place in range(2500)]
        html = shown(feature_store.SECTION, FEATURE_GROUP | {"features": many})
        assert html.count("<code>f") == 200 + 1  # and a file's name
        assert "2,300 more are in" in html


def test_bars_lie_to_scale_and_far_values_beside_them() -> None:
    """Four bars in 95.5 of 100, from 0 on: each 23.875, 0.9 of it filled; four rows are 40 high."""
    picture = Histogram.of([2, 4, 0, 2], above=1)
    assert picture.bars.startswith("M0.00 40V20.00H21.49V40ZM23.88 40V0.00H45.36V40ZM71.62 40V20.00H")
    assert picture.far == "M97.00 40V30.00H100.00V40Z"
    assert Histogram.of([]) == Histogram("", "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-3079.0213, "\N{MINUS SIGN}3,079"),
        (0.123456, "0.1235"),
        (42.0, "42"),
        (1.7e308, "1.7e+308"),
        (5e-324, "4.94e-324"),
        (None, "\N{EN DASH}"),
    ],
)
def test_numbers_of_any_size_take_few_characters(value: float | None, shown: str) -> None:
    assert page.short(value) == shown


def test_a_model_below_the_minimum_and_a_wrong_answer_are_bad() -> None:
    sections = {section.name: section for section in SECTIONS}
    minimum = WORKFLOW.evaluation.minimum
    low = EVALUATION | {"metrics": {WORKFLOW.evaluation.metric: minimum - 0.001}}
    wrong = DEPLOYMENT | {"records": [DEPLOYMENT["records"][0] | {"equal": False}]}
    for name, document in (
        ("model", low),
        ("deployment", wrong),
        ("deployment", DEPLOYMENT | {"records": []}),
    ):
        view = sections[name].view(material(sections[name], document))
        assert view is not None
        assert view.tile is not None
        assert view.tile.tone is Tone.BAD


def test_the_documents_of_these_tests_are_json() -> None:
    assert json.loads(json.dumps(DOCUMENTS)) == DOCUMENTS


def test_candidates_stand_in_the_order_of_their_values_on_one_scale() -> None:
    """From 0.8107 to 0.9107 over 88 % of the width, so that 0.8507 lies at 6 + 0.4 * 88 = 41.2 %."""
    view = candidates.view(material(candidates.SECTION, CHOICE))
    assert view is not None
    assert view.tile is not None
    assert (view.tile.value, view.tile.tone) == ("baseline", Tone.PLAIN)
    first, second = view.values["rows"]
    assert (first.candidate.name, first.taken) == ("baseline", True)
    assert (first.value, first.interval) == (41.2, (6.0, 94.0))
    assert (second.candidate.name, second.interval) == ("champion", (6.0, 41.2))
    html = shown(candidates.SECTION, CHOICE)
    assert html.count("✓ chosen") == 1
    assert "with its 95 % interval" in html
    assert html.index("the best of this run") < html.index("makes room for baseline")


def test_a_champion_that_stays_is_pointed_out_and_one_that_cannot_be_compared_stands_last() -> None:
    _, baseline = CHOICE["candidates"]
    stays = candidates.view(material(candidates.SECTION, CHOICE | {"chosen": "champion"}))
    assert stays is not None
    assert stays.tile is not None
    assert (stays.tile.says, stays.tile.tone) == ("the champion stays", Tone.CARE)
    stranger = {"name": "champion", "source": "s", "verdict": "can't be compared: it needs <b>", "fault": "x"}
    html = shown(candidates.SECTION, CHOICE | {"candidates": [stranger, baseline]})
    assert html.index("baseline") < html.index("it needs &lt;b&gt;")
    assert "no value" in html


class TestExplanations:
    def test_what_matters_most_comes_first(self) -> None:
        view = explanations.view(material(explanations.SECTION, EXPLANATIONS))
        assert view is not None
        assert view.values["columns"] == [("income", 0.5, 1.0), ("region", 0.25, 0.5), ("age", 0.125, 0.25)]
        assert view.tile is not None
        assert view.tile.value == "income"

    def test_all_curves_have_one_scale(self) -> None:
        """Of scores from 0.25 to 0.75, 0.5 lies in the middle and 0.625 at three quarters."""
        view = explanations.view(material(explanations.SECTION, EXPLANATIONS))
        assert view is not None
        income, region, age = view.values["curves"]
        assert income.curve.line == "M0 38L33.33 20L100 2"
        assert [bar[:2] for bar in region.bars] == [("north", 0.5), ("south", 0.625)]
        assert [bar[2] for bar in region.bars] == pytest.approx([0.5, 0.75])
        assert age.error == "the feature has no value in any row"

    def test_a_metric_without_a_number_says_why(self) -> None:
        html = shown(explanations.SECTION, EXPLANATIONS)
        assert "Infinity" in html
        assert "no distance" in html
        assert "Disparate Impact" in html

    def test_a_value_without_a_score_is_broken(self) -> None:
        curve = EXPLANATIONS["explanations"]["pdp"][0] | {"feature_values": [1.0]}
        less = replaced(EXPLANATIONS, ("explanations", "pdp", 0), curve)
        says = complaint(explanations.SECTION, less)
        assert says is not None
        assert "must be of one length" in says
