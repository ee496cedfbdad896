"""Examines the receivers of results: their addresses, their breakers and their signing secrets."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cli.doctor.deployment import Deployment
from cli.doctor.finding import Finding, good, problem
from cli.http_sessions import Session
from integration.runtime.webhooks.breaker_table import BreakerTable

TIMEOUT_SECONDS = 10


def check_receivers(deployment: Deployment) -> Iterator[Finding]:
    """Report whether each receiver has an address that answers, and whether deliveries to it succeed."""
    ssm = deployment.client("ssm")
    for function in deployment.functions:
        if "URL_PARAMETER" not in function.variables:
            continue
        name, parameter = function.variables["RECEIVER"], function.variables["URL_PARAMETER"]
        try:
            url = ssm.get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"].strip()
        except ssm.exceptions.ParameterNotFound:
            value = json.dumps({"Name": parameter, "Type": "String", "Value": "https://…"}, ensure_ascii=False)
            yield problem(
                f"{name}: there is no parameter {parameter}, so nothing is delivered",
                f"aws ssm put-parameter --cli-input-json '{value}'",
            )
            continue
        yield check_receiver_url(name, parameter, url)
        yield _breaker(deployment, name, function.variables["BREAKERS_TABLE"])


def check_receiver_url(name: str, parameter: str, url: str) -> Finding:
    """Report whether a receiver's address answers. Only its host is printed, because the rest may be a secret."""
    host = ""
    try:
        host = _host(url)
        answer = Session().head(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        return problem(
            f"{name}: {host or 'the address'} does not answer this machine: {type(error).__name__}",
            f"check the parameter {parameter}, and ask the receiver's operator; nothing is lost meanwhile",
        )
    return good(f"{name}: {host or 'the address'} answers (HEAD: {answer.status_code})")


def _host(url: str) -> str:
    """Return the host and port of an address. Returns nothing if they may be part of a password that contains `/`."""
    authority = urlsplit(url).netloc
    is_clear = "@" in authority or "@" not in url
    return authority.rpartition("@")[2] if is_clear else ""


def _breaker(deployment: Deployment, name: str, table: str) -> Finding:
    state = BreakerTable(deployment.client("dynamodb"), table, name).read()
    if state.retry_at is None:
        return good(f"{name}: deliveries succeed")
    retry = datetime.fromtimestamp(state.retry_at, UTC)
    return problem(
        f"{name}: deliveries fail; the next attempt is at {retry:%H:%M:%S} UTC",
        "`sightline deliveries` shows the receiver's answers; attempts continue automatically, and nothing is lost",
    )


def check_secrets(deployment: Deployment) -> Iterator[Finding]:
    """Report whether each receiver's signing secret can be read."""
    manager = deployment.client("secretsmanager")
    for name, arn in json.loads(deployment.target.output("SigningSecretArns")).items():
        try:
            secret = manager.describe_secret(SecretId=arn)
        except manager.exceptions.ResourceNotFoundException:
            yield problem(
                f"{name}: the signing secret is gone, so nothing is delivered",
                "remove the receiver from `receivers` in cdk.json and run `make deploy`; put it back and run "
                "`make deploy` again; then give the receiver its new secret",
            )
            continue
        if "DeletedDate" in secret:
            yield problem(
                f"{name}: the signing secret is scheduled for deletion and cannot be read",
                f"aws secretsmanager restore-secret --secret-id {arn}",
            )
        else:
            yield good(f"{name}: exists")
