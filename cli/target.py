"""The running system that a command talks to: on AWS, or the embedded cloud of this checkout."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli import account
from cli.account import AccountError, session
from cli.api_keys import newest_key
from cli.stacks import STACKS, ForeignStackError, Stacks
from common.setting_types import SettingsError
from common.settings import DEFAULT_DEPLOYMENT

ROOT = Path(__file__).resolve().parent.parent

LOCAL_FOLDER = Path(os.environ.get("SIGHTLINE_LOCAL") or ROOT / ".local")
"""Where the embedded cloud keeps its state, logs and addresses: this checkout's, unless the variable names another."""

ENDPOINTS = LOCAL_FOLDER / "endpoints.json"
"""Registers an embedded cloud as running: written when it is up, removed when it is stopped."""

PROCESSES = LOCAL_FOLDER / "processes.json"
"""Names the processes that were started for it."""


LOCAL_AWS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""The embedded cloud's own credentials and Region, as variables of the AWS CLI and SDKs."""


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
    images: str | None = None
    """The bucket of pictures, if it is known."""
    manifests: str | None = None
    """The bucket of manifests, if it is known."""
    partner: str | None = None
    """The laptop's third party; None on AWS."""
    aws: str | None = None
    """Where the embedded cloud stands in for AWS; None on AWS itself."""
    deployment: str = ""
    """The setting `deployment` of the system."""
    account: str | None = None
    """The account on AWS, where it is known."""

    @property
    def stacks(self) -> Stacks:
        """The stacks of the system."""
        return Stacks(self.client, self.deployment)

    @property
    def place(self) -> str:
        """Tell which system this is, for whoever is about to change it."""
        parts: list[str] = [self.name]
        if self.name is TargetName.AWS:
            parts += [f"account {self.account}"] if self.account else []
            parts += [f"Region {session().region_name}", f"deployment {self.deployment or DEFAULT_DEPLOYMENT}"]
            parts += [f"at {endpoint}"] if (endpoint := os.environ.get("AWS_ENDPOINT_URL")) else []
        elif self.deployment:
            parts += [f"deployment {self.deployment}"]
        return ", ".join(parts)

    def client(self, service: Any) -> Any:
        """A boto3 client of the target's services."""
        if self.aws is None:
            return session().client(service)
        return boto3.client(
            service,
            config=Config(proxies={}),  # it is on loopback
            endpoint_url=self.aws,
            region_name=LOCAL_AWS["AWS_REGION"],
            aws_access_key_id=LOCAL_AWS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=LOCAL_AWS["AWS_SECRET_ACCESS_KEY"],
        )


def find(name: TargetName | None) -> Target:
    """Return the target asked for; without a name the embedded cloud if one is registered, else AWS.

    Raises:
        TargetError: there is no such system, or it is not up.
    """
    return _local() if _is_local(name) else _on_aws()


def glimpse(name: TargetName | None) -> Target:
    """Return the same in whatever state it is: what is missing on AWS has no address.

    Raises:
        TargetError: the embedded cloud is meant, and is not up.
    """
    if _is_local(name):
        return _local()
    return _on_aws(BotoCoreError, ClientError)


def _is_local(name: TargetName | None) -> bool:
    """Return True if the embedded cloud is asked for, or registered: then no command goes to AWS unasked."""
    return name is TargetName.LOCAL or (name is None and (ENDPOINTS.exists() or PROCESSES.exists()))


def _local() -> Target:
    """Return the embedded cloud if it is up. How fast it answers does not matter.

    Raises:
        TargetError: it is not up.
    """
    if not (ENDPOINTS.exists() or PROCESSES.exists()):
        raise TargetError("no local system is running; start one with `make local-up`")
    way_out = f"`make local-up` starts it, `make local-down` ends it, and `--target {TargetName.AWS}` leads to AWS"
    try:
        if ended := _ended():
            raise TargetError(f"the local system is not up, though registered: {', '.join(ended)} ended; {way_out}")
        return local_target(json.loads(ENDPOINTS.read_text()))
    except FileNotFoundError as error:
        raise TargetError(
            f"the local system is being started; wait until it is up. If nothing starts it, {way_out}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"what is registered in {LOCAL_FOLDER} cannot be read; {way_out}") from error


def _ended() -> list[str]:
    """Return the names of the embedded cloud's processes that are not alive."""
    from local.processes import Processes  # noqa: PLC0415 - psutil comes with the embedded cloud

    started = json.loads(PROCESSES.read_text()) if PROCESSES.exists() else {"all processes": None}
    return sorted(started.keys() - Processes(LOCAL_FOLDER).running().keys())


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
        images=endpoints["bucket"],
        manifests=endpoints["manifests"],
        partner=endpoints["partner"].rstrip("/"),
        aws=endpoints["aws"],
        deployment=endpoints.get("deployment", ""),
    )


def _on_aws(*tolerated: type[Exception]) -> Target:
    """Return the system on AWS: all of it, or what can be seen despite errors that are tolerated."""
    outputs: dict[str, str] = {}
    account_id = key = None
    try:
        deployment = account.settings().deployment
        stacks = Stacks(session().client, deployment)
        where = f"Region {session().region_name}, deployment {deployment or DEFAULT_DEPLOYMENT}"
        for stack in STACKS:
            with suppress(*tolerated):
                if found := stacks.describe(stack):
                    account_id = found["StackId"].split(":")[4]
                    outputs |= {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
                elif not tolerated:
                    missing = f"there is no stack {stacks.name(stack)} on AWS ({where})"
                    raise TargetError(f"{missing}; `make deploy` makes it")
        addresses = [outputs.get(f"{api}Endpoint", "") for api in ("Upload", "Labels", "Deliveries")]
        if not (all(addresses) or tolerated):
            raise TargetError(f"the stacks on AWS ({where}) are incomplete; `sightline doctor` tells more")
        with suppress(*tolerated):
            key = newest_key(stacks) if "ApiKeyId" in outputs else None
    except (BotoCoreError, ClientError, SettingsError, AccountError, ForeignStackError) as error:
        raise TargetError(account.explain(error)) from error
    upload, labels, deliveries = addresses
    return Target(
        TargetName.AWS,
        upload,
        labels,
        deliveries,
        key,
        gallery=outputs.get("GalleryAddress"),
        images=outputs.get("ImageBucketName"),
        manifests=outputs.get("ManifestBucketName"),
        deployment=deployment,
        account=account_id,
    )


def remember_key(target: Target, key: str) -> None:
    """Write the key that is in use into the embedded cloud's endpoints.json."""
    if target.name is TargetName.LOCAL:
        endpoints = json.loads(ENDPOINTS.read_text())
        ENDPOINTS.write_text(json.dumps(endpoints | {"api_key": key}, indent=2) + "\n")
