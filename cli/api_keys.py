"""The keys that the APIs admit, through their usage plans."""

from dataclasses import dataclass
from datetime import datetime

from cli.stacks import Stacks


@dataclass(frozen=True, order=True)
class Key:
    """A key that some usage plan knows. `plans` are how many do."""

    made_at: datetime
    name: str
    id: str
    value: str
    enabled: bool
    plans: int


def newest_key(stacks: Stacks) -> str | None:
    """Return the value of the newest key that the stacks' own plans know; None without one, or if none is asked for."""
    plans = usage_plans(stacks)
    key = newest(all_keys(stacks, plans), plans)
    return key.value if key else None


def newest(keys: list[Key], plans: list[str]) -> Key | None:
    """The newest of those that are enabled and that all plans know."""
    return max((key for key in keys if key.enabled and key.plans == len(plans)), default=None)


def usage_plans(stacks: Stacks) -> list[str]:
    """The ids of the APIs' plans; none where the APIs ask for no key."""
    return [resource["PhysicalResourceId"] for resource in stacks.resources("AWS::ApiGateway::UsagePlan")]


def all_keys(stacks: Stacks, plans: list[str]) -> list[Key]:
    """Those that any of the plans knows."""
    gateway = stacks.client("apigateway")
    pages = gateway.get_paginator("get_usage_plan_keys")
    ids = [key["id"] for plan in plans for page in pages.paginate(usagePlanId=plan) for key in page["items"]]
    keys = []
    for key_id in dict.fromkeys(ids):
        found = gateway.get_api_key(apiKey=key_id, includeValue=True)
        made_at, name = found["createdDate"], found.get("name", key_id)
        keys.append(Key(made_at, name, key_id, found["value"], found["enabled"], ids.count(key_id)))
    return keys
