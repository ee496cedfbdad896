"""`sightline doctor`: looks at a deployment from all sides, and says in words what to do about what it finds."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from cli.api_keys import all_keys, usage_plans
from cli.calls import CallError, Session, call
from cli.lines import printable
from cli.redrive import dead_letter_queues
from cli.stacks import STACKS, names_no_stack
from cli.target import Target, TargetName
from common.prices import calls_for

OLD = timedelta(hours=1)
"""How long a message may wait before that is worth a word."""
METRIC_SECONDS = 300
REACH_SECONDS = 10
ALARMS_AT_ONCE = 100
BAD_REQUEST = 400
MANIFESTS = {".csv", ".json", ".jsonl"}

ROOM = 10
"""Executions that the APIs should find beside the workers: their callers are not served later, as messages are."""

COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
RUNNING = {"Enabled", "Enabling", "Updating", "Creating"}


class State(StrEnum):
    """What a look gave."""

    GOOD = "good"
    FINDING = "finding"
    UNCHECKED = "unchecked"


MARKS = {State.GOOD: ("✓", "green"), State.FINDING: ("✗", "red"), State.UNCHECKED: ("–", "dim")}  # noqa: RUF001 - a dash


@dataclass(frozen=True)
class Seen:
    """One line: what was seen and, of a finding, what to do."""

    state: State
    text: str
    fix: str = ""


def good(text: str) -> Seen:
    """Nothing to do."""
    return Seen(State.GOOD, text)


def finding(text: str, fix: str) -> Seen:
    """Something to do."""
    return Seen(State.FINDING, text, fix)


def unchecked(why: str) -> Seen:
    """Nothing is known, which is no fault of the deployment's."""
    return Seen(State.UNCHECKED, f"not checked here: {why}")


class NotThereError(LookupError):
    """What a check looks at is no part of the deployment; another check says so."""


class Patient:
    """A deployment, in whatever state."""

    def __init__(self, target: Target) -> None:
        self.target = target

    @property
    def is_on_aws(self) -> bool:
        """Else it is on the embedded cloud, which lacks some services."""
        return self.target.name is TargetName.AWS

    def client(self, service: Any) -> Any:
        """A boto3 client of the deployment's services."""
        return self.target.client(service)

    def output(self, name: str) -> str:
        """An output of one of the stacks.

        Raises:
            NotThereError: no stack has it.
        """
        if name not in self._outputs:
            raise NotThereError(f"no stack has the output {name}")
        return self._outputs[name]

    def has_output(self, name: str) -> bool:
        """Whether one of the stacks has it."""
        return name in self._outputs

    @cached_property
    def _outputs(self) -> dict[str, str]:
        stacks = self.target.stacks
        return {name: value for stack in STACKS for name, value in stacks.outputs(stack).items()}

    @property
    def receivers(self) -> list[dict[str, str]]:
        """The variables of the functions that deliver."""
        return [found for found in self.variables if "URL_PARAMETER" in found]

    @cached_property
    def variables(self) -> list[dict[str, str]]:
        """Those of each function."""
        functions = self.client("lambda")
        return [
            functions.get_function_configuration(FunctionName=found["PhysicalResourceId"])
            .get("Environment", {})
            .get("Variables", {})
            for found in self.target.stacks.resources("AWS::Lambda::Function")
        ]

    def physical(self, kind: str, construct: str) -> str:
        """The physical id of the resource of a type whose construct has this name.

        Raises:
            NotThereError: there is none.
        """
        for found in self.target.stacks.resources(kind):
            if re.fullmatch(rf"{construct}[0-9A-F]{{8}}", found["LogicalResourceId"]):
                return str(found["PhysicalResourceId"])
        raise NotThereError(f"no stack has {construct}")


def _stacks(patient: Patient) -> Iterator[Seen]:
    for stack in STACKS:
        name, found = patient.target.stacks.name(stack), patient.target.stacks.describe(stack)
        if found is None:
            yield finding(f"{name} is not there", "deploy it: `make deploy`")
        elif (status := found["StackStatus"]) in COMPLETE:
            yield good(f"{name}: {status}")
        elif status.endswith("_IN_PROGRESS"):
            yield finding(f"{name}: {status}", "something is changing it; look again when that is done")
        elif status == "UPDATE_ROLLBACK_COMPLETE":
            yield finding(
                f"{name}: the last deployment failed, and the one before it runs",
                "see the stack's events in CloudFormation for the reason, then `make deploy`",
            )
        else:
            yield finding(f"{name}: {status}", "see the stack's events in CloudFormation for the reason")


def _key(patient: Patient) -> Iterator[Seen]:
    plans = usage_plans(patient.target.stacks)
    if not plans:
        yield good("the APIs ask for none (auth=iam or auth=none)")
        return
    given = patient.target.api_key
    keys = {key.value: key for key in all_keys(patient.target.stacks, plans)}
    rotate = "`sightline rotate-key` makes one that all APIs admit"
    if given is None:
        yield finding("there is none that is enabled and that all APIs know", rotate)
    elif given not in keys:
        yield finding("the one that the commands use is unknown to the APIs", rotate)
    elif not keys[given].enabled:
        yield finding("the one that the commands use is disabled", f"enable it in API Gateway, or {rotate}")
    elif keys[given].plans < len(plans):
        yield finding(f"only {keys[given].plans} of {len(plans)} APIs know it", rotate)
    else:
        yield good(f"enabled, and known to {len(plans)} APIs")


def _apis(patient: Patient) -> Iterator[Seen]:
    if any(seen.state is State.FINDING for seen in _key(patient)):
        yield unchecked("there is no key to call them with")
        return
    target = patient.target
    for name, base, address in (
        ("Image Upload Service", target.upload, target.upload),
        ("List Images Service", target.labels, f"{target.labels}?limit=1"),
        ("Deliveries Service", target.deliveries, f"{target.deliveries}/deliveries?limit=1"),
    ):
        if not base:
            yield Seen(State.UNCHECKED, f"{name}: its stack is not there")
            continue
        try:
            call(target, "GET", address)
        except CallError as error:
            # Without a URL the upload service has nothing to store, and says so.
            if not (base == target.upload and error.status == BAD_REQUEST):
                yield finding(f"{name}: {error}", "see its function's log group, and the alarms")
                continue
        yield good(f"{name} answers")


def _mappings(patient: Patient) -> Iterator[Seen]:
    functions = patient.client("lambda")
    found = list(patient.target.stacks.resources("AWS::Lambda::EventSourceMapping"))
    running = 0
    for resource in found:
        uuid = resource["PhysicalResourceId"]
        try:
            mapping = functions.get_event_source_mapping(UUID=uuid)
        except functions.exceptions.ResourceNotFoundException:
            yield finding(f"{resource['LogicalResourceId']} is gone", "deploy again: `make deploy`")
            continue
        queue, function = (mapping[name].rpartition(":")[2] for name in ("EventSourceArn", "FunctionArn"))
        if mapping["State"] in RUNNING:
            running += 1
        elif spending := _pause(patient, uuid):
            yield _paused(patient, f"{function} gets nothing of {queue}", spending)
        else:
            yield finding(
                f"{function} gets nothing of {queue}: {mapping['State']}",
                f"if nobody meant it: aws lambda update-event-source-mapping --uuid {uuid} --enabled",
            )
    if running == len(found):
        yield good(f"{running} queues feed their functions")


def _pause(patient: Patient, mapping: str) -> dict[str, str] | None:
    """The variables of the budget's function, if it is that one that has stopped the mapping."""
    for variables in patient.variables:
        if variables.get("EVENT_SOURCE_MAPPING") == mapping and _spent(patient, variables, "pause"):  # usage.PAUSE
            return variables
    return None


def _spent(patient: Patient, spending: dict[str, str], period: str) -> dict[str, Any]:
    key = {"period": {"S": period}}
    item: dict[str, Any] = (
        patient.client("dynamodb").get_item(TableName=spending["USAGE_TABLE"], Key=key).get("Item", {})
    )
    return item


def _paused(patient: Patient, stopped: str, spending: dict[str, str]) -> Seen:
    budget = Decimal(spending["MONTHLY_BUDGET_USD"])
    calls = int(_spent(patient, spending, f"{datetime.now(UTC):%Y-%m}").get("calls", {"N": 0})["N"])
    if budget and calls >= calls_for(budget):
        return finding(
            f"{stopped}: the month's budget is used up",
            "`make deploy` with a larger monthly_budget_usd in cdk.json, or wait for the month's end; all waits",
        )
    return finding(
        f"{stopped}: the budget's pause is over, and was not ended",
        "look again in two minutes; then see the log of the function Budget, which is to end it",
    )


def _budget(patient: Patient) -> Iterator[Seen]:
    events, rule = patient.client("events"), patient.physical("AWS::Events::Rule", "BudgetSchedule")
    try:
        state = events.describe_rule(Name=rule)["State"]
    except events.exceptions.ResourceNotFoundException:
        yield finding(f"the rule {rule} is gone, so no pause ends", "deploy again: `make deploy`")
        return
    if state == "DISABLED":
        yield finding(f"the rule {rule} is disabled, so no pause ends", f"aws events enable-rule --name {rule}")
    else:
        yield good("looked at once a minute")


def _queues(patient: Patient) -> Iterator[Seen]:
    sqs, total = patient.client("sqs"), 0
    for queue in dead_letter_queues(patient.target):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue.source_url, AttributeNames=names)["Attributes"]
        waiting, taken = (int(attributes[name]) for name in names)
        age = _age(patient, queue.source_arn.rpartition(":")[2]) if patient.is_on_aws else None
        total += waiting + taken
        text = f"{queue.name}: {waiting:,} wait, {taken:,} are being handled"
        if age and age > OLD:
            yield finding(
                f"{text}; the oldest for {age}",
                "if nothing above explains it, more comes in than is handled, or messages fail: docs/operations.md",
            )
        elif waiting + taken:
            yield good(text)
    if not total:
        yield good("all are empty")
    if not patient.is_on_aws:
        yield unchecked("how long the oldest waits, as the embedded cloud has no such metric")


def _age(patient: Patient, queue: str) -> timedelta | None:
    now = datetime.now(UTC)
    points = patient.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": queue}],
        StartTime=now - timedelta(seconds=2 * METRIC_SECONDS),
        EndTime=now,
        Period=METRIC_SECONDS,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return timedelta(seconds=newest["Maximum"]) if newest else None


def _dead_letters(patient: Patient) -> Iterator[Seen]:
    queues = dead_letter_queues(patient.target)
    for queue in queues:
        if queue.count:
            yield finding(
                f"{queue.name}: {queue.count:,} message{'s' * (queue.count > 1)}",
                f"`sightline redrive {queue.name}` shows why, and brings them back once that is mended",
            )
    if not any(queue.count for queue in queues):
        yield good(f"none in {len(queues)} queues")


def _notifications(patient: Patient) -> Iterator[Seen]:
    s3 = patient.client("s3")
    bucket = patient.output("ImageBucketName")
    topic = patient.physical("AWS::SNS::Topic", "UploadedImageTopic")
    configured = s3.get_bucket_notification_configuration(Bucket=bucket)
    told = {
        event
        for entry in configured.get("TopicConfigurations", [])
        for event in entry["Events"]
        if entry["TopicArn"] == topic
    }
    wanted = {"s3:ObjectCreated:*", "s3:ObjectRemoved:*"}
    if told >= wanted:
        yield good("the image bucket announces what comes and goes")
    else:
        mended = json.dumps({"TopicConfigurations": [{"TopicArn": topic, "Events": sorted(wanted)}]})
        yield finding(
            f"the image bucket does not announce {' and '.join(sorted(wanted - told))}",
            f"aws s3api put-bucket-notification-configuration --bucket {bucket} --notification-configuration "
            f"'{mended}'; then `sightline reproject --missing` for what came meanwhile",
        )
    queue = patient.output("UploadQueueUrl").rpartition("/")[2]
    pages = patient.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    if any(entry["Endpoint"].endswith(f":{queue}") for page in pages for entry in page["Subscriptions"]):
        yield good("their topic feeds the queue")
    else:
        yield finding(
            "the topic of uploads does not feed its queue",
            "remove the stack's drift: CloudFormation's drift detection names it; then `sightline reproject --missing`",
        )
    configured = s3.get_bucket_notification_configuration(Bucket=patient.output("ManifestBucketName"))
    suffixes = {
        rule["Value"]
        for entry in configured.get("QueueConfigurations", [])
        for rule in entry.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    }
    if suffixes >= MANIFESTS:
        yield good("the manifest bucket announces manifests")
    else:
        missing = ", ".join(sorted(MANIFESTS - suffixes))
        yield finding(
            f"the manifest bucket does not announce {missing}",
            "set its notification again as CloudFormation's drift detection shows it, and upload the manifests again",
        )


def _addresses(patient: Patient) -> Iterator[Seen]:
    """Where the system is met from outside: the gallery reads that."""
    ssm = patient.client("ssm")
    for name in sorted({found["ENDPOINTS_PARAMETER"] for found in patient.variables if "ENDPOINTS_PARAMETER" in found}):
        try:
            ssm.get_parameter(Name=name)
        except ssm.exceptions.ParameterNotFound:
            yield finding(
                f"there is no parameter {name}, so the gallery does not know the APIs",
                "put what its stack's template says: CloudFormation's drift detection shows it",
            )
        else:
            yield good(f"the parameter {name} is there")


def _receivers(patient: Patient) -> Iterator[Seen]:
    for receiver in patient.receivers:
        name, parameter = receiver["RECEIVER"], receiver["URL_PARAMETER"]
        ssm = patient.client("ssm")
        try:
            address = ssm.get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"].strip()
        except ssm.exceptions.ParameterNotFound:
            value = json.dumps({"Name": parameter, "Type": "String", "Value": "https://…"}, ensure_ascii=False)
            yield finding(
                f"{name}: there is no parameter {parameter}, so nothing is delivered",
                f"aws ssm put-parameter --cli-input-json '{value}'",
            )
            continue
        yield _reached(name, parameter, address)
        yield _breaker(patient, name, receiver["BREAKERS_TABLE"])


def _reached(name: str, parameter: str, address: str) -> Seen:
    """Whether anything answers there. What an address holds beside its host may be a secret."""
    host = urlsplit(address).netloc.rpartition("@")[2]
    try:
        answer = Session().head(address, timeout=REACH_SECONDS, allow_redirects=False)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        return finding(
            f"{name}: {host or 'the address'} does not answer this machine: {type(error).__name__}",
            f"see whether the parameter {parameter} is right, and ask who runs it; nothing is lost meanwhile",
        )
    return good(f"{name}: {host} answers (HEAD: {answer.status_code})")


def _breaker(patient: Patient, name: str, table: str) -> Seen:
    item = patient.client("dynamodb").get_item(TableName=table, Key={"receiver": {"S": name}}).get("Item", {})
    if "retry_at" not in item:
        return good(f"{name}: deliveries go out")
    probe = datetime.fromtimestamp(float(item["retry_at"]["N"]), UTC)
    return finding(
        f"{name} fails; the next attempt is at {probe:%H:%M:%S} UTC",
        "`sightline deliveries` shows what it answers; it is tried again by itself, and nothing is lost",
    )


def _secrets(patient: Patient) -> Iterator[Seen]:
    manager = patient.client("secretsmanager")
    for name, arn in json.loads(patient.output("SigningSecretArns")).items():
        try:
            secret = manager.describe_secret(SecretId=arn)
        except manager.exceptions.ResourceNotFoundException:
            yield finding(
                f"{name}: the signing secret is gone, so nothing is delivered",
                "take the receiver out of cdk.json's `receivers`, `make deploy`, put it back, `make deploy`; it needs "
                "the new secret",
            )
            continue
        if "DeletedDate" in secret:
            yield finding(
                f"{name}: the signing secret is about to be deleted, and cannot be read",
                f"aws secretsmanager restore-secret --secret-id {arn}",
            )
        else:
            yield good(f"{name}: there")


def _emails(patient: Patient) -> Iterator[Seen]:
    patient.output("LabelsTopicArn")  # the stack is there
    for what, output, setting in (
        ("results", "EmailTopicArn", "notify_email"),
        ("alarms", "AlarmTopicArn", "alarm_email"),
    ):
        if not patient.has_output(output):
            yield good(f"{what} are mailed to nobody ({setting})")
            continue
        topic = patient.output(output)
        pages = patient.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
        mailed = [entry for page in pages for entry in page["Subscriptions"] if entry["Protocol"].startswith("email")]
        again = f"aws sns subscribe --topic-arn {topic} --protocol email --notification-endpoint"
        subscriptions = patient.target.stacks.resources("AWS::SNS::Subscription")
        topics_own = (
            found for found in subscriptions if found["LogicalResourceId"].startswith(output.removesuffix("Arn"))
        )
        if not mailed and not any(topics_own):
            yield good(f"{what} are mailed to nobody ({setting})")
        elif not mailed:  # never confirmed and dropped, or ended by a link in a mail
            yield finding(f"nobody is subscribed to {what} any more", f"{again} ADDRESS")
        for entry in mailed:
            if entry["SubscriptionArn"].startswith("arn:"):
                yield good(f"{entry['Endpoint']} is subscribed to {what}")
            else:
                yield finding(
                    f"{entry['Endpoint']} has not confirmed the subscription to {what}",
                    f"open the link in the mail from AWS Notifications; for another one: {again} {entry['Endpoint']}",
                )


def _alarms(patient: Patient) -> Iterator[Seen]:
    names = [found["PhysicalResourceId"] for found in patient.target.stacks.resources("AWS::CloudWatch::Alarm")]
    if not names:
        yield unchecked("this deployment has none")
        return
    cloudwatch, raised = patient.client("cloudwatch"), 0
    for start in range(0, len(names), ALARMS_AT_ONCE):
        answer = cloudwatch.describe_alarms(AlarmNames=names[start : start + ALARMS_AT_ONCE], StateValue="ALARM")
        for alarm in answer["MetricAlarms"]:
            raised += 1
            yield finding(
                f"{alarm['AlarmName']}: {alarm['StateReason']}", alarm.get("AlarmDescription") or "docs/operations.md"
            )
    if not raised:
        yield good(f"none of {len(names)} is raised")


def _quota(patient: Patient) -> Iterator[Seen]:
    if not patient.is_on_aws:
        yield unchecked("the local Rekognition has none")
        return
    used = float(patient.output("CallsPerSecond"))
    allowed = _allowed_calls(patient.client("service-quotas"))
    if allowed is None:
        yield finding(
            "Service Quotas names none for DetectLabels in this Region",
            "see whether Rekognition is offered in this Region; the bucket has to be in the same one",
        )
    elif allowed < used:
        yield finding(
            f"{allowed:g} calls of DetectLabels a second are allowed, and the settings take {used:g}",
            f'ask for more in Service Quotas, or put `"rekognition_tps": {allowed:g}` into the context of cdk.json and '
            "`make deploy`; what is throttled waits",
        )
    else:
        yield good(f"{allowed:g} calls of DetectLabels a second, of which the settings take {used:g}")


def _concurrency(patient: Patient) -> Iterator[Seen]:
    if not patient.is_on_aws:
        yield unchecked("the embedded cloud has no limit")
        return
    functions = patient.client("lambda")
    mappings = patient.target.stacks.resources("AWS::Lambda::EventSourceMapping")
    workers = 0
    for mapping in mappings:
        with suppress(functions.exceptions.ResourceNotFoundException):  # of which another check speaks
            found = functions.get_event_source_mapping(UUID=mapping["PhysicalResourceId"])
            workers += found["ScalingConfig"]["MaximumConcurrency"]
    allowed = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    text = f"{allowed:,} executions at once, of which workers take up to {workers}"
    if allowed >= workers + ROOM:
        yield good(text)
    else:
        yield finding(
            f"{text}: while all are taken, APIs answer 500 and messages wait",
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            "--desired-value 1000; what to expect until then: docs/operations.md, “A new account”",
        )


def _allowed_calls(quotas: Any) -> float | None:
    """What the account has, or else what AWS gives to all."""
    for listing in ("list_service_quotas", "list_aws_default_service_quotas"):
        for page in quotas.get_paginator(listing).paginate(ServiceCode="rekognition"):
            for quota in page["Quotas"]:
                if re.search(r"\bDetectLabels\b", quota["QuotaName"]):
                    return float(quota["Value"])
    return None


CHECKS: dict[str, Callable[[Patient], Iterator[Seen]]] = {
    "stack": _stacks,
    "key": _key,
    "API": _apis,
    "addresses": _addresses,
    "bucket": _notifications,
    "mapping": _mappings,
    "budget": _budget,
    "queue": _queues,
    "dead letters": _dead_letters,
    "Rekognition's quota": _quota,
    "Lambda's quota": _concurrency,
    "receiver": _receivers,
    "signing secret": _secrets,
    "e-mail": _emails,
    "alarm": _alarms,
}


def examine(target: Target) -> Iterator[tuple[str, Seen]]:
    """What each check saw; one that fails says so, and hinders no other."""
    patient = Patient(target)
    try:
        patient.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield (
            "credentials",
            finding(f"AWS does not know the caller: {error}", "set AWS_PROFILE, or run `aws sso login`"),
        )
        return
    for name, check in CHECKS.items():
        try:
            for seen in check(patient):
                yield name, seen
        except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are to be made
            text = f"could not be checked: {str(error) or type(error).__name__}"
            if isinstance(error, NotThereError) or names_no_stack(error):
                yield name, Seen(State.UNCHECKED, text)
            else:
                yield name, finding(text, "ask again with the rights to look at it, or when AWS answers")


def run(target: Target, *, as_json: bool, out: Console) -> int:
    """Print a line for each thing looked at, and how many need something done."""
    lines = []
    for name, seen in examine(target):
        lines.append({"check": name, "state": seen.state, "text": seen.text, "fix": seen.fix})
        if not as_json:
            mark, style = MARKS[seen.state]
            out.print(Text.assemble((mark, style), f" {name}: {printable(seen.text)}"))
            if seen.fix:
                out.print(f"    → {seen.fix}", markup=False, emoji=False)
    findings = sum(line["state"] is State.FINDING for line in lines)
    if as_json:
        out.print_json(data=lines)
    else:
        out.print(f"{findings} finding{'s' * (findings != 1)}" if findings else "nothing to do")
    return findings
