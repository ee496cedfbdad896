"""Calls of a running system's HTTP APIs, admitted as its `auth` asks for."""

from typing import Any

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError

from cli.target import Target, TargetName, session

TIMEOUT_SECONDS = 35  # API Gateway gives up after 29


class CallError(RuntimeError):
    """A call was refused, or not answered (then `status` is None); the message says why."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def call(target: Target, method: str, address: str, **parameters: str | int | None) -> requests.Response:
    """The answer to a call; parameters that are None are left out.

    Raises:
        CallError: it was an error, or there was none.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    try:
        request = requests.Request(method, address, params=given, headers=_headers(target)).prepare()
        if target.name is TargetName.AWS and not target.api_key:
            _sign(request)
        with requests.Session() as session:
            # Proxies and authorities, as the environment names them.
            surroundings = session.merge_environment_settings(request.url, {}, None, None, None)
            answer = session.send(request, timeout=TIMEOUT_SECONDS, **surroundings)
    except (requests.RequestException, BotoCoreError) as error:
        raise CallError(f"{address} does not answer: {type(error).__name__}") from error
    if not answer.ok:
        raise CallError(_reason(answer), answer.status_code)
    return answer


def _headers(target: Target) -> dict[str, str]:
    return {"x-api-key": target.api_key} if target.api_key else {}


def _sign(request: requests.PreparedRequest) -> None:
    """With the caller's credentials, as auth=iam asks for; auth=none does not mind."""
    credentials = session().get_credentials()
    if credentials is None:
        raise CallError("there are no AWS credentials to sign the call with")
    signed = AWSRequest(method=request.method, url=request.url)
    SigV4Auth(credentials, "execute-api", session().region_name).add_auth(signed)
    request.headers.update(dict(signed.headers.items()))


def _reason(answer: requests.Response) -> str:
    try:
        error: dict[str, Any] = answer.json()["error"]
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason}"
