"""The running system that a command talks to: on AWS, or this checkout's embedded cloud.

A `Target` holds the system's addresses and API key, reads the stacks' outputs and creates boto3 clients.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from cli import account
from cli.account import AccountError, session
from cli.api_keys import newest_key
from cli.checkout import ROOT
from cli.stacks import STACKS, ForeignStackError, Stacks
from common.deployment_names import DEFAULT_DEPLOYMENT

LOCAL_FOLDER = Path(os.environ.get("SIGHTLINE_LOCAL") or ROOT / ".local")
"""The folder of the embedded cloud's state, logs and addresses. SIGHTLINE_LOCAL can name another folder."""

ENDPOINTS = LOCAL_FOLDER / "endpoints.json"
"""The file with the addresses of a running embedded cloud.

The file is written when the cloud's start is complete, and deleted when its stop begins.
"""

PROCESSES = LOCAL_FOLDER / "processes.json"
"""The processes of the embedded cloud."""

LOCAL_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""The embedded cloud's credentials and Region, as variables of the AWS CLI and SDKs."""


class TargetName(StrEnum):
    """The places where a system can run."""

    LOCAL = "local"
    AWS = "aws"


class TargetError(RuntimeError):
    """The system cannot be found. The message says what to do."""


class MissingOutputError(LookupError):
    """No stack has an output of this name, for example because a stack is not deployed."""


@dataclass(frozen=True)
class Target:
    """A running system. URLs have no slash at the end. An optional value is None if the system has no such part."""

    name: TargetName
    upload_url: str
    labels_url: str
    deliveries_url: str
    api_key: str | None
    photo_url: str | None = None
    """A sample picture."""
    gallery_url: str | None = None
    image_bucket: str | None = None
    manifest_bucket: str | None = None
    partner_url: str | None = None
    """The address of the local partner, which receives results."""
    aws_url: str | None = None
    """The embedded cloud's endpoint for AWS services; None on AWS."""
    rekognition_url: str | None = None
    """The local Rekognition; None on AWS."""
    deployment: str = ""
    """The setting `deployment`."""
    account: str | None = None

    @property
    def stacks(self) -> Stacks:
        """The system's stacks."""
        return Stacks(self.client, self.deployment)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of all stacks that exist."""
        return {name: value for stack in STACKS for name, value in self.stacks.outputs(stack).items()}

    def output(self, name: str) -> str:
        """Return an output of one of the stacks.

        Raises:
            MissingOutputError: no stack has it.
        """
        if name not in self.outputs:
            raise MissingOutputError(f"no stack has the output {name}")
        return self.outputs[name]

    @property
    def description(self) -> str:
        """The system's account, Region and deployment. Commands show this before they change the system."""
        parts: list[str] = [self.name]
        if self.name is TargetName.AWS:
            parts += [f"account {self.account}"] if self.account else []
            parts += [f"Region {session().region_name}", f"deployment {self.deployment or DEFAULT_DEPLOYMENT}"]
            parts += [f"at {endpoint}"] if (endpoint := os.environ.get("AWS_ENDPOINT_URL")) else []
        elif self.deployment:
            parts += [f"deployment {self.deployment}"]
        return ", ".join(parts)

    def client(self, service: Any) -> Any:
        """Create the boto3 client of one of the system's services."""
        if self.aws_url is None:
            return session().client(service)
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            config=Config(proxies={}),  # the endpoint is on loopback
            endpoint_url=self.aws_url,
            region_name=LOCAL_AWS["AWS_REGION"],
            aws_access_key_id=LOCAL_AWS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=LOCAL_AWS["AWS_SECRET_ACCESS_KEY"],
        )


def find(name: TargetName | None, *, may_be_incomplete: bool = False) -> Target:
    """Return the system of this name. Without a name, return the embedded cloud if one is registered, or else AWS.

    With `may_be_incomplete`, addresses of missing stacks are empty and refused calls are ignored.

    Raises:
        TargetError: there is no such system, or the system is not up.
    """
    # If a local system is registered, no command goes to AWS without `--target aws`.
    if name is TargetName.LOCAL or (name is None and _is_registered()):
        return _local()
    try:
        return _on_aws(*((BotoCoreError, ClientError) if may_be_incomplete else ()))
    except TargetError as error:
        # Who has no account or has deployed nothing may have meant the local system.
        if name or not (error.__cause__ is None or isinstance(error.__cause__, NoCredentialsError)):
            raise
        raise TargetError(f"no local system is running (`make local-up` starts one), and {error}") from error


def _is_registered() -> bool:
    return ENDPOINTS.exists() or PROCESSES.exists()


def _local() -> Target:
    """Return the embedded cloud if its processes run, even if it answers slowly.

    Raises:
        TargetError: the embedded cloud is not up.
    """
    if not _is_registered():
        raise TargetError("no local system is running; start one with `make local-up`")
    way_out = f"`make local-up` starts it, `make local-down` ends it, and `--target {TargetName.AWS}` selects AWS"
    try:
        if ended := _ended_processes():
            raise TargetError(f"the local system is registered but not up: {', '.join(ended)} ended; {way_out}")
        return local_target(json.loads(ENDPOINTS.read_text()))
    except FileNotFoundError as error:
        raise TargetError(
            f"the local system is still starting; wait until it is up. If nothing is starting it, {way_out}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(
            f"the files in {LOCAL_FOLDER} that register the local system cannot be read; {way_out}"
        ) from error


def _ended_processes() -> list[str]:
    """Return the names of the embedded cloud's processes that are not alive."""
    from local.processes import Processes

    return Processes(LOCAL_FOLDER).ended() if PROCESSES.exists() else ["all processes"]


def local_target(endpoints: dict[str, str]) -> Target:
    """Return the embedded cloud of an endpoints.json."""
    return Target(
        TargetName.LOCAL,
        endpoints["upload"],
        endpoints["labels"],
        endpoints["deliveries"],
        endpoints["api_key"],
        photo_url=f"{endpoints['photos']}astronaut.jpg",
        gallery_url=endpoints.get("gallery"),
        image_bucket=endpoints["bucket"],
        manifest_bucket=endpoints["manifests"],
        partner_url=endpoints["partner"].rstrip("/"),
        aws_url=endpoints["aws"],
        rekognition_url=endpoints["rekognition"],
        deployment=endpoints.get("deployment", ""),
    )


def _on_aws(*tolerated: type[Exception]) -> Target:
    """Return the complete system on AWS. If errors are tolerated, return the parts that can be read.

    Raises:
        TargetError: something is missing, or AWS cannot be called.
    """
    try:
        deployment = account.deployed_settings().deployment
        stacks = Stacks(session().client, deployment)
        where = f"Region {session().region_name}, deployment {deployment or DEFAULT_DEPLOYMENT}"
        described = list(_described(stacks, where, tolerated))
        outputs = {
            entry["OutputKey"]: entry["OutputValue"] for stack in described for entry in stack.get("Outputs", [])
        }
        upload, labels, deliveries = (outputs.get(f"{api}Endpoint", "") for api in ("Upload", "Labels", "Deliveries"))
        if not (tolerated or (upload and labels and deliveries)):
            raise TargetError(f"the stacks on AWS ({where}) are incomplete; `sightline doctor` shows more")
        key = None
        with suppress(*tolerated):
            key = newest_key(stacks) if "ApiKeyId" in outputs else None
    except (BotoCoreError, ClientError, AccountError, ForeignStackError) as error:
        raise TargetError(account.explain(error)) from error
    return Target(
        TargetName.AWS,
        upload,
        labels,
        deliveries,
        key,
        gallery_url=outputs.get("GalleryAddress"),
        image_bucket=outputs.get("ImageBucketName"),
        manifest_bucket=outputs.get("ManifestBucketName"),
        deployment=deployment,
        account=described[0]["StackId"].split(":")[4] if described else None,
    )


def _described(stacks: Stacks, where: str, tolerated: tuple[type[Exception], ...]) -> Iterator[Any]:
    """Yield CloudFormation's descriptions of the stacks. If errors are tolerated, leave out stacks that cannot be read.

    Raises:
        TargetError: a stack is missing, and no errors are tolerated.
    """
    for stack in STACKS:
        found = None
        with suppress(*tolerated):
            found = stacks.describe(stack)
        if found:
            yield found
        elif not tolerated:
            missing = f"there is no stack {stacks.name(stack)} on AWS ({where})"
            raise TargetError(f"{missing}; `make deploy` creates it")


def remember_key(target: Target, key: str) -> None:
    """Write a new API key into the embedded cloud's endpoints.json. On AWS, keys are found through the usage plans."""
    if target.name is TargetName.LOCAL:
        endpoints = json.loads(ENDPOINTS.read_text())
        ENDPOINTS.write_text(json.dumps(endpoints | {"api_key": key}, indent=2) + "\n")
