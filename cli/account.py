"""Where on AWS the commands and `make deploy` work: in which account, Region and deployment, all found out here."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.utils import IMDSRegionProvider

from common.runtime.caches import cached
from common.settings import Settings

ROOT = Path(__file__).resolve().parent.parent

CDK_JSON = ROOT / "cdk.json"
"""What is deployed from here: its settings name the deployment and, if it is fixed, the Region."""

REGION_VARIABLES = ("AWS_REGION", "AMAZON_REGION", "AWS_DEFAULT_REGION", "AMAZON_DEFAULT_REGION")
PROFILE_VARIABLES = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
DEFAULT_REGION = "us-east-1"
EC2_MARKS = {"/sys/devices/virtual/dmi/id/board_asset_tag": "i-", "/sys/hypervisor/uuid": "ec2"}
"""Files that tell an EC2 instance, and how they begin there."""

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
WRONG = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}

SHELL = "SIGHTLINE_SHELL"
"""The variable by which `sightline env` marks a shell whose AWS variables are the embedded cloud's."""


class AccountError(RuntimeError):
    """AWS must not be asked from here; the message says what to do."""


def settings() -> Settings:
    """Read which deployment cdk.json is about, and in which Region.

    Raises:
        SettingsError: its name cannot be one.
    """
    context = json.loads(CDK_JSON.read_text())["context"]
    return Settings.from_context({name: context[name] for name in ("deployment", "region") if name in context})


def region(setting: str | None) -> tuple[str, str]:
    """Return the Region and what names it, in the order of the CDK CLI.

    https://github.com/aws/aws-cdk-cli, toolkit-lib/lib/api/aws-auth/awscli-compatible.ts; tests compare it.
    """
    if setting:
        return setting, "the setting `region`"
    for name in REGION_VARIABLES:
        if found := os.environ.get(name):
            return found, name
    session = _core()
    profile = session.get_config_variable("profile") or "default"
    profiles = session.full_config["profiles"]
    for name in (profile, "default"):
        if found := profiles.get(name, {}).get("region"):
            return found, f"the profile {name}"
    if _is_ec2() and (found := IMDSRegionProvider(session).provide()):
        return found, "this EC2 instance"
    return DEFAULT_REGION, "nothing names another"


@cached
def session() -> boto3.Session:
    """Make the session for the caller's account, in the Region of the deployment.

    Raises:
        AccountError: this shell's AWS variables lead to the embedded cloud.
        SettingsError: the deployment's name cannot be one.
    """
    if os.environ.get(SHELL) == "local":
        raise AccountError(
            "this shell's AWS variables lead to the laptop, as `sightline env` has set them. For the laptop, start a "
            "local system with `make local-up`. For AWS, open another shell, or take them back with "
            'eval "$(.venv/bin/sightline env --unset)"'
        )
    return boto3.Session(botocore_session=_core(), region_name=region(settings().region)[0])


def caller() -> str:
    """Ask AWS which account the credentials are for.

    Raises:
        BotoCoreError, ClientError: they are missing, wrong or expired, or AWS does not answer.
    """
    account: str = session().client("sts").get_caller_identity()["Account"]
    return account


def explain(error: Exception) -> str:
    """Say in one line why AWS was not asked or did not answer, and what to do."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials: set AWS_PROFILE, or run `aws configure` or `aws sso login`"
    if code in EXPIRED:
        return "the AWS credentials have expired: renew them, as with `aws sso login`"
    if code in WRONG:
        return f"AWS does not accept the credentials ({code}): see AWS_PROFILE and AWS_ACCESS_KEY_ID"
    if isinstance(error, EndpointConnectionError):
        return f"{' '.join(str(error).split())}: is the Region right, and the network there?"
    return " ".join(str(error).split())


def _core() -> botocore.session.Session:
    """Make a botocore session that takes the profile that the CDK CLI takes, where both variables are set."""
    variables: dict[str, tuple[Any, Any, Any, Callable[[Any], Any] | None]] = {
        "profile": (None, PROFILE_VARIABLES, None, None)
    }
    return botocore.session.Session(session_vars=variables)


def _is_ec2() -> bool:
    for file, mark in EC2_MARKS.items():
        try:
            if Path(file).read_text().lower().startswith(mark):
                return True
        except (OSError, ValueError):
            continue
    return False
