"""The running system that a command talks to: on AWS, or the embedded cloud of this checkout."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError

from cli.api_keys import newest_key
from cli.stacks import STACKS

ROOT = Path(__file__).resolve().parent.parent

LOCAL_FOLDER = Path(os.environ.get("SIGHTLINE_LOCAL") or ROOT / ".local")
"""Where the embedded cloud keeps its state, logs and addresses: this checkout's, unless the variable names another."""

ENDPOINTS = LOCAL_FOLDER / "endpoints.json"

CDK_JSON = ROOT / "cdk.json"
"""What is deployed from here, and to which Region, if it names one."""


class TargetName(StrEnum):
    """Where a system runs."""

    LOCAL = "local"
    AWS = "aws"


class TargetError(RuntimeError):
    """The system cannot be found; the message says what to do."""


@dataclass(frozen=True)
class Target:
    """Addresses without a slash at the end, and the key, where there is one."""

    name: TargetName
    upload: str
    labels: str
    deliveries: str
    api_key: str | None
    photo: str | None = None
    """The address of a picture to try it with, where there is one."""
    gallery: str | None = None
    """The page's address, where there is one."""
    aws: str | None = None
    """Where the embedded cloud stands in for AWS; None on AWS itself."""

    def client(self, service: Any) -> Any:
        """A boto3 client of the target's services."""
        if self.aws is None:
            return session().client(service)
        return boto3.client(
            service,
            endpoint_url=self.aws,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator's own
        )


@cache
def session() -> boto3.Session:
    """The caller's way to AWS: to the Region that the setting `region` names, else to the credentials' own."""
    settings = json.loads(CDK_JSON.read_text())["context"]
    return boto3.Session(region_name=settings.get("region"))


def find(name: TargetName | None) -> Target:
    """The target asked for; without a name the embedded cloud while it answers, else AWS.

    Raises:
        TargetError: there is no such system, or it does not answer.
    """
    if name is TargetName.LOCAL or (name is None and _answers()):
        return _local()
    return _aws()


def glimpse(name: TargetName | None) -> Target:
    """The same in whatever state it is: what is not there has no address, and what cannot be asked for is not there.

    Raises:
        TargetError: the embedded cloud was asked for, and does not run.
    """
    if name is TargetName.LOCAL or (name is None and _answers()):
        return _local()
    outputs: dict[str, Any] = {}
    key = None
    for stack in STACKS:
        with suppress(BotoCoreError, ClientError):
            outputs |= _outputs(stack)
    with suppress(BotoCoreError, ClientError):
        key = newest_key(session().client)
    upload, labels, deliveries = (outputs.get(f"{api}Endpoint", "") for api in ("Upload", "Labels", "Deliveries"))
    return Target(TargetName.AWS, upload, labels, deliveries, key)


def _answers() -> bool:
    try:
        requests.get(json.loads(ENDPOINTS.read_text())["labels"], timeout=2)
    except (OSError, ValueError, KeyError):  # requests' errors are OSErrors
        return False
    return True


def _local() -> Target:
    if not _answers():
        raise TargetError("the embedded cloud is not running; start it with `make local-up`")
    endpoints = json.loads(ENDPOINTS.read_text())
    return local_target(endpoints)


def local_target(endpoints: dict[str, str]) -> Target:
    """The embedded cloud whose endpoints.json this is."""
    return Target(
        TargetName.LOCAL,
        endpoints["upload"],
        endpoints["labels"],
        endpoints["deliveries"],
        endpoints["api_key"],
        photo=f"{endpoints['photos']}astronaut.jpg",
        gallery=endpoints.get("gallery"),
        aws=endpoints["aws"],
    )


def _aws() -> Target:
    try:
        api = _outputs("APIStack")
        recognition = _outputs("RekognitionStack")
        key = newest_key(session().client) if "ApiKeyId" in api else None
        integration = _outputs("IntegrationStack")
    except (BotoCoreError, ClientError) as error:
        raise TargetError(f"no system found on AWS, and none runs locally: {error}") from error
    return Target(
        TargetName.AWS,
        api["UploadEndpoint"],
        recognition["LabelsEndpoint"],
        integration["DeliveriesEndpoint"],
        key,
        gallery=recognition.get("GalleryAddress"),
    )


def _outputs(stack: str) -> dict[str, Any]:
    [description] = session().client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def remember_key(target: Target, key: str) -> None:
    """Have the embedded cloud's endpoints.json name the key that is in use."""
    if target.name is TargetName.LOCAL:
        endpoints = json.loads(ENDPOINTS.read_text())
        ENDPOINTS.write_text(json.dumps(endpoints | {"api_key": key}, indent=2) + "\n")
