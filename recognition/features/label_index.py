"""The label index, its counts and the result documents. All of them are derived from the records."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns

from common.infrastructure.functions import python_function
from common.infrastructure.permissions import grant, grant_objects
from common.infrastructure.queues import WorkQueue
from common.infrastructure.storage import private_bucket, table
from common.settings import Settings
from recognition.features.records import Records

TIMEOUT = Duration.seconds(30)
BATCH_SIZE = 10


class LabelIndex:
    """Adds to a stack the label index, its counts, the result documents, and the function that updates all three."""

    def __init__(
        self,
        stack: Stack,
        *,
        records: Records,
        labels_topic: sns.ITopic,
        common_layer: lambda_.ILayerVersion,
        settings: Settings,
    ) -> None:
        self.entries = derived_table(stack, "LabelIndex", partition_key="label", sort_key="rank", settings=settings)
        self.counts = derived_table(stack, "LabelCounts", partition_key="shard", sort_key="label", settings=settings)
        states = derived_table(stack, "Projections", partition_key="image", expires=True, settings=settings)
        results = private_bucket(stack, "Results", versioned=False, settings=settings)
        work = WorkQueue(stack, "Index", topic=labels_topic, consumer_timeout=TIMEOUT, max_receive_count=20)
        function = python_function(
            stack,
            "Project",
            handler="recognition.runtime.update_index.handler",
            description="Updates the label index, its counts and the result documents from the records",
            timeout=TIMEOUT,
            memory_mb=512,
            environment={
                "CLASSIFICATIONS_TABLE": records.table.table_name,
                "LABEL_INDEX_TABLE": self.entries.table_name,
                "LABEL_COUNTS_TABLE": self.counts.table_name,
                "PROJECTIONS_TABLE": states.table_name,
                "RESULTS_BUCKET": results.bucket_name,
                "QUEUE_URL": work.queue.queue_url,
            },
            layers=[common_layer],
            settings=settings,
        )
        work.feeds(function, batch_size=BATCH_SIZE, max_concurrency=settings.index_workers)
        grant(function, ["dynamodb:GetItem"], records.table.table_arn)
        grant(function, ["dynamodb:PutItem", "dynamodb:DeleteItem"], self.entries.table_arn)
        grant(function, ["dynamodb:BatchGetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], self.counts.table_arn)
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem"], states.table_arn)
        grant_objects(function, ["s3:PutObject", "s3:DeleteObject"], results)
        for name, value, description in (
            ("ProjectionsTableName", states.table_name, "Table with each image's state in the label index"),
            ("IndexQueueUrl", work.queue.queue_url, "Queue of images to update in the label index"),
            ("ResultsBucketName", results.bucket_name, "Bucket with a JSON document per image"),
        ):
            CfnOutput(stack, name, value=value, description=description)


def derived_table(
    stack: Stack, id: str, *, partition_key: str, sort_key: str | None = None, expires: bool = False, settings: Settings
) -> dynamodb.TableV2:
    """Create a table that `sightline reproject` can rebuild."""
    return table(
        stack,
        id,
        partition_key=partition_key,
        sort_key=sort_key,
        expires=expires,
        no_recovery_reason="Derived: `sightline reproject` rebuilds it.",
        settings=settings,
    )
