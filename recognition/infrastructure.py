"""Pictures become labels: recognition, the table of results and the API that reads it."""

import json
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, Size, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from api.infrastructure import RECOGNITION_TIMEOUT
from common.infrastructure import (
    IMAGING,
    RUNTIME,
    WorkQueue,
    acknowledge_wildcard,
    base_url,
    grant,
    grant_objects,
    json_api,
    python_function,
    python_layer,
    removal_policy,
    tls_only,
)
from common.settings import Settings

HANDLERS = Path(__file__).parent / "runtime"

NEWEST_INDEX = "newest"
BATCH_SIZE = 10


class RekognitionStack(Stack):
    """Recognises what the upload queue announces, keeps it in `Classifications`, tells the labels topic."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image_bucket: s3.IBucket,
        uploads: WorkQueue,
        labels_topic: sns.ITopic,
        api_key: apigateway.IApiKey,
        settings: Settings,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, description="Sightline: pictures become labels", **kwargs)
        self.settings = settings
        self.layer = python_layer(
            self, "CommonLayer", folder=RUNTIME, description="Sightline's shared modules", settings=settings
        )
        table = self._classifications()
        self._image_recognition(image_bucket, uploads, table, self._recognitions(), labels_topic)
        api = json_api(
            self,
            "ListImagesService",
            name="List Images Service",
            description="Reads what was recognised.",
            function=self._list_images(image_bucket, table),
            routes={"/": ["GET"], "/images": ["GET"], "/images/{image+}": ["GET"]},
            api_key=api_key,
            settings=settings,
        )
        CfnOutput(self, "LabelsEndpoint", value=base_url(api), description="Base URL of the List Images Service")
        CfnOutput(
            self,
            "CallsPerSecond",
            value=f"{settings.calls_per_second:g}",
            description="How often Rekognition is asked at the most",
        )
        CfnOutput(self, "ClassificationsTableName", value=table.table_name, description="One item per image")

    def _classifications(self) -> dynamodb.TableV2:
        """One item per image; the index lists those that are not deleted, newest first, in what a list shows."""
        return dynamodb.TableV2(
            self,
            "Classifications",
            partition_key=dynamodb.Attribute(name="image", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy(self.settings),
            resource_policy=tls_only(),
            global_secondary_indexes=[
                dynamodb.GlobalSecondaryIndexPropsV2(
                    index_name=NEWEST_INDEX,
                    partition_key=dynamodb.Attribute(name="listed", type=dynamodb.AttributeType.STRING),
                    sort_key=dynamodb.Attribute(name="uploaded_at", type=dynamodb.AttributeType.STRING),
                    projection_type=dynamodb.ProjectionType.INCLUDE,
                    non_key_attributes=["image_id", "status", "label_names", "failure", "recognized_at"],
                )
            ],
        )

    def _recognitions(self) -> dynamodb.TableV2:
        """What Rekognition said of each content, which is what the money went for."""
        return dynamodb.TableV2(
            self,
            "Recognitions",
            partition_key=dynamodb.Attribute(name="content", type=dynamodb.AttributeType.STRING),
            removal_policy=removal_policy(self.settings),
            resource_policy=tls_only(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
        )

    def _image_recognition(
        self,
        bucket: s3.IBucket,
        uploads: WorkQueue,
        table: dynamodb.TableV2,
        recognitions: dynamodb.TableV2,
        labels_topic: sns.ITopic,
    ) -> None:
        workers = self.settings.recognition_workers
        function = python_function(
            self,
            "ImageRecognition",
            handler="image_recognition.handler",
            folder=HANDLERS,
            description="Asks Rekognition what is in each new picture, stores and announces it",
            timeout=RECOGNITION_TIMEOUT,
            memory_mb=1769,  # one processor, for the calls; and the decoder's 1,280 MB beside the worker itself
            # A batch of the largest pictures, and room for what else is in /tmp.
            ephemeral_storage=Size.mebibytes(max(512, BATCH_SIZE * self.settings.max_image_megabytes + 100)),
            layers=[
                self.layer,
                python_layer(
                    self, "ImagingLayer", folder=IMAGING, description="What reads pictures", settings=self.settings
                ),
            ],
            settings=self.settings,
            environment={
                "CLASSIFICATIONS_TABLE": table.table_name,
                "RECOGNITIONS_TABLE": recognitions.table_name,
                "LABELS_TOPIC_ARN": labels_topic.topic_arn,
                "QUEUE_URL": uploads.queue.queue_url,
                "MAX_RECEIVE_COUNT": str(uploads.max_receive_count),
                "CALLS_PER_SECOND": f"{self.settings.calls_per_second / workers:g}",
                "DETECT_LABELS": json.dumps(self.settings.detect_labels, sort_keys=True),
                "MAX_IMAGE_BYTES": str(self.settings.max_image_bytes),
                "MAX_IMAGE_PIXELS": str(self.settings.max_image_pixels),
            },
        )
        function.add_event_source(
            event_sources.SqsEventSource(
                uploads.queue, batch_size=BATCH_SIZE, max_concurrency=workers, report_batch_item_failures=True
            )
        )
        uploads.queue.grant(function, "sqs:SendMessage")  # puts back what waits for another worker
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem"], table.table_arn)
        grant(function, ["dynamodb:UpdateItem"], recognitions.table_arn)
        labels_topic.grant_publish(function)
        # Rekognition reads the object with the caller's permissions.
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion"], bucket)
        # Without it S3 answers 403 for what is gone, which could not be told from a missing permission.
        grant(function, ["s3:ListBucket"], bucket.bucket_arn)
        grant(function, ["rekognition:DetectLabels"], "*")
        acknowledge_wildcard(function, "*", "rekognition:Detect* has no resource-level permissions.")

    def _list_images(self, bucket: s3.IBucket, table: dynamodb.TableV2) -> lambda_.Function:
        function = self._function(
            "ListImages",
            handler="list_images.handler",
            description="Lists images and shows what was recognised in each",
            timeout=Duration.seconds(29),
            environment={"CLASSIFICATIONS_TABLE": table.table_name, "IMAGE_BUCKET": bucket.bucket_name},
        )
        grant(function, ["dynamodb:GetItem"], table.table_arn)
        grant(function, ["dynamodb:Query"], f"{table.table_arn}/index/{NEWEST_INDEX}")
        # A presigned URL opens what its signer may read.
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion"], bucket)
        return function

    def _function(
        self, id: str, *, handler: str, description: str, timeout: Duration, environment: dict[str, str]
    ) -> lambda_.Function:
        return python_function(
            self,
            id,
            handler=handler,
            folder=HANDLERS,
            description=description,
            timeout=timeout,
            memory_mb=512,
            environment=environment,
            layers=[self.layer],
            settings=self.settings,
        )
