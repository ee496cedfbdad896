"""`sightline doctor` names each fault, and finds nothing in a healthy deployment."""

import json
from contextlib import ExitStack
from typing import Any

import pytest

from cli.stacks import Stacks
from local.cloud import Cloud
from tests.e2e.conftest import System
from tests.e2e.test_commands import sightline


def findings(cloud: Cloud) -> dict[str, str]:
    """Return the findings: check -> text."""
    done = sightline(cloud, "doctor", "--json")
    lines = [line for line in json.loads(done.stdout) if line["state"] == "finding"]
    assert done.returncode == bool(lines), done.stderr
    assert all(line["fix"] for line in lines)
    return {line["check"]: line["text"] for line in lines}


def test_five_planted_faults_are_named_and_a_healthy_deployment_has_none(cloud: Cloud, healthy: System) -> None:
    assert findings(cloud) == {}
    with ExitStack() as mend:
        plant(healthy, mend)
        found = findings(cloud)
        shown = sightline(cloud, "doctor").stdout
    assert found.keys() == {"receiver", "dead letters", "mapping", "bucket", "e-mail"}
    assert found["receiver"] == "thirdparty: there is no parameter thirdparty_endpoint, so nothing is delivered"
    assert found["dead letters"] == "Index: 1 message"
    assert "Project" in found["mapping"]
    assert found["bucket"] == "the image bucket does not announce s3:ObjectRemoved:*"
    assert found["e-mail"] == "nobody is subscribed to results any more"
    assert "✗ dead letters: Index: 1 message\n    → `sightline redrive Index` shows the reasons" in shown
    assert shown.endswith("5 findings\n")
    assert findings(cloud) == {}


@pytest.mark.usefixtures("same_key_afterwards")
def test_a_key_that_is_disabled_is_named_once(cloud: Cloud, healthy: System) -> None:
    gateway = healthy.client("apigateway")
    [key] = [k for k in gateway.get_api_keys(includeValues=True)["items"] if k["value"] == healthy.endpoints.api_key]
    disable = {"op": "replace", "path": "/enabled", "value": "false"}
    gateway.update_api_key(apiKey=key["id"], patchOperations=[disable])
    assert findings(cloud) == {"key": "the key that the commands use is disabled"}


def plant(system: System, mend: ExitStack) -> None:
    """Create five faults, and register how to undo each."""
    ssm, sqs, functions = (system.client(service) for service in ("ssm", "sqs", "lambda"))
    s3, sns = system.s3(), system.client("sns")

    ssm.delete_parameter(Name="thirdparty_endpoint")
    address = {"Name": "thirdparty_endpoint", "Value": system.endpoints.partner, "Type": "String"}
    mend.callback(ssm.put_parameter, **address)

    dead = system.queue("IndexDeadLetters")
    sqs.send_message(QueueUrl=dead, MessageBody="poison")
    mend.callback(sqs.purge_queue, QueueUrl=dead)

    [mapping] = [
        found["PhysicalResourceId"]
        for found in Stacks(system.client).resources("AWS::Lambda::EventSourceMapping")
        if found["LogicalResourceId"].startswith("Project")
    ]
    functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    mend.callback(functions.update_event_source_mapping, UUID=mapping, Enabled=True)

    bucket = system.endpoints.bucket
    configured = s3.get_bucket_notification_configuration(Bucket=bucket)
    topics = configured["TopicConfigurations"]
    put(s3, bucket, [entry for entry in topics if "s3:ObjectRemoved:*" not in entry["Events"]])
    mend.callback(put, s3, bucket, topics)

    [topic] = [t["TopicArn"] for t in sns.list_topics()["Topics"] if "EmailTopic" in t["TopicArn"]]
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    [mailed] = [entry for entry in subscriptions if entry["Protocol"] == "email"]
    sns.unsubscribe(SubscriptionArn=mailed["SubscriptionArn"])
    mend.callback(sns.subscribe, TopicArn=topic, Protocol="email", Endpoint=mailed["Endpoint"])


def put(s3: Any, bucket: str, topics: list[Any]) -> None:
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"TopicConfigurations": topics})
