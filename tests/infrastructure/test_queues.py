"""Queues and their consumers: nothing is lost, and quotas are kept."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk.assertions import Match, Template

from tests.conftest import Templates
from tests.infrastructure.conftest import OTHER_SETTINGS, placed
from tests.templates import written


def test_workers_fetch_so_many_batches_at_once(others: Templates) -> None:
    api = Template.from_json(others["APIStack"])
    api.has_resource_properties("AWS::Lambda::EventSourceMapping", {"ScalingConfig": {"MaximumConcurrency": 3}})


@pytest.mark.parametrize("region", [{}, {"region": "us-east-1"}])
def test_by_default_queues_use_the_fewest_executions_possible(
    synthesize: Callable[..., Templates], region: dict[str, str]
) -> None:
    """A mapping has at least two, a new account has ten. Manifests and removals are rare, so two are usually left."""
    mappings = list(placed(synthesize(**region), "AWS::Lambda::EventSourceMapping"))
    assert [mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"] for _, mapping in mappings] == [2] * 7


def test_every_queue_has_a_dead_letter_queue(templates: Templates) -> None:
    queues = dict(placed(templates, "AWS::SQS::Queue"))
    with_redrive = {place for place, queue in queues.items() if "RedrivePolicy" in queue["Properties"]}
    dead_letters = {
        f"{place.partition('/')[0]}/{queues[place]['Properties']['RedrivePolicy']['deadLetterTargetArn']['Fn::GetAtt'][0]}"
        for place in with_redrive
    }
    assert with_redrive
    assert with_redrive | dead_letters == set(queues)
    for place, queue in queues.items():
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600, place
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, place
    for place in with_redrive:
        assert queues[place]["Properties"]["RedrivePolicy"]["maxReceiveCount"] >= 5, place


def test_subscriptions_are_raw_and_lose_nothing(templates: Templates) -> None:
    subscriptions = list(placed(templates, "AWS::SNS::Subscription"))
    assert subscriptions
    for place, subscription in subscriptions:
        assert subscription["Properties"]["RawMessageDelivery"] is True, place
        assert "deadLetterTargetArn" in subscription["Properties"]["RedrivePolicy"], place


def test_removals_do_not_wait_behind_uploads(templates: Templates) -> None:
    wanted = {
        "<UploadedImageQueue>": ["ObjectCreated:"],
        "<RemovedImageQueue>": ["ObjectRemoved:", "LifecycleExpiration:"],
        "<ThumbnailQueue>": None,
    }
    assert {queue: prefixes for queue, (prefixes, _) in image_subscriptions(templates).items()} == wanted


def test_an_update_starts_to_queue_removals_before_it_stops_to_queue_them_with_uploads(templates: Templates) -> None:
    subscriptions = image_subscriptions(templates)
    _, removals = subscriptions["<RemovedImageQueue>"]
    _, uploads = subscriptions["<UploadedImageQueue>"]
    resources = templates["APIStack"]["Resources"]
    assert removals in resources[uploads]["DependsOn"]
    policies = {
        written(queue): logical_id
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::SQS::QueuePolicy"
        for queue in resource["Properties"]["Queues"]
    }
    assert {policies["<RemovedImageQueue>"], policies["<RemovedImageDeadLetters>"]} <= set(
        resources[uploads]["DependsOn"]
    )


def image_subscriptions(templates: Templates) -> dict[str, tuple[list[str] | None, str]]:
    """Return the beginnings of the names of events that each queue gets (None: all), and the subscription's id."""
    found: dict[str, tuple[list[str] | None, str]] = {}
    for place, subscription in placed(templates, "AWS::SNS::Subscription"):
        properties = subscription["Properties"]
        if written(properties["TopicArn"]) == "<UploadedImageTopic>":
            prefixes = None
            if policy := properties.get("FilterPolicy"):
                prefixes = [rule["prefix"] for rule in policy["Records"]["eventName"]]
                rules = [{"prefix": prefix} for prefix in prefixes]
                assert (properties["FilterPolicyScope"], policy) == ("MessageBody", {"Records": {"eventName": rules}})
            found[written(properties["Endpoint"])] = prefixes, place.rpartition("/")[2]
    return found


def test_a_message_is_hidden_six_times_as_long_as_its_handler_may_take(
    api: Template, recognition: Template, integration: Template
) -> None:
    recognition.has_resource_properties(
        "AWS::Lambda::Function", {"Handler": "recognition.runtime.recognize_images.handler", "Timeout": 60}
    )
    api.has_resource_properties("AWS::SQS::Queue", {"VisibilityTimeout": 360, "RedrivePolicy": Match.any_value()})
    for handler in ("api.runtime.read_manifest.handler", "api.runtime.fetch_images.handler"):
        api.has_resource_properties("AWS::Lambda::Function", {"Handler": handler, "Timeout": 300})
    api.resource_properties_count_is("AWS::SQS::Queue", {"VisibilityTimeout": 1800}, 2)
    integration.has_resource_properties(
        "AWS::Lambda::Function", {"Handler": "integration.runtime.deliver.handler", "Timeout": 60}
    )
    integration.has_resource_properties(
        "AWS::SQS::Queue", {"VisibilityTimeout": 360, "RedrivePolicy": Match.object_like({"maxReceiveCount": 1000})}
    )


@pytest.mark.parametrize(
    ("settings", "workers", "each"),
    [
        (OTHER_SETTINGS, 20, "25"),
        ({"rekognition_tps": 5}, 2, "2.5"),
        ({"rekognition_tps": 2}, 2, "1"),
        ({"region": "eu-west-1"}, 2, "25"),
        ({"region": "eu-north-1"}, 2, "2.5"),
    ],
)
def test_all_workers_together_stay_under_the_quota(
    synthesize: Callable[..., Templates], settings: dict[str, Any], workers: int, each: str
) -> None:
    recognition = Template.from_json(synthesize(**settings)["RekognitionStack"])
    recognition.has_resource_properties(
        "AWS::Lambda::EventSourceMapping", {"ScalingConfig": {"MaximumConcurrency": workers}}
    )
    recognition.has_resource_properties(
        "AWS::Lambda::Function", {"Environment": {"Variables": Match.object_like({"CALLS_PER_SECOND": each})}}
    )


@pytest.mark.parametrize("rate", [50, 500])
def test_deliveries_keep_up_with_recognition_for_a_receiver_that_takes_a_while(
    synthesize: Callable[..., Templates], rate: int
) -> None:
    """There are more workers than necessary. tests/unit/test_breaker.py shows that a batch is sent in parallel."""
    settings = {"rekognition_tps": rate} if rate != OTHER_SETTINGS["rekognition_tps"] else OTHER_SETTINGS
    templates = {"IntegrationStack": synthesize(**settings)["IntegrationStack"]}
    mappings = dict(placed(templates, "AWS::Lambda::EventSourceMapping"))
    [mapping] = [mapping for place, mapping in mappings.items() if place.startswith("IntegrationStack/Deliver")]
    documents = mapping["Properties"]["BatchSize"] * mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    assert documents / 0.4 >= 1.2 * rate


def test_failed_messages_of_a_batch_come_back_alone(templates: Templates) -> None:
    mappings = list(placed(templates, "AWS::Lambda::EventSourceMapping"))
    assert len(mappings) == 7
    for place, mapping in mappings:
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"], place
