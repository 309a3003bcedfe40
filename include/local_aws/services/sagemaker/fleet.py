"""Fleets: the workers that serve one endpoint as one endpoint configuration describes it.

    endpoint record ──"_deployment"──> what to run, complete in itself: it outlives model and configuration
                                          │ Fleet(…).start()
                                          ▼
    fleet ── variant "AllTraffic" ── container 1 (a worker) ── container 2 … (a serial inference pipeline)
                                          room: <data_dir>/endpoints/<endpoint>/<deployment>/<variant>-<n>/

One worker stands for all instances of a variant: more would only divide the same machine.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.images.catalog import find
from local_aws.images.serving import BadArchive, serving_command, serving_environment, unpack_model
from local_aws.jobs.process import clean_environment
from local_aws.jobs.workers import Worker, WorkerFailed, WorkerPlan
from local_aws.services.context import Context
from local_aws.services.sagemaker import endpoint_config, model
from local_aws.state.credentials import Credentials
from local_aws.state.objects import BucketMissing, ObjectMissing, parse_s3_uri
from local_aws.wire.errors import AwsError

Deployment = dict[
    str, Any
]  # JSON: {"id", "config", "variants": [{VariantName, …, "containers": [{Image, …}]}]}

HEALTH_CHECK_SECONDS = 480  # ContainerStartupHealthCheckTimeoutInSeconds, where a variant does not say
DRAIN_SECONDS = 60  # the longest invocation


class DeploymentFailed(Exception):
    """The fleet does not come up; the message is the endpoint's FailureReason."""


def log_group(endpoint: str) -> str:
    """Where the containers of an endpoint write."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def plan_deployment(context: Context, config_name: str) -> Deployment:
    """What a configuration asks for, copied out of the records it names. Raises DeploymentFailed."""
    try:
        config = endpoint_config.stored(context, config_name)
        variants = [
            {
                **variant,
                "containers": model.containers_of(context, model.stored(context, variant["ModelName"])),
                "weight": variant["InitialVariantWeight"],
                "instances": variant["InitialInstanceCount"],
            }
            for variant in config["ProductionVariants"]
        ]
    except AwsError as error:
        raise DeploymentFailed(error.message) from None
    return {"id": uuid.uuid4().hex[:8], "config": config_name, "variants": variants}


@dataclass(frozen=True)
class Stage:
    """One container of a variant."""

    name: str  # "primary", or as a pipeline's containers are called
    worker: Worker


class Fleet:
    """The workers of one deployment.

    Args:
        endpoint: its name.
        must_come_up: as Worker has it.
    """

    def __init__(
        self, context: Context, endpoint: str, deployment: Deployment, *, must_come_up: bool = True
    ) -> None:
        self.deployment = deployment
        self._context = context
        self._endpoint = endpoint
        self._must_come_up = must_come_up
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.variants: dict[str, list[Stage]] = {}
        self.weights: Mapping[str, float] = {v["VariantName"]: v["weight"] for v in deployment["variants"]}

    def start(self) -> None:
        """Bring the models here and start all workers. Raises DeploymentFailed."""
        for variant in self.deployment["variants"]:
            containers = variant["containers"]
            stages = [
                Stage(_container_name(container, number, len(containers)), self._worker(variant, number))
                for number, container in enumerate(containers, start=1)
            ]
            with self._lock:
                if self._stopped.is_set():
                    raise DeploymentFailed("The deployment was abandoned.")
                self.variants[variant["VariantName"]] = stages
                for stage in stages:
                    stage.worker.start()

    def wait_ready(self) -> None:
        """Block until every worker has answered its first ping. Raises DeploymentFailed."""
        for variant, stages in self.variants.items():
            for stage in stages:
                try:
                    stage.worker.wait_ready()
                except WorkerFailed as error:
                    raise DeploymentFailed(
                        f"The {stage.name} container for production variant {variant} did not pass the ping "
                        f"health check. Please check CloudWatch logs for this endpoint. ({error})"
                    ) from None

    def choose(self) -> str:
        """A variant, drawn by weight."""
        names, weights = list(self.weights), list(self.weights.values())
        if not any(weights):
            return random.choice(names)  # noqa: S311 - traffic, not secrets
        return random.choices(names, weights)[0]  # noqa: S311 - traffic, not secrets

    def stop(self, drain_seconds: float = 0) -> None:
        """End all workers, those at work after ``drain_seconds`` at the latest. May be called twice."""
        with self._lock:
            self._stopped.set()
        threads = [
            threading.Thread(target=stage.worker.stop, args=(drain_seconds,))
            for stages in self.variants.values()
            for stage in stages
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def remove_rooms(self) -> None:
        """Delete the unpacked models."""
        shutil.rmtree(room_of(self._context, self._endpoint, self.deployment["id"]), ignore_errors=True)

    def _worker(self, variant: dict[str, Any], number: int) -> Worker:
        context, name = self._context, variant["VariantName"]
        container = variant["containers"][number - 1]
        room = room_of(context, self._endpoint, self.deployment["id"]) / f"{name}-{number}"
        bring_model(context, container, room / "ml" / "model")
        image = find(container["Image"]).name
        root = Credentials(context.database).root()
        plan = WorkerPlan(
            name=f"{self._endpoint}/{name}-{number}",
            argv=serving_command(image),
            env={
                **clean_environment(room),
                "AWS_ENDPOINT_URL": context.settings.endpoint_url,
                "AWS_ACCESS_KEY_ID": root.access_key,
                "AWS_SECRET_ACCESS_KEY": root.secret_key,
                **serving_environment(image, context.settings.region, container.get("Environment", {})),
            },
            room=room,
            opt_ml=room / "ml",
            log_group=log_group(self._endpoint),
            log_stream=f"{name}/i-{self.deployment['id']}-{number}",
            memory_bytes=int(context.settings.job_memory_gib * 2**30),
            start_seconds=variant.get("ContainerStartupHealthCheckTimeoutInSeconds", HEALTH_CHECK_SECONDS),
        )
        return Worker(plan, context.logs, must_come_up=self._must_come_up)


class Fleets:
    """All fleets of one stand-in: those that answer, and those that are coming up or going down."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._answering: dict[str, Fleet] = {}
        self._alive: set[Fleet] = set()

    @classmethod
    def of(cls, context: Context) -> Fleets:
        """The fleets of this stand-in."""
        found: Fleets = context.running.setdefault("sagemaker.fleets", cls())
        return found

    def add(self, fleet: Fleet) -> None:
        """Make known a fleet that is about to start, so that close() stops it too."""
        with self._lock:
            self._alive.add(fleet)

    def answering(self, endpoint: str) -> Fleet | None:
        """The fleet that gets the endpoint's traffic."""
        return self._answering.get(endpoint)

    def switch(self, endpoint: str, fleet: Fleet | None) -> Fleet | None:
        """Give the endpoint's traffic to another fleet, or to none; answers the one that had it."""
        with self._lock:
            before = self._answering.pop(endpoint, None)
            if fleet is not None:
                self._answering[endpoint] = fleet
        return before

    def discard(self, fleet: Fleet, drain_seconds: float = 0) -> None:
        """Stop a fleet and delete its rooms."""
        fleet.stop(drain_seconds)
        fleet.remove_rooms()
        with self._lock:
            self._alive.discard(fleet)

    def close(self) -> None:
        """Stop all workers and keep the rooms: the next start brings the endpoints back."""
        self.closed.set()
        with self._lock:
            self._answering.clear()
            alive = list(self._alive)
        for fleet in alive:
            fleet.stop()


def endpoints_dir(context: Context) -> Path:
    """Where the rooms of all endpoints lie."""
    return context.settings.data_dir.resolve() / "endpoints"


def room_of(context: Context, endpoint: str, deployment: str) -> Path:
    """Where the rooms of one deployment lie."""
    return endpoints_dir(context) / endpoint / deployment


def _container_name(container: Mapping[str, Any], number: int, count: int) -> str:
    default = "primary" if count == 1 else f"container-{number}"
    return str(container.get("ContainerHostname") or default)


def bring_model(context: Context, container: Mapping[str, Any], target: Path) -> None:
    """Fill /opt/ml/model from S3, unless an earlier start has. Raises DeploymentFailed."""
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri is None:
        target.mkdir()
        return
    try:
        bucket, key = parse_s3_uri(uri)
        if source.get("CompressionType") == "None":
            _copy_prefix(context, bucket, key, target)
        else:
            unpack_model(context.objects.path(bucket, key), target)
    except (ValueError, BucketMissing, ObjectMissing):
        raise DeploymentFailed(
            f'Failed to download model data from URL "{uri}". Please ensure that there is an object located '
            "at the URL and that the role passed to CreateModel has permissions to download the model."
        ) from None
    except BadArchive as error:
        raise DeploymentFailed(
            f'Failed to extract model data archive from URL "{uri}". Please ensure that the object located '
            f"at the URL is a valid tar.gz archive. ({error})"
        ) from None


def _copy_prefix(context: Context, bucket: str, prefix: str, target: Path) -> None:
    """Uncompressed model data: one object, or all below a prefix under the remainder of their keys."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    infos = list(context.objects.scan(bucket, prefix))
    if not infos:
        raise ObjectMissing(prefix)
    folder = prefix[: prefix.rfind("/") + 1]
    for info in infos:
        if info.key.endswith("/"):
            continue
        file = partial / info.key.removeprefix(folder)
        if not file.resolve().is_relative_to(partial.resolve()):
            raise ValueError(info.key)
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(context.objects.path(bucket, info.key), file)
    partial.rename(target)
