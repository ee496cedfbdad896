"""A system with the queues of the templates, on moto: shared by the tests of `sightline redrive` and of the doctor."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cli import message_moves
from cli.queues import work_queues
from cli.target import Target, TargetName
from tests.conftest import Templates


@dataclass
class EmbeddedSqs:
    """Moto's SQS, with the embedded cloud's answer about move tasks."""

    moto: Any
    sent: int = 0
    interrupt_after: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.moto, name)

    def send_message(self, **request: Any) -> Any:
        if self.sent == self.interrupt_after:
            raise KeyboardInterrupt
        self.sent += 1
        return self.moto.send_message(**request)

    def list_message_move_tasks(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": "InvalidAction", "Message": "not valid"}}, "ListMessageMoveTasks")


class FakeLambda:
    """A Lambda in which every queue feeds the same function."""

    def list_event_source_mappings(self, **_: Any) -> Any:
        return {"EventSourceMappings": [{"FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:Worker"}]}

    def get_function_configuration(self, **_: Any) -> Any:
        return {"FunctionName": "Worker", "LoggingConfig": {"LogGroup": "worker-logs"}}


@dataclass(frozen=True)
class FakeTarget(Target):
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.clients.get(service) or boto3.client(service)  # type: ignore[call-overload]


@pytest.fixture(name="target")
def target_fixture(aws: None, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> FakeTarget:
    """A system on the embedded cloud with the queues of the templates."""
    for stack, template in templates.items():
        queues = {name: r for name, r in template["Resources"].items() if r["Type"] == "AWS::SQS::Queue"}
        body = json.dumps({"Resources": {**queues, "Topic": {"Type": "AWS::SNS::Topic"}}})
        boto3.client("cloudformation").create_stack(StackName=stack, TemplateBody=body)
    boto3.client("logs").create_log_group(logGroupName="worker-logs")
    boto3.client("logs").create_log_stream(logGroupName="worker-logs", logStreamName="one")
    clients = {"sqs": EmbeddedSqs(boto3.client("sqs")), "lambda": FakeLambda()}
    target = FakeTarget(TargetName.LOCAL, "upload", "labels", "deliveries", "key", clients=clients)
    monkeypatch.setattr("cli.options.find", lambda name, **_: target)
    monkeypatch.setattr(message_moves, "POLL_SECONDS", 0)
    return target


@dataclass(frozen=True)
class Pair:
    """A dead-letter queue and its queue."""

    target: Target
    name: str = "UploadedImage"

    def url(self, *, dead: bool) -> str:
        [found] = [queue for queue in work_queues(self.target) if queue.name == self.name]
        return found.dead_letters_url if dead else found.url

    def put(self, body: str, **attributes: Any) -> str:
        """Put a dead letter. Returns its id."""
        sent = boto3.client("sqs").send_message(
            QueueUrl=self.url(dead=True), MessageBody=body, MessageAttributes=attributes
        )
        return sent["MessageId"]

    def take(self, *, dead: bool) -> list[Any]:
        """Receive messages as a consumer does."""
        taken = boto3.client("sqs").receive_message(
            QueueUrl=self.url(dead=dead), MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        return taken.get("Messages", [])

    def bodies(self, *, dead: bool) -> list[str]:
        return sorted(message["Body"] for message in self.take(dead=dead))


@pytest.fixture(name="uploads")
def uploads_fixture(target: FakeTarget) -> Pair:
    return Pair(target)


def log(line: str) -> None:
    event = {"timestamp": int(datetime.now(UTC).timestamp() * 1000), "message": line}
    boto3.client("logs").put_log_events(logGroupName="worker-logs", logStreamName="one", logEvents=[event])
