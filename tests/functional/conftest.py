"""The functional tests run the real handlers against moto; their only sockets are on loopback."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import pytest_socket
from moto import mock_aws

from recognition.runtime import recognize_images
from recognition.runtime.records.image_records import ImageRecord, ImageRecords
from recognition.runtime.records.record_updater import RecordUpdater
from tests.conftest import ROOT, Templates
from tests.counted import Kind
from tests.functional.fake_rekognition import FakeRekognition, with_rekognition
from tests.functional.quick_aws import quick_transactions, service_models, shared_clients_fixture  # noqa: F401 - fixtures
from tests.functional.recorders import hidden  # noqa: F401 - a fixture
from tests.functional.s3_bucket import S3


@pytest.fixture(scope="session")
def templates(synthesize: Callable[..., Templates]) -> Templates:
    """The templates of all tiers. If `node_modules` cannot build the page, those of a system without a gallery."""
    return synthesize() if (ROOT / "node_modules" / "vite").is_dir() else synthesize(auth="iam")


@pytest.fixture(autouse=True)
def only_loopback() -> Iterator[None]:
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)
    yield
    pytest_socket._remove_restrictions()


@dataclass(frozen=True)
class Context:
    """The context that Lambda passes with an event."""

    function_name: str = "function"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def context() -> Context:
    return Context()


@pytest.fixture
def aws(shared_clients: None) -> Iterator[None]:
    with mock_aws():
        yield


def resource(template: dict[str, Any], kind: str, name: str = "") -> dict[str, Any]:
    """Return the properties of the only resource of this type with this beginning of its logical id."""
    [found] = [r["Properties"] for i, r in template["Resources"].items() if r["Type"] == kind and i.startswith(name)]
    properties: dict[str, Any] = found
    return properties


@pytest.fixture
def bucket(aws: None, templates: Templates) -> str:
    """The image bucket, versioned as in the template."""
    properties = resource(templates["APIStack"], "AWS::S3::Bucket", "ImageBucket")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="images")
    s3.put_bucket_versioning(Bucket="images", VersioningConfiguration=properties["VersioningConfiguration"])
    return "images"


def create_tables(template: dict[str, Any]) -> dict[str, str]:
    """Create the tables of a template, with their keys and indexes. Returns construct -> name."""
    names, dynamodb = {}, boto3.client("dynamodb")
    for logical_id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::DynamoDB::GlobalTable":
            names[logical_id[:-8].lower()] = logical_id  # without CDK's hash
            properties = resource["Properties"]
            taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
            dynamodb.create_table(
                TableName=logical_id, **{name: properties[name] for name in taken if name in properties}
            )
    return names


@pytest.fixture
def tables(aws: None, templates: Templates) -> dict[str, str]:
    """Create the tables of records and of paid answers, as in the template."""
    return create_tables(templates["RekognitionStack"])


@pytest.fixture
def table(tables: dict[str, str]) -> str:
    """The table of results."""
    return tables["classifications"]


@pytest.fixture
def queue_url(aws: None) -> str:
    """Create the queue of a handler's messages."""
    url: str = boto3.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    return url


@pytest.fixture
def removals_queue_url(aws: None) -> str:
    """The recognition worker's queue of removals."""
    url: str = boto3.client("sqs").create_queue(QueueName="removals")["QueueUrl"]
    return url


def received(queue_url: str) -> list[str]:
    """Take all messages out of a queue. Returns their texts."""
    sqs, texts = boto3.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            texts.append(message["Body"])
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return texts


@dataclass(frozen=True)
class Published:
    """A message as a topic's subscriber received it."""

    document: dict[str, Any]
    text: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Topic:
    """A topic, and a queue that gets all its messages raw."""

    arn: str
    queue_url: str

    def published(self) -> list[Published]:
        """Return all messages since the previous call."""
        found: list[Published] = []
        sqs = boto3.client("sqs")
        while messages := sqs.receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                attributes = {k: v["StringValue"] for k, v in message.get("MessageAttributes", {}).items()}
                found.append(Published(json.loads(message["Body"]), message["Body"], attributes))
        return found


@pytest.fixture
def labels_topic(aws: None) -> Topic:
    return create_topic()


def create_topic() -> Topic:
    """Create a topic, and its queue."""
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    arn = sns.create_topic(Name="labels")["TopicArn"]
    queue_url = sqs.create_queue(QueueName="labels")["QueueUrl"]
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:123456789012:labels",
        Attributes={"RawMessageDelivery": "true"},
    )
    return Topic(arn, queue_url)


def sqs_event(*bodies: str, receives: int = 1, tried_seconds: float = 0, queue: str = "queue") -> dict[str, Any]:
    """Return a batch as an event source mapping passes it. Message ids are 0, 1, 2 …"""
    first_receive = round(1000 * (time.time() - tried_seconds))
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": "handle",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(receives),
                    "ApproximateFirstReceiveTimestamp": str(first_receive),
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def failed(answer: dict[str, Any]) -> list[str]:
    """Return the ids of the messages that stay in the queue."""
    return sorted(failure["itemIdentifier"] for failure in answer["batchItemFailures"])


def emitted(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, ...], list[float]]:
    """Return the values of the metrics since the previous call. A key is the name and `dimension=value`, without
    `service`."""
    found: dict[tuple[str, ...], list[float]] = {}
    for line in capsys.readouterr().out.splitlines():
        if '"_aws"' not in line:
            continue
        document = json.loads(line)
        [directive] = document["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Sightline"
        [dimensions] = directive["Dimensions"]
        assert document["service"] == "tests"
        values = sorted(f"{dimension}={document[dimension]}" for dimension in dimensions if dimension != "service")
        for metric in directive["Metrics"]:
            found.setdefault((metric["Name"], *values), []).extend(document[metric["Name"]])
    return found


def kinds(*found: dict[tuple[str, ...], list[float]]) -> set[Kind]:
    """Return the names of emitted metrics, without values."""
    return {(name, *(value.partition("=")[0] for value in values)) for each in found for name, *values in each}


@dataclass(frozen=True)
class Answer:
    """The answer of an HTTP handler."""

    status: int
    document: Any
    headers: dict[str, str]


API_KEY = "kEy-of-the-caller"
REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


@pytest.fixture
def call(context: Context) -> Callable[..., Answer]:
    """Call a handler as a REST API does: path parameters percent-encoded, queries decoded."""

    def called(
        handler: Callable[[Any, Any], dict[str, Any]],
        method: str,
        path: str,
        *,
        query: dict[str, str] | list[tuple[str, str]] | None = None,
        body: str | None = None,
        content_type: str | None = "application/json",
        parameters: dict[str, str] | None = None,
    ) -> Answer:
        given = list(query.items() if isinstance(query, dict) else query or [])
        several: dict[str, list[str]] = {}
        for name, value in given:
            several.setdefault(name, []).append(value)
        sent = {"x-api-key": API_KEY} | ({"Content-Type": content_type} if content_type else {})
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": dict(given) or None,
            "multiValueQueryStringParameters": several or None,
            "pathParameters": parameters,
            "stageVariables": None,
            "requestContext": {"requestId": REQUEST_ID, "stage": "prod", "path": path},
            "body": body,
            "isBase64Encoded": False,
        }
        answer = handler(event, context)
        json.dumps(answer, ensure_ascii=False).encode()  # as Lambda does
        headers = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        return Answer(answer["statusCode"], json.loads(answer["body"]), headers)

    return called


MAX_BYTES, MAX_PIXELS = 1_000_000, 1_000_000
PARAMETERS = {"MaxLabels": 10, "MinConfidence": 70.0}


@pytest.fixture
def rekognition() -> FakeRekognition:
    return FakeRekognition()


@pytest.fixture
def abilities() -> dict[str, Any]:
    """The enabled abilities with their options: none. Tests of abilities override this."""
    return {}


@pytest.fixture
def limits() -> tuple[int, int]:
    """Return the maximum bytes and pixels that the worker accepts."""
    return MAX_BYTES, MAX_PIXELS


@pytest.fixture
def worker(
    bucket: str,
    tables: dict[str, str],
    labels_topic: Topic,
    queue_url: str,
    removals_queue_url: str,
    rekognition: FakeRekognition,
    limits: tuple[int, int],
    abilities: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> RecordUpdater:
    monkeypatch.setenv("CLASSIFICATIONS_TABLE", tables["classifications"])
    monkeypatch.setenv("RECOGNITIONS_TABLE", tables["recognitions"])
    monkeypatch.setenv("USAGE_TABLE", tables["usage"])
    monkeypatch.setenv("MONTHLY_BUDGET_USD", "0.0")
    monkeypatch.setenv("QUEUE_URL", queue_url)
    monkeypatch.setenv("REMOVALS_QUEUE_URL", removals_queue_url)
    monkeypatch.setenv("MAX_RECEIVE_COUNT", "20")
    monkeypatch.setenv("CALLS_PER_SECOND", "1000")
    monkeypatch.setenv("LABELS_TOPIC_ARN", labels_topic.arn)
    monkeypatch.setenv("DETECT_LABELS", json.dumps(PARAMETERS))
    monkeypatch.setenv("MAX_IMAGE_BYTES", str(limits[0]))
    monkeypatch.setenv("MAX_IMAGE_PIXELS", str(limits[1]))
    if abilities:
        monkeypatch.setenv("ABILITIES", json.dumps(abilities))
    made = with_rekognition(recognize_images.record_updater(), rekognition)
    monkeypatch.setattr(recognize_images, "record_updater", lambda: made)
    return made


@pytest.fixture
def s3(bucket: str) -> S3:
    return S3(bucket)


@pytest.fixture
def deliver(worker: RecordUpdater, context: Context) -> Callable[..., list[str]]:
    """Pass messages to the handler. Returns the ids of those that stay in the queue."""

    def delivered(*bodies: str, receives: int = 1, tried_seconds: float = 0, queue: str = "queue") -> list[str]:
        event = sqs_event(*bodies, receives=receives, tried_seconds=tried_seconds, queue=queue)
        return failed(dict(recognize_images.handler(event, context)))  # type: ignore[arg-type]

    return delivered


@pytest.fixture
def records(table: str) -> Callable[[str], ImageRecord | None]:
    return ImageRecords(boto3.client("dynamodb"), table).get
