"""Composes the three stacks; everything else has a home in one of the folders."""

import os
from typing import Any

from aws_cdk import Annotations, App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from api.infrastructure import APIStack
from common import prices
from common.settings import Settings
from integration.infrastructure import IntegrationStack
from recognition.infrastructure import RekognitionStack


def build_app(context: dict[str, Any] | None = None) -> App:
    """Make the app from CDK's context; tests pass their own.

    Raises:
        SettingsError: a setting is misspelt or has a value it cannot take.
    """
    app = App(context=context)
    # The CDK CLI names the Region in CDK_DEFAULT_REGION, as cli/account.py finds it; quotas depend on it.
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
        labels_topic=integration.labels_topic,
        upload_api=api.api,
        deliveries_api=integration.api,
        api_key=api.api_key,
        alarm_topic=api.alarm_topic,
        settings=settings,
    )

    # On a stack, because what is said of the app itself is left out of the assembly.
    if settings.auth == "none":
        Annotations.of(api).add_warning_v2("sightline:auth", "auth=none: anybody may upload, list and read pictures")
    if settings.private_sources:
        Annotations.of(api).add_warning_v2(
            "sightline:private_sources",
            f"private_sources: the upload API may fetch from {', '.join(settings.private_sources)}",
        )
    if settings.monthly_budget_usd and settings.region not in {None, prices.REGION}:
        Annotations.of(api).add_warning_v2(
            "sightline:monthly_budget_usd",
            f"monthly_budget_usd: calls are counted at {prices.REGION}'s prices, and {settings.region} has its own",
        )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


if __name__ == "__main__":
    build_app().synth()
