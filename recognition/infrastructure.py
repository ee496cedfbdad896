"""Pictures become labels: recognition, the table of results and the API that reads it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, Duration, Size, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from api.infrastructure import RECOGNITION_TIMEOUT
from common.infrastructure.apis import base_url, json_api
from common.infrastructure.functions import provide_endpoints, python_function
from common.infrastructure.layers import IMAGING, RUNTIME, page_layer, python_layer
from common.infrastructure.monitoring import Monitoring, own_metric
from common.infrastructure.permissions import grant, grant_objects
from common.infrastructure.queues import WorkQueue
from common.infrastructure.storage import index, private_bucket, table
from common.settings import Settings

PAGE = Path(__file__).parent / "gallery"

NEWEST_INDEX = "newest"
BATCH_SIZE = 10

THUMBNAILS_TIMEOUT = Duration.seconds(60)

PROJECTION_TIMEOUT = Duration.seconds(30)
LATE = Duration.minutes(5)


class RekognitionStack(Stack):
    """Recognises what the upload queue announces, keeps it in `Classifications`, tells the labels topic."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image_bucket: s3.IBucket,
        uploaded_image_topic: sns.ITopic,
        uploads: WorkQueue,
        labels_topic: sns.ITopic,
        upload_api: apigateway.RestApi,
        deliveries_api: apigateway.RestApi,
        api_key: apigateway.IApiKey,
        alarm_topic: sns.ITopic,
        settings: Settings,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, description="Sightline: pictures become labels", **kwargs)
        self.settings = settings
        self.layer = python_layer(
            self, "CommonLayer", folder=RUNTIME, description="Sightline's shared modules", settings=settings
        )
        self.imaging_layer = python_layer(
            self, "ImagingLayer", folder=IMAGING, description="What reads pictures", settings=settings
        )
        table = self._classifications()
        usage = self._usage()
        source = self._image_recognition(
            bucket=image_bucket,
            uploads=uploads,
            table=table,
            recognitions=self._recognitions(),
            usage=usage,
            labels_topic=labels_topic,
        )
        self._budget(usage, source)
        index = self._derived_table("LabelIndex", partition_key="label", sort_key="rank")
        counts = self._derived_table("LabelCounts", partition_key="shard", sort_key="label")
        projections = self._derived_table("Projections", partition_key="image", expires=True)
        # Rekognition's answer for each image, as `{image_id}.json`.
        results = private_bucket(self, "Results", versioned=False, settings=settings)
        # Small and displayable forms, as `{image_id}/….jpg`.
        renditions = private_bucket(self, "Renditions", versioned=False, settings=settings)
        rendition_index = self._derived_table("RenditionIndex", partition_key="image_id")
        index_queue = self._project(
            labels_topic=labels_topic,
            table=table,
            index=index,
            counts=counts,
            projections=projections,
            results=results,
        )
        thumbnail_queue = self._thumbnails(image_bucket, uploaded_image_topic, renditions, rendition_index)
        list_images = self._list_images(
            bucket=image_bucket,
            renditions=renditions,
            rendition_index=rendition_index,
            table=table,
            index=index,
            counts=counts,
            usage=usage,
        )
        gallery = {} if settings.auth == "iam" else dict.fromkeys(("/gallery", "/gallery/{file}"), self._gallery())
        api = json_api(
            self,
            "ListImagesService",
            name="List Images Service",
            description="Reads and searches what was recognised.",
            function=list_images,
            routes={
                "/": ["GET"],
                "/images": ["GET"],
                "/images/{image+}": ["GET", "DELETE"],
                "/labels": ["GET"],
                "/search": ["GET"],
                "/usage": ["GET"],
            },
            open_routes={"/openapi.json": list_images, **gallery},
            called_by_page=[],  # it is of the same origin
            api_key=api_key,
            settings=settings,
        )
        self._say_where_it_is(
            upload=base_url(upload_api),
            labels=base_url(api),
            deliveries=base_url(deliveries_api),
            images=f"https://{image_bucket.bucket_regional_domain_name}",
            renditions=f"https://{renditions.bucket_regional_domain_name}",
        )
        if settings.monitoring != "none":
            self._monitor(alarm_topic)
        CfnOutput(self, "LabelsEndpoint", value=base_url(api), description="Base URL of the List Images Service")
        if gallery:
            CfnOutput(self, "GalleryAddress", value=f"{base_url(api)}/gallery", description="A page for people")
        CfnOutput(
            self,
            "CallsPerSecond",
            value=f"{settings.calls_per_second:g}",
            description="How often Rekognition is asked at the most",
        )
        CfnOutput(self, "ClassificationsTableName", value=table.table_name, description="One item per image")
        CfnOutput(self, "ProjectionsTableName", value=projections.table_name, description="What the index holds")
        CfnOutput(self, "IndexQueueUrl", value=index_queue.queue_url, description="Has images projected again")
        CfnOutput(self, "ThumbnailQueueUrl", value=thumbnail_queue.queue_url, description="Has renditions made")
        CfnOutput(self, "ResultsBucketName", value=results.bucket_name, description="One JSON document per image")

    def _monitor(self, topic: sns.ITopic) -> None:
        monitoring = Monitoring(self, "Monitoring", topic=topic, settings=self.settings)
        named = self.settings.named
        service, budget = named("ImageRecognition"), named("Budget")
        recognized, failed = (own_metric(name, service=service) for name in ("Recognized", "Failed"))
        time_to_labels = own_metric("UploadToLabels", service=service, statistic="p95")
        monitoring.alarm(
            "LabelsLate",
            time_to_labels,
            above=LATE.to_milliseconds(),
            periods=3,
            essential=False,
            meaning=f"Of twenty pictures one takes more than {LATE.to_minutes()} minutes from upload to labels.",
            section="Labels come late",
        )
        monitoring.alarm(
            "PicturesFail",
            own_metric("Failed", service=service, statistic="Average"),
            above=0.5,
            periods=3,
            essential=False,
            meaning="More than half of the pictures have become FAILED for a quarter of an hour.",
            section="Pictures fail",
        )
        monitoring.alarm(
            "BudgetExceeded",
            own_metric("BudgetExceeded", service=budget, statistic="Maximum"),
            above=0,
            silence=cloudwatch.TreatMissingData.IGNORE,  # which ends no pause
            essential=self.settings.watches_budget,
            meaning="This month's budget for Rekognition is used up: pictures wait in the queue.",
            section="The budget is used up",
        )
        monitoring.alarm_of_silence(
            "BudgetSilent",
            own_metric("BudgetExceeded", service=budget),
            periods=3,
            essential=self.settings.watches_budget,
            meaning="Nobody has looked at the month's budget for a quarter of an hour: a pause would not end.",
            section="Nobody looks at the budget",
        )
        uploaded = [own_metric("Uploaded", service=named(each)) for each in ("GetSaveImage", "FetchImages")]
        monitoring.graph("Pictures", *uploaded, recognized, failed)
        monitoring.graph(
            "Calls of Rekognition", *(own_metric(name, service=service) for name in ("Calls", "CacheHits"))
        )
        median = own_metric("UploadToLabels", service=service, statistic="p50")
        monitoring.graph("From upload to labels, in ms", median, time_to_labels)
        for title, name in (("Calls this month", "MonthlyCalls"), ("Spent this month, in USD", "MonthlyCost")):
            monitoring.graph(title, own_metric(name, service=budget, statistic="Maximum"))

    def _classifications(self) -> dynamodb.TableV2:
        """Create the table with one item per image. Its index lists images that are not deleted, newest first."""
        return table(
            self,
            "Classifications",
            partition_key="image",
            expires=True,
            indexes=[
                index(
                    NEWEST_INDEX,
                    partition_key="listed",
                    sort_key="uploaded_at",
                    attributes=["image_id", "status", "label_names", "failure", "recognized_at"],
                )
            ],
            settings=self.settings,
        )

    def _recognitions(self) -> dynamodb.TableV2:
        """Create the table with Rekognition's paid answer for each content."""
        return table(self, "Recognitions", partition_key="content", settings=self.settings)

    def _usage(self) -> dynamodb.TableV2:
        """Create the table with the spending of each month and the state of the budget."""
        return table(self, "Usage", partition_key="period", settings=self.settings)

    def _derived_table(
        self, id: str, *, partition_key: str, sort_key: str | None = None, expires: bool = False
    ) -> dynamodb.TableV2:
        """Create a table that `sightline reproject` rebuilds from `Classifications`."""
        return table(
            self,
            id,
            partition_key=partition_key,
            sort_key=sort_key,
            expires=expires,
            no_recovery_reason="Derived: `sightline reproject` rebuilds it.",
            settings=self.settings,
        )

    def _project(
        self,
        *,
        labels_topic: sns.ITopic,
        table: dynamodb.TableV2,
        index: dynamodb.TableV2,
        counts: dynamodb.TableV2,
        projections: dynamodb.TableV2,
        results: s3.Bucket,
    ) -> sqs.Queue:
        work = WorkQueue(self, "Index", topic=labels_topic, consumer_timeout=PROJECTION_TIMEOUT, max_receive_count=20)
        function = self._function(
            "Project",
            handler="recognition.runtime.update_index.handler",
            description="Keeps the label index, its counts and the result documents as the records say",
            timeout=PROJECTION_TIMEOUT,
            environment={
                "CLASSIFICATIONS_TABLE": table.table_name,
                "LABEL_INDEX_TABLE": index.table_name,
                "LABEL_COUNTS_TABLE": counts.table_name,
                "PROJECTIONS_TABLE": projections.table_name,
                "RESULTS_BUCKET": results.bucket_name,
                "QUEUE_URL": work.queue.queue_url,
            },
        )
        work.feeds(function, batch_size=10, max_concurrency=self.settings.index_workers)
        grant(function, ["dynamodb:GetItem"], table.table_arn)
        grant(function, ["dynamodb:PutItem", "dynamodb:DeleteItem"], index.table_arn)
        grant(function, ["dynamodb:UpdateItem"], counts.table_arn)
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem"], projections.table_arn)
        grant_objects(function, ["s3:PutObject", "s3:DeleteObject"], results)
        return work.queue

    def _image_recognition(
        self,
        *,
        bucket: s3.IBucket,
        uploads: WorkQueue,
        table: dynamodb.TableV2,
        recognitions: dynamodb.TableV2,
        usage: dynamodb.TableV2,
        labels_topic: sns.ITopic,
    ) -> event_sources.SqsEventSource:
        workers = self.settings.recognition_workers
        function = python_function(
            self,
            "ImageRecognition",
            handler="recognition.runtime.recognize_images.handler",
            description="Asks Rekognition what is in each new picture, stores and announces it",
            timeout=RECOGNITION_TIMEOUT,
            memory_mb=1769,  # one processor, for the calls; and the decoder's 1,280 MB beside the worker itself
            # A batch of the largest pictures, and room for what else is in /tmp.
            ephemeral_storage=Size.mebibytes(max(512, BATCH_SIZE * self.settings.max_image_megabytes + 100)),
            layers=[self.layer, self.imaging_layer],
            settings=self.settings,
            environment={
                "CLASSIFICATIONS_TABLE": table.table_name,
                "RECOGNITIONS_TABLE": recognitions.table_name,
                **self._spending(usage),
                "LABELS_TOPIC_ARN": labels_topic.topic_arn,
                "QUEUE_URL": uploads.queue.queue_url,
                "MAX_RECEIVE_COUNT": str(uploads.max_receive_count),
                "CALLS_PER_SECOND": f"{self.settings.calls_per_second / workers:g}",
                "DETECT_LABELS": json.dumps(self.settings.detect_labels, sort_keys=True),
                "MAX_IMAGE_BYTES": str(self.settings.max_image_bytes),
                "MAX_IMAGE_PIXELS": str(self.settings.max_image_pixels),
            },
        )
        # Sends back messages that wait for another worker or for the budget.
        source = uploads.feeds(function, batch_size=BATCH_SIZE, max_concurrency=workers, sends_back=True)
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem"], table.table_arn)
        grant(function, ["dynamodb:UpdateItem"], recognitions.table_arn, usage.table_arn)
        labels_topic.grant_publish(function)
        # Rekognition reads the object with the caller's permissions.
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion"], bucket)
        # Without it S3 answers 403 for what is gone, which could not be told from a missing permission.
        grant(function, ["s3:ListBucket"], bucket.bucket_arn)
        grant(function, ["rekognition:DetectLabels"], "*")
        return source

    def _budget(self, usage: dynamodb.TableV2, source: event_sources.SqsEventSource) -> None:
        """There without a budget as well: pictures that wait are not to be left waiting when it is removed.

        It runs once a minute for ever, so it leaves out what costs more than it does: traces, and unwatched metrics.
        """
        function = self._function(
            "Budget",
            handler="recognition.runtime.enforce_budget.handler",
            description="Has pictures wait while the month's budget is used up, and tells what is spent",
            timeout=Duration.seconds(30),
            environment={
                **self._spending(usage),
                "EVENT_SOURCE_MAPPING": source.event_source_mapping_id,
                "IS_WATCHED": str(self.settings.watches_budget).lower(),
            },
            tracing=lambda_.Tracing.DISABLED,
        )
        events.Rule(
            self,
            "BudgetSchedule",
            description="Looks at what is spent",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[targets.LambdaFunction(function)],
        )
        grant(function, ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], usage.table_arn)
        grant(
            function,
            ["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
            source.event_source_mapping_arn,
        )

    def _spending(self, usage: dynamodb.TableV2) -> dict[str, str]:
        """What `Usage` takes."""
        return {"USAGE_TABLE": usage.table_name, "MONTHLY_BUDGET_USD": str(self.settings.monthly_budget_usd)}

    def _thumbnails(
        self, bucket: s3.IBucket, changes: sns.ITopic, renditions: s3.Bucket, rendition_index: dynamodb.TableV2
    ) -> sqs.Queue:
        work = WorkQueue(self, "Thumbnail", topic=changes, consumer_timeout=THUMBNAILS_TIMEOUT, max_receive_count=20)
        function = python_function(
            self,
            "Thumbnails",
            handler="recognition.runtime.make_renditions.handler",
            description="Keeps a small form of each picture, and one that browsers show",
            timeout=THUMBNAILS_TIMEOUT,
            memory_mb=1769,  # as for recognition: one processor, and one decoder's 1,280 MB
            ephemeral_storage=Size.mebibytes(max(512, BATCH_SIZE * self.settings.max_image_megabytes + 100)),
            environment={
                "RENDITIONS_BUCKET": renditions.bucket_name,
                "RENDITION_INDEX_TABLE": rendition_index.table_name,
                "QUEUE_URL": work.queue.queue_url,
                "MAX_IMAGE_BYTES": str(self.settings.max_image_bytes),
                "MAX_IMAGE_PIXELS": str(self.settings.max_image_pixels),
            },
            layers=[self.layer, self.imaging_layer],
            settings=self.settings,
        )
        work.feeds(function, batch_size=BATCH_SIZE, max_concurrency=self.settings.thumbnail_workers)
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion"], bucket)
        grant_objects(function, ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], renditions)
        grant(function, ["dynamodb:PutItem", "dynamodb:DeleteItem"], rendition_index.table_arn)
        # Without it S3 answers 403 for what is not there, which could not be told from a missing permission.
        grant(function, ["s3:ListBucket"], bucket.bucket_arn, renditions.bucket_arn)
        return work.queue

    def _gallery(self) -> lambda_.Function:
        function = self._function(
            "Gallery",
            handler="recognition.runtime.serve_gallery.handler",
            description="Serves the gallery's page, and nothing of what it shows",
            timeout=Duration.seconds(15),
            environment={"AUTH": self.settings.auth},
            layers=[
                page_layer(self, "GalleryPage", folder=PAGE, package="gallery_page", description="The gallery's page")
            ],
        )
        provide_endpoints(function, self.settings)
        return function

    def _say_where_it_is(self, **addresses: str) -> None:
        """Which is known when the last stack is deployed, and read by the functions of all three."""
        ssm.StringParameter(
            self,
            "Endpoints",
            parameter_name=self.settings.endpoints_parameter,
            string_value=self.to_json_string(addresses),
            description="Where Sightline's APIs and buckets are met from outside",
        )

    def _list_images(
        self,
        *,
        bucket: s3.IBucket,
        renditions: s3.Bucket,
        rendition_index: dynamodb.TableV2,
        table: dynamodb.TableV2,
        index: dynamodb.TableV2,
        counts: dynamodb.TableV2,
        usage: dynamodb.TableV2,
    ) -> lambda_.Function:
        function = self._function(
            "ListImages",
            handler="recognition.runtime.list_images.handler",
            description="Lists, shows, searches and deletes images",
            timeout=Duration.seconds(29),
            environment={
                "CLASSIFICATIONS_TABLE": table.table_name,
                "LABEL_INDEX_TABLE": index.table_name,
                "LABEL_COUNTS_TABLE": counts.table_name,
                "IMAGE_BUCKET": bucket.bucket_name,
                "RENDITIONS_BUCKET": renditions.bucket_name,
                "RENDITION_INDEX_TABLE": rendition_index.table_name,
                **self._spending(usage),
            },
        )
        grant(function, ["dynamodb:GetItem"], table.table_arn, usage.table_arn)
        grant(function, ["dynamodb:Query"], f"{table.table_arn}/index/{NEWEST_INDEX}")
        grant(function, ["dynamodb:Query"], index.table_arn)
        grant(function, ["dynamodb:Query", "dynamodb:BatchGetItem"], counts.table_arn)
        # A presigned URL opens what its signer may read. Deletion leaves a marker; the versions stay.
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject"], bucket)
        grant_objects(function, ["s3:GetObject"], renditions)
        grant(function, ["dynamodb:BatchGetItem"], rendition_index.table_arn)
        return function

    def _function(
        self,
        id: str,
        *,
        handler: str,
        description: str,
        timeout: Duration,
        environment: dict[str, str],
        layers: Sequence[lambda_.ILayerVersion] = (),
        tracing: lambda_.Tracing = lambda_.Tracing.ACTIVE,
    ) -> lambda_.Function:
        return python_function(
            self,
            id,
            handler=handler,
            description=description,
            timeout=timeout,
            memory_mb=512,
            environment=environment,
            layers=[self.layer, *layers],
            settings=self.settings,
            tracing=tracing,
        )
