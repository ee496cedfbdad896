"""Buckets and tables: private, encrypted, versioned, and kept."""

import re

from aws_cdk.assertions import Match, Template

from integration.runtime.webhooks.delivery_log import SHOWN
from tests.conftest import Templates
from tests.infrastructure.conftest import placed


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
                    {
                        "Status": "Enabled",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                        "ExpiredObjectDeleteMarker": True,
                    },
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
                    Match.object_like({"Events": ["s3:LifecycleExpiration:*"]}),
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


def test_the_outcome_of_a_line_is_kept_once_and_expires(api: Template) -> None:
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


def test_buckets_and_queues_are_encrypted(templates: Templates) -> None:
    """Tables and logs always are, under keys that AWS owns; topics keep nothing."""
    buckets, queues = (list(placed(templates, kind)) for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue"))
    assert buckets
    assert queues
    for place, bucket in buckets:
        [rule] = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", place
    for place, queue in queues:
        assert queue["Properties"]["SqsManagedSseEnabled"] is True, place


def test_no_secret_is_in_a_template(templates: Templates) -> None:
    """The key's value is made by API Gateway, and neither a variable nor an output shows it."""
    for place, key in placed(templates, "AWS::ApiGateway::ApiKey"):
        assert "Value" not in key["Properties"], place
    shown = {name: output["Value"] for t in templates.values() for name, output in t["Outputs"].items()}
    for _, function in placed(templates, "AWS::Lambda::Function"):
        shown |= function["Properties"].get("Environment", {}).get("Variables", {})
    for name, value in shown.items():
        if not name.startswith("ExportsOutput") and name not in {
            "SECRET_ARN",
            "SigningSecretArns",
            "ENDPOINTS_PARAMETER",
        }:  # where secrets are
            assert not re.search("(?i)secret|token|password|credential|key(?!Id)", name)
            assert not re.search("[A-Za-z0-9+/]{20,}", value if isinstance(value, str) else ""), name


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
        for place, resource in placed(templates, "AWS::DynamoDB::GlobalTable")
        if "/Deliveries" in place
    ]
    keys = {"event_id", "receiver", "occurred_at"}
    for index in table["GlobalSecondaryIndexes"]:
        held = keys | {key["AttributeName"] for key in index["KeySchema"]}
        assert set(SHOWN) <= held | set(index["Projection"]["NonKeyAttributes"])


def test_derived_data_are_indexed_by_label_and_counted_in_shards(recognition: Template) -> None:
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


def test_the_table_of_spending_is_kept(recognition: Template) -> None:
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
