"""The API stack: the upload API, the bucket of pictures, their topic and queues, and manifests."""

import json
from collections.abc import Sequence
from typing import Any, cast

from aws_cdk import CfnOutput, CfnResource, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_notifications as notifications
from aws_cdk import aws_sns as sns
from constructs import Construct

from api.manifest_infrastructure import ManifestIntake
from common.infrastructure.apis import base_url, json_api
from common.infrastructure.functions import log_group, python_function
from common.infrastructure.layers import IMAGING, RUNTIME, python_layer
from common.infrastructure.monitoring import Monitoring, alarm_topic
from common.infrastructure.permissions import acknowledge, grant_objects
from common.infrastructure.queues import WorkQueue
from common.infrastructure.storage import private_bucket
from common.settings import Settings


def recognition_timeout(settings: Settings) -> Duration:
    """Return the timeout of the function that consumes uploads and removals.

    The timeout also decides the visibility of the function's queues. A batch of pictures with labels alone gets one
    minute. Each ability adds ten seconds, because it costs one more call per picture.
    """
    return Duration.seconds(60 + 10 * len(settings.ability_options))


class APIStack(Stack):
    """The Image Upload Service. Other stacks use its API, bucket, topic, queues and key."""

    def __init__(self, scope: Construct, id: str, *, settings: Settings, **kwargs: Any) -> None:
        super().__init__(scope, id, description="Sightline: pictures come in", **kwargs)
        self.image_bucket = private_bucket(self, "ImageBucket", versioned=True, settings=settings)
        if settings.auth != "iam":
            self._let_the_gallery_upload()
        self.uploaded_image_topic = self._announce_changes()
        self.removals = self._changes_queue(
            "RemovedImage", ["ObjectRemoved:", "LifecycleExpiration:"], settings=settings
        )
        self.uploads = self._changes_queue("UploadedImage", ["ObjectCreated:"], settings=settings)
        # An update of the stack first sends removals to their own queue too, and only then stops sending them to the
        # queue of uploads.
        self.uploads.node.add_dependency(self.removals)
        # The key is created and exported with every value of `auth`. CloudFormation cannot remove an export while
        # another stack imports it, so a change of `auth` would fail.
        self.api_key = apigateway.ApiKey(self, "ApiKey")
        self.export_value(self.api_key.key_id)

        self.alarm_topic = alarm_topic(self, "AlarmTopic", settings=settings)
        self.export_value(self.alarm_topic.topic_arn)
        self.common_layer = python_layer(
            self, "CommonLayer", folder=RUNTIME, description="Sightline's shared modules", settings=settings
        )
        self.imaging_layer = python_layer(
            self, "ImagingLayer", folder=IMAGING, description="Modules that read pictures", settings=settings
        )
        function = self._get_save_image(settings)
        ManifestIntake(
            self,
            image_bucket=self.image_bucket,
            common_layer=self.common_layer,
            imaging_layer=self.imaging_layer,
            settings=settings,
        )
        self._tie_notifications_handler(settings)
        self.api = json_api(
            self,
            "ImageUploadService",
            name="Image Upload Service",
            description="Takes pictures by URL and as files.",
            function=function,
            open_routes={"/openapi.json": function},
            routes={"/": ["GET"], "/images": ["POST"], "/uploads": ["POST"]},
            called_by_page=["/images", "/uploads"],
            api_key=self.api_key,
            settings=settings,
        )
        if settings.monitoring != "none":
            Monitoring(self, "Monitoring", topic=self.alarm_topic, settings=settings).watch_for_failing_work()
        CfnOutput(self, "UploadEndpoint", value=base_url(self.api), description="Base URL of the Image Upload Service")
        CfnOutput(
            self,
            "ImageBucketName",
            value=self.image_bucket.bucket_name,
            description="Where pictures are kept",
        )
        CfnOutput(self, "UploadQueueUrl", value=self.uploads.queue.queue_url, description="Has objects recognised")
        if settings.auth == "api_key":
            CfnOutput(self, "ApiKeyId", value=self.api_key.key_id, description="The id of the key for both APIs")

    def _announce_changes(self) -> sns.Topic:
        topic = sns.Topic(self, "UploadedImageTopic", enforce_ssl=True)
        acknowledge(topic, {"AwsSolutions-SNS2": "S3 cannot publish to a topic under the aws/sns key."})
        for event in (s3.EventType.OBJECT_CREATED, s3.EventType.OBJECT_REMOVED, s3.EventType.LIFECYCLE_EXPIRATION):
            self.image_bucket.add_event_notification(event, notifications.SnsDestination(topic))
        return topic

    def _changes_queue(self, id: str, event_names: Sequence[str], *, settings: Settings) -> WorkQueue:
        """Make a queue for the changes whose event names begin with one of these texts.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
        """
        names = sns.FilterOrPolicy.filter(sns.SubscriptionFilter.string_filter(match_prefixes=event_names))
        return WorkQueue(
            self,
            id,
            topic=self.uploaded_image_topic,
            consumer_timeout=recognition_timeout(settings),
            max_receive_count=20,  # with backoff, two to three hours
            body_filter_policy={"Records": sns.FilterOrPolicy.policy({"eventName": names})},
        )

    def _let_the_gallery_upload(self) -> None:
        """Let pages of this Region's REST APIs post signed forms. The gallery's API is deployed after the bucket.

        S3 accepts one wildcard in an origin. The signature of a form protects the bucket, and a page needs the key to
        get a form.
        """
        self.image_bucket.add_cors_rule(
            allowed_methods=[s3.HttpMethods.POST],
            allowed_origins=[f"https://*.execute-api.{self.region}.{self.url_suffix}"],
            exposed_headers=["x-amz-version-id"],
            max_age=3600,
        )

    def _tie_notifications_handler(self, settings: Settings) -> None:
        """Give CDK's own function for bucket notifications a log group like those of our functions.

        By default, the function has a managed policy that allows every log group, and a log group without retention.
        """
        handler = self.node.find_child("BucketNotificationsHandler050a0587b7544547bf325f094a3db834")
        group = log_group(self, "NotificationsLogs", settings=settings)
        role = cast("iam.Role", handler.node.find_child("Role"))
        cast("iam.CfnRole", role.node.default_child).managed_policy_arns = []
        group.grant_write(role)
        function = cast("CfnResource", handler.node.find_child("Resource"))
        function.add_property_override("LoggingConfig", {"LogGroup": group.log_group_name})
        acknowledge(handler, {"AwsSolutions-L1": "CDK's own function, with the runtime that CDK chose."})

    def _get_save_image(self, settings: Settings) -> lambda_.Function:
        function = python_function(
            self,
            "GetSaveImage",
            handler="api.runtime.get_save_image.handler",
            description="Fetches a picture by URL, checks it and stores it",
            timeout=Duration.seconds(29),  # as long as API Gateway waits
            memory_mb=1769,  # one processor, and the decoder's 1,280 MB
            environment={
                "IMAGE_BUCKET": self.image_bucket.bucket_name,
                "SOURCES": json.dumps(settings.sources),
                "MAX_IMAGE_PIXELS": str(settings.max_image_pixels),
                **settings.abilities.names_variable,
            },
            layers=[self.common_layer, self.imaging_layer],
            settings=settings,
        )
        # With GetObject, the function compares the new picture with the picture that already has the name.
        grant_objects(function, ["s3:PutObject", "s3:GetObject"], self.image_bucket)
        return function
