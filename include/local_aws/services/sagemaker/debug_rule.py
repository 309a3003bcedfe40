"""Debugger: what a training's hook saves, and the rules that watch it, each a processing job of its own.

    DebugHookConfig.LocalPath   ->  <S3OutputPath>/<training job>/debug-output/      while the job runs
                                          | copied into each rule's room as it comes
                                          v
    /opt/ml/processing/input/tensors/     with training_job_end.ts once the training has ended, however
    RULE_PARAMETERS (JSON)                the rule's parameters, rule_to_invoke among them
    /opt/ml/processing/output/rule/   ->  <S3OutputPath>/<training job>/rule-output/<rule configuration>/
    /opt/ml/output/message                "RuleEvaluationConditionMet: ..." where the rule's condition was met

How AWS hands parameters and tensors to its rule image is not documented; the paths in S3, the names of the
jobs and the answers of DescribeTrainingJob are. A rule runs beside the jobs that work, so it takes no slot.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from local_aws.jobs.engine import JobFailed
from local_aws.jobs.room import Room
from local_aws.jobs.transfer import Intake
from local_aws.services.context import Context
from local_aws.services.sagemaker import job
from local_aws.services.sagemaker.arns import arn
from local_aws.state.records import Body, RecordMissing, Records
from local_aws.wire.errors import NotEmulated

HOOK_PATH = "/opt/ml/output/tensors"
RULE_PATH = "/opt/ml/processing/output/rule/"
TENSORS = "/opt/ml/processing/input/tensors"
PARAMETERS = "RULE_PARAMETERS"
END = "training_job_end.ts"
CONDITION_MET = "RuleEvaluationConditionMet"  # how a message begins that reports an issue
WATCH_SECONDS = 0.5  # between two looks at S3; a laptop's trainings take seconds
RULE_SECONDS = 86400
ENDED = ("Completed", "Failed", "Stopped")  # TrainingJobStatus
DEFAULT_INSTANCE = "ml.t3.medium"
NAME_PART = 26  # characters of the training's and of the rule's name in a rule's job name

_ACTION = re.compile(r'"name"\s*:\s*"(?P<name>[^"]*)"')


# --- the request ------------------------------------------------------------------------------------


def refuse(request: Mapping[str, Any]) -> None:
    """Raise NotEmulated for what rules cannot do here."""
    for rule in _rules(request):
        action = _parameters(rule).get("action_json", "").replace('\\"', '"')
        for found in _ACTION.finditer(action):
            if found["name"] in ("email", "sms"):
                raise NotEmulated("sagemaker", "CreateTrainingJob", f"the action {found['name']} of a rule")


def check(request: Mapping[str, Any]) -> None:
    """Raise ValidationException for what AWS would not accept."""
    hook = request.get("DebugHookConfig")
    if hook:
        job.check_s3_uri(hook["S3OutputPath"])
        _check_path(hook.get("LocalPath") or HOOK_PATH, "/opt/ml/")
    rules = _rules(request)
    if rules and not hook:
        raise job.invalid("DebugRuleConfigurations need DebugHookConfig: rules look at what the hook saves.")
    job.check_unique([rule["RuleConfigurationName"] for rule in rules], "RuleConfigurationNames")
    for rule in rules:
        name = rule["RuleConfigurationName"]
        image = job.known_image(rule["RuleEvaluatorImage"])
        if image.name != "debugger_rules":
            raise job.invalid(f"The image {image.uri} of rule {name} evaluates no rules.")
        if not _parameters(rule).get("rule_to_invoke"):
            raise job.invalid(f"RuleParameters of rule {name} lack rule_to_invoke.")
        _check_path(rule.get("LocalPath") or RULE_PATH, "/opt/ml/processing/")
        if rule.get("S3OutputPath"):
            job.check_s3_uri(rule["S3OutputPath"])


def _check_path(path: str, root: str) -> None:
    if not path.startswith(root) or ".." in path.split("/"):
        raise job.invalid(f"LocalPath '{path}' is invalid: it must start with {root}.")


def _rules(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(request.get("DebugRuleConfigurations") or [])


def _parameters(rule: Mapping[str, Any]) -> dict[str, str]:
    return dict(rule.get("RuleParameters") or {})


def tensors_uri(training: Mapping[str, Any]) -> str:
    """Where what a training's hook saves lies in S3."""
    root = training["DebugHookConfig"]["S3OutputPath"].rstrip("/")
    return f"{root}/{training['TrainingJobName']}/debug-output/"


# --- the rules' jobs --------------------------------------------------------------------------------


def evaluations(context: Context, training: Mapping[str, Any]) -> dict[str, Body]:
    """The record of each rule's processing job, by RuleConfigurationName."""
    return {rule["RuleConfigurationName"]: _evaluation(context, training, rule) for rule in _rules(training)}


def _evaluation(context: Context, training: Mapping[str, Any], rule: Mapping[str, Any]) -> Body:
    called = rule["RuleConfigurationName"]
    short = re.sub(r"[^a-z0-9-]", "-", called.lower())[:NAME_PART].strip("-")
    of = training["TrainingJobName"].lower()[:NAME_PART].rstrip("-")
    name = f"{of}-{short}-{uuid.uuid4().hex[:8]}"  # lower case, as its ARN is, which Describe finds it by
    output = (rule.get("S3OutputPath") or training["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
    return {
        "ProcessingJobName": name,
        "ProcessingJobArn": arn(context, "processing-job", name),
        "ProcessingJobStatus": "InProgress",
        "TrainingJobArn": training["TrainingJobArn"],
        "RoleArn": training["RoleArn"],
        "AppSpecification": {"ImageUri": rule["RuleEvaluatorImage"]},
        "Environment": {
            PARAMETERS: json.dumps(_parameters(rule)),
            "TRAINING_JOB_NAME": training["TrainingJobName"],
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": rule.get("InstanceType") or DEFAULT_INSTANCE,
                "VolumeSizeInGB": rule.get("VolumeSizeInGB") or 1,
            }
        },
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "rule",
                    "S3Output": {
                        "S3Uri": f"{output}/{training['TrainingJobName']}/rule-output/{called}",
                        "LocalPath": rule.get("LocalPath") or RULE_PATH,
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": RULE_SECONDS},
    }


def start(context: Context, bodies: Iterable[Body]) -> None:
    """Let the rules watch their training, whose record is there."""
    for body in bodies:
        job.PROCESSING_JOBS.create(context, body["ProcessingJobName"], body, None, watches=True)


def statuses(context: Context, training: Mapping[str, Any]) -> list[Body]:
    """DebugRuleEvaluationStatuses, from what became of each rule's processing job."""
    return [
        {**one, **_status(context, one["RuleEvaluationJobArn"])}
        for one in training["DebugRuleEvaluationStatuses"]
    ]


def _status(context: Context, job_arn: str) -> Body:
    try:
        body = context.records(job.PROCESSING_JOBS.record_kind).get(job_arn.rpartition("/")[2]).body
    except RecordMissing:
        return {"RuleEvaluationStatus": "Error", "StatusDetails": "The rule's processing job was deleted."}
    state, message = body["ProcessingJobStatus"], body.get("ExitMessage", "")
    found: Body = {"RuleEvaluationStatus": state, "LastModifiedTime": body["LastModifiedTime"]}
    if state == "Completed":
        issue = message.startswith(CONDITION_MET)
        found["RuleEvaluationStatus"] = "IssuesFound" if issue else "NoIssuesFound"
        return {**found, "StatusDetails": message} if issue else found
    if state == "Failed":
        found |= {"RuleEvaluationStatus": "Error", "StatusDetails": message or body["FailureReason"]}
    return found


def follow(room: Room, body: Body) -> Callable[[], None]:
    """What brings a rule all that its training saves, and tells it when nothing more will come.

    Raises JobFailed.
    """
    name = body["Environment"]["TRAINING_JOB_NAME"]
    records = Records(room.database, job.TRAINING_JOBS.record_kind)
    try:
        training = records.get(name).body
    except RecordMissing:
        raise JobFailed(f"ClientError: The training job {name} was deleted.") from None
    began: datetime = training["CreationTime"]
    intake = Intake(room, tensors_uri(training), room.inside(TENSORS))
    end = room.inside(TENSORS) / END

    def look() -> None:
        try:
            now = records.get(name).body
            # A job of another time was made under that name after the first had ended.
            over = now["TrainingJobStatus"] in ENDED or now["CreationTime"] != began
        except RecordMissing:
            over = True
        intake.fetch()  # after that look: what was saved before the end comes before the word of it
        if over:
            end.touch()

    look()
    return look
