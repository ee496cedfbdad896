"""Examines the APIs, their key, and the parameter with their addresses."""

from collections.abc import Iterator
from http import HTTPStatus

from cli.api_client import CallError, call
from cli.api_keys import all_keys, usage_plans
from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, State, good, problem, unchecked


def check_key(deployment: Deployment) -> Iterator[Finding]:
    """Report whether all APIs accept the key that the commands use."""
    stacks, given = deployment.target.stacks, deployment.target.api_key
    plans = usage_plans(stacks)
    if not plans:
        yield good("the APIs need no key (auth=iam or auth=none)")
        return
    keys = {key.value: key for key in all_keys(stacks, plans)}
    rotate = "`sightline rotate-key` creates one that all APIs accept"
    if given is None:
        yield problem("no enabled key is accepted by all APIs", rotate)
    elif given not in keys:
        yield problem("the APIs do not know the key that the commands use", rotate)
    elif not keys[given].enabled:
        yield problem("the key that the commands use is disabled", f"enable it in API Gateway, or {rotate}")
    elif keys[given].plans < len(plans):
        yield problem(f"only {keys[given].plans} of {len(plans)} APIs accept the key", rotate)
    else:
        yield good(f"enabled, and accepted by {len(plans)} APIs")


def check_apis(deployment: Deployment) -> Iterator[Finding]:
    """Report whether each API answers."""
    if any(finding.state is State.PROBLEM for finding in check_key(deployment)):
        yield unchecked("there is no key to call the APIs with")
        return
    target = deployment.target
    for name, base, path in (
        ("Image Upload Service", target.upload_url, ""),
        ("List Images Service", target.labels_url, "?limit=1"),
        ("Deliveries Service", target.deliveries_url, "/deliveries?limit=1"),
    ):
        if not base:
            yield unchecked(f"{name}, because its stack is not deployed")
            continue
        try:
            call(target, "GET", base + path)
        except CallError as error:
            # The upload service answers 400 if there is no URL to fetch.
            if not (base == target.upload_url and error.status == HTTPStatus.BAD_REQUEST):
                yield problem(f"{name}: {error}", "see the logs of its function, and the alarms")
                continue
        yield good(f"{name} answers")


def check_addresses(deployment: Deployment) -> Iterator[Finding]:
    """Report whether the parameter with the APIs' addresses exists. The gallery reads this parameter."""
    ssm = deployment.client("ssm")
    variables = (function.variables for function in deployment.functions)
    for name in sorted({found["ENDPOINTS_PARAMETER"] for found in variables if "ENDPOINTS_PARAMETER" in found}):
        try:
            ssm.get_parameter(Name=name)
        except ssm.exceptions.ParameterNotFound:
            yield problem(
                f"there is no parameter {name}, so the gallery does not know the APIs",
                "create it with the value in its stack's template, which CloudFormation's drift detection shows",
            )
        else:
            yield good(f"the parameter {name} exists")
