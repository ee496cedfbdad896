"""The stack that recognises pictures, keeps the records, and serves them."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from common.infrastructure.apis import base_url
from common.infrastructure.layers import IMAGING, RUNTIME, python_layer
from common.infrastructure.queues import WorkQueue
from common.settings import Settings
from recognition.features.abilities import show_abilities
from recognition.features.alarms import Alarms
from recognition.features.label_index import LabelIndex
from recognition.features.list_api import ListApi
from recognition.features.recognition_worker import RecognitionWorker
from recognition.features.records import Records
from recognition.features.renditions import Renditions
from recognition.features.spending import Spending


class RekognitionStack(Stack):
    """Composes the features. Each of them adds its resources to this stack."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image_bucket: s3.IBucket,
        uploaded_image_topic: sns.ITopic,
        uploads: WorkQueue,
        removals: WorkQueue,
        labels_topic: sns.ITopic,
        upload_api: apigateway.RestApi,
        deliveries_api: apigateway.RestApi,
        api_key: apigateway.IApiKey,
        alarm_topic: sns.ITopic,
        settings: Settings,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, id, description="Sightline: pictures become labels", **kwargs)
        common_layer = python_layer(
            self, "CommonLayer", folder=RUNTIME, description="Sightline's shared modules", settings=settings
        )
        imaging_layer = python_layer(
            self, "ImagingLayer", folder=IMAGING, description="Modules that read pictures", settings=settings
        )
        layers = [common_layer, imaging_layer]
        records = Records(self, settings=settings)
        spending = Spending(self, common_layer=common_layer, settings=settings)
        worker = RecognitionWorker(
            self,
            image_bucket=image_bucket,
            uploads=uploads,
            removals=removals,
            records=records,
            spending=spending,
            labels_topic=labels_topic,
            layers=layers,
            settings=settings,
        )
        spending.enforce_budget(worker.source)
        show_abilities(self, settings)
        label_index = LabelIndex(
            self, records=records, labels_topic=labels_topic, common_layer=common_layer, settings=settings
        )
        renditions = Renditions(
            self,
            image_bucket=image_bucket,
            uploaded_image_topic=uploaded_image_topic,
            layers=layers,
            settings=settings,
        )
        list_api = ListApi(
            self,
            image_bucket=image_bucket,
            records=records,
            label_index=label_index,
            renditions=renditions,
            spending=spending,
            common_layer=common_layer,
            api_key=api_key,
            settings=settings,
        )
        addresses = {
            "upload": base_url(upload_api),
            "labels": list_api.url,
            "deliveries": base_url(deliveries_api),
            "images": f"https://{image_bucket.bucket_regional_domain_name}",
            "renditions": f"https://{renditions.bucket.bucket_regional_domain_name}",
        }
        # This is the last stack, so it knows all addresses. The functions of all stacks read them.
        ssm.StringParameter(
            self,
            "Endpoints",
            parameter_name=settings.endpoints_parameter,
            string_value=self.to_json_string(addresses),
            description="Public addresses of Sightline's APIs and buckets",
        )
        if settings.monitoring != "none":
            Alarms(self, alarm_topic=alarm_topic, settings=settings)
