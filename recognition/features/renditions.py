"""Renditions: thumbnails of all pictures, and JPEGs of the pictures that browsers do not show."""

from collections.abc import Sequence

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from common.infrastructure.functions import python_function
from common.infrastructure.permissions import grant, grant_objects
from common.infrastructure.queues import WorkQueue
from common.infrastructure.storage import private_bucket
from common.settings import Settings
from recognition.features.label_index import derived_table
from recognition.features.recognition_worker import BATCH_SIZE, picture_storage

TIMEOUT = Duration.seconds(60)


class Renditions:
    """Adds the renditions' bucket and table to a stack, and the function that makes renditions."""

    def __init__(
        self,
        stack: Stack,
        *,
        image_bucket: s3.IBucket,
        uploaded_image_topic: sns.ITopic,
        layers: Sequence[lambda_.ILayerVersion],
        settings: Settings,
    ) -> None:
        self.bucket = private_bucket(stack, "Renditions", versioned=False, settings=settings)
        self.index = derived_table(stack, "RenditionIndex", partition_key="image_id", settings=settings)
        work = WorkQueue(stack, "Thumbnail", topic=uploaded_image_topic, consumer_timeout=TIMEOUT, max_receive_count=20)
        function = python_function(
            stack,
            "Thumbnails",
            handler="recognition.runtime.make_renditions.handler",
            description="Makes a thumbnail of each picture, and a JPEG if browsers do not show the picture itself",
            timeout=TIMEOUT,
            memory_mb=1769,  # one processor, and the decoder's 1,280 MB
            ephemeral_storage=picture_storage(settings),
            environment={
                "RENDITIONS_BUCKET": self.bucket.bucket_name,
                "RENDITION_INDEX_TABLE": self.index.table_name,
                "QUEUE_URL": work.queue.queue_url,
                "MAX_IMAGE_BYTES": str(settings.max_image_bytes),
                "MAX_IMAGE_PIXELS": str(settings.max_image_pixels),
            },
            layers=layers,
            settings=settings,
        )
        work.feeds(function, batch_size=BATCH_SIZE, max_concurrency=settings.thumbnail_workers)
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion"], image_bucket)
        grant_objects(function, ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], self.bucket)
        grant(function, ["dynamodb:PutItem", "dynamodb:DeleteItem"], self.index.table_arn)
        # Without ListBucket, S3 answers 403 for a missing object, as for a missing permission.
        grant(function, ["s3:ListBucket"], image_bucket.bucket_arn, self.bucket.bucket_arn)
        CfnOutput(
            stack, "ThumbnailQueueUrl", value=work.queue.queue_url, description="Queue of pictures that need renditions"
        )
