"""`sightline redrive` brings dead letters back."""

import json
from typing import Any

import boto3

from cli.queues import work_queues
from cli.target import local_target
from local.cloud import Cloud
from tests.conftest import captured
from tests.e2e.conftest import System, wait_for
from tests.e2e.test_commands import sightline
from tests.source_server import Source


def test_a_dead_letter_is_recognised_and_a_poisonous_one_fails_again(
    cloud: Cloud, system: System, source: Source
) -> None:
    name = "was dead.jpg"
    assert system.upload(f"{source.address}/photo.jpg", name).ok
    wait_for(lambda: system.image(name))
    boto3.client("dynamodb", endpoint_url=system.endpoints.aws).delete_item(
        TableName=system.endpoints.table, Key={"image": {"S": name}}
    )
    assert system.image(name) is None

    target = local_target(json.loads((cloud.folder / "endpoints.json").read_text()))
    [queue] = [queue for queue in work_queues(target) if queue.name == "UploadedImage"]
    sqs = target.client("sqs")
    for body in (notification(system, name), "no json"):
        sqs.send_message(QueueUrl=queue.dead_letters_url, MessageBody=body)

    moved = sightline(cloud, "redrive", "uploadedimage", "--yes")
    assert moved.returncode == 0, moved.stderr
    assert "UploadedImage: 2 messages, the oldest of a sample" in moved.stdout
    assert f"\n  {name}\n" in moved.stdout
    assert "\n  no json\n" in moved.stdout
    assert "see the logs of RekognitionStack-ImageRecognition" in moved.stdout
    assert moved.stdout.endswith("UploadedImage: 2 messages moved back\n")
    assert moved.stderr == "target: local\n"

    assert wait_for(lambda: system.image(name))["status"] == "RECOGNIZED"
    assert "UploadedImage: no messages\n" in sightline(cloud, "redrive").stdout
    sqs.purge_queue(QueueUrl=queue.url)  # the poison would come back


def notification(system: System, name: str) -> str:
    """Return S3's notification of an object as it is now."""
    head = system.s3().head_object(Bucket=system.endpoints.bucket, Key=name)
    document: Any = captured("object-created")
    document["Records"][0]["s3"]["bucket"]["name"] = system.endpoints.bucket
    document["Records"][0]["s3"]["object"] |= {"key": name.replace(" ", "+"), "versionId": head["VersionId"]}
    return json.dumps(document)
