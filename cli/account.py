"""The AWS account and Region that commands and `make deploy` use."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from cli.checkout import CDK_JSON, read_context
from common.runtime.caches import cached

if TYPE_CHECKING:
    import boto3
    import botocore.session

    from common.settings import Settings

REGION_VARIABLES = ("AWS_REGION", "AMAZON_REGION", "AWS_DEFAULT_REGION", "AMAZON_DEFAULT_REGION")
PROFILE_VARIABLES = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
DEFAULT_REGION = "us-east-1"
EC2_MARKS = {"/sys/devices/virtual/dmi/id/board_asset_tag": "i-", "/sys/hypervisor/uuid": "ec2"}
"""Files that identify an EC2 instance, and the text that each file begins with on an instance."""

EXPIRED_CODES = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
WRONG_CODES = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure"}

SHELL_VARIABLE = "SIGHTLINE_SHELL"
"""`sightline env` sets it in a shell together with the embedded cloud's AWS variables."""


class AccountError(RuntimeError):
    """AWS must not be called from this shell or checkout. The message says what to do."""


def deployed_settings() -> "Settings":
    """Read the deployment's name and Region from cdk.json.

    Raises:
        AccountError: the name or the Region is not valid.
    """
    from common.setting_types import SettingsError
    from common.settings import Settings

    context = read_context(CDK_JSON)
    try:
        return Settings.from_context({name: context[name] for name in ("deployment", "region") if name in context})
    except SettingsError as error:
        raise AccountError(str(error)) from error


def region(setting: str | None) -> tuple[str, str]:
    """Return the Region and its source, in the CDK CLI's order of precedence.

    https://github.com/aws/aws-cdk-cli, toolkit-lib/lib/api/aws-auth/awscli-compatible.ts; tests compare both.
    """
    if setting:
        return setting, "the setting `region`"
    for name in REGION_VARIABLES:
        if found := os.environ.get(name):
            return found, name
    session = _core_session()
    profile = session.get_config_variable("profile") or "default"
    profiles = session.full_config["profiles"]
    for name in (profile, "default"):
        if found := profiles.get(name, {}).get("region"):
            return found, f"the profile {name}"
    if _is_ec2():
        from botocore.utils import IMDSRegionProvider

        if found := IMDSRegionProvider(session).provide():
            return found, "this EC2 instance"
    return DEFAULT_REGION, "the default"


@cached
def session() -> "boto3.Session":
    """Create the session for the caller's account, in the deployment's Region.

    Raises:
        AccountError: this shell's AWS variables point to the embedded cloud, or cdk.json is not valid.
    """
    if os.environ.get(SHELL_VARIABLE) == "local":
        raise AccountError(
            "`sightline env` has set this shell's AWS variables to the local system. For the local system, run "
            "`make local-up`. For AWS, open another shell, or unset the variables with "
            'eval "$(.venv/bin/sightline env --unset)"'
        )
    import boto3

    return boto3.Session(botocore_session=_core_session(), region_name=region(deployed_settings().region)[0])


def caller() -> str:
    """Return the account id of the credentials.

    Raises:
        BotoCoreError, ClientError: the credentials are missing, wrong or expired, or AWS does not answer.
    """
    account: str = session().client("sts").get_caller_identity()["Account"]
    return account


def explain(error: Exception) -> str:
    """Return one line that says why AWS could not be called, and what to do."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if isinstance(error, NoCredentialsError):
        return "there are no AWS credentials: set AWS_PROFILE, or run `aws configure` or `aws sso login`"
    if code in EXPIRED_CODES:
        return "the AWS credentials have expired: renew them, for example with `aws sso login`"
    if code in WRONG_CODES:
        return f"AWS does not accept the credentials ({code}): check AWS_PROFILE and AWS_ACCESS_KEY_ID"
    line = " ".join(str(error).split())
    if isinstance(error, EndpointConnectionError):
        return f"{line}: check the Region and the network"
    return line


def _core_session() -> "botocore.session.Session":
    """Create a botocore session. If both variables for the profile are set, choose the same one as the CDK CLI."""
    import botocore.session

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
