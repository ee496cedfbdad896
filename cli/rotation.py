"""A new API key, and the end of the old ones."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from cli.api_keys import all_keys, newest, usage_plans
from cli.calls import CallError, call
from cli.target import Target, remember_key

ADMISSION_SECONDS = 120.0
"""How long API Gateway may take to know a new key everywhere."""

POLL_SECONDS = 1.0


class KeyRotationError(RuntimeError):
    """A key could not be made or revoked; the message says why, and what is in use."""


def rotate(target: Target, *, out: Console) -> None:
    """Make a new key and use it from now on; the old ones go on working.

    Raises:
        KeyRotationError: the system asks for no key, AWS refused a call, or the new key is not admitted.
    """
    prefix = f"{target.deployment}-sightline" if target.deployment else "sightline"
    name = f"{prefix}-{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    try:
        plans = _plans(target)
        gateway = target.client("apigateway")
        made = gateway.create_api_key(name=name, enabled=True)
        # A key that only one plan knows, if this ends here, is never used, and revoked with the old ones.
        for plan in plans:
            gateway.create_usage_plan_key(usagePlanId=plan, keyId=made["id"], keyType="API_KEY")
    except (BotoCoreError, ClientError) as error:
        raise KeyRotationError(f"{error}. The old key is in use") from error
    _wait_until_admitted(target, made["value"])
    remember_key(target, made["value"])
    out.print(f"{name} is in use; `sightline key` prints it", markup=False)
    out.print("the old key works until `sightline rotate-key --revoke`", markup=False)


def revoke(target: Target, *, yes: bool, out: Console) -> None:
    """Disable all keys but the newest, if agreed to.

    Raises:
        KeyRotationError: there is no newest key that is admitted, or AWS refused a call.
    """
    try:
        plans = _plans(target)
        keys = all_keys(target.stacks, plans)
        kept = newest(keys, plans)
        if kept is None:
            raise KeyRotationError("no key would be left; `sightline rotate-key` makes one")
        old = [key for key in keys if key.enabled and key is not kept]
        if not old:
            out.print(f"{kept.name} is the only key; `sightline rotate-key` makes a new one", markup=False)
            return
        names = ", ".join(f"{key.name} of {key.made_at:%Y-%m-%d %H:%M}" for key in old)
        question = f"Revoke {names} ({target.place})? Who still uses it is refused from then on."
        if not yes and not typer.confirm(question, err=True):
            return
        _wait_until_admitted(target, kept.value)
        remember_key(target, kept.value)
        for key in old:
            change = {"op": "replace", "path": "/enabled", "value": "false"}
            target.client("apigateway").update_api_key(apiKey=key.id, patchOperations=[change])
            out.print(f"{key.name} is revoked", markup=False)
    except (BotoCoreError, ClientError) as error:
        raise KeyRotationError(str(error)) from error


def _plans(target: Target) -> list[str]:
    if plans := usage_plans(target.stacks):
        return plans
    raise KeyRotationError("the system asks for no key: its setting `auth` is iam or none")


def _wait_until_admitted(target: Target, key: str) -> None:
    """Return when all APIs answer who shows the key: API Gateway spreads the news over seconds."""
    deadline = time.monotonic() + ADMISSION_SECONDS
    caller = replace(target, api_key=key)
    for address in (target.upload, target.labels, f"{target.deliveries}/deliveries"):
        while not _is_admitted(caller, address):
            if time.monotonic() > deadline:
                raise KeyRotationError(f"{address} does not admit the newest key yet; the old one still works")
            time.sleep(POLL_SECONDS)


def _is_admitted(caller: Target, address: str) -> bool:
    try:
        call(caller, "GET", address)
    except CallError as error:
        if error.status is None:
            raise KeyRotationError(str(error)) from error
        return error.status != HTTPStatus.FORBIDDEN
    return True
