"""What was delivered to whom, delivering it again, and what deliveries are signed with."""

import base64
import json
import secrets
from typing import Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli.calls import call, entries
from cli.lines import moment, show_entry
from cli.target import Target

SECRET_BYTES = 32
NEVER_OFFERED = "not offered yet, as the receiver is down or has asked for a pause"


class SecretError(RuntimeError):
    """A signing secret could not be read or changed; the message says why."""


def newest(target: Target, image: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest deliveries, of one image or of all.

    Raises:
        CallError: they could not be read.
    """
    return entries(target, f"{target.deliveries}/deliveries", {"image": image}, limit)


def show(found: list[dict[str, Any]], out: Console) -> None:
    """Print deliveries."""
    for entry in found:
        attempts, last, answer = entry["attempts"], entry["last_attempt_at"] or "", entry["last_answer"] or ""
        tried = f"{attempts} attempt{'s' * (attempts != 1)}, the last at {moment(last)}: {answer}"
        whom = [entry["image"], entry["event"], entry["receiver"]]
        show_entry(
            out,
            [entry["event_id"], *whom, entry["status"], str(attempts), last, answer],
            entry["image"],
            f"{entry['event']} to {entry['receiver']}",
            f"{entry['status']}: {tried if attempts else NEVER_OFFERED}",
            entry["event_id"],
        )


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
    arns: dict[str, str] = json.loads(target.stacks.outputs("IntegrationStack")["SigningSecretArns"])
    if receiver not in arns:
        raise SecretError(f"there is no receiver {receiver!r}; there are {', '.join(arns)}")
    return arns[receiver]
