"""From trained models to a registered version: which are compared, which is taken, and that once."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.operators.choose_model import ChooseModelOperator
from aws_ml.operators.list_candidates import ListCandidatesOperator
from aws_ml.operators.register_model_version import RegisterModelVersionOperator
from aws_ml.run import Paths
from tests.contract.aws_ml.conftest import BUCKET, TaskInstance
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
DAY = "2026-01-15"


class Run:
    """One run of one workflow, which nobody else uses."""

    def __init__(self, aws: StandIn, workflow: str | None = None, day: str = DAY) -> None:
        self.s3, self.sagemaker = aws.client("s3"), aws.client("sagemaker")
        self.workflow = workflow or f"w{uuid.uuid4().hex[:8]}"
        self.day = day
        self.paths = Paths(self.workflow, day, BUCKET)

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return self.paths.uri(key)

    def read(self, key: str) -> Any:
        return json.load(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"])

    def list_candidates(self, **trained: Any) -> dict[str, Any]:
        operator = ListCandidatesOperator(
            task_id="list",
            bucket=BUCKET,
            workflow=self.workflow,
            run_key=self.day,
            trained=trained,
            group=self.workflow,
        )
        found: dict[str, Any] = operator.execute(TaskInstance().context())
        return found

    def trained(self, name: str) -> dict[str, str]:
        uri = self.put(f"{self.paths.model}{name}/output/model.tar.gz", name.encode())
        return {"name": name, "model_uri": uri}

    def evaluated(self, **values: float) -> None:
        """What the evaluation job leaves of these candidates."""
        for name in values:
            for file in ("evaluation.json", "statistics.json", "predictions.csv", "smoke_records.json"):
                self.put(f"{self.paths.candidate(name)}{file}", f"{file} of {name}".encode())
            self.put(f"{self.paths.candidate(name)}model.tar.gz", f"archive {name}".encode())
        candidates = [
            {
                "name": name,
                "source": f"source of {name}",
                "fault": None,
                "metrics": {"auc": value},
                "interval": [value, value],
                "against": {o: {"interval": [value - v, value - v]} for o, v in values.items() if o != name},
                "sha256": hashlib.sha256(f"archive {name}".encode()).hexdigest(),
            }
            for name, value in values.items()
        ]
        document = {"metric": "auc", "confidence": 0.95, "rows": 9, "candidates": candidates}
        self.put(self.paths.comparison, json.dumps(document).encode())

    def choose(self, margin: float = 0) -> dict[str, Any]:
        operator = ChooseModelOperator(
            task_id="choose", bucket=BUCKET, workflow=self.workflow, run_key=self.day, margin=margin
        )
        found: dict[str, Any] = operator.execute(TaskInstance().context())
        return found

    def register(self, choice: dict[str, Any], approval: str = "Approved") -> dict[str, Any]:
        operator = RegisterModelVersionOperator(
            task_id="register",
            config={
                "ModelPackageGroupName": self.workflow,
                "InferenceSpecification": {
                    "Containers": [{"Image": IMAGE, "ModelDataUrl": choice["archive_uri"]}]
                },
                "ModelApprovalStatus": approval,
                "CustomerMetadataProperties": {
                    "run_key": self.day,
                    "archive_sha256": choice["archive_sha256"],
                },
            },
            group_description="Models of a test.",
            chosen=choice["chosen"],
            chosen_source=choice["source"],
        )
        found: dict[str, Any] = operator.execute(TaskInstance().context())
        return found

    def versions(self) -> list[int]:
        found = self.sagemaker.list_model_packages(ModelPackageGroupName=self.workflow)
        return sorted(each["ModelPackageVersion"] for each in found["ModelPackageSummaryList"])


@pytest.fixture
def run(aws: StandIn) -> Run:
    return Run(aws)


class TestListCandidates:
    def test_the_first_run_compares_what_it_has_trained(self, run: Run) -> None:
        made = run.list_candidates(baseline=run.trained("t-1"), tuned=None, automl=run.trained("a-1"))
        assert made == {
            "uri": run.paths.uri(run.paths.candidate_manifest),
            "candidates": ["baseline", "automl"],
            "champion": None,
        }
        root, *names = run.read(run.paths.candidate_manifest)
        assert root == {"prefix": f"s3://{BUCKET}/{run.workflow}/"}
        files = [
            f"runs/{DAY}/train_tune/candidates.json",
            f"runs/{DAY}/train_tune/model/t-1/output/model.tar.gz",
            f"runs/{DAY}/train_tune/model/a-1/output/model.tar.gz",
        ]
        assert names == files
        assert run.read(run.paths.candidate_list)["candidates"] == [
            {"name": "baseline", "form": "model", "source": "t-1", "file": files[1]},
            {"name": "automl", "form": "model", "source": "a-1", "file": files[2]},
        ]

    def test_the_champion_is_the_newest_approved_version_of_the_day_or_before(
        self, aws: StandIn, run: Run
    ) -> None:
        arns = {}
        for day, approval in (
            ("2026-01-13", "Approved"),
            ("2026-01-14", "Approved"),
            ("2026-01-15", "Rejected"),
            ("2026-01-15", "PendingManualApproval"),
            ("2026-01-16", "Approved"),
        ):
            other = Run(aws, run.workflow, day)
            other.evaluated(**{f"m{day[-2:]}{approval[0].lower()}": 0.8})
            arns[day, approval] = other.register(other.choose(), approval)["arn"]
        made = run.list_candidates(baseline=run.trained("t-1"))
        assert made["candidates"] == ["baseline", "champion"]
        assert made["champion"] == arns["2026-01-14", "Approved"]
        champion = run.read(run.paths.candidate_list)["candidates"][-1]
        assert (champion["form"], champion["source"]) == ("archive", made["champion"])
        assert run.read(run.paths.candidate_manifest)[-1] == champion["file"]
        # On the first day of a backfill there was none yet.
        first = Run(aws, run.workflow, "2026-01-12")
        assert first.list_candidates(baseline=first.trained("t-1"))["champion"] is None

    def test_a_champion_whose_archive_is_gone_is_not_compared(self, run: Run) -> None:
        run.evaluated(baseline=0.8)
        choice = run.choose()
        run.register(choice)
        run.s3.delete_object(Bucket=BUCKET, Key=choice["archive_uri"].removeprefix(f"s3://{BUCKET}/"))
        assert run.list_candidates(baseline=run.trained("t-1"))["champion"] is None

    def test_no_model_is_nothing_to_compare(self, run: Run) -> None:
        with pytest.raises(AirflowFailException, match="No task of this run has trained a model"):
            run.list_candidates(baseline=None)
        with pytest.raises(AirflowFailException, match=r"s3://elsewhere/m\.tar\.gz, not below"):
            run.list_candidates(baseline={"name": "t", "model_uri": "s3://elsewhere/m.tar.gz"})


class TestChooseModel:
    def test_the_chosen_one_lies_where_it_is_deployed_from_and_is_kept(self, run: Run) -> None:
        run.evaluated(baseline=0.80, tuned=0.82)
        made = run.choose()
        assert (made["chosen"], made["metric"], made["value"]) == ("tuned", "auc", 0.82)
        assert made["source"] == "source of tuned"
        kept = run.paths.registered(made["archive_sha256"])
        assert made["archive_uri"] == f"s3://{BUCKET}/{kept}model.tar.gz"
        for key, body in {
            run.paths.serving_archive: b"archive tuned",
            f"{kept}model.tar.gz": b"archive tuned",
            run.paths.evaluation_report: b"evaluation.json of tuned",
            run.paths.smoke_records: b"smoke_records.json of tuned",
            run.paths.predictions: b"predictions.csv of tuned",
            f"{kept}statistics.json": b"statistics.json of tuned",
        }.items():
            assert run.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
        choice = run.read(run.paths.choice)
        assert choice["summary"] == made["summary"]
        assert [each["name"] for each in choice["candidates"]] == ["baseline", "tuned"]

    def test_nothing_to_choose_from_fails_without_a_retry(self, run: Run) -> None:
        run.put(run.paths.comparison, b'{"metric": "auc", "rows": 1, "confidence": 1, "candidates": []}')
        with pytest.raises(AirflowFailException, match=r"could not be computed.*comparison\.json"):
            run.choose()


class TestRegisterModelVersion:
    def test_the_same_model_of_the_same_run_is_one_version(self, run: Run) -> None:
        run.evaluated(baseline=0.8)
        first = run.register(run.choose())
        assert first["registered"]
        assert (first["version"], first["approval"]) == (1, "Approved")
        again = run.register(run.choose())
        assert again == {**first, "registered": False}
        assert run.versions() == [1]
        run.evaluated(tuned=0.8)
        assert run.register(run.choose())["version"] == 2
        assert run.versions() == [1, 2]

    def test_what_a_person_said_of_it_stays(self, run: Run) -> None:
        run.evaluated(baseline=0.8)
        arn = run.register(run.choose())["arn"]
        run.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
        again = run.register(run.choose())
        assert (again["arn"], again["approval"]) == (arn, "Rejected")

    def test_a_champion_that_stays_is_not_registered_again(self, aws: StandIn, run: Run) -> None:
        run.evaluated(baseline=0.8)
        champion = run.register(run.choose())
        later = Run(aws, run.workflow, "2026-01-16")
        later.evaluated(baseline=0.7, champion=0.8)
        choice = {**later.choose(), "source": champion["arn"]}
        assert choice["chosen"] == "champion"
        assert later.register(choice) == {**champion, "registered": False}
        assert run.versions() == [1]
