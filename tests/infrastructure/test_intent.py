"""What the templates must say, whatever their resources are called."""

import json
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template

from app import build_app
from common.setting_types import SettingsError
from integration.runtime.webhooks.delivery_log import SHOWN
from tests.conftest import ROOT, Templates

OTHER = {"max_image_megabytes": 100, "max_image_megapixels": 30, "monthly_budget_usd": "12.5"}
"""Settings that are not the default, in one app, as each costs a synth."""


@pytest.fixture(scope="module")
def api(templates: Templates) -> Template:
    return Template.from_json(templates["APIStack"])


@pytest.fixture(scope="module")
def recognition(templates: Templates) -> Template:
    return Template.from_json(templates["RekognitionStack"])


@pytest.fixture(scope="module")
def integration(templates: Templates) -> Template:
    return Template.from_json(templates["IntegrationStack"])


def resources(templates: Templates, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every resource of a kind: where it stands, and the resource."""
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield f"{stack}/{name}", resource


def test_every_bucket_is_private_versioned_encrypted_and_kept(api: Template) -> None:
    api.all_resources(
        "AWS::S3::Bucket",
        {
            "DeletionPolicy": "Retain",
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled"},
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                },
            },
        },
    )


def test_old_versions_and_broken_uploads_end(api: Template) -> None:
    """An event names its version, and may wait 14 days in the queue."""
    api.has_resource_properties(
        "AWS::S3::Bucket",
        {
            "LifecycleConfiguration": {
                "Rules": [
                    {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
                    {"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
                ]
            }
        },
    )


def test_creations_and_deletions_are_announced(api: Template) -> None:
    api.has_resource_properties(
        "Custom::S3BucketNotifications",
        {
            "NotificationConfiguration": {
                "TopicConfigurations": [
                    Match.object_like({"Events": ["s3:ObjectCreated:*"]}),
                    Match.object_like({"Events": ["s3:ObjectRemoved:*"]}),
                ]
            }
        },
    )


def test_every_object_of_the_manifest_bucket_is_announced_to_the_reader(api: Template) -> None:
    """One that is no manifest gets a report too, so no suffix is filtered."""
    [announced] = [
        queue
        for notification in api.find_resources("Custom::S3BucketNotifications").values()
        for queue in notification["Properties"]["NotificationConfiguration"].get("QueueConfigurations", [])
    ]
    assert announced["Events"] == ["s3:ObjectCreated:*"]
    assert "Filter" not in announced


def test_workers_fetch_so_many_batches_at_once(synthesize: Callable[..., Templates]) -> None:
    api = Template.from_json(synthesize(fetch_workers="3")["APIStack"])
    api.has_resource_properties("AWS::Lambda::EventSourceMapping", {"ScalingConfig": {"MaximumConcurrency": 3}})


@pytest.mark.parametrize("region", [{}, {"region": "us-east-1"}])
def test_by_default_queues_take_as_little_of_a_new_accounts_executions_as_they_can(
    synthesize: Callable[..., Templates], region: dict[str, str]
) -> None:
    """Ten for everything. Two is a mapping's least; without manifests, whose two queues are idle, two are left."""
    mappings = list(resources(synthesize(**region), "AWS::Lambda::EventSourceMapping"))
    assert [mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"] for _, mapping in mappings] == [2] * 6


def test_what_became_of_a_line_is_kept_once_and_for_a_while(api: Template) -> None:
    api.has_resource_properties(
        "AWS::DynamoDB::GlobalTable",
        {
            "KeySchema": [
                {"AttributeName": "manifest", "KeyType": "HASH"},
                {"AttributeName": "line", "KeyType": "RANGE"},
            ],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        },
    )


def test_every_queue_has_a_way_out_for_what_fails(templates: Templates) -> None:
    queues = dict(resources(templates, "AWS::SQS::Queue"))
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
    subscriptions = list(resources(templates, "AWS::SNS::Subscription"))
    assert subscriptions
    for place, subscription in subscriptions:
        assert subscription["Properties"]["RawMessageDelivery"] is True, place
        assert "deadLetterTargetArn" in subscription["Properties"]["RedrivePolicy"], place


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
        ({"rekognition_tps": 250}, 10, "25"),
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
    """With something to spare; tests/unit/test_breaker.py shows that a batch is offered side by side."""
    templates = {"IntegrationStack": synthesize(rekognition_tps=rate)["IntegrationStack"]}
    [(_, mapping)] = resources(templates, "AWS::Lambda::EventSourceMapping")
    documents = mapping["Properties"]["BatchSize"] * mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    assert documents / 0.4 >= 1.2 * rate


def test_failed_messages_of_a_batch_come_back_alone(templates: Templates) -> None:
    mappings = list(resources(templates, "AWS::Lambda::EventSourceMapping"))
    assert len(mappings) == 6
    for place, mapping in mappings:
        assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"], place


def test_the_table_has_one_item_per_image_and_lists_the_newest(recognition: Template) -> None:
    recognition.has_resource(
        "AWS::DynamoDB::GlobalTable",
        {
            "DeletionPolicy": "Retain",
            "Properties": {
                "KeySchema": [{"AttributeName": "image", "KeyType": "HASH"}],
                "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
                "GlobalSecondaryIndexes": [
                    Match.object_like(
                        {
                            "IndexName": "newest",
                            "KeySchema": [
                                {"AttributeName": "listed", "KeyType": "HASH"},
                                {"AttributeName": "uploaded_at", "KeyType": "RANGE"},
                            ],
                        }
                    )
                ],
                "Replicas": [
                    Match.object_like({"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})
                ],
            },
        },
    )


def test_functions_run_the_chosen_python_with_a_role_and_logs_of_their_own(templates: Templates) -> None:
    functions = {
        place: function["Properties"]
        for place, function in resources(templates, "AWS::Lambda::Function")
        if "BucketNotificationsHandler" not in place  # CDK's own
    }
    assert {function["Handler"] for function in functions.values()} == {
        "recognition.runtime.enforce_budget.handler",
        "api.runtime.get_save_image.handler",
        "api.runtime.read_manifest.handler",
        "api.runtime.fetch_images.handler",
        "recognition.runtime.recognize_images.handler",
        "recognition.runtime.list_images.handler",
        "recognition.runtime.serve_gallery.handler",
        "recognition.runtime.make_renditions.handler",
        "recognition.runtime.update_index.handler",
        "integration.runtime.deliver.handler",
        "integration.runtime.deliveries_api.handler",
    }
    roles = [str(function["Role"]) for function in functions.values()]
    assert len(roles) == len(set(roles))
    for place, function in functions.items():
        assert function["Runtime"] == "python3.13", place
        assert function["Architectures"] == ["arm64"], place
        assert "LogGroup" in function["LoggingConfig"], place
        assert function["Timeout"] > 3, place


def test_buckets_and_queues_are_encrypted(templates: Templates) -> None:
    """Tables and logs always are, under keys that AWS owns; topics keep nothing."""
    buckets, queues = (list(resources(templates, kind)) for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue"))
    assert buckets
    assert queues
    for place, bucket in buckets:
        [rule] = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", place
    for place, queue in queues:
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, place


def test_every_function_logs_into_a_group_that_does_not_grow_for_ever(templates: Templates) -> None:
    """CDK's own function too: without a group of ours Lambda would make one that is kept for ever."""
    for stack, template in templates.items():
        groups = {name for name, r in template["Resources"].items() if r["Type"] == "AWS::Logs::LogGroup"}
        used = {
            function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
            for place, function in resources({stack: template}, "AWS::Lambda::Function")
        }
        assert used == groups
    assert {g["Properties"]["RetentionInDays"] for _, g in resources(templates, "AWS::Logs::LogGroup")} == {30}


def test_no_secret_stands_in_a_template(templates: Templates) -> None:
    """The key's value is made by API Gateway, and neither a variable nor an output shows it."""
    for place, key in resources(templates, "AWS::ApiGateway::ApiKey"):
        assert "Value" not in key["Properties"], place
    shown = {name: output["Value"] for t in templates.values() for name, output in t["Outputs"].items()}
    for _, function in resources(templates, "AWS::Lambda::Function"):
        shown |= function["Properties"].get("Environment", {}).get("Variables", {})
    for name, value in shown.items():
        if not name.startswith("ExportsOutput") and name not in {
            "SECRET_ARN",
            "SigningSecretArns",
            "ENDPOINTS_PARAMETER",
        }:  # where secrets are
            assert not re.search("(?i)secret|token|password|credential|key(?!Id)", name)
            assert not re.search("[A-Za-z0-9+/]{20,}", value if isinstance(value, str) else ""), name


def test_cdk_nags_rules_are_waived_for_single_constructs_with_a_reason() -> None:
    """Never for a stack or the app."""
    waived = [
        (construct, rule, reason)
        for construct in build_app(json.loads((ROOT / "cdk.json").read_text())["context"]).node.find_all()
        for entry in construct.node.metadata
        if entry.type == "aws:cdk:acknowledged-rules"
        for rule, reason in entry.data.items()
    ]
    assert waived
    for construct, rule, reason in waived:
        assert not isinstance(construct, App | Stack), f"{rule} is waived for all of {construct.node.path or 'the app'}"
        assert len(reason.split()) >= 4, f"{construct.node.path} waives {rule} because {reason!r}"


@pytest.mark.parametrize("stack", ["APIStack", "RekognitionStack", "IntegrationStack"])
def test_by_default_every_call_that_gives_or_changes_data_needs_the_one_key(templates: Templates, stack: str) -> None:
    methods = [m["Properties"] for place, m in resources(templates, "AWS::ApiGateway::Method") if stack in place]
    keyless = [m for m in methods if not m["ApiKeyRequired"]]
    open_paths = sorted(path(templates[stack], m) for m in keyless if m["HttpMethod"] != "OPTIONS")
    assert open_paths == OPEN[stack]
    asked = sorted(path(templates[stack], m) for m in keyless if m["HttpMethod"] == "OPTIONS")
    assert asked == CALLED_BY_PAGE[stack]
    guarded = [m for m in methods if m["ApiKeyRequired"]]
    assert "OPTIONS" not in {m["HttpMethod"] for m in guarded}
    assert len(list(resources(templates, "AWS::ApiGateway::ApiKey"))) == 1
    keyed = {place.partition("/")[0] for place, _ in resources(templates, "AWS::ApiGateway::UsagePlanKey")}
    assert keyed == {"APIStack", "RekognitionStack", "IntegrationStack"}


OPEN = {
    "APIStack": ["/openapi.json"],
    "RekognitionStack": ["/gallery", "/gallery/{file}", "/openapi.json"],
    "IntegrationStack": ["/openapi.json"],
}
"""The paths of what needs no key, as it holds no data. Beside them there are only browsers' questions (OPTIONS)."""

CALLED_BY_PAGE = {
    "APIStack": ["/images", "/uploads"],
    "RekognitionStack": [],
    "IntegrationStack": ["/deliveries"],
}
"""The paths that the gallery's page calls from another origin: it comes from the List Images Service."""


def path(template: dict[str, Any], method: dict[str, Any]) -> str:
    """Where a method is."""
    found, resource = "", method["ResourceId"]
    while "Ref" in resource:
        properties = template["Resources"][resource["Ref"]]["Properties"]
        found, resource = f"/{properties['PathPart']}{found}", properties["ParentId"]
    return found or "/"


def test_with_iam_every_call_must_be_signed(synthesize: Callable[..., Templates]) -> None:
    templates = synthesize(auth="iam")
    methods = [
        (path(templates[place.partition("/")[0]], m["Properties"]), m["Properties"])
        for place, m in resources(templates, "AWS::ApiGateway::Method")
    ]
    assert len([m for where, m in methods if where == "/openapi.json"]) == 3
    guarded = [m for where, m in methods if where != "/openapi.json"]
    assert {(m["AuthorizationType"], m["ApiKeyRequired"]) for m in guarded} == {("AWS_IAM", False)}
    assert not list(resources(templates, "AWS::ApiGateway::UsagePlan"))


def test_with_iam_there_is_no_gallery_and_no_page_may_call(synthesize: Callable[..., Templates]) -> None:
    """A page could not sign its calls."""
    templates = synthesize(auth="iam")
    methods = {m["Properties"]["HttpMethod"] for _, m in resources(templates, "AWS::ApiGateway::Method")}
    assert methods == {"GET", "POST", "DELETE"}
    handlers = {f["Properties"].get("Handler") for _, f in resources(templates, "AWS::Lambda::Function")}
    assert "recognition.runtime.serve_gallery.handler" not in handlers
    assert not [place for place, b in resources(templates, "AWS::S3::Bucket") if "CorsConfiguration" in b["Properties"]]
    written = json.dumps(templates)
    assert "Access-Control" not in written
    assert "ENDPOINTS_PARAMETER" not in written


def test_the_gallery_may_upload_and_the_parameter_says_where(api: Template, recognition: Template) -> None:
    pages = {"Fn::Join": ["", ["https://*.execute-api.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"}]]}
    [rules] = [
        bucket["Properties"]["CorsConfiguration"]["CorsRules"]
        for bucket in api.find_resources("AWS::S3::Bucket").values()
        if "CorsConfiguration" in bucket["Properties"]
    ]
    assert rules == [
        {
            "AllowedMethods": ["POST"],
            "AllowedOrigins": [pages],
            "ExposedHeaders": ["x-amz-version-id"],
            "MaxAge": 3600,
        }
    ]
    [parameter] = recognition.find_resources("AWS::SSM::Parameter").values()
    assert parameter["Properties"]["Name"] == "/sightline/endpoints"
    text = json.dumps(parameter["Properties"]["Value"])
    assert [name for name in ("upload", "labels", "deliveries", "images", "renditions") if name not in text] == []
    for function in recognition.find_resources(
        "AWS::Lambda::Function", {"Properties": {"Handler": "recognition.runtime.serve_gallery.handler"}}
    ):
        assert function.startswith("Gallery")


def test_answers_go_compressed_and_refusals_can_be_read_by_the_page(templates: Templates) -> None:
    for place, service in resources(templates, "AWS::ApiGateway::RestApi"):
        assert service["Properties"]["MinimumCompressionSize"] == 1024, place
    responses = list(resources(templates, "AWS::ApiGateway::GatewayResponse"))
    assert responses
    for place, response in responses:
        parameters = response["Properties"].get("ResponseParameters")
        readable = {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}
        assert parameters == (readable if CALLED_BY_PAGE[place.partition("/")[0]] else None), place


def test_a_change_of_auth_takes_no_export_away(templates: Templates, synthesize: Callable[..., Templates]) -> None:
    """CloudFormation refuses to remove an export that another stack still imports."""

    def exports(stacks: Templates) -> set[str]:
        return {str(output["Export"]) for output in stacks["APIStack"]["Outputs"].values() if "Export" in output}

    assert exports(templates) == exports(synthesize(auth="none")) == exports(synthesize(auth="iam"))


def test_with_none_nothing_is_asked_of_a_caller(synthesize: Callable[..., Templates]) -> None:
    methods = [m["Properties"] for _, m in resources(synthesize(auth="none"), "AWS::ApiGateway::Method")]
    assert {(m["AuthorizationType"], m["ApiKeyRequired"]) for m in methods} == {("NONE", False)}


def test_only_who_looks_at_pictures_carries_what_reads_them(templates: Templates) -> None:
    readers = {
        function["Properties"]["Handler"]
        for _, function in resources(templates, "AWS::Lambda::Function")
        if any("ImagingLayer" in str(layer) for layer in function["Properties"].get("Layers", ()))
    }
    looking = {
        "api.runtime.get_save_image.handler",
        "api.runtime.fetch_images.handler",
        "recognition.runtime.recognize_images.handler",
        "recognition.runtime.make_renditions.handler",
    }
    assert readers == looking


def test_a_batch_of_the_largest_pictures_has_room(synthesize: Callable[..., Templates]) -> None:
    recognition = Template.from_json(synthesize(**OTHER)["RekognitionStack"])
    variables = {"MAX_IMAGE_BYTES": str(100 * 1024 * 1024), "MAX_IMAGE_PIXELS": "30000000"}
    recognition.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Handler": "recognition.runtime.recognize_images.handler",
            "EphemeralStorage": {"Size": 1100},
            "Environment": {"Variables": Match.object_like(variables)},
        },
    )


def test_no_private_source_may_be_fetched_from_on_aws(templates: Templates) -> None:
    variables = [
        function["Properties"].get("Environment", {}).get("Variables", {})
        for _, function in resources(templates, "AWS::Lambda::Function")
    ]
    sources = [json.loads(each["SOURCES"]) for each in variables if "SOURCES" in each]
    assert sources
    for rules in sources:
        assert (rules["private_sources"], rules["source_ports"]) == ([], [80, 443])


def test_settings_reach_the_functions(synthesize: Callable[..., Templates]) -> None:
    templates = synthesize(
        max_labels="5", label_exclusion_filters="Person", removal_policy="destroy", architecture="x86_64"
    )
    recognition = Template.from_json(templates["RekognitionStack"])
    detect_labels = (
        '{"MaxLabels": 5, "MinConfidence": 70.0, "Settings": {"GeneralLabels": {"LabelExclusionFilters": ["Person"]}}}'
    )
    recognition.has_resource_properties(
        "AWS::Lambda::Function",
        {
            "Environment": {"Variables": Match.object_like({"DETECT_LABELS": detect_labels})},
            "Architectures": ["x86_64"],
        },
    )
    for kind in ("AWS::S3::Bucket", "AWS::DynamoDB::GlobalTable", "AWS::Logs::LogGroup"):
        assert {resource["DeletionPolicy"] for _, resource in resources(templates, kind)} == {"Delete"}


def test_the_log_of_deliveries_has_one_item_per_event_and_receiver_and_ends(integration: Template) -> None:
    integration.has_resource_properties(
        "AWS::DynamoDB::GlobalTable",
        {
            "KeySchema": [
                {"AttributeName": "event_id", "KeyType": "HASH"},
                {"AttributeName": "receiver", "KeyType": "RANGE"},
            ],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        },
    )


def test_the_log_shows_what_its_indexes_hold(templates: Templates) -> None:
    [table] = [
        resource["Properties"]
        for place, resource in resources(templates, "AWS::DynamoDB::GlobalTable")
        if "/Deliveries" in place
    ]
    keys = {"event_id", "receiver", "occurred_at"}
    for index in table["GlobalSecondaryIndexes"]:
        held = keys | {key["AttributeName"] for key in index["KeySchema"]}
        assert set(SHOWN) <= held | set(index["Projection"]["NonKeyAttributes"])


def test_each_receiver_has_a_queue_a_function_and_a_secret_and_its_filter(synthesize: Callable[..., Templates]) -> None:
    receivers = json.dumps(
        [
            {"name": "thirdparty", "url_parameter": "thirdparty_endpoint"},
            {"name": "pets", "url_parameter": "pets_endpoint", "format": "json", "labels": ["Dog", "Cat"]},
        ]
    )
    templates = synthesize(receivers=receivers)
    integration = Template.from_json(templates["IntegrationStack"])
    integration.resource_count_is("AWS::SecretsManager::Secret", 2)
    subscriptions = [s["Properties"] for _, s in resources(templates, "AWS::SNS::Subscription")]
    policies = [s["FilterPolicy"] for s in subscriptions if "FilterPolicy" in s]
    assert policies == [{"labels": ["Dog", "Cat"]}]
    for name, form in (("thirdparty", "xml"), ("pets", "json")):
        integration.has_resource_properties(
            "AWS::Lambda::Function",
            {"Environment": {"Variables": Match.object_like({"RECEIVER": name, "FORMAT": form})}},
        )
    queues = {
        str(mapping["Properties"]["EventSourceArn"])
        for place, mapping in resources(templates, "AWS::Lambda::EventSourceMapping")
        if place.startswith("IntegrationStack")
    }
    assert len(queues) == 2


def test_secrets_are_letters_and_digits_as_secrets_manager_and_the_embedded_cloud_read_it(
    integration: Template,
) -> None:
    """Secrets Manager requires a character of every type that is not excluded as a type, or makes no secret at all."""
    excluded = {"ExcludePunctuation": True, "ExcludeCharacters": string.punctuation}
    integration.all_resources_properties(
        "AWS::SecretsManager::Secret", {"GenerateSecretString": {"PasswordLength": 64, **excluded}}
    )


def test_the_default_receiver_keeps_its_queue_when_others_join_it(
    templates: Templates, synthesize: Callable[..., Templates]
) -> None:
    receivers = [
        {"name": "thirdparty", "url_parameter": "thirdparty_endpoint"},
        {"name": "pets", "url_parameter": "p"},
    ]
    queues = {place for place, _ in resources(templates, "AWS::SQS::Queue")}
    assert queues <= {place for place, _ in resources(synthesize(receivers=json.dumps(receivers)), "AWS::SQS::Queue")}


def test_mails_go_out_in_batches_by_a_queue_and_a_topic_of_their_own(synthesize: Callable[..., Templates]) -> None:
    templates = synthesize(notify_email="me@example.com", notify_labels="Dog,Cat")
    integration = Template.from_json(templates["IntegrationStack"])
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


def test_the_outputs_that_users_ask_for_are_there(templates: Templates) -> None:
    api = {"UploadEndpoint", "ImageBucketName", "ApiKeyId", "ManifestBucketName", "ManifestsTableName", "SourceBuckets"}
    assert api <= templates["APIStack"]["Outputs"].keys()
    assert {"DeliveriesEndpoint", "SigningSecretArns"} <= templates["IntegrationStack"]["Outputs"].keys()
    recognition = {"ClassificationsTableName", "ProjectionsTableName", "IndexQueueUrl", "ResultsBucketName"}
    recognition |= {"GalleryAddress", "ThumbnailQueueUrl"}
    assert {"LabelsEndpoint"} | recognition <= templates["RekognitionStack"]["Outputs"].keys()


@pytest.mark.parametrize(
    ("auth", "codes"),
    [
        (
            "api_key",
            {"Forbidden", "InternalError", "QuotaExceeded", "RequestTooLarge", "Refused", "Throttled", "NotFound"},
        ),
        ("iam", {"Forbidden", "InternalError", "QuotaExceeded", "RequestTooLarge", "Refused", "Throttled"}),
    ],
)
def test_gateway_errors_have_the_shape_of_ours(
    synthesize: Callable[..., Templates], auth: str, codes: set[str]
) -> None:
    responses = [r["Properties"] for _, r in resources(synthesize(auth=auth), "AWS::ApiGateway::GatewayResponse")]
    kinds = Counter(response["ResponseType"] for response in responses)
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "INVALID_API_KEY", "QUOTA_EXCEEDED", "THROTTLED"} <= kinds.keys()
    assert set(kinds.values()) == {3}  # one for each API
    found, forbidden = set(), {"INVALID_API_KEY"}
    if auth == "iam":
        forbidden |= {"ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN"}
    for response in responses:
        template = response["ResponseTemplates"]["application/json"]
        answer = json.loads(template.replace("$context.error.messageString", '"Too large"'))
        assert answer == {
            "error": {"code": ANY, "message": ANY},
            "request_id": "$context.requestId",
        }
        found.add(answer["error"]["code"])
        # Upon this one the page forgets the key.
        assert (answer["error"]["code"] == "Forbidden") == (response["ResponseType"] in forbidden)
    assert found == codes


@pytest.mark.parametrize(("settings", "quota"), [({}, None), ({"api_quota": 5000}, {"Limit": 5000, "Period": "MONTH"})])
def test_a_key_may_call_as_often_as_the_settings_say(
    synthesize: Callable[..., Templates], settings: dict[str, Any], quota: Any
) -> None:
    templates = synthesize(api_rate="20", api_burst="30", **settings)
    plans = [plan["Properties"] for _, plan in resources(templates, "AWS::ApiGateway::UsagePlan")]
    assert [plan["Throttle"] for plan in plans] == [{"RateLimit": 20, "BurstLimit": 30}] * 3
    assert [plan.get("Quota") for plan in plans] == [quota] * 3
    assert [plan["ApiStages"][0].get("Throttle") for plan in plans] == [{}] * 3


@pytest.mark.parametrize("auth", ["iam", "none"])
def test_without_keys_all_callers_share_the_rate(synthesize: Callable[..., Templates], auth: str) -> None:
    for _, stage in resources(synthesize(auth=auth), "AWS::ApiGateway::Stage"):
        [method] = stage["Properties"]["MethodSettings"]
        assert (method["HttpMethod"], method["ResourcePath"]) == ("*", "/*")
        assert (method["ThrottlingRateLimit"], method["ThrottlingBurstLimit"]) == (50, 100)


def hosts(number: int) -> list[str]:
    """That many hosts, of 20 letters each."""
    return [f"h{each:07}.example.com" for each in range(number)]


@pytest.mark.parametrize(
    ("settings", "most", "complaint"),
    [
        (
            lambda n: {"allowed_sources": hosts(n)},
            127,
            "allowed_sources, .*: the environment of FetchImages would have",
        ),
        (lambda n: {"denied_sources": hosts(n)}, 127, "denied_sources, .*: the environment of FetchImages would have"),
        (
            lambda n: {"source_buckets": [f"bucket-{each:013}" for each in range(n)]},
            127,
            "source_buckets: the environment",
        ),
        (
            lambda n: {"label_inclusion_filters": hosts(n // 2), "label_exclusion_filters": hosts(n - n // 2)},
            111,
            "the label filters: the environment of ImageRecognition",
        ),
    ],
)
def test_what_does_not_fit_into_a_functions_environment_is_refused(
    settings: Callable[[int], dict[str, Any]], most: int, complaint: str
) -> None:
    build_app(settings(most))
    with pytest.raises(
        SettingsError, match=rf"{complaint}.* bytes, .* of them belong to this setting; Lambda takes 4,096"
    ):
        build_app(settings(most + 1))


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        ({}, []),
        ({"auth": "none"}, ["auth=none: anybody may upload, list and read pictures"]),
        ({"private_sources": "10.0.0.1:80"}, ["private_sources: the upload API may fetch from 10.0.0.1:80"]),
        ({"monthly_budget_usd": "50", "region": "us-east-1"}, []),
        (
            {"monthly_budget_usd": "50", "region": "eu-west-1"},
            ["monthly_budget_usd: calls are counted at us-east-1's prices, and eu-west-1 has its own"],
        ),
    ],
)
def test_synth_warns_of_what_lets_strangers_in_or_costs_more_than_it_says(
    assemble: Callable[..., Path], settings: dict[str, str], warnings: list[str]
) -> None:
    """In the files that the CDK CLI prints them from."""
    found = [
        entry["data"].partition(" [ack: ")[0]
        for file in assemble(**settings).glob("*.metadata.json")
        for entries in json.loads(file.read_text()).values()
        for entry in entries
        if entry["type"] == "aws:cdk:warning"
    ]
    assert found == warnings


def test_calls_that_need_no_key_are_called_no_oftener_than_a_key_may(templates: Templates) -> None:
    for place, stage in resources(templates, "AWS::ApiGateway::Stage"):
        name = place.partition("/")[0]
        keyless = {
            (m["Properties"]["HttpMethod"], path(templates[name], m["Properties"]))
            for where, m in resources(templates, "AWS::ApiGateway::Method")
            if where.startswith(name) and not m["Properties"]["ApiKeyRequired"]
        }
        settings = stage["Properties"]["MethodSettings"]
        assert {
            (s["HttpMethod"], s["ResourcePath"].replace("/~1", "~1").replace("~1", "/")) for s in settings
        } == keyless
        for setting in settings:
            assert (setting["ThrottlingRateLimit"], setting["ThrottlingBurstLimit"]) == (50, 100)


def test_what_is_derived_is_indexed_by_label_and_counted_in_shards(recognition: Template) -> None:
    for keys in (("label", "rank"), ("shard", "label"), ("image",)):
        schema = [{"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)]
        recognition.has_resource_properties("AWS::DynamoDB::GlobalTable", {"KeySchema": schema})


def test_results_and_renditions_are_private(recognition: Template) -> None:
    recognition.all_resources_properties(
        "AWS::S3::Bucket",
        {
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            }
        },
    )


def test_what_was_spent_is_kept(recognition: Template) -> None:
    recognition.has_resource(
        "AWS::DynamoDB::GlobalTable",
        {
            "DeletionPolicy": "Retain",
            "Properties": {
                "KeySchema": [{"AttributeName": "period", "KeyType": "HASH"}],
                "Replicas": [
                    Match.object_like({"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})
                ],
            },
        },
    )


def test_the_budget_is_looked_at_every_minute_and_known_to_who_spends(synthesize: Callable[..., Templates]) -> None:
    stack = synthesize(**OTHER)["RekognitionStack"]
    recognition = Template.from_json(stack)
    recognition.has_resource_properties(
        "AWS::Events::Rule",
        {
            "ScheduleExpression": "rate(1 minute)",
            "State": "ENABLED",
            "Targets": [Match.object_like({"Arn": {"Fn::GetAtt": [Match.string_like_regexp("^Budget"), "Arn"]}})],
        },
    )
    functions = [function["Properties"] for _, function in resources({"": stack}, "AWS::Lambda::Function")]
    variables = {f["Handler"]: f["Environment"]["Variables"] for f in functions}
    spenders = {handler for handler, values in variables.items() if values.get("MONTHLY_BUDGET_USD") == "12.5"}
    assert spenders == {
        "recognition.runtime.enforce_budget.handler",
        "recognition.runtime.recognize_images.handler",
        "recognition.runtime.list_images.handler",
    }
    mapping = variables["recognition.runtime.enforce_budget.handler"]["EVENT_SOURCE_MAPPING"]["Ref"]
    function = stack["Resources"][mapping]["Properties"]["FunctionName"]["Ref"]
    assert stack["Resources"][function]["Properties"]["Handler"] == "recognition.runtime.recognize_images.handler"
