"""Examines the account's quotas: of Rekognition's calls and of Lambda's concurrent executions."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from cli.abilities import deployed_abilities
from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem, unchecked

API_EXECUTIONS = 10
"""Executions that should be left for the APIs. Without them, callers of the APIs get errors. Messages can wait."""


def check_rekognition_quota(deployment: Deployment) -> Iterator[Finding]:
    """Report for each operation whether the account may make as many calls as the settings assume."""
    if not deployment.is_on_aws:
        yield unchecked("the local Rekognition has no quota")
        return
    target, quotas = deployment.target, deployment.client("service-quotas")
    labels = float(target.output("CallsPerSecond"))
    yield _examine(quotas, "DetectLabels", labels, '`"rekognition_tps": {}` into the context of cdk.json')
    for ability in deployed_abilities(target):
        place = f'`"calls_per_second": {{}}` into the options of {ability.name} in the setting abilities'
        yield _examine(quotas, ability.operation, ability.calls_per_second, place)


def _examine(quotas: Any, operation: str, used: float, place: str) -> Finding:
    """Compare an operation's quota with its rate. `place` names the setting of the rate, with `{}` for a lower rate."""
    allowed = _allowed_calls(quotas, operation)
    if allowed is None:
        return problem(
            f"Service Quotas has no quota of {operation} in this Region",
            "check that Rekognition is available in this Region; it must be the bucket's Region",
        )
    if allowed < used:
        return problem(
            f"{allowed:g} calls of {operation} a second are allowed, but the settings assume {used:g}",
            f"ask for more in Service Quotas, or put {place.format(f'{allowed:g}')} and run `make deploy`; "
            "throttled pictures wait",
        )
    return good(f"{allowed:g} calls of {operation} a second are allowed, and the settings assume {used:g}")


def _allowed_calls(quotas: Any, operation: str) -> float | None:
    """Return how many calls of an operation per second the account may make: its own quota, or else AWS's default."""
    for request in ("list_service_quotas", "list_aws_default_service_quotas"):
        for page in quotas.get_paginator(request).paginate(ServiceCode="rekognition"):
            for quota in page["Quotas"]:
                if re.search(rf"\b{operation}\b", quota["QuotaName"]):
                    return float(quota["Value"])
    return None


def check_lambda_quota(deployment: Deployment) -> Iterator[Finding]:
    """Report whether the account allows enough concurrent executions for all workers and the APIs."""
    if not deployment.is_on_aws:
        yield unchecked("the embedded cloud has no limit")
        return
    functions = deployment.client("lambda")
    workers = 0
    for mapping in deployment.resources("AWS::Lambda::EventSourceMapping"):
        with suppress(functions.exceptions.ResourceNotFoundException):  # check_mappings reports it
            found = functions.get_event_source_mapping(UUID=mapping["PhysicalResourceId"])
            workers += found["ScalingConfig"]["MaximumConcurrency"]
    allowed = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    text = f"{allowed:,} concurrent executions are allowed, and workers use up to {workers}"
    if allowed >= workers + API_EXECUTIONS:
        yield good(text)
    else:
        yield problem(
            f"{text}: while all are in use, APIs answer 500 and messages wait",
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            "--desired-value 1000; what to expect until then: docs/operations.md, “A new account”",
        )
