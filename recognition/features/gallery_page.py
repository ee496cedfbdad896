"""The gallery's page."""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_lambda as lambda_

from common.infrastructure.functions import provide_endpoints, python_function
from common.infrastructure.layers import page_layer
from common.settings import Settings

PAGE = Path(__file__).parent.parent / "gallery"


class GalleryPage:
    """Adds the function that serves the page to a stack. The page exposes no data, and its routes are open to
    anybody."""

    def __init__(self, stack: Stack, *, common_layer: lambda_.ILayerVersion, settings: Settings) -> None:
        layer = page_layer(stack, "GalleryPage", folder=PAGE, package="gallery_page", description="The gallery's page")
        function = python_function(
            stack,
            "Gallery",
            handler="recognition.runtime.serve_gallery.handler",
            description="Serves the gallery's page, but no data",
            timeout=Duration.seconds(15),
            memory_mb=512,
            environment={"AUTH": settings.auth},
            layers=[common_layer, layer],
            settings=settings,
        )
        provide_endpoints(function, settings)
        self.routes = dict.fromkeys(("/gallery", "/gallery/{file}"), function)
