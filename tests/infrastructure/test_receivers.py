"""Receivers of results and of e-mails."""

import string

from aws_cdk.assertions import Match, Template

from tests.conftest import Templates
from tests.infrastructure.conftest import placed


def test_each_receiver_has_a_queue_a_function_and_a_secret_and_its_filter(others: Templates) -> None:
    integration = Template.from_json(others["IntegrationStack"])
    integration.resource_count_is("AWS::SecretsManager::Secret", 2)
    subscriptions = [s["Properties"] for _, s in placed(others, "AWS::SNS::Subscription")]
    policies = [s["FilterPolicy"] for s in subscriptions if "FilterPolicy" in s]
    elsewhere = {"event", "Records"}  # members of the policies of e-mails, and of pictures
    assert [policy for policy in policies if not policy.keys() & elsewhere] == [{"labels": ["Dog", "Cat"]}]
    for name, form, schema in (("thirdparty", "xml", "2"), ("pets", "json", Match.absent())):
        integration.has_resource_properties(
            "AWS::Lambda::Function",
            {"Environment": {"Variables": Match.object_like({"RECEIVER": name, "FORMAT": form, "SCHEMA": schema})}},
        )
    queues = {
        str(mapping["Properties"]["EventSourceArn"])
        for place, mapping in placed(others, "AWS::Lambda::EventSourceMapping")
        if place.startswith("IntegrationStack") and "LabelsQueue" in str(mapping["Properties"]["EventSourceArn"])
    }
    assert len(queues) == 2


def test_secrets_are_letters_and_digits_as_secrets_manager_and_the_embedded_cloud_read_it(
    integration: Template,
) -> None:
    """Secrets Manager requires a character of each type that is not excluded. Otherwise it makes no secret."""
    excluded = {"ExcludePunctuation": True, "ExcludeCharacters": string.punctuation}
    integration.all_resources_properties(
        "AWS::SecretsManager::Secret", {"GenerateSecretString": {"PasswordLength": 64, **excluded}}
    )


def test_the_default_receiver_keeps_its_queue_when_others_join_it(templates: Templates, others: Templates) -> None:
    queues = {place for place, _ in placed(templates, "AWS::SQS::Queue")}
    assert queues <= {place for place, _ in placed(others, "AWS::SQS::Queue")}


def test_mails_go_out_in_batches_by_a_queue_and_a_topic_of_their_own(others: Templates) -> None:
    integration = Template.from_json(others["IntegrationStack"])
    integration.has_resource_properties("AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "me@example.com"})
    integration.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {"MaximumBatchingWindowInSeconds": 60, "BatchSize": 100, "ScalingConfig": {"MaximumConcurrency": 2}},
    )
    integration.has_resource_properties(
        "AWS::SNS::Subscription",
        {"FilterPolicy": {"event": ["image.recognized", "image.failed"], "labels": ["Dog", "Cat"]}},
    )
    integration.has_resource_properties("AWS::SQS::Queue", {"VisibilityTimeout": 240})


def test_without_an_address_nothing_is_mailed(integration: Template) -> None:
    integration.resource_count_is("AWS::SNS::Topic", 1)
