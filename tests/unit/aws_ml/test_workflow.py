"""Workflow files: what is refused, how it is told, and that one bad file hides no good one."""

from __future__ import annotations

import copy
import json
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from aws_ml import hyperparameters
from aws_ml.document import merge, read
from aws_ml.exceptions import WorkflowInvalid, WorkflowUnknown
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflow, load_workflows, parse, workflow_errors, workflows

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "include" / "workflows"
LOAN = FOLDER / "loan_approval.yaml"
DEFAULTS = read("defaults.yaml", (FOLDER / "defaults.yaml").read_text())
GOOD = yaml.safe_load(LOAN.read_text())


def problems(file: str = "loan_approval.yaml", **changes: Any) -> list[str]:
    """What is said when keys of the good file are changed; a key `a__b__0` is the path a.b[0]."""
    data = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *way, last = [int(key) if key.isdigit() else key for key in path.split("__")]
        part = data
        for key in way:
            part = part.setdefault(key, {}) if isinstance(part, dict) else part[key]
        if value is DELETE:
            del part[last]
        else:
            part[last] = value
    text = yaml.safe_dump(data, sort_keys=False)
    try:
        parse(file, text, DEFAULTS)
    except WorkflowInvalid as error:
        return error.problems
    return []


DELETE = object()


def column(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def test_the_good_file_is_good() -> None:
    assert problems() == []


def test_a_rule_on_an_unknown_column_is_refused_with_file_line_and_key() -> None:
    text = LOAN.read_text().replace('Mean "income" between', 'Mean "incone" between')
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "incone" in each)
    with pytest.raises(WorkflowInvalid) as caught:
        parse(LOAN.name, text, DEFAULTS)
    (said,) = caught.value.problems
    assert said.startswith(f"loan_approval.yaml:{line}: quality.rules[10]: found column incone; allowed: ")
    assert said.endswith("(did you mean income?)")


def test_a_text_that_is_no_rule_is_refused() -> None:
    (said,) = problems(quality__rules=["RowCount > 1", 'IsCompleet "age"'])
    assert "quality.rules[1]" in said
    assert said.endswith("allowed: one DQDL rule; IsCompleet is no rule type and no word of a rule")


@pytest.mark.parametrize(
    ("changes", "path", "says"),
    [
        # unknown keys, with the allowed ones and the one that was probably meant
        ({"lable": 1}, "lable", "unknown key; allowed: name, description, owner"),
        # Data Wrangler's flow
        ({"wrangler__flow": "loan_aproval.flow"}, "wrangler.flow", r"did you mean loan_approval.flow\?"),
        (
            {"wrangler__flow": "../x.flow"},
            "wrangler.flow",
            "allowed: the name of a file in include/jobs/flows",
        ),
        ({"wrangler__output_node": "smple"}, "wrangler.output_node", r"did you mean sample\?"),
        ({"wrangler__image_version": "9.x"}, "wrangler.image_version", "allowed: 2.x, 3.x"),
        ({"wrangler__content_type": "JSON"}, "wrangler.content_type", "allowed: 'CSV' or 'PARQUET'"),
        ({"evaluation__minimun": 0.7}, "evaluation.minimun", r"did you mean minimum\?"),
        ({"data__columns__2__min": 1}, "data.columns[2].min", "unknown key; allowed: name, type, required"),
        ({"bias__facets__0__value": ["female"]}, "bias.facets[0].value", r"did you mean values\?"),
        ({"bias__thresholds__DPL__max": 1}, "bias.thresholds.DPL.max", "allowed: minimum, maximum, absolute"),
        ({"training__hyperparameters__num_rounds": 9}, "training.hyperparameters.num_rounds", "num_round"),
        (
            {"training__debugger__rules__Overfitting": {"policy": "warn"}},
            "training.debugger.rules.Overfitting",
            "Overfit",
        ),
        (
            {"training__debugger__rules__TreeDepth": {"policy": "warn", "parameters": {"deep": 4}}},
            "training.debugger.rules.TreeDepth.parameters.deep",
            "depth",
        ),
        # wrong types
        ({"evaluation__minimum": "high"}, "evaluation.minimum", 'found "high"; allowed: a valid number'),
        ({"evaluation__minimum": "0.7"}, "evaluation.minimum", 'found "0.7"; allowed: a valid number'),
        ({"training__instance_count": 1.5}, "training.instance_count", "allowed: a valid integer"),
        ({"training__instance_count": True}, "training.instance_count", "found true"),
        ({"data__columns": {}}, "data.columns", "allowed: a valid list"),
        ({"data__columns__3__allowed": "female"}, "data.columns[3].allowed", "allowed: a valid list"),
        ({"data__columns__3__allowed__0": [1]}, "data.columns[3].allowed[0]", "a valid string or"),
        ({"schedule__start": "soon"}, "schedule.start", "allowed: a valid date"),
        ({"owner": None}, "owner", r"found nothing \(null\)"),
        # missing
        ({"deployment__endpoint": DELETE}, "deployment.endpoint", "missing"),
        ({"data__label": DELETE}, "data.label", "missing"),
        ({"data__columns__0__type": DELETE}, "data.columns[0].type", "missing"),
        ({"training__hyperparameters__num_round": DELETE}, "training.hyperparameters.num_round", "missing"),
        # ranges and choices of one key
        ({"data__columns__2__type": "float"}, "data.columns[2].type", "'string', 'integer', 'number'"),
        ({"data__max_quarantined_share": 1.5}, "data.max_quarantined_share", "less than or equal to 1"),
        ({"evaluation__metric": "rmse"}, "evaluation.metric", "'auc', 'accuracy'"),
        ({"training__volume_gb": 0}, "training.volume_gb", "greater than or equal to 1"),
        ({"training__max_runtime_seconds": 10**9}, "training.max_runtime_seconds", "less than or equal to"),
        ({"cleaning__max_capacity": 0.5}, "cleaning.max_capacity", "0.0625 or 1"),
        ({"cleaning__engine": "ray"}, "cleaning.engine", "'pythonshell' or 'spark'"),
        ({"cleaning__workers": 1}, "cleaning.workers", "greater than or equal to 2"),
        ({"cleaning__worker_type": "G.025X"}, "cleaning.worker_type", "'G.1X', 'G.2X'"),
        (
            {"cleaning__engine": "spark", "data__format__encoding": "utf-16"},
            "data.format.encoding",
            "with cleaning.engine spark, which splits files",
        ),
        ({"data__columns__1__formats": ["%d.%m"]}, "data.columns[1].formats[0]", "iso, or %Y %m %d once"),
        ({"data__columns__1__formats": ["%d %b %Y"]}, "data.columns[1].formats[0]", "no others"),
        ({"data__columns__1__formats": ["iso", "iso"]}, "data.columns[1].formats[1]", "second time"),
        ({"data__columns__2__formats": ["iso"]}, "data.columns[2].formats", "found for type number"),
        ({"data__columns__2__thousands": "."}, "data.columns[2].thousands", "found"),
        ({"data__columns__3__thousands": ","}, "data.columns[3].thousands", "found for type string"),
        ({"data__format__delimiter": ";;"}, "data.format.delimiter", "at most 1 character"),
        # names that AWS would refuse
        ({"deployment__endpoint": "loan_approval"}, "deployment.endpoint", "letters, digits and hyphens"),
        ({"deployment__endpoint": "a" * 64}, "deployment.endpoint", "up to 63"),
        ({"data__columns__1__name": "Applied At"}, "data.columns[1].name", "a lower-case letter"),
        ({"training__instance_type": "m5.large"}, "training.instance_type", "ml.m5.large"),
        # columns
        ({"data__key": "id"}, "data.key", "allowed: application_id, applied_at"),
        ({"data__label__column": "aproved"}, "data.label.column", r"did you mean approved\?"),
        ({"bias__group": "employ"}, "bias.group", r"did you mean employment\?"),
        ({"bias__facets__0__column": "gender"}, "bias.facets[0].column", 'found "gender"'),
        ({"features__numeric__0": "ages"}, "features.numeric[0]", r"did you mean age\?"),
        ({"features__categorical__0": "regio"}, "features.categorical[0]", r"did you mean region\?"),
        ({"features__interactions__0__1": "loan"}, "features.interactions[0]", "loan_amount"),
        (
            {"features__interactions__0__1": "sex"},
            "features.interactions[0]",
            "numeric features: age, income",
        ),
        ({"features__interactions__0": ["income"]}, "features.interactions[0]", "at least 2 items"),
        ({"data__columns__1__name": "age"}, "data.columns[2].name", "for the second time"),
        ({"data__columns__6__name": "dt"}, "data.columns[6].name", "reserved for the partition's date"),
        ({"data__columns__6__name": "row_id"}, "data.columns[6].name", "reserved"),
        ({"data__columns__2__minimum": 200}, "data.columns[2].minimum", "at most the maximum, 100"),
        ({"data__columns__3__minimum": 1}, "data.columns[3].minimum", "for integer and number only"),
        ({"data__columns__13__allowed": ["0", "1"]}, "data.columns[13].allowed[0]", "a integer|an integer"),
        ({"data__columns__3__allowed": [True, "male"]}, "data.columns[3].allowed[0]", "write it in quotes"),
        ({"data__columns__8__maximum": 50}, "data.columns[8].allowed[4]", "within minimum and maximum"),
        ({"data__columns__0__required": False}, "data.key", "required: true"),
        ({"data__columns__13__required": False}, "data.label.column", "required: true"),
        ({"data__label__column": "income"}, "data.label.column", "string, integer or boolean"),
        ({"data__label__positive": [2]}, "data.label.positive[0]", "found 2; allowed: 0, 1"),
        ({"data__label__positive": ["1"]}, "data.label.positive[0]", 'found "1"'),
        ({"data__label__positive": [0, 1]}, "data.label.positive", "some, not all"),
        ({"data__label__positive": []}, "data.label.positive", "at least 1 item"),
        # facets
        ({"bias__facets__0__values": ["woman"]}, "bias.facets[0].values[0]", "allowed: female, male"),
        ({"bias__facets__0__values": [1]}, "bias.facets[0].values[0]", "found 1"),
        ({"bias__facets__0__threshold": 1}, "bias.facets[0]", "exactly one of them"),
        ({"bias__facets__1__threshold": DELETE}, "bias.facets[1]", "exactly one of them"),
        ({"data__columns__2__type": "integer"}, "bias.facets[1].threshold", "for type number only"),
        ({"bias__facets__1__column": "approved"}, "bias.facets[1].column", "other than the label"),
        ({"bias__facets__1": {"column": "sex", "values": ["male"]}}, "bias.facets[1].column", "second time"),
        ({"bias__facets": []}, "bias.facets", "at least 1 item"),
        # intersections and mitigation
        ({"bias__mitigation__method": "relabel"}, "bias.mitigation.method", "'none', 'reweighing' or 'resa"),
        ({"bias__mitigation__facets": ["gender"]}, "bias.mitigation.facets[0]", "allowed: sex, age"),
        ({"bias__mitigation__facets": ["sex", "sex"]}, "bias.mitigation.facets[1]", "second time"),
        ({"bias__mitigation__facets": []}, "bias.mitigation.facets", "at least 1 item"),
        ({"bias__intersections": [{"facets": ["sex", "age"]}]}, "bias.intersections", "`engine: portable`"),
        ({"bias__intersections": [{"facets": ["sex"]}]}, "bias.intersections[0].facets", "at least 2 items"),
        (
            {"bias__intersections": [{"facets": ["sex", "region"]}]},
            "bias.intersections[0].facets[1]",
            'found "region"; allowed: sex, age',
        ),
        (
            {"bias__intersections": [{"facets": ["sex", "age"]}, {"facets": ["age", "sex"]}]},
            "bias.intersections[1].facets",
            "age and sex for the second time",
        ),
        (
            {"bias__intersections": [{"facets": ["sex", "age"], "thresholds": {"CI": {"maximum": 2}}}]},
            "bias.intersections[0].thresholds.CI.maximum",
            "a number from -1 to 1",
        ),
        ({"data__columns__6__name": "sample_weight"}, "data.columns[6].name", "reserved"),
        # metrics and thresholds
        ({"bias__metrics": ["CI", "DPLL"]}, "bias.metrics[1]", r"allowed: CI, DPL, .*did you mean DPL\?"),
        ({"bias__thresholds__DPL": {"maximum": 3}}, "bias.thresholds.DPL.maximum", "a number from -1 to 1"),
        ({"bias__thresholds__KL__maximum": -1}, "bias.thresholds.KL.maximum", "a number from 0 upwards"),
        ({"bias__thresholds__KL__maximum": float("nan")}, "bias.thresholds.KL.maximum", "from 0 upwards"),
        ({"bias__thresholds__KL__maximum": float("inf")}, "bias.thresholds.KL.maximum", "from 0 upwards"),
        ({"bias__thresholds__JS__maximum": 0.7}, "bias.thresholds.JS.maximum", "from 0 to 0.6931"),
        ({"bias__thresholds__LP__maximum": 1.5}, "bias.thresholds.LP.maximum", "from 0 to 1.414"),
        (
            {"bias__thresholds__DPL": {"minimum": 0.5, "maximum": 0.15}},
            "bias.thresholds.DPL.minimum",
            "at most the maximum, 0.15",
        ),
        ({"bias__thresholds__DPL": {}}, "bias.thresholds.DPL", "at least one"),
        ({"bias__thresholds__DPL": {"absolute": -0.1}}, "bias.thresholds.DPL.absolute", "from 0 to 1"),
        (
            {"bias__thresholds__DPL": {"absolute": 0.1, "maximum": 0.2}},
            "bias.thresholds.DPL.absolute",
            "instead of both",
        ),
        (
            {"bias__thresholds__DPL__beyond": "warn"},
            "bias.thresholds.DPL.beyond",
            "'mitigate', 'ask' or 'stop'",
        ),
        (
            {"bias__thresholds__CI__beyond": "mitigate"},
            "bias.thresholds.CI.beyond",
            "changes no group's size",
        ),
        (
            {"bias__thresholds__DPL__further__0__beyond": "mitigate"},
            "bias.thresholds.DPL.further[0].beyond",
            "ask or stop, as the band before says mitigate",
        ),
        (
            {"bias__thresholds__DPL__further__0__absolute": 0.1},
            "bias.thresholds.DPL.further[0].absolute",
            "at least 0.15, the band before",
        ),
        (
            {"bias__thresholds__DPL__further__0__absolute": 0.15},
            "bias.thresholds.DPL.further[0]",
            "no end beyond the band before",
        ),
        (
            {"bias__thresholds__DPL__further__0": {"maximum": 1.5, "beyond": "stop"}},
            "bias.thresholds.DPL.further[0].maximum",
            "from -1 to 1",
        ),
        (
            {"bias__thresholds__KL__further": [{"minimum": 0, "maximum": 1, "beyond": "stop"}]},
            "bias.thresholds.KL.further[0].minimum",
            "none, as the band before has no minimum",
        ),
        (
            {
                "bias__thresholds__KL": {
                    "maximum": 0.1,
                    "beyond": "stop",
                    "further": [{"maximum": 1, "beyond": "stop"}],
                }
            },
            "bias.thresholds.KL.further[0].beyond",
            "nothing is more severe than stop",
        ),
        (
            {"bias__thresholds__KL": {"further": [{"maximum": 1}]}},
            "bias.thresholds.KL.further",
            "found without a first bound",
        ),
        (
            {"bias__thresholds__KL__ratio": {"of": "DPLL", "maximum": 1, "floor": 0}},
            "bias.thresholds.KL.ratio.of",
            r"previous, CI, DPL, .*did you mean DPL\?",
        ),
        (
            {"bias__thresholds__KL__ratio": {"of": "KL", "maximum": 1, "floor": 0}},
            "bias.thresholds.KL.ratio.of",
            "previous, CI",
        ),
        (
            {"bias__thresholds__KL__ratio": {"of": "previous", "maximum": 0, "floor": 0}},
            "bias.thresholds.KL.ratio.maximum",
            "greater than 0",
        ),
        (
            {"bias__thresholds__KL__ratio": {"of": "previous", "maximum": 2}},
            "bias.thresholds.KL.ratio.floor",
            "missing",
        ),
        (
            {"bias__thresholds__KL__not_computable": "accept"},
            "bias.thresholds.KL.not_computable",
            "'ask' or 'stop'",
        ),
        ({"bias__not_computable": "mitigate"}, "bias.not_computable", "'ask' or 'stop'"),
        ({"bias__still_beyond": "mitigate"}, "bias.still_beyond", "'ask' or 'stop'"),
        (
            {"bias__mitigation": {"method": "none"}, "bias__thresholds__DPL__beyond": "mitigate"},
            "bias.thresholds.DPL.beyond",
            "or a `bias.mitigation.method`: reweighing or resampling",
        ),
        ({"bias__mitigation": {"method": "none"}, "bias__beyond": "mitigate"}, "bias.beyond", "ask or stop"),
        ({"bias__ask": {"timeout_hours": 0}}, "bias.ask.timeout_hours", "greater than 0"),
        ({"bias__ask": {"on_timeout": "accept"}}, "bias.ask.on_timeout", "'reject' or 'approve'"),
        ({"bias__ask": {"users": ["ann", "ann"]}}, "bias.ask.users[1]", "each user once"),
        ({"bias__ask": {"users": [" "]}}, "bias.ask.users[0]", "a user of Airflow"),
        ({"bias__thresholds__DI": {"minimum": 0.8}}, "bias.thresholds.DI", "unknown key; allowed: CI, DPL"),
        ({"bias__facets__1__thresholds__CI__maximum": 2}, "bias.facets[1].thresholds.CI.maximum", "-1 to 1"),
        ({"bias__group": None}, "bias.group", "CDDL compares within its groups"),
        # features and split
        ({"features__numeric__0": "approved"}, "features.numeric[0]", "the label"),
        ({"features__categorical__0": "application_id"}, "features.categorical[0]", "the key"),
        ({"features__numeric__0": "sex"}, "features.numeric[0]", "integer or number"),
        ({"features__categorical__0": "applied_at"}, "features.categorical[0]", "type timestamp"),
        ({"features__categorical__0": "late_payments"}, "features.categorical[0]", "second time"),
        (
            {"features__numeric": [], "features__categorical": [], "features__interactions": []},
            "features",
            "no f",
        ),
        ({"features__split__train": 0.8}, "features.split", "found 1.1; allowed: .* sum to 1"),
        ({"features__split__test": 0.0}, "features.split.test", "greater than 0"),
        # hyperparameters
        ({"training__hyperparameters__eta": 1.5}, "training.hyperparameters.eta", "at least 0 and at most 1"),
        ({"training__hyperparameters__subsample": 0}, "training.hyperparameters.subsample", "above 0"),
        ({"training__hyperparameters__num_round": 0}, "training.hyperparameters.num_round", "at least 1"),
        ({"training__hyperparameters__max_depth": 2.5}, "training.hyperparameters.max_depth", "whole number"),
        (
            {"training__hyperparameters__eval_metric": "auc,x"},
            "training.hyperparameters.eval_metric",
            "aucpr",
        ),
        (
            {"training__hyperparameters__objective": "reg:linear"},
            "training.hyperparameters.objective",
            "binary",
        ),
        (
            {"training__hyperparameters__csv_weights": 1},
            "training.hyperparameters.csv_weights",
            "unknown key",
        ),
        # tuning
        ({"tuning__objective": "AUC"}, "tuning.objective", "allowed: auc, aucpr"),
        ({"tuning__objective": "loss"}, "tuning.objective", "auc, aucpr, logloss"),
        (
            {"tuning__ranges": {"depth": {"minimum": 1, "maximum": 2}}},
            "tuning.ranges.depth",
            "mean max_depth",
        ),
        ({"tuning__ranges": {"seed": {"values": [1, 2]}}}, "tuning.ranges.seed", "unknown key"),
        (
            {"tuning__ranges": {"eta": {"maximum": None}}},
            "tuning.ranges.eta",
            "minimum and maximum, or values",
        ),
        (
            {"tuning__ranges": {"eta": {"values": [0.1]}}},
            "tuning.ranges.eta",
            "minimum and maximum, or values",
        ),
        (
            {"tuning__ranges": {"eta": {"maximum": 1.5}}},
            "tuning.ranges.eta.maximum",
            "at least 0 and at most 1",
        ),
        (
            {"tuning__ranges": {"eta": {"minimum": 0.9}}},
            "tuning.ranges.eta.minimum",
            "less than maximum, 0.5",
        ),
        ({"tuning__ranges": {"eta": {"minimum": 0}}}, "tuning.ranges.eta.scale", "Linear or Auto"),
        (
            {"tuning__ranges": {"max_depth": {"minimum": 1.5}}},
            "tuning.ranges.max_depth.minimum",
            "whole number",
        ),
        (
            {"tuning__ranges": {"max_depth": {"scale": "ReverseLogarithmic"}}},
            "tuning.ranges.max_depth.scale",
            "not whole",
        ),
        (
            {"tuning__ranges": {"booster": {"minimum": 1, "maximum": 2}}},
            "tuning.ranges.booster",
            "values, each one of gbtree",
        ),
        ({"tuning__ranges": {"booster": {"values": ["tree"]}}}, "tuning.ranges.booster.values[0]", "gbtree"),
        (
            {"tuning__ranges": {"booster": {"values": ["dart", "dart"]}}},
            "tuning.ranges.booster.values[1]",
            "each value once",
        ),
        ({"tuning__ranges": dict.fromkeys(DEFAULTS.data["tuning"]["ranges"])}, "tuning.ranges", "1 to 30"),
        ({"tuning__parallel": 11}, "tuning.parallel", "at most max_jobs, 10"),
        ({"tuning__max_jobs": 751}, "tuning.max_jobs", "less than or equal to 750"),
        ({"tuning__max_jobs": None}, "tuning.max_jobs", "max_runtime_seconds"),
        ({"tuning__max_runtime_seconds": 60}, "tuning.max_runtime_seconds", "greater than or equal to 120"),
        ({"tuning__strategy": "Grid"}, "tuning.ranges.eta", "values, as Grid tries each"),
        ({"tuning__strategy": "Grid"}, "tuning.max_jobs", "null, as Grid tries every"),
        ({"tuning__strategy": "Hyperband"}, "tuning.early_stopping", "Hyperband stops jobs itself"),
        (
            {"tuning__strategy": "Hyperband", "tuning__hyperband": {"minimum": 201}},
            "tuning.hyperband.minimum",
            "at most 200 rounds",
        ),
        (
            {
                "tuning__strategy": "Hyperband",
                "tuning__ranges": {"num_round": {"minimum": 10, "maximum": 20}},
            },
            "tuning.hyperband.maximum",
            "as num_round is tuned",
        ),
        (
            {"tuning__complete__not_improving": 2},
            "tuning.complete.not_improving",
            "greater than or equal to 3",
        ),
        # automl
        ({"automl__max_candidates": 751}, "automl.max_candidates", "less than or equal to 750"),
        ({"automl__mode": "QUICK"}, "automl.mode", "'AUTO', 'ENSEMBLING' or 'HYPERPARAMETER_TUNING'"),
        ({"automl__objective": None}, "automl.objective", "a value, as AWS takes"),
        ({"automl__objective": "R2"}, "automl.objective", "Accuracy, AUC, BalancedAccuracy, F1"),
        ({"automl__algorithms": ["xgboost"]}, "automl.mode", "where algorithms are named"),
        (
            {"automl__mode": "HYPERPARAMETER_TUNING", "automl__algorithms": ["lightgbm"]},
            "automl.algorithms[0]",
            "linear-learner, mlp, xgboost",
        ),
        # the rest
        (
            {"data__columns__3__allowed__0": "{{ var.value.secret }}"},
            "data.columns[3].allowed[0]",
            "without {{",
        ),
        ({"description": "a {% raw %}"}, "description", "which Airflow would fill in"),
        ({"schedule__cron": "every day"}, "schedule.cron", "five cron fields"),
        ({"schedule__cron": "61 6 * * *"}, "schedule.cron", "five cron fields"),
        ({"schedule__timezone": "Mars/Olympus"}, "schedule.timezone", "IANA time zone"),
        ({"data__format__encoding": "utf-9"}, "data.format.encoding", "utf-8"),
        ({"training__image_version": "9.9"}, "training.image_version", "allowed: 1.7-1, 3.0-5, 3.2-0"),
        ({"name": "loan"}, "name", "allowed: loan_approval, as the file is called"),
        ({"name": "Loan Approval"}, "name", "lower-case letters"),
    ],
)
def test_a_fault_is_told_with_file_line_key_and_what_is_allowed(
    changes: dict[str, Any], path: str, says: str
) -> None:
    found = problems(**changes)
    line = rf"^(loan_approval|defaults)\.yaml:\d+: {re.escape(path)}: .*({says})"
    assert [each for each in found if re.search(line, each)], "\n".join(found) or "it was accepted"


def test_all_faults_are_told_at_once() -> None:
    found = problems(data__key="id", evaluation__minimum=0.9, bias__thresholds__CI__maximum=3)
    assert len(found) == 2
    found = problems(evaluation__minimum=2, training__volume_gb="big", surplus=1)
    assert len(found) == 3


def test_the_line_is_the_one_the_fault_is_on() -> None:
    text = LOAN.read_text().replace(
        "CDDL: {minimum: -0.15, maximum: 0.15}", "CDDL: {minimum: -0.15, maximum: 3}"
    )
    number = next(n for n, line in enumerate(text.splitlines(), 1) if "maximum: 3}" in line)
    with pytest.raises(WorkflowInvalid) as caught:
        parse("loan_approval.yaml", text, DEFAULTS)
    assert caught.value.problems == [
        f"loan_approval.yaml:{number}: bias.thresholds.CDDL.maximum: found 3; "
        "allowed: a number from -1 to 1, the range of CDDL"
    ]
    assert str(caught.value).startswith("A workflow file was refused.\n  loan_approval.yaml:")


def test_a_fault_in_the_defaults_is_told_as_theirs() -> None:
    defaults = read(
        "defaults.yaml", (FOLDER / "defaults.yaml").read_text().replace("scale: standard", "scale: big")
    )
    with pytest.raises(WorkflowInvalid, match=r"defaults\.yaml:\d+: features\.scale: found \"big\""):
        parse("loan_approval.yaml", LOAN.read_text(), defaults)


def test_a_key_that_is_there_twice_is_refused_with_both_lines() -> None:
    text = LOAN.read_text() + "\nevaluation:\n  minimum: 0.1\n"
    with pytest.raises(
        WorkflowInvalid, match=r"loan_approval\.yaml:\d+: evaluation: is there twice, first on line \d+"
    ):
        parse("loan_approval.yaml", text, DEFAULTS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [", "is not YAML"),
        ("- a\n- b\n", "found .*; allowed: a mapping"),
        ("just words", "allowed: a mapping"),
        ("", "missing"),
        ("name: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("a: &a [*a]", "is not YAML|unknown key"),
        ("? [1, 2]\n: 3\n", "unknown key|is not YAML"),
        ("name: 2026-13-45\n", "is not YAML|found"),
    ],
)
def test_what_is_not_a_workflow_at_all_is_told_too(text: str, says: str) -> None:
    with pytest.raises(WorkflowInvalid, match=says):
        parse("loan_approval.yaml", text, DEFAULTS)


def test_one_bad_file_hides_no_good_one(tmp_path: Path) -> None:
    for name in ("loan_approval.yaml", "defaults.yaml"):
        shutil.copy(FOLDER / name, tmp_path)
    (tmp_path / "broken.yaml").write_text("name: broken\nsurplus: 1\n")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    loaded = load_workflows([tmp_path, tmp_path / "absent", ROOT / "tests" / "workflows"])
    assert set(loaded.workflows) == {"loan_approval", "census_income"}
    assert {Path(file).name for file in loaded.errors} == {"broken.yaml", "bytes.yaml", "absent"}
    with pytest.raises(WorkflowUnknown, match=r"did you mean loan_approval\?"):
        loaded["loan_aproval"]


def test_broken_defaults_are_told_and_not_guessed(tmp_path: Path) -> None:
    shutil.copy(LOAN, tmp_path)
    (tmp_path / "defaults.yaml").write_text("evaluation: [")
    loaded = load_workflows([tmp_path])
    assert not loaded.workflows
    assert "defaults.yaml: is not YAML" in str(next(iter(loaded.errors.values())))


def test_two_workflows_may_not_share_an_endpoint(tmp_path: Path) -> None:
    text = LOAN.read_text()
    (tmp_path / "first.yaml").write_text(text.replace("name: loan_approval", "name: first"))
    (tmp_path / "second.yaml").write_text(text.replace("name: loan_approval", "name: second"))
    loaded = load_workflows([tmp_path])
    assert set(loaded.workflows) == {"first"}
    assert "the endpoint of first" in str(next(iter(loaded.errors.values())))


def test_two_folders_may_not_have_workflows_of_one_name(tmp_path: Path) -> None:
    shutil.copy(LOAN, tmp_path)
    loaded = load_workflows([FOLDER, tmp_path])
    assert set(loaded.workflows) == {"loan_approval"}
    assert len(loaded.errors) == 1


def test_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("x: 1")
    monkeypatch.setenv("AWS_ML_WORKFLOWS", f"{FOLDER}:{tmp_path}")
    assert [workflow.name for workflow in workflows()] == ["loan_approval"]
    assert len(workflow_errors()) == 1
    monkeypatch.delenv("AWS_ML_WORKFLOWS")
    assert workflow_errors() == []


def test_an_unchanged_file_is_not_parsed_again_and_a_changed_one_is(tmp_path: Path) -> None:
    file = tmp_path / "loan_approval.yaml"
    shutil.copy(LOAN, file)
    first = load_workflow(file)
    assert load_workflow(file) is first
    file.write_text(LOAN.read_text().replace("minimum: 0.75", "minimum: 0.76"))
    assert load_workflow(file).evaluation.minimum == 0.76


def test_a_loaded_workflow_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_workflow(LOAN).evaluation.minimum = 0.1


def test_the_resolved_file_is_json_and_loads_again() -> None:
    """`config.json` holds all that the file and the defaults say, and nothing else."""
    workflow = load_workflow(LOAN)
    resolved = json.loads(json.dumps(workflow.resolved(), allow_nan=False))
    assert resolved["schedule"]["start"] == "2026-01-01"
    resolved["schedule"]["start"] = date(2026, 1, 1)
    assert Workflow.model_validate(resolved).resolved() == workflow.resolved()


def test_a_mapping_is_merged_and_a_list_replaced() -> None:
    below = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merge(below, {"a": {"y": [3]}, "c": 2}) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": 2}
    assert merge({"a": {"x": 1}}, {"a": None}) == {"a": None}


def test_numbers_in_scientific_notation_are_numbers() -> None:
    assert read("w.yaml", "a: 1e-3\nb: '1e-3'\nc: -2E5").data == {"a": 0.001, "b": "1e-3", "c": -2e5}


def test_where_a_value_comes_from() -> None:
    workflow = load_workflow(LOAN)
    assert workflow.origin("evaluation", "minimum") == "loan_approval.yaml: evaluation.minimum"
    assert workflow.origin("evaluation", "threshold") == "defaults.yaml: evaluation.threshold"


def test_bias_bounds_follow_facets_and_metrics() -> None:
    bounds = load_workflow(LOAN).bias_bounds()
    assert len(bounds) == 2 * 8
    assert bounds[1] == {
        "facet": "sex",
        "group": "sex = female",
        "metric": "DPL",
        "bands": [
            {
                "minimum": -0.15,
                "maximum": 0.15,
                "minimum_origin": "loan_approval.yaml: bias.thresholds.DPL.absolute",
                "maximum_origin": "loan_approval.yaml: bias.thresholds.DPL.absolute",
                "beyond": "mitigate",
            },
            {
                "minimum": -0.3,
                "maximum": 0.3,
                "minimum_origin": "loan_approval.yaml: bias.thresholds.DPL.further[0].absolute",
                "maximum_origin": "loan_approval.yaml: bias.thresholds.DPL.further[0].absolute",
                "beyond": "ask",
            },
            {
                "minimum": -0.45,
                "maximum": 0.45,
                "minimum_origin": "loan_approval.yaml: bias.thresholds.DPL.further[1].absolute",
                "maximum_origin": "loan_approval.yaml: bias.thresholds.DPL.further[1].absolute",
                "beyond": "stop",
            },
        ],
        "ratio": None,
        "not_computable": "stop",
    }
    of_age = bounds[8]
    assert (of_age["group"], of_age["metric"]) == ("age > 60", "CI")
    (band,) = of_age["bands"]
    assert (band["minimum"], band["maximum"], band["beyond"]) == (None, 0.9, "ask")
    assert band["maximum_origin"] == "loan_approval.yaml: bias.facets[1].thresholds.CI.maximum"
    json.dumps(bounds, allow_nan=False)


OVER_99 = {"maximum": 0.99, "beyond": "stop"}


def test_intersections_are_bounded_like_facets() -> None:
    data = copy.deepcopy(GOOD)
    data["bias"]["engine"] = "portable"
    data["bias"]["intersections"] = [{"facets": ["sex", "age"], "thresholds": {"CI": OVER_99}}]
    bounds = parse("loan_approval.yaml", yaml.safe_dump(data), DEFAULTS).bias_bounds()
    assert len(bounds) == 3 * 8
    both = bounds[16:]
    assert {(entry["facet"], entry["group"]) for entry in both} == {
        ("sex & age", "sex = female and age > 60")
    }
    origins = [entry["bands"][0]["maximum_origin"] for entry in both[:2]]
    assert origins == [
        "loan_approval.yaml: bias.intersections[0].thresholds.CI.maximum",
        "loan_approval.yaml: bias.thresholds.DPL.absolute",
    ]


def test_models_hold_no_number() -> None:
    """Numbers live in the files; a model that has one as a default hides it there."""

    def defaults(model: Any) -> list[str]:
        return [
            f"{model.__name__}.{name}"
            for name, field in model.model_fields.items()
            if isinstance(field.default, int | float) and not isinstance(field.default, bool)
        ]

    from aws_ml import schema

    models = [
        each for each in vars(schema).values() if isinstance(each, type) and issubclass(each, schema.Part)
    ]
    assert len(models) > 15
    assert [name for model in models for name in defaults(model)] == []


@pytest.mark.parametrize("name", sorted(hyperparameters.XGBOOST))
def test_each_hyperparameter_refuses_nonsense_and_says_what_it_wants(name: str) -> None:
    accepted = hyperparameters.XGBOOST[name]
    assert not accepted.accepts("")
    assert not accepted.accepts(float("nan"))
    assert str(accepted)


def test_hyperparameters_as_texts() -> None:
    assert [hyperparameters.as_text(value) for value in (1, 0.1, True, "auc")] == ["1", "0.1", "true", "auc"]


def test_reading_needs_no_heavy_library() -> None:
    """Each DAG file does it at every parse."""
    import subprocess
    import sys

    code = (
        "import sys; from aws_ml.workflow import workflows; assert workflows();"
        "print([m for m in ('airflow', 'boto3', 'botocore', 'pandas', 'numpy') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "plugins"
    )
    assert result.stdout.strip() == "[]"
