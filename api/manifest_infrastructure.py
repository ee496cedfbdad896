"""Manifests: their bucket, the function that reads them, and the workers that fetch their pictures."""

import json

from aws_cdk import CfnOutput, Duration, Size, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications

from common.infrastructure.functions import python_function
from common.infrastructure.permissions import acknowledge_wildcard, grant, grant_objects
from common.infrastructure.queues import WorkQueue
from common.infrastructure.storage import private_bucket, table
from common.settings import Settings

READ_TIMEOUT = Duration.minutes(5)
FETCH_TIMEOUT = Duration.minutes(5)
"""Enough time to fetch and store ten pictures from one host, if each fetch takes 20 s."""
BATCH_SIZE = 10
READERS = 2
MAX_RECEIVE_COUNT = 20  # with backoff, two to three hours


class ManifestIntake:
    """Adds to a stack the resources that read manifests, fetch their pictures into the image bucket, and report."""

    def __init__(
        self,
        stack: Stack,
        *,
        image_bucket: s3.Bucket,
        common_layer: lambda_.ILayerVersion,
        imaging_layer: lambda_.ILayerVersion,
        settings: Settings,
    ) -> None:
        self.stack = stack
        self.settings = settings
        self.bucket = private_bucket(stack, "ManifestBucket", versioned=True, settings=settings)
        self.manifests = WorkQueue(
            stack, "Manifest", topic=None, consumer_timeout=READ_TIMEOUT, max_receive_count=MAX_RECEIVE_COUNT
        )
        # Even an object that is not a manifest gets a report, so there is no filter of suffixes.
        self.bucket.add_event_notification(
            s3.EventType.OBJECT_CREATED, notifications.SqsDestination(self.manifests.queue)
        )
        self.lines = WorkQueue(
            stack, "Fetch", topic=None, consumer_timeout=FETCH_TIMEOUT, max_receive_count=MAX_RECEIVE_COUNT
        )
        self.table = table(
            stack,
            "Manifests",
            partition_key="manifest",
            sort_key="line",
            sort_key_type=dynamodb.AttributeType.NUMBER,
            expires=True,
            settings=settings,
        )
        self._read_manifest(common_layer)
        self._fetch_images(image_bucket, [common_layer, imaging_layer])
        self._outputs()

    def _outputs(self) -> None:
        for name, value, description in (
            ("ManifestBucketName", self.bucket.bucket_name, "Takes manifests and holds their reports"),
            ("ManifestsTableName", self.table.table_name, "The outcome of each line of each manifest"),
            ("SourceBuckets", json.dumps(self.settings.source_buckets), "Buckets that manifests may copy from"),
        ):
            CfnOutput(self.stack, name, value=value, description=description)

    def _read_manifest(self, layer: lambda_.ILayerVersion) -> None:
        function = python_function(
            self.stack,
            "ReadManifest",
            handler="api.runtime.read_manifest.handler",
            description="Reads manifests, queues their lines and reports the outcomes",
            timeout=READ_TIMEOUT,
            memory_mb=1769,  # one processor, because reading and sending keep it busy
            ephemeral_storage=Size.gibibytes(2),  # enough for a report with millions of failed lines
            environment={
                "MANIFEST_BUCKET": self.bucket.bucket_name,
                "MANIFESTS_TABLE": self.table.table_name,
                "MANIFEST_QUEUE_URL": self.manifests.queue.queue_url,
                "FETCH_QUEUE_URL": self.lines.queue.queue_url,
                **self.settings.abilities.names_variable,
            },
            layers=[layer],
            settings=self.settings,
        )
        # A long manifest takes many invocations. Each sends the message for the next one.
        self.manifests.feeds(function, batch_size=1, max_concurrency=READERS, sends_back=True)
        self.lines.queue.grant(function, "sqs:SendMessage")
        grant_objects(function, ["s3:GetObjectVersion"], self.bucket)
        grant(function, ["s3:PutObject"], self.bucket.arn_for_objects("reports/*"))
        acknowledge_wildcard(
            function,
            f"<{_logical_id(self.bucket)}.Arn>/reports/*",
            "The key of a report contains the key of its manifest, which users choose.",
        )
        grant(
            function,
            ["dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
            self.table.table_arn,
        )

    def _fetch_images(self, image_bucket: s3.Bucket, layers: list[lambda_.ILayerVersion]) -> None:
        function = python_function(
            self.stack,
            "FetchImages",
            handler="api.runtime.fetch_images.handler",
            description="Fetches the pictures of manifests and stores the outcome of each line",
            timeout=FETCH_TIMEOUT,
            memory_mb=2048,  # a batch of pictures of 15 MB, each held twice, and the decoder's 1,280 MB
            environment={
                "IMAGE_BUCKET": image_bucket.bucket_name,
                "MANIFESTS_TABLE": self.table.table_name,
                "FETCH_QUEUE_URL": self.lines.queue.queue_url,
                "SOURCES": json.dumps(self.settings.sources),
                "SOURCE_BUCKETS": json.dumps(self.settings.source_buckets),
                "MAX_IMAGE_BYTES": str(self.settings.max_image_bytes),
                "MAX_IMAGE_PIXELS": str(self.settings.max_image_pixels),
            },
            layers=layers,
            settings=self.settings,
        )
        self.lines.feeds(function, batch_size=BATCH_SIZE, max_concurrency=self.settings.fetch_workers)
        # With GetObject, the function compares the new picture with the picture that already has the name.
        grant_objects(function, ["s3:PutObject", "s3:GetObject"], image_bucket)
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem"], self.table.table_arn)
        for name in self.settings.source_buckets:
            source = s3.Bucket.from_bucket_name(self.stack, f"Source-{name}", name)
            grant(function, ["s3:GetObject"], source.arn_for_objects("*"))
            arn = f"arn:<AWS::Partition>:s3:::{name}/*"
            acknowledge_wildcard(function, arn, "Any object of a bucket that source_buckets names.")


def _logical_id(bucket: s3.Bucket) -> str:
    return str(Stack.of(bucket).resolve(bucket.bucket_arn)["Fn::GetAtt"][0])
