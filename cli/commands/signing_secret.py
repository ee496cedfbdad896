"""`sightline signing-secret`: the secret that a receiver verifies deliveries with."""

import base64
import json
import secrets
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.options import TargetOption, open_target
from cli.output import confirmed, err, failing_on, out
from cli.target import MissingOutputError, Target
from common.deployment_names import THIRDPARTY
from integration.runtime.webhooks.signatures import PREFIX

SECRET_BYTES = 32


class SecretError(RuntimeError):
    """There is no such receiver. The message names the receivers."""


def command(
    receiver: Annotated[str, typer.Argument(help="The receiver's name in the settings.")] = THIRDPARTY,
    rotate: Annotated[bool, typer.Option("--rotate", help="Create a new secret and print it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Rotate without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Print or rotate a receiver's signing secret. The receiver verifies deliveries with it."""
    found = open_target(target)
    question = f"Sign deliveries to {receiver} with a new secret ({found.description})?"
    if rotate and not (yes or confirmed(question)):
        raise typer.Exit(1)
    with failing_on(SecretError, MissingOutputError, BotoCoreError, ClientError):
        value = _rotate(found, receiver) if rotate else _read(found, receiver)
    if rotate:
        err.print(
            "Within a minute, deliveries carry two signatures, one by this secret and one by the previous secret."
        )
        err.print("Give this secret to the receiver before you rotate again.")
    out.print(value, markup=False, emoji=False)


def _read(target: Target, receiver: str) -> str:
    manager = target.client("secretsmanager")
    value: str = manager.get_secret_value(SecretId=_arn(target, receiver))["SecretString"]
    return value if value.startswith(PREFIX) else f"{PREFIX}{value}"


def _rotate(target: Target, receiver: str) -> str:
    """Store a new secret. The previous one signs too, until the next rotation."""
    value = f"{PREFIX}{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    target.client("secretsmanager").put_secret_value(SecretId=_arn(target, receiver), SecretString=value)
    return value


def _arn(target: Target, receiver: str) -> str:
    arns: dict[str, str] = json.loads(target.output("SigningSecretArns"))
    if receiver not in arns:
        raise SecretError(f"there is no receiver {receiver!r}; the receivers are {', '.join(arns)}")
    return arns[receiver]
