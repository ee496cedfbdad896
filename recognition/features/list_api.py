"""The List Images Service: the API that lists, shows, searches and deletes images."""

import json

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from common.infrastructure.apis import base_url, json_api
from common.infrastructure.functions import python_function
from common.infrastructure.permissions import grant, grant_objects
from common.settings import Settings
from recognition.features.gallery_page import GalleryPage
from recognition.features.label_index import LabelIndex
from recognition.features.records import Records
from recognition.features.renditions import Renditions
from recognition.features.spending import Spending

ROUTES = {
    "/": ["GET"],
    "/images": ["GET"],
    "/images/{image+}": ["GET", "DELETE"],
    "/labels": ["GET"],
    "/search": ["GET"],
    "/usage": ["GET"],
}


class ListApi:
    """Adds the List Images Service to a stack. Also adds the gallery's page, unless callers must sign their calls."""

    def __init__(
        self,
        stack: Stack,
        *,
        image_bucket: s3.IBucket,
        records: Records,
        label_index: LabelIndex,
        renditions: Renditions,
        spending: Spending,
        common_layer: lambda_.ILayerVersion,
        api_key: apigateway.IApiKey,
        settings: Settings,
    ) -> None:
        hidden = {"HIDE_MODERATED": json.dumps(settings.hide_moderated)} if settings.hide_moderated else {}
        function = python_function(
            stack,
            "ListImages",
            handler="recognition.runtime.list_images.handler",
            description="Lists, shows, searches and deletes images",
            timeout=Duration.seconds(29),
            memory_mb=512,
            environment={
                "CLASSIFICATIONS_TABLE": records.table.table_name,
                "LABEL_INDEX_TABLE": label_index.entries.table_name,
                "LABEL_COUNTS_TABLE": label_index.counts.table_name,
                "IMAGE_BUCKET": image_bucket.bucket_name,
                "RENDITIONS_BUCKET": renditions.bucket.bucket_name,
                "RENDITION_INDEX_TABLE": renditions.index.table_name,
                **spending.environment,
                **hidden,
            },
            layers=[common_layer],
            settings=settings,
        )
        grant(function, ["dynamodb:GetItem"], records.table.table_arn, spending.usage.table_arn)
        if hidden:
            grant(function, ["dynamodb:BatchGetItem"], records.table.table_arn)
        grant(function, ["dynamodb:Query"], records.index_arn)
        grant(function, ["dynamodb:Query"], label_index.entries.table_arn)
        grant(function, ["dynamodb:Query", "dynamodb:BatchGetItem"], label_index.counts.table_arn)
        # A signed URL opens only objects that the signing function may read. DeleteObject makes a delete marker and
        # keeps the versions.
        grant_objects(function, ["s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject"], image_bucket)
        grant_objects(function, ["s3:GetObject"], renditions.bucket)
        grant(function, ["dynamodb:BatchGetItem"], renditions.index.table_arn)
        page_routes = {}
        if settings.auth != "iam":
            page_routes = GalleryPage(stack, common_layer=common_layer, settings=settings).routes
        api = json_api(
            stack,
            "ListImagesService",
            name="List Images Service",
            description="Reads and searches what was recognised.",
            function=function,
            routes=ROUTES,
            open_routes={"/openapi.json": function, **page_routes},
            called_by_page=[],  # the page has the same origin
            api_key=api_key,
            settings=settings,
        )
        self.url = base_url(api)
        CfnOutput(stack, "LabelsEndpoint", value=self.url, description="Base URL of the List Images Service")
        if page_routes:
            CfnOutput(stack, "GalleryAddress", value=f"{self.url}/gallery", description="Address of the gallery")
