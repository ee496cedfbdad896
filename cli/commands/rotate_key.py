"""`sightline rotate-key`: creates a new API key, and revokes the old ones."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.api_client import CallError, call
from cli.api_keys import Key, all_keys, newest, usage_plans
from cli.options import TargetOption, open_target
from cli.output import confirmed, failing_on, out
from cli.target import Target, remember_key

ADMISSION_SECONDS = 120.0
"""API Gateway may need this long until all its servers accept a new key."""

POLL_SECONDS = 1.0


class KeyRotationError(RuntimeError):
    """A key could not be created or revoked. The message says why, and which key works."""


def command(
    revoke: Annotated[bool, typer.Option("--revoke", help="Disable all keys but the newest.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Revoke without asking.")] = False,
    target: TargetOption = None,
) -> None:
    """Create a new API key, or revoke the old ones. Old keys work until --revoke disables them."""
    found = open_target(target)
    with failing_on(KeyRotationError):
        if revoke:
            _revoke(found, yes=yes)
        else:
            _rotate(found)


def _rotate(target: Target) -> None:
    """Create a key that all APIs accept, and use it from now on.

    Raises:
        KeyRotationError: the APIs need no key, AWS refused a call, or the new key is not accepted in time.
    """
    prefix = f"{target.deployment}-sightline" if target.deployment else "sightline"
    name = f"{prefix}-{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    try:
        plans = _plans(target)
        gateway = target.client("apigateway")
        made = gateway.create_api_key(name=name, enabled=True)
        # If the command is interrupted here, only some plans have the key. Such a key is never used, and is revoked
        # with the old keys.
        for plan in plans:
            gateway.create_usage_plan_key(usagePlanId=plan, keyId=made["id"], keyType="API_KEY")
    except (BotoCoreError, ClientError) as error:
        raise KeyRotationError(f"{error}. The old key still works") from error
    wait_until_admitted(target, made["value"])
    remember_key(target, made["value"])
    out.print(f"{name} is in use; `sightline key` prints it", markup=False)
    out.print("the old key works until `sightline rotate-key --revoke`", markup=False)


def _revoke(target: Target, *, yes: bool) -> None:
    """Disable all keys but the newest, after a confirmation.

    Raises:
        KeyRotationError: no usable key would remain, or AWS refused a call.
    """
    try:
        plans = _plans(target)
        keys = all_keys(target.stacks, plans)
        kept = newest(keys, plans)
        if kept is None:
            raise KeyRotationError("no usable key would remain; `sightline rotate-key` creates one")
        old = [key for key in keys if key.enabled and key is not kept]
        if not old:
            out.print(f"{kept.name} is the only key; `sightline rotate-key` creates a new one", markup=False)
        elif yes or confirmed(_question(target, old)):
            wait_until_admitted(target, kept.value)
            remember_key(target, kept.value)
            _disable(target, old)
    except (BotoCoreError, ClientError) as error:
        raise KeyRotationError(str(error)) from error


def _question(target: Target, old: list[Key]) -> str:
    names = ", ".join(f"{key.name} of {key.made_at:%Y-%m-%d %H:%M}" for key in old)
    return f"Revoke {names} ({target.description})? Callers that still use a revoked key are refused."


def _disable(target: Target, keys: list[Key]) -> None:
    change = {"op": "replace", "path": "/enabled", "value": "false"}
    for key in keys:
        target.client("apigateway").update_api_key(apiKey=key.id, patchOperations=[change])
        out.print(f"{key.name} is revoked", markup=False)


def _plans(target: Target) -> list[str]:
    if plans := usage_plans(target.stacks):
        return plans
    raise KeyRotationError("the APIs need no key: the setting `auth` is iam or none")


def wait_until_admitted(target: Target, key: str) -> None:
    """Wait until all APIs accept a key, because API Gateway needs seconds to distribute a key."""
    deadline = time.monotonic() + ADMISSION_SECONDS
    caller = replace(target, api_key=key)
    for url in (target.upload_url, target.labels_url, f"{target.deliveries_url}/deliveries"):
        while not _is_admitted(caller, url):
            if time.monotonic() > deadline:
                raise KeyRotationError(f"{url} does not accept the newest key yet; the old key still works")
            time.sleep(POLL_SECONDS)


def _is_admitted(caller: Target, url: str) -> bool:
    try:
        call(caller, "GET", url)
    except CallError as error:
        if error.status is None:
            raise KeyRotationError(str(error)) from error
        return error.status != HTTPStatus.FORBIDDEN
    return True
