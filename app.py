"""Compose the three stacks."""

import os
import sys
from typing import Any

from aws_cdk import Annotations, App, Environment, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from api.infrastructure import APIStack
from common import prices
from common.infrastructure.builds import BuildError
from common.setting_types import SettingsError
from common.settings import Settings
from integration.infrastructure import IntegrationStack
from recognition.infrastructure import RekognitionStack


def build_app(context: dict[str, Any] | None = None) -> App:
    """Create the app from CDK's context, or from the context of a test.

    Raises:
        SettingsError: a setting is misspelt or invalid.
        BuildError: a layer could not be built.
    """
    app = App(context=context)
    # The CDK CLI sets CDK_DEFAULT_REGION. Quotas depend on the Region.
    region = {"region": os.environ["CDK_DEFAULT_REGION"]} if "CDK_DEFAULT_REGION" in os.environ else {}
    settings = Settings.from_context({**region, **app.node.get_all_context()})
    environment = Environment(region=settings.region) if settings.region else None

    def stack(id: str) -> dict[str, Any]:
        return {"id": id, "stack_name": settings.named(id), "tags": settings.tags, "env": environment}

    api = APIStack(app, **stack("APIStack"), settings=settings)
    integration = IntegrationStack(
        app,
        **stack("IntegrationStack"),
        api_key=api.api_key,
        alarm_topic=api.alarm_topic,
        settings=settings,
    )
    RekognitionStack(
        app,
        **stack("RekognitionStack"),
        image_bucket=api.image_bucket,
        uploaded_image_topic=api.uploaded_image_topic,
        uploads=api.uploads,
        removals=api.removals,
        labels_topic=integration.labels_topic,
        upload_api=api.api,
        deliveries_api=integration.api,
        api_key=api.api_key,
        alarm_topic=api.alarm_topic,
        settings=settings,
    )

    _warn(api, settings)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _warn(stack: Stack, settings: Settings) -> None:
    """Warn of dangerous settings. The warnings are added to a stack, because CDK does not write out warnings of the app
    itself."""
    if settings.auth == "none":
        Annotations.of(stack).add_warning_v2("sightline:auth", "auth=none: anybody may upload, list and read pictures")
    if settings.private_sources:
        Annotations.of(stack).add_warning_v2(
            "sightline:private_sources",
            f"private_sources: the upload API may fetch from {', '.join(settings.private_sources)}",
        )
    if settings.monthly_budget_usd and settings.region not in {None, prices.REGION}:
        Annotations.of(stack).add_warning_v2(
            "sightline:monthly_budget_usd",
            f"monthly_budget_usd: calls are counted at {prices.REGION}'s prices, and {settings.region} has other "
            "prices",
        )


if __name__ == "__main__":
    try:
        build_app().synth()
    except (SettingsError, BuildError) as error:
        sys.exit(f"✗ {error}")
