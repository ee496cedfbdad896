"""Buckets and tables. Only the deployment's own account can read them, and only over TLS."""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from common.infrastructure.permissions import acknowledge
from common.settings import Settings


def removal_policy(settings: Settings) -> RemovalPolicy:
    """Return the policy for data when its stack is destroyed."""
    return RemovalPolicy.DESTROY if settings.removal_policy == "destroy" else RemovalPolicy.RETAIN


def private_bucket(scope: Construct, id: str, *, versioned: bool, settings: Settings) -> s3.Bucket:
    """Create a bucket that only this account reads, over TLS. A versioned bucket keeps old versions for 30 days.

    After that, nothing is left of a deleted object, not even its name in a delete marker.
    """
    bucket = s3.Bucket(
        scope,
        id,
        versioned=versioned,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        removal_policy=removal_policy(settings),
        lifecycle_rules=_version_rules() if versioned else None,
    )
    acknowledge(bucket, {"AwsSolutions-S1": "Object-level logs are the account's choice (CloudTrail data events)."})
    return bucket


def table(
    scope: Construct,
    id: str,
    *,
    partition_key: str,
    sort_key: str | None = None,
    sort_key_type: dynamodb.AttributeType = dynamodb.AttributeType.STRING,
    expires: bool = False,
    indexes: Sequence[dynamodb.GlobalSecondaryIndexPropsV2] = (),
    no_recovery_reason: str | None = None,
    settings: Settings,
) -> dynamodb.TableV2:
    """Create a table with point-in-time recovery, unless `no_recovery_reason` says why it is not needed.

    With `expires`, DynamoDB deletes an item after the time in its attribute `expires_at`.
    """
    created = dynamodb.TableV2(
        scope,
        id,
        partition_key=_attribute(partition_key),
        sort_key=_attribute(sort_key, sort_key_type) if sort_key else None,
        time_to_live_attribute="expires_at" if expires else None,
        global_secondary_indexes=list(indexes) or None,
        point_in_time_recovery_specification=None if no_recovery_reason else _recovery(),
        removal_policy=removal_policy(settings),
        resource_policy=_tls_only(),
    )
    if no_recovery_reason:
        acknowledge(created, {"AwsSolutions-DDB3": no_recovery_reason})
    return created


def index(
    name: str, *, partition_key: str, sort_key: str, attributes: Sequence[str]
) -> dynamodb.GlobalSecondaryIndexPropsV2:
    """Describe an index of a table that contains these attributes and the keys."""
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=name,
        partition_key=_attribute(partition_key),
        sort_key=_attribute(sort_key),
        projection_type=dynamodb.ProjectionType.INCLUDE,
        non_key_attributes=list(attributes),
    )


def _attribute(name: str, type: dynamodb.AttributeType = dynamodb.AttributeType.STRING) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=type)


def _recovery() -> dynamodb.PointInTimeRecoverySpecification:
    return dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True)


def _tls_only() -> iam.PolicyDocument:
    """Return a policy for a table that refuses plain HTTP. Otherwise DynamoDB accepts plain HTTP too.

    `*` stands for the table and its indexes. A policy with the ARN of its own table would be a
    circular reference.
    """
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["dynamodb:*"],
                resources=["*"],
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            )
        ]
    )


def _version_rules() -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)),
        # An event names its version and may wait 14 days in the queue.
        s3.LifecycleRule(noncurrent_version_expiration=Duration.days(30), expired_object_delete_marker=True),
    ]
