"""Configure a deployed system: do an operator's steps, and the work that the emulator leaves out."""

import json
from collections.abc import Iterable
from pathlib import Path

from common.settings import Settings
from local.endpoints import Endpoints, Outputs
from local.services import Addresses


def configure(
    addresses: Addresses, endpoints: Endpoints, outputs: Outputs, settings: Settings, *, signing_secrets: Path
) -> None:
    """Tell the system its addresses, connect it to the partner and turn on expiry of the tables' items."""
    ssm = addresses.client("ssm")
    ssm.put_parameter(Name=settings.thirdparty_parameter, Value=endpoints.partner, Type="String", Overwrite=True)
    labels = endpoints.gallery.removesuffix("/gallery") or endpoints.labels
    urls = {"upload": endpoints.upload, "labels": labels, "deliveries": endpoints.deliveries}
    # The functions know no origin but the embedded cloud's, and sign the pictures' URLs for it.
    urls |= dict.fromkeys(("images", "renditions"), endpoints.aws)
    ssm.put_parameter(Name=settings.endpoints_parameter, Value=json.dumps(urls), Type="String", Overwrite=True)

    integration = outputs["IntegrationStack"]
    _give_secrets(addresses, json.loads(integration["SigningSecretArns"]).values(), signing_secrets)
    if "EmailTopicArn" in integration:
        _subscribe(addresses, integration["EmailTopicArn"], f"{endpoints.partner}inbox")
    tables = (endpoints.table, outputs["APIStack"]["ManifestsTableName"], integration["DeliveriesTableName"])
    _let_items_expire(addresses, tables)


def _subscribe(addresses: Addresses, topic: str, inbox: str) -> None:
    """Send a topic's e-mails to the partner's inbox, and stop sending them to the inbox of an earlier start."""
    sns = addresses.client("sns")
    for subscription in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
        if subscription["Protocol"] == "http" and subscription["Endpoint"] != inbox:
            sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox)


def _give_secrets(addresses: Addresses, arns: Iterable[str], file: Path) -> None:
    """Write the signing secrets into the file that the partner reads."""
    manager = addresses.client("secretsmanager")
    secrets = [manager.get_secret_value(SecretId=arn)["SecretString"] for arn in arns]
    file.touch(mode=0o600)
    file.write_text("".join(f"{secret}\n" for secret in secrets))


def _let_items_expire(addresses: Addresses, tables: Iterable[str]) -> None:
    """Turn on TTL, which the emulator's CloudFormation drops."""
    dynamodb = addresses.client("dynamodb")
    for table in tables:
        ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if ttl["TimeToLiveStatus"] == "DISABLED":
            specification = {"Enabled": True, "AttributeName": "expires_at"}
            dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)
