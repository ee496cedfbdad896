"""`sightline env`: the system's addresses, key and buckets as shell variables."""

import shlex
from typing import Annotated

import typer

from cli.account import SHELL_VARIABLE
from cli.options import TargetOption, open_target
from cli.output import out
from cli.target import LOCAL_AWS, Target, TargetName

SYSTEM_VARIABLES = {
    "UPLOAD_URL": "upload_url",
    "LABELS_URL": "labels_url",
    "DELIVERIES_URL": "deliveries_url",
    "API_KEY": "api_key",
    "IMAGE_BUCKET": "image_bucket",
    "MANIFEST_BUCKET": "manifest_bucket",
    "PHOTO_URL": "photo_url",
    "PARTNER": "partner_url",
}
"""The name of each variable, and the attribute of the target that gives its value."""

VARIABLES = (*SYSTEM_VARIABLES, SHELL_VARIABLE, "AWS_ENDPOINT_URL", *LOCAL_AWS)


def command(
    unset: Annotated[bool, typer.Option("--unset", help="Print a line that unsets the variables.")] = False,
    target: TargetOption = None,
) -> None:
    """Print addresses, key and buckets as shell exports.

    Use it as eval "$(sightline env)". With a local system, `aws` and boto3 then use the local system in that shell,
    until eval "$(sightline env --unset)".
    """
    if unset:
        out.print(f"unset {' '.join(VARIABLES)}")
        return
    for line in exports(open_target(target)):
        out.print(line, markup=False)


def exports(target: Target) -> list[str]:
    """Return shell lines that export the variables of README and docs. Variables without a value are left out."""
    values = {name: getattr(target, attribute) for name, attribute in SYSTEM_VARIABLES.items()}
    values["API_KEY"] = target.api_key or ""
    if target.aws_url:
        values |= {SHELL_VARIABLE: TargetName.LOCAL, "AWS_ENDPOINT_URL": target.aws_url, **LOCAL_AWS}
    return [f"export {name}={shlex.quote(value)}" for name, value in values.items() if value is not None]
