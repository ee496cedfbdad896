"""The API keys that the APIs accept through their usage plans."""

from dataclasses import dataclass
from datetime import datetime

from cli.stacks import Stacks


@dataclass(frozen=True, order=True)
class Key:
    """A key of at least one usage plan. `plans` is the number of plans that accept it."""

    made_at: datetime
    name: str
    id: str
    value: str
    enabled: bool
    plans: int


def newest_key(stacks: Stacks) -> str | None:
    """Return the value of the newest usable key, or None if no key is usable or the APIs need no key."""
    plans = usage_plans(stacks)
    key = newest(all_keys(stacks, plans), plans)
    return key.value if key else None


def newest(keys: list[Key], plans: list[str]) -> Key | None:
    """Return the newest key that is enabled and that all plans accept."""
    return max((key for key in keys if key.enabled and key.plans == len(plans)), default=None)


def usage_plans(stacks: Stacks) -> list[str]:
    """Return the ids of the APIs' usage plans; [] if the APIs need no key."""
    return [resource["PhysicalResourceId"] for resource in stacks.resources("AWS::ApiGateway::UsagePlan")]


def all_keys(stacks: Stacks, plans: list[str]) -> list[Key]:
    """Return every key that at least one plan accepts."""
    gateway = stacks.client("apigateway")
    pages = gateway.get_paginator("get_usage_plan_keys")
    ids = [key["id"] for plan in plans for page in pages.paginate(usagePlanId=plan) for key in page["items"]]
    keys = []
    for key_id in dict.fromkeys(ids):
        found = gateway.get_api_key(apiKey=key_id, includeValue=True)
        made_at, name = found["createdDate"], found.get("name", key_id)
        keys.append(Key(made_at, name, key_id, found["value"], found["enabled"], ids.count(key_id)))
    return keys
