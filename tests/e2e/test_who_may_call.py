"""Callers with a key get in. API Gateway refuses all others, with our JSON."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from cli.api_keys import newest_key
from cli.stacks import Stacks
from local.cloud import Cloud
from tests.e2e.conftest import System, wait_for
from tests.e2e.test_commands import sightline
from tests.source_server import Source


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Return status and code of an error in our format."""
    document = answer.json()
    assert document.keys() == {"error", "request_id"}
    assert document["error"].keys() == {"code", "message"}
    assert document["request_id"] == answer.headers["x-amzn-requestid"]
    assert document["error"]["message"]
    return answer.status_code, document["error"]["code"]


@pytest.fixture(params=["upload", "labels"])
def address(request: pytest.FixtureRequest, system: System) -> str:
    """Return the address of each of the two APIs."""
    return str(getattr(system.endpoints, request.param))


@pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "guess"}, {"authorization": "guess"}])
def test_without_a_key_or_with_a_wrong_one_nobody_gets_in(address: str, headers: dict[str, str]) -> None:
    assert refusal(requests.get(address, headers=headers, timeout=60)) == (403, "Forbidden")


def test_a_call_that_does_not_exist_is_not_found(system: System, address: str) -> None:
    for method, path in (("GET", "/nonsense"), ("DELETE", "/")):
        answer = requests.request(method, address + path, headers=system.headers, timeout=60)
        assert refusal(answer) == (404, "NotFound")


@pytest.fixture
def key_under(system: System, address: str) -> Iterator[Callable[..., dict[str, str]]]:
    """Create a key with its own usage plan and limits for one API. Returns the headers of its caller."""
    gateway, made = system.client("apigateway"), []

    def key(**limits: Any) -> dict[str, str]:
        stage = {"apiId": urlsplit(address).path.split("/")[2], "stage": "prod"}
        plan = gateway.create_usage_plan(name="narrow", apiStages=[stage], **limits)["id"]
        found = gateway.create_api_key(name="narrow", enabled=True)
        gateway.create_usage_plan_key(usagePlanId=plan, keyId=found["id"], keyType="API_KEY")
        made.append((plan, found["id"]))
        return {"x-api-key": found["value"]}

    yield key
    for plan, key_id in made:
        gateway.delete_usage_plan(usagePlanId=plan)
        gateway.delete_api_key(apiKey=key_id)


def test_over_the_quota_a_key_is_refused_and_others_are_not(
    system: System, address: str, key_under: Callable[..., dict[str, str]]
) -> None:
    headers = key_under(quota={"limit": 2, "period": "MONTH"})
    answers = [requests.get(address, headers=headers, timeout=60) for _ in range(3)]
    assert 403 not in [answer.status_code for answer in answers]
    assert refusal(answers[2]) == (429, "QuotaExceeded")
    assert requests.get(address, headers=system.headers, timeout=60).status_code != 429


def test_too_many_requests_at_once_are_told_to_come_back(address: str, key_under: Callable[..., Any]) -> None:
    headers = key_under(throttle={"rateLimit": 0.001, "burstLimit": 1})
    requests.get(address, headers=headers, timeout=60)
    assert refusal(requests.get(address, headers=headers, timeout=60)) == (429, "Throttled")


def test_a_function_that_is_ended_by_its_timeout_gives_nothing_away(system: System, source: Source) -> None:
    functions = system.client("lambda")
    names = [function["FunctionName"] for function in functions.list_functions()["Functions"]]
    [name] = [name for name in names if "GetSaveImage" in name]
    functions.update_function_configuration(FunctionName=name, Timeout=1)
    try:
        answer = system.upload(f"{source.address}/hang", "hang.jpg")
    finally:
        functions.update_function_configuration(FunctionName=name, Timeout=29)
    assert refusal(answer) == (502, "InternalError")
    assert answer.json()["error"]["message"] == "this is our fault; please try again"
    wait_for(lambda: system.upload(f"{source.address}/photo.jpg", "after hang.jpg").ok)


@pytest.mark.usefixtures("same_key_afterwards")
def test_the_key_is_rotated_with_an_overlap(cloud: Cloud, system: System) -> None:
    def admitted(key: str) -> bool:
        addresses = (system.endpoints.labels, f"{system.endpoints.upload}?url=")
        answers = [requests.get(address, headers={"x-api-key": key}, timeout=60) for address in addresses]
        if answers[0].ok:
            assert answers[1].status_code == 400
            return True
        assert [refusal(answer) for answer in answers] == [(403, "Forbidden")] * 2
        return False

    old = system.endpoints.api_key
    assert sightline(cloud, "key").stdout == f"{old}\n"
    rotated = sightline(cloud, "rotate-key")
    assert rotated.returncode == 0, rotated.stderr
    new = sightline(cloud, "key").stdout.strip()
    assert new != old
    assert f"export API_KEY={new}\n" in sightline(cloud, "env").stdout
    assert newest_key(Stacks(cloud.client)) == new  # which the launcher shows after a restart
    assert admitted(old)
    assert admitted(new)

    revoked = sightline(cloud, "rotate-key", "--revoke", "--yes")
    assert revoked.returncode == 0, revoked.stderr
    assert revoked.stdout.endswith(" is revoked\n")
    assert not admitted(old)
    assert admitted(new)
    assert sightline(cloud, "key").stdout == f"{new}\n"
