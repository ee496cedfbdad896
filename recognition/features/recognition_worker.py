"""The recognition worker: the function that asks Rekognition about pictures and stores the records."""

import json
from collections.abc import Sequence

from aws_cdk import CfnOutput, Size, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from api.infrastructure import recognition_timeout
from common.infrastructure.functions import python_function
from common.infrastructure.permissions import grant, grant_objects
from common.infrastructure.queues import WorkQueue
from common.runtime.abilities import ABILITIES
from common.settings import Settings
from recognition.features.records import Records
from recognition.features.spending import Spending

BATCH_SIZE = 10
REMOVAL_WORKERS = 2
"""The concurrency of removals. It is the smallest MaximumConcurrency that Lambda accepts."""


class RecognitionWorker:
    """Adds the recognition worker to a stack. Two queues feed it, so that removals do not wait for uploads.

    `source` is the event source of uploads.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        image_bucket: s3.IBucket,
        uploads: WorkQueue,
        removals: WorkQueue,
        records: Records,
        spending: Spending,
        labels_topic: sns.ITopic,
        layers: Sequence[lambda_.ILayerVersion],
        settings: Settings,
    ) -> None:
        workers = settings.recognition_workers
        function = python_function(
            stack,
            "ImageRecognition",
            handler="recognition.runtime.recognize_images.handler",
            description="Asks Rekognition about each new picture, stores its record and announces it",
            timeout=recognition_timeout(settings),
            memory_mb=1769,  # one processor for the calls; the worker's own memory and the decoder's 1,280 MB
            ephemeral_storage=picture_storage(settings),
            layers=layers,
            settings=settings,
            environment={
                "CLASSIFICATIONS_TABLE": records.table.table_name,
                "RECOGNITIONS_TABLE": spending.paid_answers.table_name,
                **spending.environment,
                "LABELS_TOPIC_ARN": labels_topic.topic_arn,
                "QUEUE_URL": uploads.queue.queue_url,
                "REMOVALS_QUEUE_URL": removals.queue.queue_url,
                "MAX_RECEIVE_COUNT": str(uploads.max_receive_count),
                "CALLS_PER_SECOND": f"{settings.calls_per_second / workers:g}",
                "DETECT_LABELS": json.dumps(settings.detect_labels, sort_keys=True),
                "MAX_IMAGE_BYTES": str(settings.max_image_bytes),
                "MAX_IMAGE_PIXELS": str(settings.max_image_pixels),
                **_abilities(settings),
            },
        )
        # The worker sends messages to the queue again if they wait for another worker or for the budget. A removal that
        # needs a call of Rekognition goes to the queue of uploads.
        self.source = uploads.feeds(function, batch_size=BATCH_SIZE, max_concurrency=workers, sends_back=True)
        removals.feeds(function, batch_size=BATCH_SIZE, max_concurrency=REMOVAL_WORKERS, sends_back=True)
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem"], records.table.table_arn)
        grant(function, ["dynamodb:UpdateItem"], spending.paid_answers.table_arn, spending.usage.table_arn)
        labels_topic.grant_publish(function)
        # Rekognition reads the object with the caller's permissions.
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion"], image_bucket)
        # Without ListBucket, S3 answers 403 for a missing object, as for a missing permission.
        grant(function, ["s3:ListBucket"], image_bucket.bucket_arn)
        operations = ["DetectLabels", *(ABILITIES[name].operation for name in settings.ability_options)]
        grant(function, [f"rekognition:{operation}" for operation in operations], "*")
        CfnOutput(
            stack,
            "CallsPerSecond",
            value=f"{settings.calls_per_second:g}",
            description="The highest rate of calls to Rekognition",
        )


def _abilities(settings: Settings) -> dict[str, str]:
    """Return the variable `ABILITIES`, or nothing if no ability is enabled. Its rates are the rates of one worker."""
    options = {
        name: each | {"calls_per_second": each["calls_per_second"] / settings.recognition_workers}
        for name, each in settings.ability_options.items()
    }
    return {"ABILITIES": json.dumps(options)} if options else {}


def picture_storage(settings: Settings) -> Size:
    """Return the size of /tmp. A batch of the largest pictures and some other files fit into it."""
    return Size.mebibytes(max(512, BATCH_SIZE * settings.max_image_megabytes + 100))
