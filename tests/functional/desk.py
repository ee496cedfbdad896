"""The delivery handler with its queues, tables and secret, for the tests of deliveries and of logs."""

import time
from dataclasses import dataclass
from typing import Any, Literal

import boto3
import pytest

from common.runtime.recognition_event import Label, RecognitionEvent
from integration.runtime import deliver
from integration.runtime.webhooks.delivery_log import Deliveries
from tests.conftest import Templates
from tests.functional.conftest import Context, create_tables, failed, sqs_event

EVENT = RecognitionEvent(
    event="image.recognized",
    event_id="b6ae377b-3121-5668-8e6a-f41604c7f2d0",
    image="red flower.jpg",
    image_id="edc67796-1be9-5d95-9291-4e780fc65789",
    bucket="images",
    version_id="v1",
    source_url="https://host/a.jpg",
    occurred_at="2026-11-20T09:30:00.123Z",
    model="3.0",
    labels=(Label(name="Dog", confidence=98.13),),
)
SECRET = "a" * 64


@dataclass
class Desk:
    """The handler's queue, and the data that the handler writes."""

    context: Context
    tables: dict[str, str]
    queue_url: str
    dead_letters_url: str

    def hand_over(self, *bodies: str, receives: int = 1, age: float = 0) -> list[str]:
        """Pass messages to the handler. Returns the ids of those that stay in the queue."""
        event = sqs_event(*bodies, receives=receives)
        sqs, sent = boto3.client("sqs"), set()
        for number, record in enumerate(event["Records"]):
            sent.add(sqs.send_message(QueueUrl=self.queue_url, MessageBody=str(number))["MessageId"])
            record["attributes"]["SentTimestamp"] = str(round((time.time() - age) * 1000))
        messages: list[Any] = []
        while len(messages) < len(bodies):
            received = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)["Messages"]
            messages += [message for message in received if message["MessageId"] in sent]  # others may be back by now
        for record, message in zip(event["Records"], messages, strict=True):
            record["receiptHandle"] = message["ReceiptHandle"]
        return failed(dict(deliver.handler(event, self.context)))  # type: ignore[arg-type]

    def entries(self) -> list[dict[str, Any]]:
        """Return the image's log entries."""
        log = Deliveries(boto3.client("dynamodb"), self.tables["deliveries"])
        return log.newest(image=EVENT.image, limit=10, start=None).entries

    def item(self) -> dict[str, Any]:
        """Return the image's only log entry."""
        [entry] = self.entries()
        return entry

    def dead(self) -> list[tuple[str, str]]:
        """Return bodies and reasons of new dead letters since the previous call."""
        sqs, found = boto3.client("sqs"), []
        answer = sqs.receive_message(
            QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=self.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
            found.append((message["Body"], message["MessageAttributes"]["reason"]["StringValue"]))
        return found


@pytest.fixture(name="desk")
def desk_fixture(
    aws: None, queue_url: str, templates: Templates, context: Context, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    tables = create_tables(templates["IntegrationStack"])
    dead_letters_url = boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    arn = boto3.client("secretsmanager").create_secret(Name="signing", SecretString=SECRET)["ARN"]
    variables = {
        "RECEIVER": "thirdparty",
        "FORMAT": "xml",
        "URL_PARAMETER": "thirdparty_endpoint",
        "SECRET_ARN": arn,
        "QUEUE_URL": queue_url,
        "DEAD_LETTER_QUEUE_URL": dead_letters_url,
        "DELIVERIES_TABLE": tables["deliveries"],
        "BREAKERS_TABLE": tables["breakers"],
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Desk(context, tables, queue_url, dead_letters_url)


def set_address(address: str, *, kind: Literal["String", "SecureString"] = "String") -> None:
    boto3.client("ssm").put_parameter(Name="thirdparty_endpoint", Value=address, Type=kind, Overwrite=True)
