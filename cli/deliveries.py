"""What was delivered to whom, delivering it again, and what deliveries are signed with."""

import base64
import json
import secrets
from typing import Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.calls import call, entries
from cli.target import Target

SECRET_BYTES = 32
STYLES = {"DELIVERED": "green", "WAITING": "yellow", "DEAD": "red"}


class SecretError(RuntimeError):
    """A signing secret could not be read or changed; the message says why."""


def newest(target: Target, image: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest deliveries, of one image or of all.

    Raises:
        CallError: they could not be read.
    """
    return entries(target, f"{target.deliveries}/deliveries", {"image": image}, limit)


def show(found: list[dict[str, Any]], out: Console) -> None:
    """As a table."""
    table = Table("event id", "image", "event", "receiver", "status", "attempts", "last attempt", "last answer")
    for entry in found:
        table.add_row(
            entry["event_id"],
            *(Text(_clean(entry[member])) for member in ("image", "event", "receiver")),
            Text(entry["status"], STYLES.get(entry["status"], "")),
            str(entry["attempts"]),
            entry["last_attempt_at"],
            Text(_clean(entry["last_answer"])),
        )
    out.print(table if found else "no deliveries in the last 30 days")


def replay(target: Target, event_id: str, receiver: str | None) -> dict[str, Any]:
    """Have an event offered again: to whom.

    Raises:
        CallError: it was not offered to anybody, or could not be asked for.
    """
    answer: dict[str, Any] = call(
        target,
        "POST",
        f"{target.deliveries}/deliveries/{quote(event_id, safe='')}/replay",
        query={"receiver": receiver},
    ).json()
    return answer


def signing_secret(target: Target, receiver: str) -> str:
    """What deliveries to the receiver are signed with.

    Raises:
        SecretError: there is no such receiver, or AWS refused it.
    """
    try:
        arn = _arn(target, receiver)
        value: str = target.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    except (BotoCoreError, ClientError) as error:
        raise SecretError(str(error)) from error
    return value if value.startswith("whsec_") else f"whsec_{value}"


def rotate(target: Target, receiver: str) -> str:
    """Make a new signing secret; the one before it goes on signing beside it.

    Raises:
        SecretError: there is no such receiver, or AWS refused it.
    """
    value = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    try:
        target.client("secretsmanager").put_secret_value(SecretId=_arn(target, receiver), SecretString=value)
    except (BotoCoreError, ClientError) as error:
        raise SecretError(str(error)) from error
    return value


def _arn(target: Target, receiver: str) -> str:
    [stack] = target.client("cloudformation").describe_stacks(StackName="IntegrationStack")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    arns: dict[str, str] = json.loads(outputs["SigningSecretArns"])
    if receiver not in arns:
        raise SecretError(f"there is no receiver {receiver!r}; there are {', '.join(arns)}")
    return arns[receiver]


def _clean(text: str) -> str:
    """What a terminal may be given."""
    return "".join(character if character.isprintable() else " " for character in text)
