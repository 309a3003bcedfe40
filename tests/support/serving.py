"""Models and endpoints for tests: archives, images, and the waits that boto3's waiters are too slow for."""

from __future__ import annotations

import io
import tarfile
import time
import uuid
from collections.abc import Mapping
from typing import Any

from tests.support.sagemaker_jobs import ROLE, SCIKIT_LEARN, until
from tests.support.stand_in import StandIn

# Serves without any library, so that it starts fast: POST <expression> answers its value.
EVALUATE = """
import os, time
def model_fn(model_dir):
    return 'a model'
def transform_fn(model, body, content_type, accept):
    return str(eval(body)), 'text/plain'
"""


def archive(files: Mapping[str, bytes]) -> bytes:
    """A model.tar.gz."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def script(text: str = EVALUATE) -> bytes:
    """A model.tar.gz that is nothing but a script for the scikit-learn image."""
    return archive({"code/inference.py": text.encode()})


class Serving:
    """Makes models, configurations and endpoints on one stand-in."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.sagemaker = stand_in.client("sagemaker")
        # No retries: a test wants to see the first answer.
        self.runtime = stand_in.client("sagemaker-runtime", config=_no_retries())
        self.bucket = self.name("models")
        stand_in.client("s3").create_bucket(Bucket=self.bucket)

    @staticmethod
    def name(prefix: str) -> str:
        return f"{prefix}-{uuid.uuid4().hex[:8]}"

    def upload(self, data: bytes) -> str:
        """The URI of a new model.tar.gz."""
        key = f"{self.name('model')}/model.tar.gz"
        self.stand_in.client("s3").put_object(Bucket=self.bucket, Key=key, Body=data)
        return f"s3://{self.bucket}/{key}"

    def model(
        self, data: bytes | None = None, image: str = SCIKIT_LEARN, environment: dict[str, str] | None = None
    ) -> str:
        """The name of a new model."""
        name = self.name("model")
        container = {"Image": image, "ModelDataUrl": self.upload(data or script())}
        if environment:
            container["Environment"] = environment  # type: ignore[assignment]
        self.sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        return name

    def lose_archive(self, model: str) -> str:
        """Delete a model's archive from S3; answers its URI."""
        uri: str = self.sagemaker.describe_model(ModelName=model)["PrimaryContainer"]["ModelDataUrl"]
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.stand_in.client("s3").delete_object(Bucket=bucket, Key=key)
        return uri

    def config(self, *models: str, weights: tuple[float, ...] = ()) -> str:
        """The name of a new endpoint configuration with a variant for each model: AllTraffic, or v1, v2, …"""
        name = self.name("config")
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic" if len(models) == 1 else f"v{number}",
                    "ModelName": model,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "InitialVariantWeight": weights[number - 1] if weights else 1.0,
                }
                for number, model in enumerate(models, start=1)
            ],
        )
        return name

    def endpoint(self, config: str) -> str:
        """The name of a new endpoint that is in service."""
        name = self.name("endpoint")
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        assert self.settled(name) == "InService", self.describe(name)
        return name

    def describe(self, endpoint: str) -> dict[str, Any]:
        found: dict[str, Any] = self.sagemaker.describe_endpoint(EndpointName=endpoint)
        return found

    def settled(self, endpoint: str, seconds: float = 60) -> str:
        """The status once it is a last one."""
        return self.statuses(endpoint, seconds)[-1]

    def statuses(self, endpoint: str, seconds: float = 60) -> list[str]:
        """The statuses that were seen until the last one."""
        deadline = time.monotonic() + seconds
        seen: list[str] = []
        while time.monotonic() < deadline:
            status = self.describe(endpoint)["EndpointStatus"]
            if not seen or seen[-1] != status:
                seen.append(status)
            if status in ("InService", "Failed"):
                return seen
            time.sleep(0.02)
        raise AssertionError(f"endpoint {endpoint} did not settle: {seen}")

    def ask(self, endpoint: str, body: bytes | str, **more: Any) -> str:
        """The body of an answer."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=body, **{"ContentType": "text/csv", **more}
        )
        text: str = answer["Body"].read().decode()
        return text

    def ask_until(self, endpoint: str, body: bytes | str, seconds: float = 30) -> str:
        """As ask(), again while the model cannot answer because it is being started."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.ask(endpoint, body)
            except self.runtime.exceptions.ModelError:
                if time.monotonic() > deadline:
                    raise

    def until_logged(self, endpoint: str, wanted: str) -> list[str]:
        """All lines of the endpoint's containers, once one of them has the wanted text: they come a little
        after what they tell of."""
        logs = self.stand_in.client("logs")
        group = f"/aws/sagemaker/Endpoints/{endpoint}"

        def lines() -> list[str] | None:
            events = logs.filter_log_events(logGroupName=group, limit=1000)["events"]
            messages = [event["message"] for event in events]
            return messages if any(wanted in message for message in messages) else None

        return until(lines, f"{wanted!r} in {group}")


def _no_retries() -> Any:
    from botocore.config import Config

    return Config(retries={"max_attempts": 0, "mode": "standard"}, read_timeout=120)
